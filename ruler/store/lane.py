"""A lane: through it a target or a recording rule writes whole rows, at instants of its own.

A row has a slot for each series; a slot is a column of the lane's block. Slots of series that ended are used
again once none of their samples is in the ring any more.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from promkit.labels import Labels
from ruler.store.block import Block, Columns, Gather, Window
from ruler.store.frame import ABSENT, STALE, Times, Values
from ruler.store.index import Sids
from ruler.store.log import LaneName

__all__ = ["Keeper", "Lane", "Slots"]

Slots = NDArray[np.intp]
_FREE = -1
_ALWAYS = (np.iinfo(np.int64).min + 1, np.iinfo(np.int64).max - 1)


class Keeper(Protocol):
    """What a lane asks of the store it belongs to."""

    @property
    def window_ms(self) -> int:
        """How long a row is wanted in the ring."""

    def enlist(self, lane: "Lane", series: Sequence[Labels]) -> Slots:
        """Slots for these series, made where there are none."""

    def retire(self, lane: "Lane", slots: Slots, at_ms: int) -> None:
        """The series of these slots ended."""

    def revive(self, lane: "Lane", slots: Slots) -> None:
        """They have samples again."""

    def keep(self, sids: Sids, times: Times, values: Values) -> None:
        """Samples at times of their own."""

    def written(self, lane: "Lane", at_ms: int, row: Values, evicted_ms: int | None) -> None:
        """A row was put into the ring."""

    def amended(self, sids: Sids, at_ms: int, values: Values) -> None:
        """Samples were put into the lane's last row."""

    def strayed(self, sids: Sids, at_ms: int, values: Values) -> None:
        """Samples that are not later than the lane's last row."""


class Lane:
    """One writer at a time."""

    def __init__(self, keeper: Keeper, name: LaneName, block: Block, block_number: int, clock: int) -> None:
        self.name = name
        self.block = block
        self.block_number = block_number
        self.clock = clock
        self.sids: Sids = np.empty(0, np.int64)  # [W], −1 in a free slot
        self.columns: Columns = np.empty(0, np.intp)  # [W]
        self.last_ms: int | None = None
        self.ended: dict[int, int] = {}  # slot → when its series ended
        self.free: list[int] = []
        self.fresh: list[Sids] = []  # series that have no sample yet
        self.open = True
        self.adopted = False  # whether somebody writes it, since a restart
        self._keeper = keeper

    @property
    def width(self) -> int:
        """Slots of a row."""
        return len(self.sids)

    def slots(self, series: Sequence[Labels]) -> Slots:
        """The slots of these series, in their order. Rows grow wider by those that are new."""
        return self._keeper.enlist(self, series)

    def blank(self) -> Values:
        """A row without samples. [W]."""
        return np.full(self.width, ABSENT)

    def write(self, at_ms: int, row: Values) -> None:
        """Write a row, [W]; one that is not later than the last goes among the ragged samples."""
        if self.last_ms is not None and at_ms <= self.last_ms:
            used = np.flatnonzero(self.sids != _FREE)
            self._keeper.strayed(self.sids[used], at_ms, row[used])
            return
        evicted_ms = self.block.write(self.clock, self.columns, at_ms, row, self._keeper.window_ms)
        self.last_ms = at_ms
        self._keeper.written(self, at_ms, row, evicted_ms)

    def put(self, at_ms: int, slots: Slots, values: Values) -> None:
        """Write samples of some series: a row of its own, or more of the last row at its time."""
        if self.last_ms is None or at_ms > self.last_ms:
            row = self.blank()
            row[slots] = values
            self.write(at_ms, row)
        elif at_ms == self.last_ms:
            self.block.amend(self.clock, self.columns[slots], values)
            self._keeper.amended(self.sids[slots], at_ms, values)
        else:
            self._keeper.strayed(self.sids[slots], at_ms, values)

    def window(self) -> Window | None:
        """All rows that are in the ring, a column a slot."""
        gather = Gather.of(self.block, self.columns)
        return self.block.read(gather, *_ALWAYS) if self.width else None

    def retire(self, slots: Slots, at_ms: int) -> None:
        """The series of these slots ended; that the row of `at_ms` marks them STALE is up to the writer."""
        self._keeper.retire(self, slots, at_ms)

    def revive(self, slots: Slots) -> None:
        """The series of these slots, which had ended, have samples again."""
        self._keeper.revive(self, slots)

    def stray(self, slots: Slots, times: Times, values: Values) -> None:
        """Samples of series of this lane, at times of their own."""
        self._keeper.keep(self.sids[slots], times, values)

    def end(self, at_ms: int) -> None:
        """Mark all series as ended and write no more."""
        live = np.flatnonzero(self.sids != _FREE)
        live = np.array([slot for slot in live.tolist() if slot not in self.ended], np.intp)
        if len(live) and self.last_ms is not None:
            self.put(max(at_ms, self.last_ms + 1), live, np.full(len(live), STALE))
            self.retire(live, at_ms)
        self.open = False
