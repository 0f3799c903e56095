"""A ring of rows: the latest samples of all series that are measured at like cadence.

A clock is what writes whole rows at instants of its own: a target, or a recording rule. Its n-th row lies at
ring position n modulo the ring's length, in the columns that belong to the clock. So clocks of one cadence
stay side by side, and a selector over a thousand targets is one gather.

    times[T, C]                   values[T, S]
    clock  0      1               column    0     1      2     3        clock_of = [0, 0, 1, 1]
           10000  10300           row 0     1     0.3    1     0.1      start    = [0, 0]    oldest row kept
           20000  20300           row 1     1     0.4    1     0.2      count    = [3, 2]    rows ever written
           30000  -               row 2     1     0.4    -     -

A ring grows when the row that is to be overwritten is still wanted. Memory of columns and rows that were
never written is reserved, not used.
"""

from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ruler.store.frame import ABSENT, PAD, Times, Values

__all__ = ["Block", "Columns", "Gather", "Window"]

Columns = NDArray[np.intp]
Int64s = NDArray[np.int64]
_NEVER = np.iinfo(np.int64).min
_ROWS_MAX = 1 << 17  # of one ring; what does not fit is on the disk
_COLUMNS_MIN = 64
_CLOCKS_MIN = 8
_STARTS_MAX = 4  # as many groups of clocks that are in step are gathered a group at a time


@dataclass(frozen=True, slots=True)
class Gather:
    """Which columns a selection reads, prepared once."""

    columns: Columns  # [S]
    clocks: Columns  # [C], rising: the clocks of those columns
    clock: Columns  # [S], which of `clocks` each column goes by

    @classmethod
    def of(cls, block: "Block", columns: Columns) -> "Gather":
        clocks, clock = np.unique(block.clock_of[columns], return_inverse=True)
        return cls(columns, clocks, clock)


@dataclass(frozen=True, slots=True)
class Window:
    """What a gather found: `times` [T, C] rises, PAD at its end; `values` [T, S]."""

    times: Times
    values: Values


