"""The log: what came since the last fold, in segments of checksummed frames that are only appended to.

    segment   "LUMLOG01", number i64, frames …
    frame     length u32, crc32 u32, kind u32, layout u32, payload, zeros up to a multiple of 8
    LAYOUT    length of the JSON i64, JSON {group, name, cadence_ms}, zeros, sids i64[W]
    ROW       time i64, values f64[W]; the layout came before it in the same segment
    SAMPLES   count i64, sids i64[N], times i64[N], values f64[N]
    METADATA  JSON {metric: [type, help, unit]}

Rows stand there as they were, aligned, so that any column of any rows is gathered from the mapped file
as from memory. Numbers are little-endian. The crc covers kind, layout and payload; the first frame that is
torn or wrong ends its segment.
"""

import json
import mmap
import struct
import zlib
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ruler.store.frame import Times, Values
from ruler.store.index import Sids
from ruler.store.ragged import Run

__all__ = [
    "HEADER_BYTES",
    "ROW_VALUES_OFFSET",
    "FrameKind",
    "LaneName",
    "Layout",
    "Segment",
    "encode_metadata",
    "encode_samples",
    "header",
    "layout_frame",
    "row_frame",
    "scan",
]

_MAGIC = b"LUMLOG01"
_HEAD = struct.Struct("<IIII")
_BODY_HEAD = struct.Struct("<II")
_I64 = struct.Struct("<q")
HEADER_BYTES = 16
FRAME_BYTES_MAX = 1 << 30
"""Of a frame's payload: a length beyond is damage."""


class FrameKind:
    """What a frame holds."""

    LAYOUT, ROW, SAMPLES, METADATA = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class LaneName:
    """Which lane wrote rows."""

    group: str
    name: str
    cadence_ms: int


@dataclass(slots=True)
class Layout:
    """What the rows of one lane mean, and where in the segment they are."""

    lane: LaneName
    sids: Sids  # [W], −1: a slot without a series
    times: "array[int]" = field(default_factory=lambda: array("q"))
    offsets: "array[int]" = field(default_factory=lambda: array("q"))  # of the values, in bytes


def header(number: int) -> bytes:
    """What a segment begins with."""
    return _MAGIC + _I64.pack(number)


def frame(kind: int, layout: int, *payload: bytes | memoryview) -> list[bytes | memoryview]:
    """A frame as buffers to write one after the other."""
    length = sum(len(part) for part in payload)
    crc = zlib.crc32(_BODY_HEAD.pack(kind, layout))
    for part in payload:
        crc = zlib.crc32(part, crc)
    padding = bytes(-length % 8)
    return [_HEAD.pack(length, crc, kind, layout), *payload, padding]


def row_frame(layout: int, at_ms: int, row: Values) -> list[bytes | memoryview]:
    """A row; its values begin 24 bytes into the frame."""
    return frame(FrameKind.ROW, layout, _I64.pack(at_ms), row.data.cast("B"))


ROW_VALUES_OFFSET = _HEAD.size + 8


def layout_frame(layout: int, lane: LaneName, sids: Sids) -> list[bytes | memoryview]:
    """What the rows that name this layout mean."""
    text = json.dumps([lane.group, lane.name, lane.cadence_ms]).encode()
    head = _I64.pack(len(text)) + text + bytes(-len(text) % 8)
    return frame(FrameKind.LAYOUT, layout, head, sids.tobytes())


def encode_samples(run: Run) -> list[bytes | memoryview]:
    """Ragged samples."""
    parts = (run.sids.tobytes(), run.times.tobytes(), run.values.tobytes())
    return frame(FrameKind.SAMPLES, 0, _I64.pack(len(run)), *parts)


def encode_metadata(metadata: Mapping[str, tuple[str, str, str]]) -> list[bytes | memoryview]:
    """Types and helps of metrics."""
    return frame(FrameKind.METADATA, 0, json.dumps(metadata).encode())


