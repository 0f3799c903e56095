"""The data directory: its owner, the log, the chunk files and their catalogue.

DIR/lock             held while the directory is open; the owner's process id is in it
DIR/catalogue.db     labels of all series, chunk files
DIR/log/N.log        what came since the last fold
DIR/chunks/….chunk   the rest
"""

import fcntl
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from promkit import log
from promkit.errors import Conflict, Unavailable
from promkit.labels import Labels
from promkit.matchers import Matcher
from promkit.process import Stop, Supervisor
from ruler.store.catalogue import Catalogue, ChunkRow, SeriesRow, series_row
from ruler.store.chunks import Chunk, ChunkDamaged
from ruler.store.fold import fold, merge_chunks
from ruler.store.frame import Frame, Times, Values
from ruler.store.index import Sids
from ruler.store.log import Segment, scan
from ruler.store.options import StorageOptions
from ruler.store.writer import LogWriter

__all__ = ["History"]

_LOG = log.get(__name__)
_FLUSH_MS = 1_000
_DAY_MS = 86_400_000
_ROWS_MIN = 1_000  # of a series in a chunk, unless that takes more than `_PATIENCE` times as long
_PATIENCE = 4
_SEGMENT_BYTES_MAX = 1 << 30
_MATCHES_MAX = 32


