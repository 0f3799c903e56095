"""Which series there are, and which of them a selector means.

Every (name, value) pair is held once and has a number; a series is the sorted tuple of its pairs' numbers,
held once as bytes, and a number of its own that is never used again. A pair's posting is the rising list of
the series that have it.

    pairs     0: __name__=up   1: job=node   2: instance=web1   3: instance=web2
    series    0: 0,2,1         1: 0,3,1
    postings  0: [0, 1]        1: [0, 1]     2: [0]             3: [1]
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from promkit.labels import METRIC_NAME, Labels
from promkit.matchers import Matcher, MatchOp

__all__ = ["Index", "Sids"]

Sids = NDArray[np.int64]
_CANDIDATES_MAX = 1024  # beyond, sets are cheaper than looking at each series
_NONE = np.empty(0, np.int64)


class Index:
    """Labels to series numbers and back. Not locked: the store's lock is."""

    def __init__(self) -> None:
        self.next_sid = 0
        self.removals = 0  # how often series were removed
        self._pair_of: dict[str, dict[str, int]] = {}
        self._names: list[str] = []
        self._values: list[str] = []
        self._postings: list[array[int]] = []
        self._free_pairs: list[int] = []
        self._sid_of: dict[bytes, int] = {}
        self._key_of: dict[int, bytes] = {}
        self._labels: dict[int, Labels] = {}  # of series that somebody asked for

    def __len__(self) -> int:
        return len(self._key_of)

    def __contains__(self, sid: int) -> bool:
        return sid in self._key_of

    def find(self, labels: Labels) -> int | None:
        """The series' number, if there is one."""
        pairs = []
        for name, value in labels.items():
            pair = self._pair_of.get(name, {}).get(value)
            if pair is None:
                return None
            pairs.append(pair)
        return self._sid_of.get(array("I", pairs).tobytes())

    def add(self, labels: Labels, sid: int | None = None) -> int:
        """The series' number; a new one (or the given one, which must be the highest yet) if it is new."""
        key = array("I", [self._pair(name, value) for name, value in labels.items()]).tobytes()
        known = self._sid_of.get(key)
        if known is not None:
            return known
        new = self.next_sid if sid is None else sid
        self.next_sid = max(self.next_sid, new + 1)
        self._sid_of[key] = new
        self._key_of[new] = key
        for pair in _pairs(key):
            self._postings[pair].append(new)
        return new

    def remove(self, sids: Iterable[int]) -> None:
        """Forget these series; pairs that no series has any more are forgotten with them."""
        gone = {sid for sid in sids if sid in self._key_of}
        if not gone:
            return
        self.removals += 1
        touched: set[int] = set()
        for sid in gone:
            key = self._key_of.pop(sid)
            del self._sid_of[key]
            self._labels.pop(sid, None)
            touched.update(_pairs(key))
        left_out = np.fromiter(gone, np.int64, len(gone))
        for pair in touched:
            posting = np.array(self._postings[pair], np.int64)
            kept = posting[~np.isin(posting, left_out)]
            self._postings[pair] = array("q", kept.tobytes())
            if not len(kept):
                self._forget_pair(pair)

    def labels(self, sid: int) -> Labels:
        """The series' labels; the same object each time."""
        labels = self._labels.get(sid)
        if labels is None:
            pairs = _pairs(self._key_of[sid])
            labels = Labels.of_sorted({self._names[pair]: self._values[pair] for pair in pairs})
            self._labels[sid] = labels
        return labels

    def sids(self) -> Sids:
        """All series, rising."""
        return np.sort(np.fromiter(self._key_of, np.int64, len(self._key_of)))

    def alive(self, sids: Sids) -> NDArray[np.bool_]:
        """Which of them are still there. [S]."""
        return np.fromiter(map(self._key_of.__contains__, sids.tolist()), np.bool_, len(sids))

    def names(self) -> list[str]:
        """All label names, unsorted."""
        return list(self._pair_of)

    def values(self, name: str) -> list[str]:
        """All values of a label, unsorted."""
        return list(self._pair_of.get(name, ()))

    def match(self, matchers: Sequence[Matcher], after: int = -1) -> Sids:
        """The series that fit all matchers and are numbered above `after`, rising."""
        candidates = self._candidates(matchers, after)
        if candidates is not None and len(candidates) <= _CANDIDATES_MAX:
            fitting = [sid for sid in candidates if _fits(self.labels_once(sid), matchers)]
            return np.array(fitting, np.int64)
        found: Sids | None = None
        for matcher in sorted(matchers, key=_cost):
            if not matcher.matches(""):
                having = self._having(matcher, fitting=True)
                found = having if found is None else np.intersect1d(found, having, assume_unique=True)
        if found is None:
            found = self.sids()
        for matcher in matchers:
            if matcher.matches("") and len(found):
                found = np.setdiff1d(found, self._having(matcher, fitting=False), assume_unique=True)
        return found[found > after]

    def labels_once(self, sid: int) -> Labels:
        """The series' labels, for a look that keeps nothing."""
        known = self._labels.get(sid)
        if known is not None:
            return known
        pairs = _pairs(self._key_of[sid])
        return Labels.of_sorted({self._names[pair]: self._values[pair] for pair in pairs})

    def _candidates(self, matchers: Sequence[Matcher], after: int) -> "array[int] | None":
        """The shortest posting among the equalities; None without one."""
        shortest: array[int] | None = None
        size = 0
        for matcher in matchers:
            if matcher.op is MatchOp.EQUAL and matcher.value:
                pair = self._pair_of.get(matcher.name, {}).get(matcher.value)
                if pair is None:
                    return array("q")
                posting = self._postings[pair]
                start = bisect_left(posting, after + 1)
                if shortest is None or len(posting) - start < size:
                    shortest, size = posting, len(posting) - start
        if shortest is None or size > _CANDIDATES_MAX:
            return shortest
        return shortest[len(shortest) - size :]

    def _having(self, matcher: Matcher, *, fitting: bool) -> Sids:
        """The series that have the label, with a value that fits (or that does not). Rising."""
        values = self._pair_of.get(matcher.name, {})
        if matcher.op is MatchOp.EQUAL and fitting:
            pair = values.get(matcher.value)
            return _NONE if pair is None else np.array(self._postings[pair], np.int64)
        pairs = [pair for value, pair in values.items() if matcher.matches(value) is fitting]
        parts = [np.array(self._postings[pair], np.int64) for pair in pairs]
        return np.sort(np.concatenate(parts)) if parts else _NONE

    def _pair(self, name: str, value: str) -> int:
        values = self._pair_of.get(name)
        if values is None:
            values = self._pair_of[name] = {}
        pair = values.get(value)
        if pair is None:
            pair = self._new_pair(name, value)
            values[value] = pair
        return pair

    def _new_pair(self, name: str, value: str) -> int:
        if self._free_pairs:
            pair = self._free_pairs.pop()
            self._names[pair], self._values[pair] = name, value
            return pair
        self._names.append(name)
        self._values.append(value)
        self._postings.append(array("q"))
        return len(self._names) - 1

    def _forget_pair(self, pair: int) -> None:
        name = self._names[pair]
        values = self._pair_of[name]
        del values[self._values[pair]]
        if not values:
            del self._pair_of[name]
        self._names[pair] = self._values[pair] = ""
        self._free_pairs.append(pair)


def _pairs(key: bytes) -> "array[int]":
    pairs = array("I")
    pairs.frombytes(key)
    return pairs


def _fits(labels: Labels, matchers: Sequence[Matcher]) -> bool:
    return all(matcher.matches(labels[matcher.name]) for matcher in matchers)


def _cost(matcher: Matcher) -> tuple[bool, bool]:
    """Equalities first, the metric's name foremost."""
    return (matcher.op is not MatchOp.EQUAL, matcher.name != METRIC_NAME)
