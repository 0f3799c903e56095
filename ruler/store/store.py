"""The store: samples in, frames out, over three tiers (ring, log, chunks)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from promkit.labels import Labels
from promkit.matchers import Matcher
from ruler.store.block import Block
from ruler.store.frame import STALE, Frame, Times, Values, is_absent
from ruler.store.history import History
from ruler.store.homes import FOREVER, Homes
from ruler.store.index import Index, Sids
from ruler.store.lane import Lane, Slots
from ruler.store.log import LaneName
from ruler.store.merge import frames_of_run, merged
from ruler.store.options import StorageOptions
from ruler.store.ragged import Ragged, Run
from ruler.store.restore import restore
from ruler.store.selection import Plan, Selections

__all__ = ["Rejected", "Store", "StoreStats"]

_METADATA_MAX = 100_000
_ROWS_MIN = 64
_FREE = -1
_APPENDED = "append"  # the group of lanes that `append` writes
_RAGGED_MAX = 4_000_000  # samples in memory, then they are folded


@dataclass(frozen=True, slots=True)
class Rejected:
    """Samples that were not stored, and why."""

    too_old: int = 0  # further behind the series' last sample than the out-of-order window, or past retention
    duplicate: int = 0  # another value at an instant that has one

    @property
    def total(self) -> int:
        return self.too_old + self.duplicate


@dataclass(frozen=True, slots=True)
class StoreStats:
    """How much is stored where."""

    series: int
    samples: int  # appended since the start
    out_of_order: int
    too_old: int
    duplicate: int
    memory_bytes: int
    log_bytes: int
    chunk_bytes: int
    chunks: int


class Store:
    """Open it with `Store.open`. Its lock covers the index and where series live; blocks have their own."""

    def __init__(self, options: StorageOptions) -> None:
        self._options = options
        self._lock = RLock()
        self._index = Index()
        self._homes = Homes()
        self._blocks: list[Block] = []
        self._groups: dict[str, int] = {}
        self._selections = Selections(self._index, self._homes, self._blocks)
        self._ragged = Ragged()
        self._folding: Ragged | None = None  # what is being put into a chunk file
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._history: History | None = None
        self._metadata: dict[str, tuple[str, str, str]] = {}
        self._window_ms = options.ring_ms_min
        self._floor_ms: int | None = None  # the rings have all that is later
        self._first_ms: int | None = None
        self._last_ms: int | None = None
        self._samples = self._out_of_order = self._too_old = self._duplicates = 0

    @classmethod
    def open(cls, directory: Path | None, options: StorageOptions, now_ms: int) -> "Store":
        """Open a data directory, or (None) a store in memory alone.

        Conflict: another process has the directory open. Unavailable: it cannot be read or written.
        """
        store = cls(options)
        if directory is not None:
            store._recover(History.open(directory, options), now_ms)
        return store

    def _recover(self, history: History, now_ms: int) -> None:
        """Fill the rings from the log, so that rules see whole windows at once."""
        self._index.next_sid = history.next_sid()
        self._homes.reserve(self._index.next_sid)
        self._metadata = history.metadata()
        restored = restore(history, self, now_ms - self._options.ring_ms_max)
        for lane in self._lanes.values():
            lane.adopted = False
        span, folded_ms = history.span(), history.folded_ms()
        if span is not None:
            self._first_ms, self._last_ms = span
        ends = [end for end in (restored.dropped_ms, folded_ms) if end is not None]
        self._floor_ms = max(ends, default=None)
        self._samples = 0
        self._history = history
        history.start()

    # Reading.

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Frame]:
        """All samples of the series that fit, start ≤ t ≤ end; a series of a frame may have none."""
        with self._lock:
            plan = self._selections.plan(matchers)
            ragged = self._ragged_frames(plan, start_ms, end_ms) if len(plan.ragged) else []
            deep = self._is_deep(start_ms)
        frames = []  # where two have a sample of one instant, the earlier in this list stands: rows first
        for part in plan.parts:
            window = part.block.read(part.gather, start_ms, end_ms)
            if window is not None:
                frames.append(Frame(part.labels, window.times, part.gather.clock, window.values, part.key))
        frames += ragged
        if deep:
            frames += self._deep_frames(matchers, plan, start_ms, end_ms)
        return merged(frames) if deep or plan.mixed else frames

    def _is_deep(self, start_ms: int) -> bool:
        """Whether samples from that instant on may be on the disk alone."""
        return self._history is not None and self._floor_ms is not None and start_ms <= self._floor_ms

    def _deep_frames(
        self, matchers: Sequence[Matcher], plan: Plan, start_ms: int, end_ms: int
    ) -> list[Frame]:
        if self._history is None or self._floor_ms is None:
            return []
        labels_of = dict(self._history.match(matchers))
        with self._lock:
            labels_of.update(
                {sid: self._index.labels(sid) for sid in plan.sids.tolist() if sid in self._index}
            )
        return self._history.read(labels_of, start_ms, min(end_ms, self._floor_ms))

    def series(self, selectors: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int) -> list[Labels]:
        """The label sets that fit one of the selectors (none: all) and have samples in the span, sorted.

        On the disk the span is known as well as the files tell: a series may have ended a little earlier.
        """
        with self._lock:
            sids = self._live(selectors, start_ms, end_ms)
            found = {self._index.labels_once(sid) for sid in sids.tolist()}
            deep = self._is_deep(start_ms)
        if deep and self._history is not None:
            for matchers in selectors or [()]:
                found.update(self._history.series(matchers, start_ms, end_ms))
        return sorted(found)

    def label_names(self, selectors: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int) -> list[str]:
        """Names of the labels that these series have, sorted; without selectors, of all in the index."""
        if not selectors and not self._is_deep(start_ms):
            with self._lock:
                return sorted(self._index.names())
        return sorted({name for labels in self.series(selectors, start_ms, end_ms) for name in labels})

    def label_values(
        self, name: str, selectors: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[str]:
        """The values that these series have for a label, sorted; without selectors, of all in the index."""
        if not selectors and not self._is_deep(start_ms):
            with self._lock:
                return sorted(self._index.values(name))
        found = {labels[name] for labels in self.series(selectors, start_ms, end_ms)}
        return sorted(found - {""})

    def metadata(self) -> Mapping[str, tuple[str, str, str]]:
        """Type, help and unit by metric."""
        with self._lock:
            return dict(self._metadata)

    def span(self) -> tuple[int, int] | None:
        """First and last sample."""
        if self._first_ms is None or self._last_ms is None:
            return None
        return self._first_ms, self._last_ms

    def stats(self) -> StoreStats:
        """How much is stored where."""
        with self._lock:
            memory = sum(block.size_bytes for block in self._blocks) + self._ragged.size_bytes
            return StoreStats(
                len(self._index), self._samples, self._out_of_order, self._too_old, self._duplicates,
                memory, *(self._history.sizes() if self._history else (0, 0, 0)),
            )  # fmt: skip

    # Writing.

    @property
    def window_ms(self) -> int:
        """How long rows stay in the rings."""
        return self._window_ms

    def require_window(self, window_ms: int) -> None:
        """Keep at least this much in memory, as far as `ring_ms_max` allows."""
        self._window_ms = max(self._window_ms, min(window_ms, self._options.ring_ms_max))

    def describe(self, metadata: Mapping[str, tuple[str, str, str]]) -> None:
        """Remember type, help and unit of metrics; beyond a bound new ones are ignored."""
        with self._lock:
            new = {
                metric: texts
                for metric, texts in metadata.items()
                if self._metadata.get(metric) != texts
                and (metric in self._metadata or len(self._metadata) < _METADATA_MAX)
            }
            self._metadata.update(new)
        if new and self._history is not None:
            self._history.describe(new)

    def lane(self, group: str, name: str, cadence_ms: int) -> Lane:
        """The lane of this name; a new one stands beside those of like group and cadence."""
        with self._lock:
            lane = self._lanes.get((group, name))
            if lane is None or not lane.open:
                number = self._block_number(f"{group}@{cadence_ms}", cadence_ms)
                block = self._blocks[number]
                lane = Lane(self, LaneName(group, name, cadence_ms), block, number, block.open_clock())
                self._lanes[group, name] = lane
            lane.adopted = True
            return lane

    def append(self, series: Sequence[Labels], values: Values, at_ms: int) -> None:
        """Samples of one instant: what a recording rule or an alert gives."""
        if len(series):
            with self._lock:
                lane, slots = self._family(series)
                lane.put(at_ms, slots, np.asarray(values, np.float64))
            self._sync()

    def end(self, series: Sequence[Labels], at_ms: int) -> None:
        """Mark series that were appended as ended."""
        if len(series):
            with self._lock:
                lane, slots = self._family(series)
                lane.put(at_ms, slots, np.full(len(slots), STALE))
                lane.retire(slots, at_ms)
            self._sync()

    def append_samples(
        self,
        series: Sequence[Labels],
        which: NDArray[np.intp],
        times_ms: Times,
        values: Values,
        *,
        imported: bool = False,
    ) -> Rejected:
        """Samples at times of their own; sample n belongs to `series[which[n]]`.

        `imported`: history, whose age only retention bounds; else the out-of-order window does.
        """
        with self._lock:
            sids = self._numbered(series)
            rejected = self._store_samples(sids[which], times_ms, values, imported=imported)
        self._sync()
        return rejected

    def maintain(self, now_ms: int) -> None:
        """Give back what no window wants any more; fold, merge and drop files when it is time."""
        with self._lock:
            for lane in list(self._lanes.values()):
                self._sweep(lane, now_ms - self._window_ms)
            span, horizon_ms = self._ragged.span(), now_ms - self._options.retention_ms
            if self._options.retention_ms and span is not None and span[0] < horizon_ms:
                self._forget(self._ragged.take_before(horizon_ms))
            live = self._index.sids()
        history = self._history
        if history is not None:
            if history.is_due(now_ms) or len(self._ragged) > _RAGGED_MAX:
                self._fold(history, now_ms)
            history.merge(now_ms)
            history.retain(now_ms, live)

    def fold(self, now_ms: int) -> None:
        """Put the whole log into a chunk file now: after an import, and in tests."""
        if self._history is not None:
            self._fold(self._history, now_ms)

    def close(self) -> None:
        """Write what is buffered and give the directory back."""
        if self._history is not None:
            self._history.close()
            self._history = None

    def _fold(self, history: History, now_ms: int) -> None:
        """Ragged samples of the log's segments leave memory, but for those that windows want."""
        with self._lock:
            if not history.roll():
                return
            sealed, self._folding = self._ragged, self._ragged
            self._ragged = Ragged()
        history.fold()
        with self._lock:
            dropped = sealed.take_before(now_ms - self._window_ms)
            if len(dropped):
                self._raise_floor(int(dropped.times.max()))
            for run in self._ragged.runs():
                sealed.add(run)
            self._ragged, self._folding = sealed, None
            self._forget(dropped)

    def _forget(self, dropped: Run) -> None:
        """Ragged samples left memory; the lock is held."""
        left = np.setdiff1d(dropped.sids, self._ragged.series())
        self._homes.leave_ragged(left)
        self._index.remove(self._homes.homeless(left).tolist())

    def _raise_floor(self, at_ms: int) -> None:
        if self._floor_ms is None or at_ms > self._floor_ms:
            self._floor_ms = at_ms

    def _sync(self) -> None:
        if self._history is not None and self._options.sync == "always":
            self._history.writer.flush()

    def _numbered(self, series: Sequence[Labels]) -> Sids:
        """The numbers of series, given to those that have none; the lock is held."""
        before = self._index.next_sid
        sids = np.array([self._index.add(labels) for labels in series], np.int64)
        self._homes.reserve(self._index.next_sid)
        if self._history is not None and self._index.next_sid > before:
            new = {sid: labels for sid, labels in zip(sids.tolist(), series, strict=True) if sid >= before}
            self._history.define(new)
        return sids

    # What lanes ask for (`Keeper`).

    def enlist(self, lane: Lane, series: Sequence[Labels]) -> Slots:
        """Slots for these series, made where there are none."""
        with self._lock:
            sids = self._numbered(series)
            slots = _positions(lane.sids, sids)
            wanted = np.unique(sids[slots < 0])
            if len(wanted):
                self._widen(lane, wanted)
                slots = _positions(lane.sids, sids)
            self.revive(lane, slots)
            return slots

    def revive(self, lane: Lane, slots: Slots) -> None:
        """The series of these slots go on."""
        with self._lock:
            for slot in slots.tolist() if lane.ended else ():
                lane.ended.pop(slot, None)
            self._homes.last_ms[lane.sids[slots]] = FOREVER

    def retire(self, lane: Lane, slots: Slots, at_ms: int) -> None:
        """The series of these slots ended."""
        with self._lock:
            lane.ended.update(dict.fromkeys(slots.tolist(), at_ms))
            self._homes.last_ms[lane.sids[slots]] = at_ms

    def written(self, lane: Lane, at_ms: int, row: Values, evicted_ms: int | None) -> None:
        """Account for a row that was put into the ring."""
        if lane.fresh:
            with self._lock:
                sids = np.concatenate(lane.fresh)
                self._homes.first_ms[sids] = np.minimum(self._homes.first_ms[sids], at_ms)
                lane.fresh.clear()
        if evicted_ms is not None:
            self._raise_floor(evicted_ms)
        if self._history is not None:
            self._history.writer.row(lane.name, lane.sids, at_ms, row)
            self._sync()
        self._seen(at_ms, at_ms, len(row))

    def amended(self, sids: Sids, at_ms: int, values: Values) -> None:
        """Account for samples that were put into a lane's last row."""
        if self._history is not None:
            self._history.writer.samples(Run.of(sids, np.full(len(sids), at_ms), values))
        self._seen(at_ms, at_ms, len(sids))

    def keep(self, sids: Sids, times: Times, values: Values) -> None:
        """Keep samples at times of their own."""
        with self._lock:
            self._store_samples(sids, times, values, imported=False)

    def strayed(self, sids: Sids, at_ms: int, values: Values) -> None:
        """Keep samples that are not later than their lane's last row among the ragged.

        However old they are: lanes are stamped by our own clock, and one that was set back must not blind us.
        """
        present = ~is_absent(values)
        with self._lock:
            times = np.full(int(present.sum()), at_ms)
            self._store_samples(sids[present], times, values[present], imported=True)

    # Inside.

    def _block_number(self, group: str, cadence_ms: int) -> int:
        number = self._groups.get(group)
        if number is None:
            rows = self._window_ms // cadence_ms + 8 if cadence_ms else _ROWS_MIN
            number = self._groups[group] = len(self._blocks)
            self._blocks.append(Block(max(rows, 8)))
        return number

    def _family(self, series: Sequence[Labels]) -> tuple[Lane, Slots]:
        """The lane of appended series: one for each metric, and one for each alert."""
        first = series[0]
        name = f"{first.metric}/{first['alertname']}" if first.metric.startswith("ALERTS") else first.metric
        with self._lock:
            lane = self.lane(_APPENDED, name, 0)
            return lane, lane.slots(series)

    def _widen(self, lane: Lane, sids: Sids) -> None:
        """Give new series a slot each: freed ones first."""
        reused = [lane.free.pop() for _ in range(min(len(lane.free), len(sids)))]
        columns = lane.block.allocate(lane.clock, len(sids) - len(reused))
        slots = np.array([*reused, *range(lane.width, lane.width + len(columns))], np.intp)
        lane.sids = np.concatenate([lane.sids, np.full(len(columns), _FREE)])
        lane.columns = np.concatenate([lane.columns, columns])
        lane.sids[slots] = sids
        lane.fresh.append(sids)
        self._homes.settle(sids, lane.block_number, lane.columns[slots])

    def _sweep(self, lane: Lane, horizon_ms: int) -> None:
        """Free the slots whose series ended before the oldest row, and the lane when it has none left."""
        span = lane.block.span(lane.clock)
        idle = lane.last_ms is None or lane.last_ms < horizon_ms
        if idle and lane.open and (not lane.adopted or lane.name.group == _APPENDED):
            live = np.array([slot for slot in np.flatnonzero(lane.sids != _FREE) if slot not in lane.ended])
            self.retire(lane, live.astype(np.intp), lane.last_ms or 0)
            lane.open = False
        oldest_ms = horizon_ms if span is None or idle else max(span[0], horizon_ms)
        over = np.array([slot for slot, at_ms in lane.ended.items() if at_ms < oldest_ms], np.intp)
        if len(over):
            sids = lane.sids[over]
            self._homes.leave(sids, lane.block_number, lane.columns[over])
            lane.sids = lane.sids.copy()
            lane.sids[over] = _FREE
            lane.free.extend(over.tolist())
            for slot in over.tolist():
                del lane.ended[slot]
            self._index.remove(self._homes.homeless(sids).tolist())
        if not lane.open and (lane.sids == _FREE).all():
            if span is not None:
                self._raise_floor(span[1])
            lane.block.release(lane.columns)
            lane.block.close_clock(lane.clock)
            self._lanes = {key: kept for key, kept in self._lanes.items() if kept is not lane}

    def _store_samples(self, sids: Sids, times: Times, values: Values, *, imported: bool) -> Rejected:
        """Put samples among the ragged; the lock is held."""
        last = self._homes.ragged_ms[sids]
        late = times <= last
        old = late & (times < last - self._options.out_of_order_window_ms)
        if imported:
            old[:] = False
        suspects = np.flatnonzero(late & ~old)
        there, known = self._ragged.at(sids[suspects], times[suspects])
        same = known.view(np.int64) == np.ascontiguousarray(values[suspects]).view(np.int64)
        refused = old.copy()
        refused[suspects[there]] = True
        run = Run.of(sids[~refused], times[~refused], values[~refused])
        if len(run):
            self.restore_samples(run)
            if self._history is not None:
                self._history.writer.samples(run)
        rejected = Rejected(int(old.sum()), int((there & ~same).sum()))
        self._out_of_order += len(suspects) - int(there.sum())
        self._too_old += rejected.too_old
        self._duplicates += rejected.duplicate
        return rejected

    def restore_samples(self, run: Run) -> None:
        """Put ragged samples into memory; the lock is held."""
        self._ragged.add(run)
        self._homes.settle_ragged(np.unique(run.sids))
        np.minimum.at(self._homes.first_ms, run.sids, run.times)
        np.maximum.at(self._homes.ragged_ms, run.sids, run.times)
        self._seen(int(run.times.min()), int(run.times.max()), len(run))

    def restore_series(self, labels_of: Mapping[int, Labels]) -> None:
        """Put series that the log knows into the index."""
        for sid in sorted(labels_of):
            self._index.add(labels_of[sid], sid)
        self._homes.reserve(self._index.next_sid)

    def _seen(self, first_ms: int, last_ms: int, samples: int) -> None:
        self._samples += samples
        self._first_ms = first_ms if self._first_ms is None else min(self._first_ms, first_ms)
        self._last_ms = last_ms if self._last_ms is None else max(self._last_ms, last_ms)

    def _live(self, selectors: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int) -> Sids:
        """Series in memory that fit one of the selectors; the lock is held."""
        if not selectors:
            return self._homes.lived(self._index.sids(), start_ms, end_ms)
        found = np.unique(np.concatenate([self._selections.plan(matchers).sids for matchers in selectors]))
        return self._homes.lived(found, start_ms, end_ms)

    def _ragged_frames(self, plan: Plan, start_ms: int, end_ms: int) -> list[Frame]:
        run = self._ragged.read(plan.ragged, start_ms, end_ms)
        if self._folding is not None:
            run = Run.merged([self._folding.read(plan.ragged, start_ms, end_ms), run])
        return frames_of_run(run, {sid: self._index.labels(sid) for sid in np.unique(run.sids).tolist()})


def _positions(numbers: Sids, wanted: Sids) -> Slots:
    """Where in `numbers` each wanted one stands; −1 where it does not."""
    if not len(numbers):
        return np.full(len(wanted), -1, np.intp)
    order = np.argsort(numbers)
    places = order[np.minimum(np.searchsorted(numbers, wanted, sorter=order), len(numbers) - 1)]
    return np.where(numbers[places] == wanted, places, -1)
