"""Where each series' samples lie in memory: in columns of blocks, among the ragged samples, or both.

Almost every series has one column; `extra` knows the few that have more (two targets that give the same
series, a target that came back elsewhere).
"""

import numpy as np
from numpy.typing import NDArray

from ruler.store.block import Columns
from ruler.store.index import Sids

__all__ = ["FOREVER", "Homes"]

FOREVER = np.iinfo(np.int64).max
_NEVER = np.iinfo(np.int64).min
_NOWHERE = -1


class Homes:
    """Arrays by series number. Not locked: the store's lock is."""

    def __init__(self) -> None:
        self.changes = 0  # how often a series that was known got or lost a home
        self.ragged: set[int] = set()
        self.extra: dict[int, list[tuple[int, int]]] = {}
        self.first_ms = np.empty(0, np.int64)  # of the samples in memory; FOREVER: none yet
        self.last_ms = np.empty(0, np.int64)  # FOREVER: its lane goes on
        self.ragged_ms = np.empty(0, np.int64)  # the latest ragged sample
        self._block = np.empty(0, np.int64)
        self._column = np.empty(0, np.int64)

    def reserve(self, size: int) -> None:
        """Make room for series numbers below `size`."""
        if size <= len(self._block):
            return
        room = max(size, 2 * len(self._block), 1024)
        self.first_ms = _extended(self.first_ms, room, FOREVER)
        self.last_ms = _extended(self.last_ms, room, _NEVER)
        self.ragged_ms = _extended(self.ragged_ms, room, _NEVER)
        self._block = _extended(self._block, room, _NOWHERE)
        self._column = _extended(self._column, room, _NOWHERE)

    def settle(self, sids: Sids, block: int, columns: Columns) -> None:
        """These series also live in these columns."""
        known = self._block[sids] != _NOWHERE
        for sid, column in zip(sids[known].tolist(), columns[known].tolist(), strict=True):
            self.extra.setdefault(sid, []).append((block, column))
        if known.any():
            self.changes += 1
        self._block[sids[~known]] = block
        self._column[sids[~known]] = columns[~known]

    def settle_ragged(self, sids: Sids) -> None:
        """These series also have ragged samples."""
        new = set(sids.tolist()).difference(self.ragged)
        if new:
            self.ragged |= new
            self.changes += 1

    def leave_ragged(self, sids: Sids) -> None:
        """These series have no ragged samples any more."""
        self.ragged -= set(sids.tolist())
        self.changes += 1

    def leave(self, sids: Sids, block: int, columns: Columns) -> None:
        """These series do not live in these columns any more."""
        self.changes += 1
        for sid, column in zip(sids.tolist(), columns.tolist(), strict=True):
            more = self.extra.get(sid, [])
            if (int(self._block[sid]), int(self._column[sid])) == (block, column):
                self._block[sid], self._column[sid] = more.pop(0) if more else (_NOWHERE, _NOWHERE)
            else:
                more.remove((block, column))
            if not more:
                self.extra.pop(sid, None)

    def homeless(self, sids: Sids) -> Sids:
        """Those of them whose samples are nowhere in memory."""
        nowhere = sids[self._block[sids] == _NOWHERE]
        return np.array([sid for sid in nowhere.tolist() if sid not in self.ragged], np.int64)

    def lived(self, sids: Sids, start_ms: int, end_ms: int) -> Sids:
        """Those of them that have samples in memory from start to end, as far as their ends tell."""
        last = np.maximum(self.last_ms[sids], self.ragged_ms[sids])
        return sids[(self.first_ms[sids] <= end_ms) & (last >= start_ms)]

    def of(self, sids: Sids) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Block and column of each; −1 where it has none. [S], [S]."""
        return self._block[sids], self._column[sids]

    def extras(self, sids: Sids) -> list[tuple[int, int, int]]:
        """(sid, block, column) of their further columns."""
        if not self.extra:
            return []
        return [(sid, *home) for sid in sids.tolist() for home in self.extra.get(sid, ())]


def _extended(numbers: NDArray[np.int64], size: int, fill: int) -> NDArray[np.int64]:
    extended = np.full(size, fill, numbers.dtype)
    extended[: len(numbers)] = numbers
    return extended
