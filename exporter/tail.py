"""Follows a log file through rotation: loses nothing, repeats nothing.

    access.log.1 (old)       ......................E     drained until it has been quiet for a while
    access.log   (current)   ........O                   O: offset, always just after a line feed
                                  ^^^                    the bytes before it: what tells one file from another

Rename (`logrotate create`): the path is another file now; the old one stays open beside it, for a server
goes on writing to it until it is told to reopen. Copytruncate: the file is shorter than the offset, or other
bytes stand before it; the rest is in the copy, which is the sibling with the right bytes before the offset.
The same look finds a file that was renamed while nobody was reading. An inode alone proves nothing: numbers
are reused.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from promkit.errors import Unavailable

__all__ = ["Position", "Tail"]

CHUNK_BYTES = 256 * 1024
LINE_BYTES_MAX = 64 * 1024
BEFORE_BYTES = 64
OPEN_MAX = 3
QUIET_READS = 4  # at 15 s a read a minute, longer than any server takes to reopen its logs
SIBLINGS_MAX = 1_000
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")


@dataclass(frozen=True, slots=True)
class Position:
    """How far a file has been read."""

    offset: int
    before: bytes


class _File:
    """An open file and how far it has been read."""

    def __init__(self, path: Path, position: Position | None = None) -> None:
        """OSError: it cannot be opened. Unavailable: it is no regular file."""
        # Opening a pipe would wait for a writer; O_NONBLOCK does not, and means nothing for a file.
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        found = os.fstat(self._fd)
        if not stat.S_ISREG(found.st_mode):
            os.close(self._fd)
            raise Unavailable(f"not a regular file: {path}")
        self.identity = (found.st_dev, found.st_ino)
        self.offset = position.offset if position else 0
        self.before = position.before if position else b""
        self.quiet_reads = 0
        self.oversized = 0
        self._skipping = False  # within a line that is too long

    @property
    def position(self) -> Position:
        return Position(self.offset, self.before)

    @property
    def size(self) -> int:
        return os.fstat(self._fd).st_size

    def goes_on(self) -> bool:
        """Whether what was read is still there, so that what follows is new."""
        start = self.offset - len(self.before)
        return self.size >= self.offset and os.pread(self._fd, len(self.before), start) == self.before

    def seek_end(self) -> None:
        """Go to the end of the last whole line."""
        size = self.size
        start = max(0, size - LINE_BYTES_MAX)
        data = os.pread(self._fd, size - start, start)
        whole = data[: data.rfind(b"\n") + 1]
        self._move(start, whole)

    def seek_start(self) -> None:
        self.offset, self.before, self._skipping = 0, b"", False

    def lines(self, bytes_max: int) -> Iterator[bytes]:
        """Whole lines from the offset on, until the end or until `bytes_max` are read."""
        stop = self.offset + bytes_max
        while self.offset < stop:
            data = os.pread(self._fd, CHUNK_BYTES, self.offset)
            end = data.rfind(b"\n") + 1
            if not end:
                if len(data) < LINE_BYTES_MAX:
                    return
                self._skip(data)
                continue
            yield from self._split(data[:end])

    def rest(self) -> bytes:
        """What stands after the last line feed, for a file that nobody writes to any more."""
        data = os.pread(self._fd, LINE_BYTES_MAX, self.offset)
        self._move(self.offset, data)
        return b"" if self._skipping else data

    def close(self) -> None:
        os.close(self._fd)

    def _split(self, data: bytes) -> Iterator[bytes]:
        """The lines of `data`, which ends with one."""
        self._move(self.offset, data)
        lines = data[:-1].split(b"\n")
        first = 1 if self._skipping else 0
        self._skipping = False
        for line in lines[first:]:
            if len(line) > LINE_BYTES_MAX:
                self.oversized += 1
            elif line:
                yield line

    def _skip(self, data: bytes) -> None:
        if not self._skipping:
            self.oversized += 1
        self._skipping = True
        self._move(self.offset, data)

    def _move(self, start: int, data: bytes) -> None:
        self.offset = start + len(data)
        self.before = (
            data[-BEFORE_BYTES:] if len(data) >= BEFORE_BYTES else (self.before + data)[-BEFORE_BYTES:]
        )


class Tail:
    """Reads the lines that were added since the last time."""

    def __init__(self, path: Path, positions: Sequence[Position] = (), *, from_start: bool = False) -> None:
        """`positions`: where an earlier reader stopped. Without: from the end, or `from_start`."""
        self.path = path
        self._positions = tuple(positions)
        self._from_start = from_start
        self._open: list[_File] = []  # oldest first, the last is the current one; OPEN_MAX
        self._oversized_closed = 0
        self.lost = False
        """The file that the positions spoke of was not found."""

    @property
    def positions(self) -> Sequence[Position]:
        return tuple(file.position for file in self._open) or self._positions

    @property
    def oversized(self) -> int:
        """Lines left out because they were too long."""
        return self._oversized_closed + sum(file.oversized for file in self._open)

    @property
    def behind_bytes(self) -> int:
        """What is written and not read."""
        return sum(max(0, file.size - file.offset) for file in self._open)

    def read(self, bytes_max: int) -> Iterator[bytes]:
        """New whole lines, old file first, without line feeds; the rest of a burst waits for the next call.

        Unavailable: the file cannot be read.
        """
        if not self._open:
            self._start()
        for file in tuple(self._open):
            yield from self._drain(file, bytes_max)
        yield from self._follow(bytes_max)

    def close(self) -> None:
        for file in self._open:
            file.close()
        self._open.clear()

    def _drain(self, file: _File, bytes_max: int) -> Iterator[bytes]:
        if not file.goes_on():
            yield from self._truncated(file, bytes_max)
        before = file.offset
        yield from file.lines(bytes_max)
        file.quiet_reads = file.quiet_reads + 1 if file.offset == before else 0

    def _truncated(self, file: _File, bytes_max: int) -> Iterator[bytes]:
        """Copytruncate: the copy has what was written since the last read."""
        copy = self._sibling(file.position, besides={file.identity})
        if copy is not None:
            yield from copy.lines(bytes_max)
            self._forget(copy)
        file.seek_start()

    def _follow(self, bytes_max: int) -> Iterator[bytes]:
        """Go over to the file that the path names now, and let go of old ones that have gone quiet."""
        if self._identity_at_path() not in {None, self._open[-1].identity}:
            new = self._opened(self.path)
            self._open.append(new)
            yield from new.lines(bytes_max)
        while len(self._open) > OPEN_MAX or (
            len(self._open) > 1 and self._open[0].quiet_reads >= QUIET_READS
        ):
            yield from self._finish(self._open.pop(0))

    def _finish(self, file: _File) -> Iterator[bytes]:
        rest = file.rest()
        if rest:
            yield rest
        self._forget(file)

    def _forget(self, file: _File) -> None:
        self._oversized_closed += file.oversized
        file.close()

    def _start(self) -> None:
        """Open what the positions speak of, then the file at the path."""
        *older, newest = self._positions or (None,)
        for position in older:
            self._resume(position)
        current = self._opened(self.path, newest)
        if newest is None:
            if not self._from_start:
                current.seek_end()
        elif not current.goes_on():
            self._resume(newest)
            current.seek_start()
        self._open.append(current)

    def _resume(self, position: Position | None) -> None:
        """Open the renamed file that a position speaks of."""
        file = self._sibling(position, besides={self._identity_at_path()}) if position else None
        if file is None:
            self.lost = True
        else:
            self._open.append(file)

    def _sibling(self, position: Position, besides: set[tuple[int, int] | None]) -> _File | None:
        """The file beside ours, named with ours as prefix, that has the same bytes before the offset."""
        if not position.before:
            return None
        for path in self._siblings():
            try:
                file = _File(path, position)
            except (OSError, Unavailable):
                continue
            if file.identity not in besides and file.goes_on():
                return file
            file.close()
        return None

    def _siblings(self) -> Sequence[Path]:
        """Files named like ours, newest first."""
        name = self.path.name
        found = []
        with os.scandir(self.path.parent) as entries:
            for entry in entries:
                if (
                    entry.name.startswith(name)
                    and entry.name != name
                    and not entry.name.endswith(_COMPRESSED)
                ):
                    found.append(entry)
                if len(found) >= SIBLINGS_MAX:
                    break
            found.sort(key=lambda entry: -entry.stat().st_mtime_ns)
            return [Path(entry.path) for entry in found]

    def _opened(self, path: Path, position: Position | None = None) -> _File:
        try:
            return _File(path, position)
        except OSError as error:
            raise Unavailable(f"cannot read {path}: {error.strerror}") from error

    def _identity_at_path(self) -> tuple[int, int] | None:
        """Which file the path names; None between a rename and the new file."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino
