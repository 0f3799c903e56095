"""Which samples an instant sees: lookback and ranges over frames.

All is done by rows: for each step and clock, `low` and `high` are the rows between which the window's samples
stand, so that first, last and count of thousands of series are one gather each.

    steps     10 000   20 000            times[:, c]   3 000  9 000  12 000  19 000
    range 10 s: (0, 10 000]  → low 0, high 2           (10 000, 20 000]  → low 2, high 4
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ruler.promql.index import Index, Positions
from ruler.promql.table import Table
from ruler.store import PAD, Frame, Mask, Times, Values, is_absent, is_stale

__all__ = ["Ranges", "Windows", "latest", "rows_until", "windows"]

CELLS_MAX = 1 << 17  # of one step of work: what stays in the processor's cache
GATHERED_MAX = 1 << 21  # of samples laid side by side
ROWS_FEW = 64
CELLS_MANY = 4_096


@dataclass(frozen=True, slots=True)
class Windows:
    """The samples of S series within a window that ends at each of K instants; none absent, none stale."""

    times: Times  # [T, C]
    clock: Positions  # [S]
    values: Values  # [T, S]
    low: Positions  # [K, C], the first row inside
    high: Positions  # [K, C], the row after the last inside
    ends: Times  # [K], where the windows end
    steps: Times  # [K], when they are asked for: `ends` without offset and @
    range_ms: int
    one_clock: bool  # every clock has the same `low` and `high`

    def spread(self, by_clock: np.ndarray) -> np.ndarray:
        """What is known of each clock, for each series: [K, C] → [K, S] or, to be broadcast, [K, 1]."""
        return by_clock if by_clock.shape[1] == 1 else by_clock[:, self.clock]

    def at(self, rows: Positions) -> Values:
        """The values in these rows [K, C], each kept inside the frame. → [K, S]."""
        rows = _inside(rows, self.values.shape[0])
        if self.one_clock:
            if len(rows) == 1:
                row = int(rows[0, 0])
                return self.values[row : row + 1]
            return self.values[rows[:, 0]]
        taken: Values = self.values[self.spread(rows), np.arange(self.values.shape[1])]
        return taken

    def times_at(self, rows: Positions) -> Times:
        """The times in these rows [K, C], each kept inside the frame. → [K, C]."""
        rows = _inside(rows, self.times.shape[0])
        taken: Times = self.times[rows, np.arange(self.times.shape[1])]
        return taken

    @property
    def count(self) -> Positions:
        """Samples in each window. [K, S] or [K, 1]."""
        return self.spread(self.high - self.low)

    @property
    def first(self) -> Values:
        """The first value of each window. [K, S]."""
        return self.at(self.low)

    @property
    def last(self) -> Values:
        """The last value of each window. [K, S]."""
        return self.at(self.high - 1)

    def walk(self, start: int = 0) -> Iterator[tuple[Values, Mask | None]]:
        """All windows, one sample of each at a time. → values [K, S], where there is one (None: all)."""
        for row, live in self.rows(start):
            yield self.at(row), None if live is None else self.spread(live)

    def rows(self, start: int = 0) -> Iterator[tuple[Positions, Mask | None]]:
        """As `walk`, but where the samples stand. → rows [K, C], whether they are inside [K, C]."""
        size = self.high - self.low
        longest, shortest = int(size.max(initial=0)), int(size.min(initial=0))
        for place in range(start, longest):
            row = self.low + place
            yield row, None if place < shortest else row < self.high

    @property
    def longest(self) -> int:
        """How many samples the fullest window holds."""
        return int((self.high - self.low).max(initial=0))

    @property
    def is_long(self) -> bool:
        """Tell whether there are so many rows, of so few cells each, that a step in Python a row is dear."""
        return self.longest > ROWS_FEW and len(self.ends) * self.values.shape[1] < CELLS_MANY

    def gathered(self, fill: float = 0.0) -> Values:
        """All samples side by side. → [W, K, S], `fill` past a window's end."""
        place = np.arange(self.longest)[:, np.newaxis, np.newaxis]
        rows = self.low + place  # [W, K, C]
        live = None if (self.high - self.low == self.longest).all() else rows < self.high
        rows = _inside(rows, self.values.shape[0])
        laid: Values
        if self.one_clock:
            laid = self.values[rows[:, :, 0]]
        else:
            laid = self.values[rows[:, :, self.clock], np.arange(self.values.shape[1])]
        if live is not None:
            laid = np.where(live if live.shape[2] == 1 else live[:, :, self.clock], laid, fill)
        return laid

    def gathered_times(self) -> Times:
        """The times of `gathered`, of each clock. → [W, K, C], any past a window's end."""
        place = np.arange(self.longest)[:, np.newaxis, np.newaxis]
        rows = _inside(self.low + place, self.times.shape[0])
        taken: Times = self.times[rows, np.arange(self.times.shape[1])]
        return taken

    def split(self) -> Iterator[tuple[slice, slice, "Windows"]]:
        """The same in pieces, so that what is computed from one stays small. → steps, columns, piece."""
        steps, columns, longest = len(self.ends), self.values.shape[1], max(1, self.longest)
        height = min(steps, max(1, GATHERED_MAX // longest))
        width = max(1, min(CELLS_MAX // height, GATHERED_MAX // (height * longest)))
        for top in range(0, steps, height):
            here = slice(top, min(top + height, steps))
            for left in range(0, columns, width):
                across = slice(left, min(left + width, columns))
                yield here, across, self._piece(here, across)

    def _piece(self, steps: slice, columns: slice) -> "Windows":
        whole = columns.start == 0 and columns.stop == self.values.shape[1]
        if whole and steps.stop - steps.start == len(self.ends):
            return self
        used, clock = np.unique(self.clock[columns], return_inverse=True)
        return replace(
            self,
            times=self.times[:, used],
            clock=clock,
            values=self.values[:, columns],
            low=self.low[steps][:, used],
            high=self.high[steps][:, used],
            ends=self.ends[steps],
            steps=self.steps[steps],
        )

    def at_every(self, steps: Times) -> "Windows":
        """The one window of each series, asked for at each of these steps."""
        shape = (len(steps), self.low.shape[1])
        return replace(
            self,
            low=np.broadcast_to(self.low, shape),
            high=np.broadcast_to(self.high, shape),
            ends=np.broadcast_to(self.ends, len(steps)),
            steps=steps,
        )

    def only(self, columns: Positions) -> "Windows":
        """Some of the series."""
        return replace(self, clock=self.clock[columns], values=self.values[:, columns])

    def samples(self) -> int:
        """How many samples all windows hold together."""
        weights = np.bincount(self.clock, minlength=self.times.shape[1])
        return int(((self.high - self.low) @ weights).sum())


def _inside(rows: Positions, count: int) -> Positions:
    """Rows that a frame of `count` has; what is asked of others is not looked at."""
    inside: Positions = np.minimum(np.maximum(rows, 0), count - 1)
    return inside


@dataclass(frozen=True, slots=True)
class Ranges:
    """A range vector: the windows of each frame, and the index of all their series in that order."""

    index: Index
    parts: tuple[Windows, ...]


def rows_until(times: Times, instants: Times) -> Positions:
    """How many rows of each clock are at or before each instant. [T, C], [K] → [K, C]."""
    rows, clocks = times.shape
    if clocks == 1:
        until: Positions = np.searchsorted(times[:, 0], instants, side="right")
        return until[:, np.newaxis]
    if len(instants) == 1:
        counted: Positions = np.count_nonzero(times <= instants[0], axis=0)
        return counted.reshape(1, -1)
    # One search for all: each clock's times, moved to a stretch of numbers of its own.
    bottom, top = int(instants.min()), int(instants.max()) + 1
    stretch = np.arange(clocks) * (top - bottom + 1)
    flat = ((np.clip(times, bottom, top) - bottom) + stretch).T.ravel()
    found = np.searchsorted(flat, (instants - bottom)[:, np.newaxis] + stretch, side="right")
    each: Positions = found - np.arange(clocks) * rows
    return each


def windows(frame: Frame, ends: Times, steps: Times, range_ms: int) -> Windows:
    """The windows (end - range, end] of a frame."""
    times, clock, values = _without_holes(frame, are_stale_holes=True)
    high = rows_until(times, ends)
    low = rows_until(times, ends - range_ms)
    one_clock = times.shape[1] == 1 or bool((low == low[:, :1]).all() and (high == high[:, :1]).all())
    return Windows(times, clock, values, low, high, ends, steps, range_ms, one_clock)


def latest(frame: Frame, index: Index, ends: Times, lookback_ms: int) -> Table:
    """The last sample within (end - lookback, end], unless the series has ended. Its times come along."""
    table = _latest(frame.times, frame.clock, frame.values, index, ends, lookback_ms)
    if not np.isnan(table.values.sum()):
        return table
    holes = is_absent(table.values) & table.mask()
    columns = np.flatnonzero(holes.any(axis=0))
    if len(columns):
        table = _patched(table, frame, columns, ends, lookback_ms)
    ended = is_stale(table.values)
    return table.where(~ended) if ended.any() else table


def _patched(table: Table, frame: Frame, columns: Positions, ends: Times, lookback_ms: int) -> Table:
    """The table with these columns looked up among the samples that are there."""
    part = Frame(
        [frame.labels[0]] * len(columns), frame.times, frame.clock[columns], frame.values[:, columns]
    )
    times, clock, values = _without_holes(part, are_stale_holes=False)
    found = _latest(times, clock, values, table.index, ends, lookback_ms)
    mended, present, seen = table.values.copy(), table.mask().copy(), table.times
    mended[:, columns] = found.values
    present[:, columns] = found.mask()
    if seen is not None and found.times is not None:
        seen = np.broadcast_to(seen, mended.shape).copy()
        seen[:, columns] = found.times
    return Table(table.index, mended, present, seen)


def _latest(
    times: Times, clock: Positions, values: Values, index: Index, ends: Times, lookback_ms: int
) -> Table:
    rows = rows_until(times, ends)
    same = times.shape[1] == 1 or bool((rows == rows[:, :1]).all())
    found = Windows(times, clock, values, rows, rows, ends, ends, lookback_ms, same)
    if values.shape[0] == 0:
        shape = (len(ends), values.shape[1])
        return Table(index, np.zeros(shape), np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.int64))
    taken_at = found.times_at(rows - 1)
    fresh = (rows > 0) & (taken_at > (ends - lookback_ms)[:, np.newaxis])
    picked = found.last
    shape = picked.shape
    present = None if fresh.all() else np.broadcast_to(found.spread(fresh), shape)
    return Table(index, picked, present, np.broadcast_to(found.spread(taken_at), shape))


def _without_holes(frame: Frame, *, are_stale_holes: bool) -> tuple[Times, Positions, Values]:
    """Times, clocks and values such that every row up to a clock's PAD holds a sample.

    A series with holes gets a clock of its own, which only ticks where it has samples.
    """
    times, clock, values = frame.times, frame.clock, frame.values
    if not np.isnan(values.sum()):
        return times, clock, values
    holes = is_absent(values)
    if are_stale_holes:
        holes |= is_stale(values)
    columns = np.flatnonzero(holes.any(axis=0))
    lengths = np.count_nonzero(times != PAD, axis=0)
    row = np.arange(len(values))[:, np.newaxis]
    inside = holes[:, columns] & (row < lengths[clock[columns]])
    holed = inside.any(axis=0)
    columns, inside = columns[holed], inside[:, holed]
    if not len(columns):
        return times, clock, values
    lengths = lengths[clock[columns]] - np.count_nonzero(inside, axis=0)
    order = np.argsort(inside, axis=0, kind="stable")
    own_times = np.take_along_axis(times[:, clock[columns]], order, axis=0)
    own_times[row >= lengths] = PAD
    packed = values.copy()
    packed[:, columns] = np.take_along_axis(values[:, columns], order, axis=0)
    clocks = clock.copy()
    clocks[columns] = times.shape[1] + np.arange(len(columns))
    return np.concatenate([times, own_times], axis=1), clocks, packed
