"""Selections that are kept: a selector's series and the columns to read, patched as series come and go.

A rule asks the same selector for ever. What it costs is what changed since: new series are looked at one by
one (`Index.match(after=…)`), removed ones are dropped, and columns are planned anew only where series moved.
"""

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

from promkit.labels import Labels
from promkit.matchers import Matcher
from ruler.store.block import Block, Gather
from ruler.store.homes import Homes
from ruler.store.index import Index, Sids

__all__ = ["Part", "Plan", "Selections"]

_SELECTIONS_MAX = 2048
_NONE = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Part:
    """What is read from one block."""

    block: Block
    gather: Gather
    labels: Sequence[Labels]  # [S]
    key: Hashable = field(default_factory=object)


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a selection's samples lie in memory."""

    sids: Sids  # rising
    parts: Sequence[Part]
    ragged: Sids  # series that have ragged samples, rising
    mixed: bool  # whether a series may stand in two parts, or in a part and among the ragged


class _Selection:
    def __init__(self) -> None:
        self.sids = _NONE
        self.seen = 0  # series numbers below were looked at
        self.removals = 0
        self.changes = -1
        self.plan = Plan(_NONE, (), _NONE, mixed=False)


class Selections:
    """A bounded cache by matchers. Not locked: the store's lock is."""

    def __init__(self, index: Index, homes: Homes, blocks: Sequence[Block]) -> None:
        self._index = index
        self._homes = homes
        self._blocks = blocks
        self._kept: OrderedDict[tuple[Matcher, ...], _Selection] = OrderedDict()

    def plan(self, matchers: Sequence[Matcher]) -> Plan:
        """Where the series that fit lie, as of now."""
        key = tuple(matchers)
        selection = self._kept.get(key)
        if selection is None:
            selection = self._kept[key] = _Selection()
            if len(self._kept) > _SELECTIONS_MAX:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        if self._patch(selection, key) or selection.changes != self._homes.changes:
            selection.plan = self._plan(selection.sids)
            selection.changes = self._homes.changes
        return selection.plan

    def _patch(self, selection: _Selection, matchers: tuple[Matcher, ...]) -> bool:
        """Bring its series up to date; whether they changed."""
        changed = False
        if selection.removals != self._index.removals:
            alive = self._index.alive(selection.sids)
            changed = not alive.all()
            selection.sids = selection.sids[alive]
            selection.removals = self._index.removals
        if selection.seen < self._index.next_sid:
            new = self._index.match(matchers, after=selection.seen - 1)
            selection.seen = self._index.next_sid
            if len(new):
                selection.sids = np.concatenate([selection.sids, new])
                changed = True
        return changed

    def _plan(self, sids: Sids) -> Plan:
        blocks, columns = self._homes.of(sids)
        extras = self._homes.extras(sids)
        ragged = np.array([sid for sid in sids.tolist() if sid in self._homes.ragged], np.int64)
        parts = []
        for number in np.unique(blocks):
            if number >= 0:
                here = np.flatnonzero(blocks == number)
                parts.append(self._part(int(number), columns[here].astype(np.intp), sids[here]))
        for sid, number, column in extras:
            parts.append(self._part(number, np.array([column], np.intp), np.array([sid])))
        housed = ragged[self._homes.of(ragged)[0] >= 0]
        return Plan(sids, parts, ragged, mixed=bool(extras) or len(housed) > 0)

    def _part(self, number: int, columns: np.ndarray[tuple[int], np.dtype[np.intp]], sids: Sids) -> Part:
        block = self._blocks[number]
        return Part(block, Gather.of(block, columns), [self._index.labels(sid) for sid in sids.tolist()])
