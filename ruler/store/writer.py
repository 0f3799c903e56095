"""Writes the log: frames are gathered in memory and written together once a second, or at once when asked."""

import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from promkit import log
from ruler.store.frame import Values
from ruler.store.index import Sids
from ruler.store.log import (
    HEADER_BYTES,
    ROW_VALUES_OFFSET,
    LaneName,
    Layout,
    Segment,
    encode_metadata,
    encode_samples,
    header,
    layout_frame,
    row_frame,
)
from ruler.store.ragged import Run

__all__ = ["LogWriter"]

_LOG = log.get(__name__)
_PENDING_BYTES_MAX = 128 << 20  # while the disk takes nothing; then the oldest second is given up
_BUFFERS_MAX = 1_000  # of one writev; the system's bound is 1,024


class LogWriter:
    """The newest segment. `prepare` runs before each write: what rows name is on the disk before them."""

    def __init__(self, directory: Path, number: int, prepare: Callable[[], None]) -> None:
        self._directory = directory
        self._prepare = prepare
        self._lock = Lock()  # of what is pending
        self._writing = Lock()  # of the file
        self._failing = False
        self._pending: list[bytes | memoryview] = []
        self._end = HEADER_BYTES  # where the next frame will begin
        self._numbers: dict[LaneName, int] = {}
        self._pending_ms: int | None = None  # the earliest sample that is pending
        self.lost_rows = 0
        self._begin(number)

    def row(self, lane: LaneName, sids: Sids, at_ms: int, row: Values) -> None:
        """Add a row; `row` is not changed by anybody afterwards."""
        with self._lock:
            number = self._numbers.get(lane, -1)
            layout = self.segment.layouts.get(number)
            if layout is None or layout.sids is not sids:
                number = len(self.segment.layouts)
                layout = Layout(lane, sids)
                self._add(layout_frame(number, lane, sids))
                self.segment.layouts[number] = layout
                self._numbers[lane] = number
            start = self._end
            self._add(row_frame(number, at_ms, row))
            layout.offsets.append(start + ROW_VALUES_OFFSET)
            layout.times.append(at_ms)
            self._see(at_ms, at_ms)

    def samples(self, run: Run) -> None:
        """Add ragged samples."""
        with self._lock:
            self.segment.samples.append((self._end + 16, len(run)))
            self._add(encode_samples(run))
            self._see(int(run.times.min()), int(run.times.max()))

    def describe(self, metadata: dict[str, tuple[str, str, str]]) -> None:
        """Add types and helps of metrics."""
        with self._lock:
            self._add(encode_metadata(metadata))

    def flush_until(self, end_ms: int) -> None:
        """Write what is pending if any of it is that old: a reader of the file wants it."""
        if self._pending_ms is not None and self._pending_ms <= end_ms:
            self.flush()

    def flush(self) -> bool:
        """Write what is pending and wait for the disk; whether all is there."""
        with self._writing:
            with self._lock:
                buffers, self._pending = self._pending, []
                end, self._pending_ms = self._end, None
            if not buffers:
                return not self._failing
            try:
                self._prepare()
                self._write(buffers, end)
            except OSError as error:
                self._keep(buffers, error)
                return False
            if self._failing:
                _LOG.info("log is written again", file=self.segment.path)
                self._failing = False
            return True

    def roll(self) -> Segment | None:
        """Seal the segment and begin the next; → the sealed one. None: the disk takes nothing now."""
        if not self.flush():
            return None
        with self._writing, self._lock:
            if self._pending:
                return None  # rows came in between: next time
            sealed, file = self.segment, self._file
            try:
                self._begin(sealed.number + 1)
            except OSError as error:
                _LOG.error("no new log segment", error=error)
                return None
            os.close(file)
            return sealed

    def close(self) -> None:
        """Write what is pending and close the file."""
        self.flush()
        with self._writing:
            os.close(self._file)

    def _begin(self, number: int) -> None:
        path = self._directory / f"{number:010d}.log"
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o640)
        try:
            _write_all(file, [header(number)])
        except OSError:
            os.close(file)
            path.unlink(missing_ok=True)
            raise
        self._file = file
        self.segment = Segment(path, number)
        self._pending, self._end, self._numbers = [], HEADER_BYTES, {}

    def _see(self, first_ms: int, last_ms: int) -> None:
        self.segment.see(first_ms, last_ms)
        self._pending_ms = first_ms if self._pending_ms is None else min(self._pending_ms, first_ms)

    def _add(self, buffers: list[bytes | memoryview]) -> None:
        self._pending += buffers
        self._end += sum(len(buffer) for buffer in buffers)

    def _write(self, buffers: list[bytes | memoryview], end: int) -> None:
        if self._failing:  # what a failed write left behind
            os.ftruncate(self._file, self.segment.size)
        for start in range(0, len(buffers), _BUFFERS_MAX):
            _write_all(self._file, buffers[start : start + _BUFFERS_MAX])
        os.fdatasync(self._file)
        self.segment.size = end

    def _keep(self, buffers: list[bytes | memoryview], error: OSError) -> None:
        """The disk does not take it: try again with the next second, as long as memory allows."""
        if not self._failing:
            _LOG.error("log cannot be written, samples stay in memory", file=self.segment.path, error=error)
            self._failing = True
        with self._lock:
            self._pending = buffers + self._pending
            if self._end - self.segment.size > _PENDING_BYTES_MAX:
                self._give_up()

    def _give_up(self) -> None:
        """Forget what was never written; layouts are said anew with the next row."""
        self._pending = []
        self._end = self.segment.size
        self._numbers.clear()
        for layout in self.segment.layouts.values():
            sound = sum(offset < self.segment.size for offset in layout.offsets)
            self.lost_rows += len(layout.times) - sound
            del layout.offsets[sound:], layout.times[sound:]
        self.segment.samples = [place for place in self.segment.samples if place[0] < self.segment.size]


def _write_all(file: int, buffers: list[bytes | memoryview]) -> None:
    total = sum(len(buffer) for buffer in buffers)
    written = os.writev(file, buffers)
    if written < total:  # interrupted, or the disk is nearly full
        rest = memoryview(b"".join(buffers))[written:]
        while rest:
            rest = rest[os.write(file, rest) :]
