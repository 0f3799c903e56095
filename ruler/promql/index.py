"""The label sets of a table's columns, and what was derived from them.

Label sets change rarely while values change at every evaluation. So groups, signatures and shortened
label sets are worked out once for an Index and kept with it; an Index in turn is kept for as long as its
frames say, by their `key`, that they still have the same series.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from promkit.labels import METRIC_NAME, Labels
from ruler.store import Mask

__all__ = ["Groups", "Index", "Indexes", "Positions"]

Positions = NDArray[np.intp]
T = TypeVar("T")

# What says what a series is rather than where it comes from: dropped when a value is no longer that thing.
METADATA_LABELS = frozenset((METRIC_NAME, "__type__", "__unit__"))
MEMO_MAX = 64
_NOTHING = object()
KEPT_SERIES_MAX = 500_000
PLACES_MAX = 4_096


@dataclass(frozen=True, slots=True)
class Groups:
    """Columns of an Index gathered into groups.

    `order` lists the columns group by group, each group in its columns' order; `starts` says where in `order`
    each group begins; `which` is the group of each column.
    """

    index: "Index"  # [G]
    which: Positions  # [S]
    order: Positions  # [S]
    starts: Positions  # [G]

    @property
    def sizes(self) -> Positions:
        """How many columns each group has. [G]."""
        return np.diff(np.append(self.starts, len(self.order)))


class Index:
    """Label sets [S]; `renamed` marks those whose name is to be dropped at the end of the evaluation.

    The latter only with delayed name removal; None: no column.
    """

    __slots__ = ("_memo", "labels", "renamed")

    def __init__(self, labels: Sequence[Labels], renamed: Mask | None = None) -> None:
        self.labels = labels
        self.renamed = renamed
        self._memo: dict[Hashable, object] = {}

    def __len__(self) -> int:
        return len(self.labels)

    def derived(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, made once for each key."""
        kept = self._memo.get(key, _NOTHING)
        if kept is not _NOTHING:
            return cast("T", kept)  # each key has one maker
        made = make()
        if len(self._memo) >= MEMO_MAX:
            self._memo = {}
        self._memo[key] = made
        return made

    def nameless(self, *, delayed: bool) -> "Index":
        """The same columns without the labels that name the metric, or marked to lose them."""
        return self.derived(("nameless", delayed), lambda: self._nameless(delayed=delayed))

    def _nameless(self, *, delayed: bool) -> "Index":
        if delayed:
            return Index(self.labels, np.ones(len(self), dtype=np.bool_))
        return Index([_without_metadata(labels) for labels in self.labels])

    def cleaned(self) -> "Index":
        """The columns with all delayed removals done."""
        renamed = self.renamed
        if renamed is None or not renamed.any():
            return self
        pairs = zip(self.labels, renamed, strict=True)
        return self.derived(
            "cleaned",
            lambda: Index([_without_metadata(labels) if gone else labels for labels, gone in pairs]),
        )

    def repeats(self) -> Groups | None:
        """Columns grouped by equal label sets; None when all differ, as they nearly always do."""
        return self.derived("repeats", self._repeats)

    def _repeats(self) -> Groups | None:
        if len(set(self.labels)) == len(self.labels):
            return None
        return self.grouped(self.labels)

    def groups(self, names: tuple[str, ...], *, without: bool) -> Groups:
        """Columns grouped as an aggregation says."""
        key = ("groups", names, without)
        return self.derived(key, lambda: self.grouped(self._group_labels(names, without=without)))

    def _group_labels(self, names: tuple[str, ...], *, without: bool) -> list[Labels]:
        if without:
            dropped = frozenset((*names, METRIC_NAME))
            return [labels.without(dropped) for labels in self.labels]
        kept = frozenset(names)
        return [labels.only(kept) for labels in self.labels]

    def grouped(self, labels: Sequence[Labels]) -> Groups:
        """Columns grouped by the label set given for each; groups come in order of appearance."""
        found: dict[Labels, int] = {}
        which = np.fromiter(
            (found.setdefault(item, len(found)) for item in labels), dtype=np.intp, count=len(labels)
        )
        order = np.argsort(which, kind="stable")
        starts = np.searchsorted(which[order], np.arange(len(found)))
        renamed = None if self.renamed is None else self.renamed[order[starts]]
        return Groups(Index(list(found), renamed), which, order, starts)

    def take(self, columns: Positions) -> "Index":
        """Some of the columns."""
        renamed = None if self.renamed is None else self.renamed[columns]
        return Index([self.labels[column] for column in columns.tolist()], renamed)


def joined(indexes: Sequence[Index]) -> Index:
    """The columns of all, one after the other."""
    labels = [item for index in indexes for item in index.labels]
    if all(index.renamed is None for index in indexes):
        return Index(labels)
    masks = [
        np.zeros(len(index), dtype=np.bool_) if index.renamed is None else index.renamed for index in indexes
    ]
    return Index(labels, np.concatenate(masks))


def _without_metadata(labels: Labels) -> Labels:
    if METRIC_NAME not in labels and "__type__" not in labels and "__unit__" not in labels:
        return labels
    return labels.without(METADATA_LABELS)


class Indexes:
    """The indexes of the selectors that were evaluated last; bounded in series.

    A place (a selector, and which of its frames) keeps one index, for as long as its frame's key stays.
    """

    def __init__(self, series_max: int = KEPT_SERIES_MAX) -> None:
        self._series_max = series_max
        self._kept: OrderedDict[Hashable, tuple[Hashable, Index]] = OrderedDict()
        self._series = 0
        self._lock = Lock()

    def of(self, place: Hashable, key: Hashable, make: Callable[[], Index]) -> Index:
        """The index kept in a place under this key, else a new one; key None is never kept."""
        if key is None:
            return make()
        with self._lock:
            kept = self._kept.get(place)
            if kept is not None and kept[0] == key:
                self._kept.move_to_end(place)
                return kept[1]
        index = make()
        with self._lock:
            replaced = self._kept.pop(place, None)
            self._series += len(index) - (len(replaced[1]) if replaced is not None else 0)
            self._kept[place] = (key, index)
            while self._series > self._series_max or len(self._kept) > PLACES_MAX:
                _, (_, oldest) = self._kept.popitem(last=False)
                self._series -= len(oldest)
        return index
