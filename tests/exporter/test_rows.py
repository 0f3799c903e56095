"""What is made of rows."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from exporter.rows import Made, Metric, Pool, Row, families, label_text, number
from promkit.errors import Unavailable
from promkit.exposition import MetricType
from tests.builders.sources import values

NUMBERS: dict[str, tuple[object, float | None]] = {
    "none": (None, None),
    "true": (True, 1),
    "a word for true": (" True ", 1),
    "a word for false": ("false", 0),
    "whole": (3, 3),
    "decimal": (Decimal("0.25"), 0.25),
    "a text": (" 1e3 ", 1000),
    "an instant": (datetime(1970, 1, 1, 0, 1, tzinfo=UTC), 60),
    "a span": (timedelta(minutes=1), 60),
}


@pytest.mark.parametrize(("value", "expected"), NUMBERS.values(), ids=NUMBERS)
def test_number(value: object, expected: float | None) -> None:
    assert number(value) == expected


NO_NUMBERS = {
    "a word": ("many", "'x' is 'many', no number"),
    "nothing": ("", "no number"),
    "a list": ([1], "'x' is list, no number"),
    "an object": ({}, "is dict"),
    "too large": (10**400, "too large"),
    "no time zone": (datetime(2026, 1, 1), "give it a time zone"),  # noqa: DTZ001 - that is the case
    "a day": (date(2026, 1, 1), "give it a time zone"),
}


@pytest.mark.parametrize(("value", "why"), NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_no_number(value: object, why: str) -> None:
    with pytest.raises(Unavailable, match=why):
        number(value, "x")


LABELS = {None: "", True: "true", 3: "3", "a": "a", "\ud800": "?"}


@pytest.mark.parametrize(("value", "text"), LABELS.items())
def test_label_text(value: object, text: str) -> None:
    assert label_text(value, "x") == text
    with pytest.raises(Unavailable, match="label x is longer than 1000"):
        label_text("a" * 1_001, "x")


@pytest.mark.parametrize("value", [[1], {"a": 1}])
def test_no_label(value: object) -> None:
    with pytest.raises(Unavailable, match="label x is"):
        label_text(value, "x")


def a_row(labels: Mapping[str, str] | None = None, **found: object) -> Row:
    return Row(labels or {}, found)


DEPTH = Metric(name="business_depth", value="depth", help="Depth.")
MADE: dict[str, tuple[Made, Sequence[Row], dict[str, float]]] = {
    "a row a series": (
        Made(metrics=(DEPTH,)),
        [a_row({"kind": "a"}, depth=1), a_row({"kind": "b"}, depth="2")],
        {'business_depth{db="x", kind="a"}': 1, 'business_depth{db="x", kind="b"}': 2},
    ),
    "nothing where there is none": (Made(metrics=(DEPTH,)), [a_row(depth=None)], {}),
    "no row": (Made(metrics=(DEPTH,)), [], {}),
    "a counter": (
        Made(metrics=(Metric(name="business_done_total", value="done"),)),
        [a_row(done=7)],
        {'business_done_total{db="x"}': 7},
    ),
    "labels of its own": (
        Made(metrics=(Metric(name="business_depth", value="depth", labels={"type": "t", "db": "y"}),)),
        [a_row({"type": "row"}, depth=1)],
        {'business_depth{db="y", type="t"}': 1},
    ),
    "a pool with a size in the row": (
        Made(pools=(Pool(pool="p", type="workers", in_use="busy", size="all"),)),
        [a_row(busy=3, all=4)],
        {
            'resource_pool_in_use{db="x", pool="p", type="workers"}': 3,
            'resource_pool_size{db="x", pool="p", type="workers"}': 4,
        },
    ),
    "pools by rows, of a fixed size": (
        Made(pools=(Pool(in_use="busy", size=8.0),)),
        [a_row({"pool": "p", "type": "t"}, busy=3), a_row({"pool": "q", "type": "t"}, busy=None)],
        {
            'resource_pool_in_use{db="x", pool="p", type="t"}': 3,
            'resource_pool_size{db="x", pool="p", type="t"}': 8,
        },
    ),
}


@pytest.mark.parametrize(("made", "rows", "expected"), MADE.values(), ids=MADE)
def test_families(made: Made, rows: Sequence[Row], expected: dict[str, float]) -> None:
    assert values(families("sql/x", {"db": "x"}, [(made, rows)])) == expected


def test_two_answers_may_give_one_name() -> None:
    first = (Made(metrics=(DEPTH,)), [a_row({"kind": "a"}, depth=1)])
    second = (Made(metrics=(Metric(name="business_depth", value="n"),)), [a_row({"kind": "b"}, n=2)])
    (family,) = families("sql/x", {}, [first, second])
    assert values([family]) == {'business_depth{kind="a"}': 1, 'business_depth{kind="b"}': 2}
    assert family.help == "Depth."


def test_one_series_twice_is_said() -> None:
    rows = [a_row({"kind": "a"}, depth=1), a_row({"kind": "a"}, depth=2)]
    with pytest.raises(Unavailable, match=r'two rows give business_depth\{kind="a"\}: add what tells'):
        families("sql/x", {}, [(Made(metrics=(DEPTH,)), rows)])


def test_the_name_tells_the_type_and_help_is_never_empty() -> None:
    metrics = (Metric(name="business_done_total", value="n"), Metric(name="business_age_seconds", value="n"))
    found = families("sql/x", {}, [(Made(metrics=metrics), [a_row(n=1)])])
    assert [(family.name, family.type, family.help) for family in found] == [
        ("business_done", MetricType.COUNTER, "As sql/x gave it."),
        ("business_age_seconds", MetricType.GAUGE, "As sql/x gave it."),
    ]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a name": ({"name": "business.x", "value": "v"}, "metric name not allowed"),
    "a name of ours": ({"name": "exporter_x", "value": "v"}, "metric name not allowed"),
    "a label": ({"name": "x", "value": "v", "labels": {"a-b": "c"}}, "label name not allowed"),
    "what a component's source measures": ({"name": "app_requests_total", "value": "v"}, "see `components`"),
}


@pytest.mark.parametrize(("keys", "why"), WRONG.values(), ids=WRONG)
def test_wrong(keys: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Metric(**keys)


CHECKS: dict[str, tuple[Made, Sequence[str], str]] = {
    "nothing": (Made(), (), "needs `metrics` or `pools`"),
    "a pool without a name": (Made(pools=(Pool(type="t", in_use="a", size="b"),)), (), "needs `pool`"),
    "a pool with two names": (
        Made(pools=(Pool(pool="p", type="t", in_use="a", size="b"),)),
        ("pool",),
        "needs `pool`",
    ),
    "a pool without a type": (Made(pools=(Pool(pool="p", in_use="a", size="b"),)), (), "needs `type`"),
}


@pytest.mark.parametrize(("made", "labels", "why"), CHECKS.values(), ids=CHECKS)
def test_checks(made: Made, labels: Sequence[str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        made.check(labels)


def test_every_place_is_asked_for() -> None:
    made = Made(metrics=(DEPTH,), pools=(Pool(in_use="a", size="b"), Pool(in_use="c", size=3.0)))
    assert list(made.wanted()) == ["depth", "a", "b", "c"]