class History:
    """Open with `History.open`."""

    def __init__(self, directory: Path, options: StorageOptions, lock: TextIO) -> None:
        self._directory = directory
        self._options = options
        self._owned = lock
        self._lock = RLock()  # of the lists below
        self._catalogue = Catalogue(directory / "catalogue.db")
        (directory / "catalogue.db").chmod(0o640)
        self._new_series: list[SeriesRow] = []
        self._matches: OrderedDict[tuple[Matcher, ...], dict[int, Labels]] = OrderedDict()
        self._damaged: set[str] = set()
        self._chunks: list[tuple[ChunkRow, Chunk]] = self._open_chunks()
        self.segments: list[Segment] = self._open_segments()
        number = max([segment.number for segment in self.segments], default=self._catalogue.folded()) + 1
        self.writer = LogWriter(directory / "log", number, self._write_series)
        self._workers = Supervisor()

    @classmethod
    def open(cls, directory: Path, options: StorageOptions) -> "History":
        """Take a directory, made if it is not there.

        Conflict: another process has it. Unavailable: it cannot be read or written.
        """
        try:
            for part in ("log", "chunks"):
                (directory / part).mkdir(mode=0o750, parents=True, exist_ok=True)
            lock = _owned(directory / "lock")
            try:
                return cls(directory, options, lock)
            except BaseException:
                lock.close()
                raise
        except OSError as error:
            raise Unavailable(f"data directory: {error.strerror or error}", str(directory)) from None

    def start(self) -> None:
        """Begin to write the log once a second."""
        self._workers.start("store-log", self._flush_each_second)

    def close(self) -> None:
        """Write what is pending and give the directory back."""
        self._workers.stop()
        self.writer.close()
        self._catalogue.close()
        self._owned.close()

    # What is written.

    def define(self, series: Mapping[int, Labels]) -> None:
        """New series; on the disk before any row that names them."""
        rows = [series_row(sid, labels) for sid, labels in series.items()]
        with self._lock:
            self._new_series += rows
            self._matches.clear()

    def describe(self, metadata: Mapping[str, tuple[str, str, str]]) -> None:
        """Keep types and helps of metrics."""
        self.writer.describe(dict(metadata))

    def _write_series(self) -> None:
        with self._lock:
            new, self._new_series = self._new_series, []
        if new:
            try:
                self._catalogue.add_series(new)
            except OSError:
                with self._lock:
                    self._new_series = new + self._new_series
                raise

    def _flush_each_second(self, stop: Stop) -> None:
        while not stop.wait(_FLUSH_MS):
            self.writer.flush()

    # What is read.

    def next_sid(self) -> int:
        """The number after the highest that was given."""
        return self._catalogue.next_sid()

    def labels(self, sids: Sequence[int]) -> dict[int, Labels]:
        """Labels by number."""
        return self._catalogue.labels(sids)

    def match(self, matchers: Sequence[Matcher]) -> dict[int, Labels]:
        """All series on the disk that fit."""
        key = tuple(matchers)
        with self._lock:
            found = self._matches.get(key)
        if found is None:
            found = self._catalogue.match(matchers)
            with self._lock:
                self._matches[key] = found
                while len(self._matches) > _MATCHES_MAX:
                    self._matches.popitem(last=False)
        return found

    def series(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Labels]:
        """Label sets on the disk that fit and may have samples in the span."""
        labels_of = self.match(matchers)
        sids = np.array(sorted(labels_of), np.int64)
        found: set[int] = set()
        with self._lock:
            for segment in [*self.segments, self.writer.segment]:
                if _overlaps(segment.first_ms, segment.last_ms, start_ms, end_ms):
                    found.update(np.intersect1d(segment.sids(), sids).tolist())
            for row, chunk in self._chunks:
                if row.last_ms >= start_ms and row.first_ms <= end_ms:
                    try:
                        found.update(np.intersect1d(chunk.sids(), sids).tolist())
                    except ChunkDamaged as error:
                        self._say_damaged(error)
        return [labels_of[sid] for sid in sorted(found)]

    def read(self, labels_of: Mapping[int, Labels], start_ms: int, end_ms: int) -> list[Frame]:
        """All samples of these series, start ≤ t ≤ end, the log's first."""
        sids = np.array(sorted(labels_of), np.int64)
        return [
            Frame([labels_of[sid] for sid in found.tolist()], times[:, None], _one_clock(found), values)
            for found, times, values in self._parts(sids, start_ms, end_ms)
        ]

    def _parts(self, sids: Sids, start_ms: int, end_ms: int) -> Iterator[tuple[Sids, Times, Values]]:
        self.writer.flush_until(end_ms)
        with self._lock:  # folds wait, so that no file goes away
            for segment in [*self.segments, self.writer.segment]:
                if _overlaps(segment.first_ms, segment.last_ms, start_ms, end_ms):
                    yield from segment.read(sids, start_ms, end_ms)
            for row, chunk in self._chunks:
                if row.last_ms >= start_ms and row.first_ms <= end_ms:
                    try:
                        yield from (part for part in chunk.read(sids, start_ms, end_ms) if len(part[1]))
                    except ChunkDamaged as error:
                        self._say_damaged(error)

    def metadata(self) -> dict[str, tuple[str, str, str]]:
        """Types and helps of metrics, as they were kept."""
        found = self._catalogue.metadata()
        for segment in self.segments:
            found.update(segment.metadata)
        return found

    def span(self) -> tuple[int, int] | None:
        """First and last sample on the disk."""
        with self._lock:
            spans = [(row.first_ms, row.last_ms) for row, _ in self._chunks]
            spans += [
                (segment.first_ms, segment.last_ms)
                for segment in [*self.segments, self.writer.segment]
                if segment.first_ms is not None and segment.last_ms is not None
            ]
        return (min(first for first, _ in spans), max(last for _, last in spans)) if spans else None

    def folded_ms(self) -> int | None:
        """The last sample in a chunk file."""
        with self._lock:
            return max((row.last_ms for row, _ in self._chunks), default=None)

    def sizes(self) -> tuple[int, int, int]:
        """Bytes of the log, bytes of chunk files, number of those."""
        with self._lock:
            logs = sum(segment.size for segment in [*self.segments, self.writer.segment])
            return logs, sum(row.bytes for row, _ in self._chunks), len(self._chunks)

    # What is tidied.

    def is_due(self, now_ms: int) -> bool:
        """Whether the log is long enough to be folded."""
        segment = self.writer.segment
        if segment.first_ms is None:
            return False
        rows = max((len(layout.times) for layout in segment.layouts.values()), default=_ROWS_MIN)
        span_ms = now_ms - segment.first_ms
        after_ms = self._options.fold_after_ms
        long = span_ms >= after_ms and (rows >= _ROWS_MIN or span_ms >= _PATIENCE * after_ms)
        limit = min(_SEGMENT_BYTES_MAX, self._options.size_bytes_max // 8 or _SEGMENT_BYTES_MAX)
        return long or segment.size >= limit

    def roll(self) -> bool:
        """Seal the log's segment; whether that was possible."""
        with self._lock:
            sealed = self.writer.roll()
            if sealed is not None:
                self.segments.append(sealed)
            return sealed is not None

    def fold(self) -> None:
        """Put all sealed segments into one chunk file."""
        with self._lock:
            segments = list(self.segments)
        if not segments:
            return
        added = []
        if any(segment.first_ms is not None for segment in segments):
            name = f"{segments[-1].number:010d}-0.chunk"
            writer, seen = fold(segments, self._directory / "chunks" / name)
            if writer.series:
                first_ms, last_ms, size = writer.finish()
                added.append(ChunkRow(name, 0, first_ms, last_ms, writer.series, writer.samples, size))
            else:
                writer.abandon()
        else:
            seen = {}
        metadata: dict[str, tuple[str, str, str]] = {}
        for segment in segments:
            metadata.update(segment.metadata)
        self._catalogue.describe(metadata)
        with self._lock:
            self._catalogue.replace(added, [], seen.items(), segments[-1].number)
            self._chunks += [(row, Chunk(self._directory / "chunks" / row.file)) for row in added]
            self.segments = [segment for segment in self.segments if segment not in segments]
            for segment in segments:
                segment.path.unlink(missing_ok=True)

    def merge(self, now_ms: int) -> None:
        """Make one file of each past day's."""
        days: dict[int, list[tuple[ChunkRow, Chunk]]] = {}
        with self._lock:
            for row, chunk in self._chunks:
                day = row.last_ms // _DAY_MS
                if row.level == 0 and (day + 1) * _DAY_MS < now_ms and row.file not in self._damaged:
                    days.setdefault(day, []).append((row, chunk))
        for rows in days.values():
            if len(rows) > 1:
                self._merge_day(rows)

    def _merge_day(self, rows: Sequence[tuple[ChunkRow, Chunk]]) -> None:
        name = rows[-1][0].file.replace("-0.", "-1.")
        try:
            writer = merge_chunks([chunk for _, chunk in rows], self._directory / "chunks" / name)
        except ChunkDamaged as error:
            self._say_damaged(error)
            return
        first_ms, last_ms, size = writer.finish()
        merged = ChunkRow(name, 1, first_ms, last_ms, writer.series, writer.samples, size)
        gone = {row.file for row, _ in rows}
        with self._lock:
            self._catalogue.replace([merged], sorted(gone))
            kept = [pair for pair in self._chunks if pair[0].file not in gone]
            self._chunks = [*kept, (merged, Chunk(self._directory / "chunks" / name))]
            for _, chunk in rows:
                chunk.path.unlink(missing_ok=True)

    def retain(self, now_ms: int, live: Sids) -> None:
        """Drop files past retention or size, the oldest first, and series that are nowhere left."""
        options = self._options
        horizon_ms = now_ms - options.retention_ms
        with self._lock:
            total = sum(self.sizes()[:2])
            gone = []
            for row, chunk in sorted(self._chunks, key=lambda pair: pair[0].last_ms):
                old = options.retention_ms and row.last_ms < horizon_ms
                if old or (options.size_bytes_max and total > options.size_bytes_max):
                    gone.append((row, chunk))
                    total -= row.bytes
            if not gone:
                return
            files = {row.file for row, _ in gone}
            self._catalogue.replace([], sorted(files))
            self._chunks = [pair for pair in self._chunks if pair[0].file not in files]
            for _, chunk in gone:
                chunk.path.unlink(missing_ok=True)
            first_ms = min((row.first_ms for row, _ in self._chunks), default=now_ms)
            in_log = [layout.sids for segment in self.segments for layout in segment.layouts.values()]
            self._catalogue.forget_before(first_ms, np.concatenate([live, *in_log]))
            self._matches.clear()
        _LOG.info("old samples dropped", files=len(files))

    # How it begins.

    def _open_chunks(self) -> list[tuple[ChunkRow, Chunk]]:
        folder = self._directory / "chunks"
        rows = self._catalogue.chunks()
        for path in set(folder.iterdir()) - {folder / row.file for row in rows}:
            path.unlink()  # of a fold that was cut short; the log still has it
        missing = [row.file for row in rows if not (folder / row.file).exists()]
        if missing:
            _LOG.error("chunk files are missing", files=len(missing), first=missing[0])
            self._catalogue.replace([], missing)
        return [(row, Chunk(folder / row.file)) for row in rows if row.file not in missing]

    def _open_segments(self) -> list[Segment]:
        folded = self._catalogue.folded()
        found = []
        for path in sorted((self._directory / "log").glob("*.log")):
            if int(path.stem) <= folded:
                path.unlink()
                continue
            segment, fault = scan(path)
            if fault.startswith("torn") and segment is not None:
                os.truncate(path, segment.size)
                _LOG.info("log ends in a torn frame, which is cut off", file=path)
            elif fault:
                _LOG.error("log is damaged, what comes after is lost", file=path, error=fault)
            if segment is None:
                path.rename(path.with_suffix(".damaged"))
            else:
                found.append(segment)
        return found

    def _say_damaged(self, error: ChunkDamaged) -> None:
        name = Path(str(error.where)).name
        if name not in self._damaged:
            self._damaged.add(name)
            _LOG.error(
                "chunk file is damaged, its samples are left out", file=error.where, error=error.problem
            )


def _owned(path: Path) -> TextIO:
    """Lock the directory for this process.

    Conflict: another has it.
    """
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        owner = file.read(20).strip() or "unknown"
        file.close()
        raise Conflict(
            f"process {owner} has this data directory open",
            str(path.parent),
            "stop it, or use another directory",
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def _one_clock(sids: Sids) -> NDArray[np.intp]:
    return np.zeros(len(sids), np.intp)


def _overlaps(first_ms: int | None, last_ms: int | None, start_ms: int, end_ms: int) -> bool:
    return first_ms is not None and last_ms is not None and last_ms >= start_ms and first_ms <= end_ms
