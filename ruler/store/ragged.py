"""Samples at times of their own: what came by remote write, out of order, or with its own timestamp.

Columns of (series, time, value), sorted and unique, in a few runs of falling size (a log-structured merge):
adding costs as much as sorting, reading a search in each run.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ruler.store.frame import Times, Values
from ruler.store.index import Sids

__all__ = ["Ragged", "Run"]


@dataclass(frozen=True, slots=True)
class Run:
    """Samples sorted by series, then time; none twice. All [N]."""

    sids: Sids
    times: Times
    values: Values

    def __len__(self) -> int:
        return len(self.sids)

    @classmethod
    def empty(cls) -> "Run":
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))

    @classmethod
    def of(cls, sids: Sids, times: Times, values: Values) -> "Run":
        """Sort; of samples of one series and instant the first stays."""
        order = np.lexsort((times, sids))
        sids, times, values = sids[order], times[order], values[order]
        repeated = (sids[1:] == sids[:-1]) & (times[1:] == times[:-1])
        if not repeated.any():
            return cls(sids, times, values)
        kept = np.concatenate([[True], ~repeated])
        return cls(sids[kept], times[kept], values[kept])

    @classmethod
    def merged(cls, runs: list["Run"]) -> "Run":
        """One run of several; of samples of one series and instant the earliest run's stays."""
        if len(runs) == 1:
            return runs[0]
        if not runs:
            return cls.empty()
        return cls.of(*(np.concatenate([getattr(run, name) for run in runs]) for name in cls.__slots__))

    def where(self, kept: NDArray[np.bool_]) -> "Run":
        """The samples that `kept` [N] marks."""
        return Run(self.sids[kept], self.times[kept], self.values[kept])

    def of_series(self, sids: Sids) -> "Run":
        """The samples of these series (rising)."""
        left, right = np.searchsorted(self.sids, sids, "left"), np.searchsorted(self.sids, sids, "right")
        sizes = right - left
        total = int(sizes.sum())
        if not total:
            return Run.empty()
        ends = np.cumsum(sizes)
        rows = np.repeat(left - (ends - sizes), sizes) + np.arange(total)
        return Run(self.sids[rows], self.times[rows], self.values[rows])

    def at(self, sids: Sids, times: Times) -> tuple[NDArray[np.bool_], Values]:
        """Which of these samples there are, and their values. [N], [N]."""
        found, values = np.zeros(len(sids), np.bool_), np.zeros(len(sids))
        left, right = np.searchsorted(self.sids, sids, "left"), np.searchsorted(self.sids, sids, "right")
        for number in np.flatnonzero(right > left):
            row = left[number] + np.searchsorted(self.times[left[number] : right[number]], times[number])
            if row < right[number] and self.times[row] == times[number]:
                found[number], values[number] = True, self.values[row]
        return found, values


class Ragged:
    """Not locked: the store's lock is."""

    def __init__(self) -> None:
        self._runs: list[Run] = []

    def __len__(self) -> int:
        return sum(len(run) for run in self._runs)

    @property
    def size_bytes(self) -> int:
        """Memory taken."""
        return len(self) * 24

    def add(self, run: Run) -> None:
        """Keep these samples; what is there already stays as it is."""
        if not len(run):
            return
        self._runs.append(run)
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            later, earlier = self._runs.pop(), self._runs.pop()
            self._runs.append(Run.merged([earlier, later]))

    def at(self, sids: Sids, times: Times) -> tuple[NDArray[np.bool_], Values]:
        """Which of these samples there are already, and their values. [N], [N]."""
        found, values = np.zeros(len(sids), np.bool_), np.zeros(len(sids))
        for run in self._runs:
            here, there = run.at(sids, times)
            values[here & ~found] = there[here & ~found]
            found |= here
        return found, values

    def read(self, sids: Sids, start_ms: int, end_ms: int) -> Run:
        """Samples of these series (rising) with start ≤ t ≤ end."""
        parts = []
        for run in self._runs:
            part = run.of_series(sids)
            part = part.where((part.times >= start_ms) & (part.times <= end_ms))
            if len(part):
                parts.append(part)
        return Run.merged(parts)

    def runs(self) -> list[Run]:
        """All samples, the earliest come first."""
        return list(self._runs)

    def series(self) -> Sids:
        """The series that have samples here, rising."""
        return np.unique(np.concatenate([np.empty(0, np.int64), *(run.sids for run in self._runs)]))

    def span(self) -> tuple[int, int] | None:
        """First and last instant."""
        if not self._runs:
            return None
        return (
            min(int(run.times.min()) for run in self._runs),
            max(int(run.times.max()) for run in self._runs),
        )

    def take_before(self, end_ms: int) -> Run:
        """Remove and return all samples before an instant."""
        whole = Run.merged(self._runs)
        early = whole.times < end_ms
        late = whole.where(~early)
        self._runs = [late] if len(late) else []
        return whole.where(early)
