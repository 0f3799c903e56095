"""Each type of widget as a panel."""

from typing import Any

import pytest

from tests.builders.grafana import SELECTOR, a_panel

TYPES = {
    "a line is a time series": ({"type": "line"}, "timeseries"),
    "a bar is a bar gauge": ({"type": "bar"}, "bargauge"),
    "a gauge with an end is a dial": ({"type": "gauge", "config": {"max": 1}}, "gauge"),
    "a gauge without is a number": ({"type": "gauge"}, "stat"),
    "a share has an end": ({"type": "gauge", "metric": "system_cpu_usage_ratio"}, "gauge"),
    "a table": ({"type": "table"}, "table"),
    "a heatmap": ({"type": "heatmap"}, "heatmap"),
}


@pytest.mark.parametrize(("widget", "kind"), TYPES.values(), ids=TYPES)
def test_type(widget: dict[str, Any], kind: str) -> None:
    made = a_panel(**widget, position={"x": 6, "y": 2, "width": 12, "height": 5})
    assert made["type"] == kind
    assert made["gridPos"] == {"x": 6, "y": 2, "w": 12, "h": 5}
    assert made["id"] == 1
    assert (made["title"], made["description"]) == ("Widget 0", "What it shows.")


RANGES = {"line": (False, True), "heatmap": (False, True), "bar": (True, False), "table": (True, False)}


@pytest.mark.parametrize(("kind", "asked"), RANGES.items(), ids=RANGES)
def test_what_shows_the_present_asks_for_it_alone(kind: str, asked: tuple[bool, bool]) -> None:
    made = a_panel(type=kind)
    assert {(target["instant"], target["range"]) for target in made["targets"]} == {asked}


def test_queries_are_lettered_and_named() -> None:
    queries = [{"expr": f"up{SELECTOR}", "legend": "{job} on {instance}"}, {"expr": f"up{SELECTOR}"}]
    made = a_panel(queries=queries)
    assert [target["refId"] for target in made["targets"]] == ["A", "B"]
    assert [target["legendFormat"] for target in made["targets"]] == ["{{job}} on {{instance}}", "__auto"]
    assert made["targets"][0]["expr"] == f"up{SELECTOR}"


def test_limits_and_decimals() -> None:
    shown = a_panel(config={"min": 0, "max": 2.5, "decimals": 1})["fieldConfig"]["defaults"]
    assert (shown["min"], shown["max"], shown["decimals"]) == (0, 2.5, 1)
    assert not {"min", "max", "decimals"} & set(a_panel()["fieldConfig"]["defaults"])


def test_stacked_lines_and_their_legend() -> None:
    made = a_panel(config={"stacked": True, "legend": False})
    assert made["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal"
    assert made["options"]["legend"]["showLegend"] is False
    low, high = ({"x": 0, "y": 0, "width": 12, "height": rows} for rows in (7, 8))
    assert a_panel(position=low)["options"]["legend"]["displayMode"] == "list"
    assert a_panel(position=high)["options"]["legend"]["calcs"] == ["min", "mean", "max", "lastNotNull"]


def test_a_rule_draws_its_threshold_and_is_linked() -> None:
    shown = a_panel(config={"rule": "high-error-rate"})["fieldConfig"]["defaults"]
    assert shown["thresholds"]["steps"][-1] == {"color": "red", "value": 0.05}
    assert shown["custom"]["thresholdsStyle"] == {"mode": "line"}
    assert [link["url"] for link in shown["links"]] == ["${lumina}/rules#high-error-rate"]
    plain = a_panel()["fieldConfig"]["defaults"]
    assert plain["custom"]["thresholdsStyle"] == {"mode": "off"}
    assert "links" not in plain


def test_a_table_joins_its_queries_by_the_columns() -> None:
    queries = [
        {"expr": f"a{SELECTOR}", "legend": "score"},
        {"expr": f"b{SELECTOR}", "legend": "took", "unit": "seconds"},
    ]
    made = a_panel(type="table", queries=queries, config={"columns": ["instance"], "limit": 5})
    changes = {one["id"]: one["options"] for one in made["transformations"]}
    assert list(changes) == ["filterFieldsByName", "merge", "organize", "limit"]
    assert changes["filterFieldsByName"]["include"]["names"] == ["instance", "Value #A", "Value #B"]
    assert changes["organize"]["renameByName"] == {"Value #A": "score", "Value #B": "took"}
    assert changes["limit"] == {"limitField": 5}
    assert made["fieldConfig"]["overrides"][-1] == {
        "matcher": {"id": "byName", "options": "took"},
        "properties": [{"id": "unit", "value": "s"}],
    }
    assert {target["format"] for target in made["targets"]} == {"table"}


def test_cells_lead_to_the_rulers_pages() -> None:
    config = {"columns": ["rule", "alertname", "instance"]}
    made = a_panel(type="table", queries=[{"expr": f"sort(x{SELECTOR})", "legend": "in"}], config=config)
    links = {
        one["matcher"]["options"]: one["properties"][0]["value"][0]["url"]
        for one in made["fieldConfig"]["overrides"]
    }
    assert links == {"rule": "${lumina}/rules#${__value.raw}", "alertname": "${lumina}/alerts"}
    assert made["options"]["sortBy"] == [{"displayName": "in", "desc": False}], "the soonest first"


def test_a_table_without_columns_shows_all_labels() -> None:
    made = a_panel(type="table")
    changes = {one["id"]: one["options"] for one in made["transformations"]}
    assert list(changes) == ["organize", "limit"]
    assert changes["organize"]["excludeByName"] == {"Time": True, "__name__": True}


def test_a_heatmap_reads_buckets() -> None:
    expr = f"sum by (le) (rate(x_seconds_bucket{SELECTOR}[$__rate_interval]))"
    made = a_panel(type="heatmap", queries=[{"expr": expr, "legend": "{le}"}], config={"unit": "seconds"})
    assert made["targets"][0]["format"] == "heatmap"
    assert made["options"]["calculate"] is False
    assert made["options"]["yAxis"]["unit"] == "s"


def test_bars_that_nothing_colours_have_one_colour() -> None:
    assert a_panel(type="bar")["fieldConfig"]["defaults"]["color"]["mode"] == "fixed"
    coloured = a_panel(type="bar", config={"thresholds": [{"above": 1}], "limit": 7})
    assert coloured["fieldConfig"]["defaults"]["color"]["mode"] == "thresholds"
    assert coloured["options"]["reduceOptions"]["limit"] == 7
