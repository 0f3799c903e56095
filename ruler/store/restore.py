"""After a start: the log's latest rows back into the rings, its ragged samples back into memory."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from promkit.labels import Labels
from ruler.store.frame import Values, is_absent, is_stale
from ruler.store.history import History
from ruler.store.lane import Lane
from ruler.store.log import LaneName, Layout, Segment
from ruler.store.ragged import Run

__all__ = ["Restored", "restore"]


class Target(Protocol):
    """What a store offers to be filled."""

    @property
    def window_ms(self) -> int:
        """How long rows stay in the rings."""

    def lane(self, group: str, name: str, cadence_ms: int) -> Lane:
        """Find or make a lane."""

    def restore_series(self, labels_of: Mapping[int, Labels]) -> None:
        """Put series into the index."""

    def restore_samples(self, run: Run) -> None:
        """Put ragged samples into memory."""


@dataclass(frozen=True, slots=True)
class Restored:
    """How it went."""

    rows: int
    dropped_ms: int | None  # the last row that was left on the disk


def restore(history: History, store: Target, horizon_ms: int) -> Restored:
    """Lanes whose last row is older than the horizon stay on the disk."""
    lanes: dict[LaneName, list[tuple[Segment, Layout]]] = defaultdict(list)
    for segment in history.segments:
        for layout in segment.layouts.values():
            if len(segment.row_times(layout)):
                lanes[layout.lane].append((segment, layout))
    runs = [run for segment in history.segments for run in segment.runs() if len(run)]
    last_ms = {
        name: max(int(segment.row_times(layout)[-1]) for segment, layout in parts)
        for name, parts in lanes.items()
    }
    fresh = [name for name in lanes if last_ms[name] >= horizon_ms]
    sids = [layout.sids for name in fresh for _, layout in lanes[name]] + [run.sids for run in runs]
    known = np.unique(np.concatenate([np.empty(0, np.int64), *sids]))
    labels_of = history.labels(known[known >= 0].tolist())
    store.restore_series(labels_of)
    for run in runs:
        store.restore_samples(run.where(np.isin(run.sids, list(labels_of))))
    dropped = [last_ms[name] for name in lanes if name not in fresh]
    rows = 0
    for name in fresh:
        written, left_ms = _restore_lane(store, name, lanes[name], last_ms[name], labels_of)
        rows += written
        dropped += [left_ms] if left_ms is not None else []
    return Restored(rows, max(dropped, default=None))


def _restore_lane(
    store: Target,
    name: LaneName,
    parts: list[tuple[Segment, Layout]],
    last_ms: int,
    labels_of: Mapping[int, Labels],
) -> tuple[int, int | None]:
    """Write the rows of the window; → how many, and the last one before it."""
    lane = store.lane(name.group, name.name, name.cadence_ms)
    start_ms = last_ms - store.window_ms
    wanted = [part for part in parts if (part[0].row_times(part[1]) >= start_ms).any()]
    sids = np.unique(np.concatenate([layout.sids for _, layout in wanted]))
    lane.slots([labels_of[sid] for sid in sids.tolist() if sid in labels_of])
    rows = 0
    for segment, layout in wanted:
        times, values = segment.rows(layout, start_ms)
        columns = np.flatnonzero(np.isin(layout.sids, lane.sids[lane.sids >= 0]))
        order = np.argsort(lane.sids)
        slots = order[np.searchsorted(lane.sids, layout.sids[columns], sorter=order)]
        for at_ms, row in zip(times.tolist(), values, strict=True):
            if lane.last_ms is None or at_ms > lane.last_ms:
                full = lane.blank()
                full[slots] = row[columns]
                lane.write(at_ms, full)
                rows += 1
    _retire_ended(lane)
    earlier = [times[times < start_ms] for times in (s.row_times(layout) for s, layout in parts)]
    left = np.concatenate(earlier)
    return rows, int(left.max()) if len(left) else None


def _retire_ended(lane: Lane) -> None:
    """Series whose last sample is a stale marker had ended."""
    window = lane.window()
    if window is None:
        return
    times, values = window.times[:, 0], window.values
    last = _last_present(values)
    ended = np.flatnonzero((last >= 0) & is_stale(values[last, np.arange(values.shape[1])]))
    for row in np.unique(last[ended]).tolist():
        lane.retire(ended[last[ended] == row], int(times[row]))


def _last_present(values: Values) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
    """The last row in which each column has a sample; −1: none. [W]."""
    present = ~is_absent(values)
    last = values.shape[0] - 1 - np.argmax(present[::-1], axis=0)
    return np.where(present.any(axis=0), last, -1)
