"""Units, thresholds and colours."""

from typing import Any

import pytest

from tests.builders.grafana import SELECTOR, a_panel

UNITS = {
    "as it is written": ({"metric": "x", "config": {"unit": "seconds"}}, "s"),
    "a word of one's own": ({"metric": "x", "config": {"unit": "scans/min"}}, "suffix:scans/min"),
    "as the name tells": ({"metric": "system_memory_used_bytes"}, "bytes"),
    "a share": ({"metric": "system_cpu_usage_ratio"}, "percentunit"),
    "a rate of bytes": ({"metric": "rate(x_bytes_total[$__rate_interval])"}, "binBps"),
    "a rate": ({"metric": "app_throughput_requests_per_second"}, "cps"),
    "told by none": ({"metric": "up"}, "short"),
    "told by several": ({"queries": [{"expr": "x_bytes"}, {"expr": "x_seconds"}]}, "short"),
}


@pytest.mark.parametrize(("widget", "unit"), UNITS.values(), ids=UNITS)
def test_unit(widget: dict[str, Any], unit: str) -> None:
    assert a_panel(**widget)["fieldConfig"]["defaults"]["unit"] == unit


THRESHOLDS: dict[str, tuple[list[dict[str, Any]], list[tuple[str, float | None]]]] = {
    "none": ([], [("text", None)]),
    "rising": ([{"above": 0.8, "severity": "high"}], [("green", None), ("orange", 0.8)]),
    "two that rise": (
        [{"above": 0.9, "severity": "critical"}, {"above": 0.8, "severity": "medium"}],
        [("green", None), ("yellow", 0.8), ("red", 0.9)],
    ),
    "falling": ([{"below": 10, "severity": "medium"}], [("yellow", None), ("green", 10)]),
    "two that fall": (
        [{"below": 0.7, "severity": "critical"}, {"below": 0.9, "severity": "low"}],
        [("red", None), ("blue", 0.7), ("green", 0.9)],
    ),
    "a good middle": (
        [{"below": 1, "severity": "info"}, {"above": 5, "severity": "critical"}],
        [("purple", None), ("green", 1), ("red", 5)],
    ),
    "the worst of one value": (
        [{"above": 1, "severity": "low"}, {"above": 1, "severity": "critical"}],
        [("green", None), ("red", 1)],
    ),
}


@pytest.mark.parametrize(("written", "steps"), THRESHOLDS.values(), ids=THRESHOLDS)
def test_thresholds(written: list[dict[str, Any]], steps: list[tuple[str, float | None]]) -> None:
    made = a_panel(type="gauge", config={"thresholds": written})["fieldConfig"]["defaults"]["thresholds"][
        "steps"
    ]
    assert [(step["color"], step["value"]) for step in made] == steps


def test_a_line_at_a_threshold_has_its_colour_whichever_side_is_bad() -> None:
    written = [{"below": 10, "severity": "medium"}, {"above": 90}, {"above": 90, "severity": "critical"}]
    made = a_panel(config={"thresholds": written})["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(step["color"], step["value"]) for step in made] == [
        ("transparent", None),
        ("yellow", 10),
        ("red", 90),
    ]


def test_a_rule_that_is_not_there_draws_nothing() -> None:
    made = a_panel(type="gauge", config={"rule": "gone"})["fieldConfig"]["defaults"]
    assert made["thresholds"]["steps"] == [{"color": "text", "value": None}]


def test_a_rule_below_its_threshold_colours_downwards() -> None:
    made = a_panel(type="gauge", config={"rule": "low-throughput"})["fieldConfig"]["defaults"]
    assert [step["color"] for step in made["thresholds"]["steps"]] == ["yellow", "green"]


def properties(panel: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        one["matcher"]["options"]: {prop["id"]: prop["value"] for prop in one["properties"]}
        for one in panel["fieldConfig"]["overrides"]
    }


def test_statuses_have_the_colours_of_their_class() -> None:
    found = properties(a_panel(queries=[{"expr": f"sum by (code) (x{SELECTOR})", "legend": "{code}"}]))
    assert {pattern: one["color"]["fixedColor"] for pattern, one in found.items()} == {
        "/^2/": "green",
        "/^3/": "yellow",
        "/^4/": "blue",
        "/^5/": "red",
    }


def test_between_lower_and_upper_it_is_filled() -> None:
    queries = [{"expr": f"x{SELECTOR}", "legend": name} for name in ("measured", "lower", "upper")]
    found = properties(a_panel(queries=queries))
    assert found["upper"]["custom.fillBelowTo"] == "lower"
    assert found["upper"]["custom.lineWidth"] == found["lower"]["custom.lineWidth"] == 0
    assert found["upper"]["custom.hideFrom"]["legend"] is True
    assert "measured" not in found
    assert properties(a_panel(queries=queries[:2])) == {}