class Block:
    """Rows of many clocks. Its lock covers each method; whoever holds it does no I/O."""

    def __init__(self, rows: int) -> None:
        self._lock = Lock()
        self._rows = rows
        self._times: Times = np.full((rows, _CLOCKS_MIN), _NEVER)
        self._values: Values = np.empty((rows, _COLUMNS_MIN))
        self._start = np.zeros(_CLOCKS_MIN, np.int64)
        self._count = np.zeros(_CLOCKS_MIN, np.int64)
        self.clock_of = np.zeros(_COLUMNS_MIN, np.intp)
        self._clocks = 0
        self._columns = 0
        self._free_clocks: list[int] = []
        self._free_columns: list[int] = []

    @property
    def size_bytes(self) -> int:
        """Memory that the ring's used part takes."""
        rows = min(self._rows, int(self._count.max(initial=0)))
        return rows * (self._columns + self._clocks) * 8

    def open_clock(self) -> int:
        """A new clock, in step with those that are there."""
        with self._lock:
            if self._free_clocks:
                clock = self._free_clocks.pop()
            else:
                clock = self._clocks
                self._clocks += 1
                if self._clocks > len(self._count):
                    self._widen_clocks()
            self._times[:, clock] = _NEVER
            self._start[clock] = self._count[clock] = self._count[: self._clocks].max(initial=0)
            return clock

    def allocate(self, clock: int, size: int) -> Columns:
        """`size` columns of this clock, ABSENT in all rows it has."""
        with self._lock:
            free = min(size, len(self._free_columns))
            reused = [self._free_columns.pop() for _ in range(free)]
            first = self._columns
            self._columns += size - free
            if self._columns > self._values.shape[1]:
                self._widen_columns(first)
            columns = np.array([*reused, *range(first, self._columns)], np.intp)
            self.clock_of[columns] = clock
            rows = np.arange(self._start[clock], self._count[clock]) % self._rows
            self._values[np.ix_(rows, columns)] = ABSENT
            return columns

    def release(self, columns: Columns) -> None:
        """Give columns back; nobody may read them any more."""
        with self._lock:
            self._free_columns.extend(columns.tolist())

    def close_clock(self, clock: int) -> None:
        """Give a clock back whose columns were released."""
        with self._lock:
            self._start[clock] = self._count[clock] = 0
            self._times[:, clock] = _NEVER
            self._free_clocks.append(clock)

    def write(self, clock: int, columns: Columns, at_ms: int, row: Values, window_ms: int) -> int | None:
        """Write one row, later than all before; → the time of the row it displaced."""
        with self._lock:
            count = int(self._count[clock])
            evicted = None
            if count - self._start[clock] >= self._rows:
                oldest = int(self._times[count % self._rows, clock])
                if oldest >= at_ms - window_ms and self._rows < _ROWS_MAX:
                    self._lengthen()
                else:
                    evicted = oldest
                    self._start[clock] += 1
            position = count % self._rows
            self._values[position, columns] = row
            self._times[position, clock] = at_ms
            self._count[clock] = count + 1
            return evicted

    def amend(self, clock: int, columns: Columns, row: Values) -> None:
        """Put more samples into the clock's latest row."""
        with self._lock:
            self._values[(int(self._count[clock]) - 1) % self._rows, columns] = row

    def span(self, clock: int) -> tuple[int, int] | None:
        """Times of the oldest and the latest row of a clock."""
        with self._lock:
            start, count = int(self._start[clock]), int(self._count[clock])
            if start == count:
                return None
            first = self._times[start % self._rows, clock]
            return int(first), int(self._times[(count - 1) % self._rows, clock])

    def read(self, gather: Gather, start_ms: int, end_ms: int) -> Window | None:
        """Samples with start ≤ t ≤ end; None: there are no rows in that time."""
        with self._lock:
            first, last = self._bounds(gather.clocks, start_ms, end_ms)
            height = int((last - first).max(initial=0))
            if height <= 0:
                return None
            times: Times = self._gather(self._times, gather.clocks, first, height)
            values: Values = self._gather(self._values, gather.columns, first[gather.clock], height)
        short = np.arange(height)[:, None] >= last - first  # [T, C]
        if short[-1].any():
            times[short] = PAD
            values[short[:, gather.clock]] = ABSENT
        return Window(times, values)

    def _gather(self, ring: NDArray[Any], columns: Columns, first: Int64s, height: int) -> NDArray[Any]:
        """`height` rows of each column, from its own first. [T, S]."""
        starts = np.unique(first)
        if len(starts) == 1:
            return self._take(ring, int(starts[0]), height, columns)
        if len(starts) > _STARTS_MAX:
            scattered: NDArray[Any] = ring[(first + np.arange(height)[:, None]) % self._rows, columns]
            return scattered
        gathered = np.empty((height, len(columns)), ring.dtype)
        for start in starts:
            alike = np.flatnonzero(first == start)
            gathered[:, alike] = self._take(ring, int(start), height, columns[alike])
        return gathered

    def _take(self, ring: NDArray[Any], first: int, height: int, columns: Columns) -> NDArray[Any]:
        """Rows that lie one after the other, but for the ring's seam. [T, S]."""
        position = first % self._rows
        upper = min(height, self._rows - position)
        taken = np.empty((height, len(columns)), ring.dtype)
        np.take(ring[position : position + upper], columns, axis=1, out=taken[:upper], mode="clip")
        np.take(ring[: height - upper], columns, axis=1, out=taken[upper:], mode="clip")
        return taken

    def _bounds(self, clocks: Columns, start_ms: int, end_ms: int) -> tuple[Int64s, Int64s]:
        """Numbers of the first row in the span and of the first row past it, for each clock. [C], [C]."""
        return self._first_not_before(clocks, start_ms), self._first_not_before(clocks, end_ms + 1)

    def _first_not_before(self, clocks: Columns, at_ms: int) -> Int64s:
        """By halving: each clock's rows rise. [C]."""
        low, high = self._start[clocks], self._count[clocks]
        while (low < high).any():
            middle = (low + high) >> 1
            # Where nothing is left to halve, `middle` may be a row that is not there yet: it stays as it is.
            before = (self._times[middle % self._rows, clocks] < at_ms) & (low < high)
            low = np.where(before, middle + 1, low)
            high = np.where(before, high, middle)
        return low

    def _widen_clocks(self) -> None:
        size = 2 * len(self._count)
        times = np.full((self._rows, size), _NEVER)
        times[:, : self._times.shape[1]] = self._times
        self._times = times
        self._start = _longer(self._start, size)
        self._count = _longer(self._count, size)

    def _widen_columns(self, used: int) -> None:
        """Make room for the columns wanted; only rows and columns in use are touched."""
        size = max(self._columns, 2 * self._values.shape[1])
        rows = min(self._rows, int(self._count[: self._clocks].max(initial=0)))
        values = np.empty((self._rows, size))
        values[:rows, :used] = self._values[:rows, :used]
        self._values = values
        self.clock_of = _longer(self.clock_of, size)

    def _lengthen(self) -> None:
        """Double the ring; each clock's rows move to where the longer ring has them."""
        rows = 2 * self._rows
        clocks, columns = slice(0, self._clocks), slice(0, self._columns)
        times = np.full((rows, self._times.shape[1]), _NEVER)
        values = np.empty((rows, self._values.shape[1]))
        clock_numbers, column_numbers = np.arange(self._clocks), np.arange(self._columns)
        for back in range(1, self._rows + 1):
            row = self._count[clocks] - back  # [C]
            kept = row >= self._start[clocks]
            source, target = row % self._rows, row % rows
            times[target[kept], clock_numbers[kept]] = self._times[source[kept], clock_numbers[kept]]
            of = self.clock_of[columns]
            values[target[of], column_numbers] = self._values[source[of], column_numbers]
        self._rows, self._times, self._values = rows, times, values


def _longer(numbers: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    longer = np.zeros(size, np.int64)
    longer[: len(numbers)] = numbers
    return longer
