"""Which series a selector means."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promkit.labels import Labels
from promkit.matchers import Matcher, MatchOp
from ruler.store.index import Index

SERIES = [
    Labels({"__name__": "up", "job": "node", "instance": "a"}),
    Labels({"__name__": "up", "job": "node", "instance": "b"}),
    Labels({"__name__": "up", "job": "db"}),
    Labels({"__name__": "load", "instance": "a"}),
]
CASES: dict[str, tuple[list[tuple[str, str, str]], list[int]]] = {
    "name": ([("__name__", "=", "up")], [0, 1, 2]),
    "two equalities": ([("__name__", "=", "up"), ("instance", "=", "a")], [0]),
    "unknown value": ([("__name__", "=", "down")], []),
    "unknown label": ([("zone", "=", "x")], []),
    "not equal has those without": ([("__name__", "=", "up"), ("instance", "!=", "a")], [1, 2]),
    "empty means absent": ([("__name__", "=", "up"), ("instance", "=", "")], [2]),
    "not empty means present": ([("instance", "!=", "")], [0, 1, 3]),
    "expression": ([("job", "=~", "no.*|x")], [0, 1]),
    "expression that fits nothing, too": ([("__name__", "=", "up"), ("job", "=~", "|db")], [2]),
    "negated expression": ([("__name__", "=~", ".+"), ("instance", "!~", "a|b")], [2]),
    "all": ([("x", "=~", ".*")], [0, 1, 2, 3]),
}


def matchers(pairs: Sequence[tuple[str, str, str]]) -> list[Matcher]:
    return [Matcher(name, MatchOp(op), value) for name, op, value in pairs]


def an_index() -> Index:
    index = Index()
    for labels in SERIES:
        index.add(labels)
    return index


@pytest.mark.parametrize("name", CASES)
def test_a_selector_finds_its_series(name: str) -> None:
    pairs, expected = CASES[name]
    assert an_index().match(matchers(pairs)).tolist() == expected


def test_labels_come_back_and_a_series_keeps_its_number() -> None:
    index = an_index()
    assert [index.add(labels) for labels in SERIES] == [0, 1, 2, 3]
    assert [index.labels(sid) for sid in range(4)] == SERIES
    assert index.find(SERIES[2]) == 2
    assert index.find(Labels({"__name__": "up"})) is None


def test_removed_series_are_not_found_and_their_values_are_forgotten() -> None:
    index = an_index()
    index.remove([2, 3])
    assert index.match(matchers([("__name__", "=~", ".+")])).tolist() == [0, 1]
    assert sorted(index.values("job")) == ["node"]
    assert index.values("__name__") == ["up"]
    assert index.add(SERIES[3]) == 4, "a number is never used again"
    assert index.labels(4) == SERIES[3]


def test_only_series_after_a_number_are_looked_at() -> None:
    assert an_index().match(matchers([("__name__", "=", "up")]), after=0).tolist() == [1, 2]


names = st.sampled_from(["a", "b", "c"])
values = st.sampled_from(["", "x", "y", "xy"])


@given(
    st.lists(st.dictionaries(names, values, min_size=1), max_size=12),
    st.lists(st.tuples(names, st.sampled_from(["=", "!=", "=~", "!~"]), values), min_size=1, max_size=3),
    st.integers(-1, 6),
)
def test_it_finds_what_looking_at_each_series_finds(
    series: list[dict[str, str]], pairs: list[tuple[str, str, str]], after: int
) -> None:
    index = Index()
    for labels in series:
        index.add(Labels(labels))
    wanted = matchers(pairs)
    sids = index.sids()
    expected = [
        sid for sid in sids.tolist()
        if sid > after and all(matcher.matches_labels(index.labels(sid)) for matcher in wanted)
    ]  # fmt: skip
    assert index.match(wanted, after).tolist() == expected
    assert np.all(np.diff(sids) > 0)
