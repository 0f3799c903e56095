from collections.abc import Mapping
from typing import Any

import pytest

from analytics.rules import Threshold, Trees, thresholds
from promkit.errors import Unavailable
from ruler.promql import parse, tree


def a_rule(query: str = "up == 0", **more: Any) -> dict[str, Any]:
    return {"type": "alerting", "name": "R", "query": query, "labels": {"severity": "high"}, **more}


def nobody_parses(_query: str) -> None:
    """A server without /api/v1/parse_query."""


def real_tree(query: str) -> Any:
    return tree(parse(query))


def found(*rules: dict[str, Any], parser: Any = nobody_parses) -> list[Threshold]:
    return thresholds([{"rules": list(rules)}], parser)


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


@pytest.mark.parametrize("parser", [nobody_parses, real_tree])
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("cpu > 0.8", ("cpu", "gt", 0.8)),
        ("(cpu > 0.8)", ("cpu", "gt", 0.8)),
        ('sum(up{path="a > b"}) < 1', ('sum(up{path="a > b"})', "lt", 1)),
        ("(a + b) / (c) > 2", ("(a + b) / (c)", "gt", 2)),
        ("cpu > bool 1", None),
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
    query: str, expected: tuple[str, str, float] | None, parser: Any
) -> None:
    rows = found(a_rule(query), parser=parser)
    assert rows == ([Threshold("R", *expected, "high")] if expected else [])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("80 / 100 < cpu", ("cpu", "gt", 0.8)),
        ("resident > 2 * 1024 ^ 2", ("resident", "gt", 2 * 1024**2)),
        ("free < -(1 + 2 - 1)", ("free", "lt", -2)),
        ("free < 1 / 0", None),
        ("1 < 2", None),
        ("cpu > scalar(limit)", None),
        ("(cpu > 1) or up > 1", None),
    ],
)
def test_a_server_that_parses_lets_constants_be_computed_and_stand_on_the_left(
    query: str, expected: tuple[str, str, float] | None
) -> None:
    rows = found(a_rule(query), parser=real_tree)
    assert rows == ([Threshold("R", *expected, "high")] if expected else [])


def test_rules_of_one_name_are_told_apart() -> None:
    rules = [a_rule("disk > 0.9"), a_rule("disk > 0.8", labels={"severity": "low"}), a_rule("disk > 0.9")]
    assert [(one.rule, one.severity) for one in found(*rules)] == [("R > 0.9", "high"), ("R > 0.8", "low")]


def test_recording_rules_and_repeats_are_left_out() -> None:
    recording = {"type": "recording", "name": "x", "query": "y > 1"}
    assert len(found(a_rule("cpu > 1"), a_rule("cpu > 1"), recording)) == 1


def test_a_query_is_parsed_once_and_one_that_is_none_does_not_count() -> None:
    asked = []

    def get(path: str, parameters: Mapping[str, str]) -> Any:
        asked.append((path, parameters["query"]))
        return real_tree(parameters["query"])

    trees = Trees(get)
    for _ in range(3):
        trees.begin()
        assert found(a_rule("cpu > 1"), a_rule("cpu > > 1"), parser=trees)
    assert asked == [("/api/v1/parse_query", "cpu > 1"), ("/api/v1/parse_query", "cpu > > 1")]


def test_a_server_without_a_parser_is_asked_once_a_pass() -> None:
    asked = []

    def get(_path: str, parameters: Mapping[str, str]) -> Any:
        asked.append(parameters["query"])
        raise Unavailable("status 404")

    trees = Trees(get)
    trees.begin()
    assert len(found(a_rule("cpu > 1"), a_rule("disk > 1", name="Q"), parser=trees)) == 2
    assert len(asked) == 1
