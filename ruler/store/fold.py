"""From log segments to a chunk file, and from many chunk files to one; a few columns at a time.

The interpreter is never held for long: a tile of columns is gathered, then each is compressed by itself.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ruler.store.chunks import Chunk, ChunkWriter
from ruler.store.frame import ABSENT, Frame, Times, Values
from ruler.store.index import Sids
from ruler.store.log import LaneName, Layout, Segment
from ruler.store.merge import merged
from ruler.store.ragged import Run

__all__ = ["fold", "merge_chunks"]

_TILE = 128  # columns
_Seen = dict[int, int]  # series → its last sample
_ALL = (np.iinfo(np.int64).min, np.iinfo(np.int64).max - 1)


def fold(segments: Sequence[Segment], path: Path) -> tuple[ChunkWriter, _Seen]:
    """Write all samples of these segments into a chunk file that is still to be finished."""
    writer = ChunkWriter(path)
    seen: _Seen = {}
    try:
        lanes: dict[LaneName, list[tuple[Segment, Layout]]] = defaultdict(list)
        for segment in segments:
            for layout in segment.layouts.values():
                if len(layout.times):
                    lanes[layout.lane].append((segment, layout))
        for parts in lanes.values():
            _fold_lane(writer, parts, seen)
        _fold_run(writer, Run.merged([run for segment in segments for run in segment.runs()]), seen)
    except BaseException:
        writer.abandon()
        raise
    return writer, seen


def merge_chunks(chunks: Sequence[Chunk], path: Path) -> ChunkWriter:
    """Write what these files hold into one that is still to be finished. ChunkDamaged: one of them is."""
    writer = ChunkWriter(path)
    try:
        sids = np.unique(np.concatenate([chunk.sids() for chunk in chunks]))
        for start in range(0, len(sids), _TILE):
            parts = [part for chunk in chunks for part in chunk.read(sids[start : start + _TILE], *_ALL)]
            for frame in merged_by_number(parts):
                for clock in range(frame.times.shape[1]):
                    _write_clock(writer, frame, clock)
            _breathe()
    except BaseException:
        writer.abandon()
        raise
    return writer


def merged_by_number(parts: Sequence[tuple[Sids, Times, Values]]) -> list[Frame]:
    """Merge parts of series that are still numbers: the frames' labels are these."""
    frames = [
        Frame(sids.tolist(), times[:, None], np.zeros(len(sids), np.intp), values)
        for sids, times, values in parts
        if len(times)
    ]
    return merged(frames)


def _write_clock(writer: ChunkWriter, frame: Frame, clock: int) -> None:
    times = frame.times[:, clock]
    height = int(np.searchsorted(times, np.iinfo(np.int64).max))
    number = writer.clock(np.ascontiguousarray(times[:height]))
    for column in np.flatnonzero(frame.clock == clock).tolist():
        writer.column(frame.labels[column], number, frame.values[:height, column])  # type: ignore[arg-type] # numbers


def _fold_lane(writer: ChunkWriter, parts: list[tuple[Segment, Layout]], seen: _Seen) -> None:
    """All rows of one lane; its layout may have changed on the way."""
    times = np.concatenate([segment.row_times(layout) for segment, layout in parts])
    if not len(times):
        return
    order = np.argsort(times, kind="stable")
    order = order[np.concatenate([[True], np.diff(times[order]) > 0])]
    clock, last_ms = writer.clock(times[order]), int(times.max())
    sids = np.unique(np.concatenate([layout.sids for _, layout in parts]))
    sids = sids[sids >= 0]
    for start in range(0, len(sids), _TILE):
        tile = sids[start : start + _TILE]
        values = np.full((len(times), len(tile)), ABSENT)
        row = 0
        for segment, layout in parts:
            columns, places = _places(layout.sids, tile)
            found = segment.tile(layout, columns)
            values[row : row + len(found), places] = found
            row += len(found)
        by_column = np.ascontiguousarray(values[order].T)
        for number, sid in enumerate(tile.tolist()):
            writer.column(sid, clock, by_column[number])
            seen[sid] = max(seen.get(sid, last_ms), last_ms)
        _breathe()


def _places(slots: Sids, tile: Sids) -> tuple[np.ndarray[tuple[int], np.dtype[np.intp]], Sids]:
    """Columns of the layout that hold series of the tile, and where in the tile those are."""
    columns = np.flatnonzero(np.isin(slots, tile))
    return columns, np.searchsorted(tile, slots[columns])


def _fold_run(writer: ChunkWriter, run: Run, seen: _Seen) -> None:
    if not len(run):
        return
    starts = np.flatnonzero(np.concatenate([[True], run.sids[1:] != run.sids[:-1]]))
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(run)], strict=True):
        sid, times = int(run.sids[start]), run.times[start:end]
        writer.column(sid, writer.clock(times), run.values[start:end])
        seen[sid] = max(seen.get(sid, int(times[-1])), int(times[-1]))


def _breathe() -> None:
    """Let other threads have the interpreter."""
    time.sleep(0)