@dataclass(slots=True)
class Segment:
    """One file of the log, and where in it things are."""

    path: Path
    number: int
    layouts: dict[int, Layout] = field(default_factory=dict)
    samples: list[tuple[int, int]] = field(default_factory=list)  # offset of the count, N
    metadata: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    size: int = HEADER_BYTES  # of what is sound and written
    first_ms: int | None = None
    last_ms: int | None = None

    def see(self, first_ms: int, last_ms: int) -> None:
        """Widen the span by samples."""
        self.first_ms = first_ms if self.first_ms is None else min(self.first_ms, first_ms)
        self.last_ms = last_ms if self.last_ms is None else max(self.last_ms, last_ms)

    def sids(self) -> Sids:
        """The series that have samples here, rising."""
        found = [layout.sids[layout.sids >= 0] for layout in list(self.layouts.values())]
        return np.unique(np.concatenate([np.empty(0, np.int64), *found, *(run.sids for run in self.runs())]))

    def rows(self, layout: Layout, start_ms: int) -> tuple[Times, Values]:
        """The rows of a layout from an instant on. [T], [T, W]."""
        times, offsets = self._sound(layout)
        wanted = times >= start_ms
        with self._mapped() as data:
            numbers = np.frombuffer(data, np.float64, self.size // 8)
            values = numbers[(offsets[wanted] // 8)[:, None] + np.arange(len(layout.sids))]
            del numbers
        return times[wanted], values

    def row_times(self, layout: Layout) -> Times:
        """When the rows of a layout were written. [T]."""
        return self._sound(layout)[0]

    def tile(self, layout: Layout, columns: NDArray[np.intp]) -> Values:
        """Some columns of all rows of a layout. [T, C]."""
        _, offsets = self._sound(layout)
        with self._mapped() as data:
            numbers = np.frombuffer(data, np.float64, self.size // 8)
            values: Values = numbers[(offsets // 8)[:, None] + columns]
            del numbers
        return values

    def read(self, sids: Sids, start_ms: int, end_ms: int) -> "Iterator[tuple[Sids, Times, Values]]":
        """Rows of the lanes that have any of these series (rising): sids [S], times [T], values [T, S]."""
        with self._mapped() as data:
            numbers = np.frombuffer(data, np.float64, self.size // 8)
            try:
                for layout in list(self.layouts.values()):
                    columns = np.flatnonzero(np.isin(layout.sids, sids))
                    times, offsets = self._sound(layout)
                    wanted = (times >= start_ms) & (times <= end_ms)
                    if len(columns) and wanted.any():
                        places = (offsets[wanted] // 8)[:, None] + columns
                        yield layout.sids[columns], times[wanted], numbers[places]
            finally:
                del numbers

    def runs(self) -> Iterator[Run]:
        """The ragged samples."""
        for offset, count in list(self.samples):
            if offset + 8 + 24 * count > self.size:
                continue
            with self.path.open("rb") as file:
                file.seek(offset + 8)
                data = file.read(24 * count)
            sids, times = (np.frombuffer(data, np.int64, count, 8 * count * part) for part in (0, 1))
            yield Run.of(sids, times, np.frombuffer(data, np.float64, count, 16 * count))

    def _sound(self, layout: Layout) -> tuple[Times, NDArray[np.int64]]:
        """Times and offsets of the rows that are written. [T], [T]."""
        times, offsets = np.array(layout.times, np.int64), np.array(layout.offsets, np.int64)
        count = min(len(times), len(offsets))
        sound = offsets[:count] + 8 * len(layout.sids) <= self.size
        return times[:count][sound], offsets[:count][sound]

    def _mapped(self) -> mmap.mmap:
        with self.path.open("rb") as file:
            return mmap.mmap(file.fileno(), self.size, access=mmap.ACCESS_READ)


def scan(path: Path) -> tuple[Segment | None, str]:
    """Read what a segment holds; → also what is wrong with it, if anything.

    What stands before the first fault is kept; None: the file is no segment at all.
    """
    size = path.stat().st_size
    if size < HEADER_BYTES:
        return None, "shorter than its header"
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:8] != _MAGIC:
            return None, "not a log segment"
        segment = Segment(path, _I64.unpack_from(data, 8)[0])
        view = memoryview(data)
        try:
            fault = _scan_frames(segment, view, size)
        finally:
            view.release()
    return segment, fault


def _scan_frames(segment: Segment, view: memoryview, size: int) -> str:
    position = HEADER_BYTES
    while position < size:
        if position + _HEAD.size > size:
            return "torn at the end"
        length, crc, kind, layout = _HEAD.unpack_from(view, position)
        end = position + _HEAD.size + length
        if length > FRAME_BYTES_MAX or end > size:
            return "torn at the end" if length <= FRAME_BYTES_MAX else f"damaged at byte {position}"
        body = view[position + _HEAD.size : end]
        if zlib.crc32(body, zlib.crc32(_BODY_HEAD.pack(kind, layout))) != crc:
            return f"damaged at byte {position}"
        _note(segment, kind, layout, body, position + _HEAD.size)
        position = end + -length % 8
        segment.size = min(position, size)
    return ""


def _note(segment: Segment, kind: int, layout: int, body: memoryview, offset: int) -> None:
    """Remember where a sound frame is."""
    if kind == FrameKind.ROW:
        (at_ms,) = _I64.unpack_from(body)
        known = segment.layouts[layout]
        known.times.append(at_ms)
        known.offsets.append(offset + 8)
        segment.see(at_ms, at_ms)
    elif kind == FrameKind.LAYOUT:
        (length,) = _I64.unpack_from(body)
        group, name, cadence_ms = json.loads(bytes(body[8 : 8 + length]))
        start = 8 + length + -length % 8
        sids = np.frombuffer(bytes(body[start:]), np.int64)
        segment.layouts[layout] = Layout(LaneName(group, name, cadence_ms), sids)
    elif kind == FrameKind.SAMPLES:
        (count,) = _I64.unpack_from(body)
        times = np.frombuffer(bytes(body[8 + 8 * count : 8 + 16 * count]), np.int64)
        segment.samples.append((offset, count))
        if count:
            segment.see(int(times.min()), int(times.max()))
    elif kind == FrameKind.METADATA:
        segment.metadata.update({metric: tuple(texts) for metric, texts in json.loads(bytes(body)).items()})
