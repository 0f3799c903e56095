from typing import Any

import pytest

from analytics.rules import Threshold, thresholds
from promkit.errors import QueryError


def a_rule(query: str = "up == 0", **more: Any) -> dict[str, Any]:
    return {"type": "alerting", "name": "R", "query": query, "labels": {"severity": "high"}, **more}


def found(rule: dict[str, Any], tree: Any = None) -> list[Threshold]:
    def parse(_query: str) -> Any:
        if tree is None:
            raise QueryError("there is no such path")
        return tree

    return thresholds([{"rules": [rule]}], parse)


OURS = {
    "id": "high-cpu",
    "metric": "cpu",
    "condition": "gt",
    "threshold": 0.8,
    "for_ms": 300_000,
    "labels": {"severity": "high"},
}


def test_our_ruler_says_it() -> None:
    assert found(a_rule("whatever", lumina=OURS)) == [Threshold("high-cpu", "cpu", "gt", 0.8, "high")]


@pytest.mark.parametrize("condition", ["eq", "ne"])
def test_equality_is_no_threshold(condition: str) -> None:
    assert found(a_rule("cpu > 1", lumina=OURS | {"condition": condition})) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("cpu > 0.8", ("cpu", "gt", 0.8)),
        ('rate(errors_total{code=~"5.."}[5m]) >= 1e3', ('rate(errors_total{code=~"5.."}[5m])', "ge", 1000)),
        ("free_bytes<-1", ("free_bytes", "lt", -1)),
        ("a / b <= .5", ("a / b", "le", 0.5)),
        ("up == 0", None),
        ("cpu > other", None),
        ("cpu > 1 and on() up > 0", None),
        ("analytics_anomaly_score > 0.5", None),
        ("absent(up)", None),
    ],
)
def test_a_plain_prometheus_rule_counts_by_its_shape(
    query: str, expected: tuple[str, str, float] | None
) -> None:
    rows = found(a_rule(query))
    assert rows == ([Threshold("R", *expected, "high")] if expected else [])


@pytest.mark.parametrize(
    ("tree", "counts"),
    [
        ({"type": "binaryExpr", "op": ">", "rhs": {"type": "numberLiteral"}}, True),
        ({"type": "binaryExpr", "op": "or", "rhs": {"type": "binaryExpr"}}, False),
        ({"type": "binaryExpr", "op": ">", "bool": True, "rhs": {"type": "numberLiteral"}}, False),
        ({"type": "call"}, False),
    ],
)
def test_the_servers_own_parser_has_the_last_word(tree: Any, *, counts: bool) -> None:
    assert bool(found(a_rule("cpu > 1"), tree)) is counts


def test_recording_rules_and_repeats_are_left_out() -> None:
    groups = [
        {
            "rules": [
                a_rule("cpu > 1"),
                a_rule("cpu > 1"),
                {"type": "recording", "name": "x", "query": "y > 1"},
            ]
        }
    ]

    def parse(_query: str) -> Any:
        raise QueryError("no")

    assert len(thresholds(groups, parse)) == 1
