"""Which series of two vectors belong together. All of it follows from labels, and is kept with them."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from promkit.errors import LimitError
from promkit.labels import METRIC_NAME, Labels
from ruler.promql.ast import Cardinality, Matching
from ruler.promql.index import METADATA_LABELS, Groups, Index, Positions

__all__ = ["Pairing", "Signatures", "alike", "pairing", "signatures"]


T = TypeVar("T")
PAIRS_MAX = 5_000_000


@dataclass(frozen=True, slots=True)
class Signatures:
    """What each column of two indexes is matched by, as numbers common to both."""

    left: Positions  # [S]
    right: Positions  # [S']
    count: int


@dataclass(frozen=True, slots=True)
class Pairing:
    """Pairs of columns with equal signatures."""

    many: Positions  # [P]
    one: Positions  # [P]
    index: Index  # [P], the results' labels
    result_groups: Groups | None  # pairs of which at most one may hold at a step; None: all differ


def signature(labels: Labels, matching: Matching) -> Labels:
    """What a series is matched by."""
    if matching.on:
        return labels.only(frozenset(matching.labels))
    return labels.without(frozenset((*matching.labels, METRIC_NAME)))


def _signed(index: Index, matching: Matching) -> list[Labels]:
    key = ("signatures", matching.on, matching.labels)
    return index.derived(key, lambda: [signature(labels, matching) for labels in index.labels])


def signatures(left: Index, right: Index, matching: Matching) -> Signatures:
    """Number the signatures of both sides."""

    def make() -> Signatures:
        numbers: dict[Labels, int] = {}
        sides = [
            np.array([numbers.setdefault(item, len(numbers)) for item in _signed(index, matching)], np.intp)
            for index in (left, right)
        ]
        return Signatures(sides[0], sides[1], len(numbers))

    return _kept_for_both(left, right, ("numbers", matching.on, matching.labels), make)


def alike(index: Index, matching: Matching) -> Groups | None:
    """The columns of one index by signature; None where all differ."""

    def make() -> Groups | None:
        signed = _signed(index, matching)
        return None if len(set(signed)) == len(signed) else index.grouped(signed)

    return index.derived(("alike", matching.on, matching.labels), make)


def pairing(many: Index, one: Index, matching: Matching, *, drops_name: bool) -> Pairing:
    """Pair the columns of two indexes."""
    key = ("pairing", matching, drops_name)
    return _kept_for_both(many, one, key, lambda: _pairing(many, one, matching, drops_name=drops_name))


def _kept_for_both(one: Index, other: Index, key: Hashable, make: Callable[[], T]) -> T:
    """What `make` derives from two indexes, kept with the first; an `id` may be used anew, so look again."""
    partner, made = one.derived((key, id(other)), lambda: (other, make()))
    return made if partner is other else make()


def _pairing(many: Index, one: Index, matching: Matching, *, drops_name: bool) -> Pairing:
    many_signatures, one_signatures = _signed(many, matching), _signed(one, matching)
    candidates: dict[Labels, list[int]] = {}
    for column, item in enumerate(one_signatures):
        candidates.setdefault(item, []).append(column)
    wanted = sum(len(candidates.get(item, ())) for item in many_signatures)
    if wanted > PAIRS_MAX:
        raise LimitError(f"the operands would make {wanted} pairs of series, more than {PAIRS_MAX}")
    pairs = [
        (column, partner)
        for column, item in enumerate(many_signatures)
        for partner in candidates.get(item, ())
    ]
    labels = [
        _result_labels(many.labels[column], one.labels[partner], matching, drops_name=drops_name)
        for column, partner in pairs
    ]
    columns = np.array([column for column, _ in pairs], dtype=np.intp)
    renamed = None if many.renamed is None else many.renamed[columns]
    index = Index(labels, renamed)
    told_apart_by: list[object] = [many_signatures[column] for column, _ in pairs]
    if matching.card is not Cardinality.ONE_TO_ONE:
        told_apart_by = [(item, result) for item, result in zip(told_apart_by, labels, strict=True)]
    is_unique = len(set(told_apart_by)) == len(pairs)
    result_groups = None if is_unique else _groups(index, told_apart_by)
    partners = np.array([partner for _, partner in pairs], dtype=np.intp)
    return Pairing(columns, partners, index, result_groups)


def _groups(index: Index, keys: list[object]) -> Groups:
    """Pairs by what they may not share; the groups' own labels are of no use here."""
    numbers: dict[object, int] = {}
    which = [Labels({"group": str(numbers.setdefault(key, len(numbers)))}) for key in keys]
    return Index(index.labels).grouped(which)


def _result_labels(many: Labels, one: Labels, matching: Matching, *, drops_name: bool) -> Labels:
    labels = many.without(METADATA_LABELS) if drops_name else many
    if matching.card is Cardinality.ONE_TO_ONE:
        if matching.on:
            return labels.only(frozenset(matching.labels))
        return labels.without(frozenset(matching.labels)) if matching.labels else labels
    if not matching.include:
        return labels
    return labels.merged({name: one[name] for name in matching.include})
