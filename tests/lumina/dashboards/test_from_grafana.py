"""Grafana's dashboards, in our form."""

from typing import Any

import pytest
import yaml

from lumina.dashboards import compile_dashboard, imported
from tests.builders.grafana import SHIPPED, shipped

JOB = {
    "name": "job",
    "type": "query",
    "query": {"query": 'label_values(up{region="eu"}, job)'},
    "label": "Job",
}


def a_grafana(*panels: dict[str, Any], **keys: Any) -> dict[str, Any]:
    made = [
        {
            "id": number,
            "type": "timeseries",
            "title": f"P{number}",
            "targets": [{"expr": "up", "refId": "A"}],
            "gridPos": {"x": 0, "y": number * 8, "w": 24, "h": 8},
            **panel,
        }
        for number, panel in enumerate(panels)
    ]
    return {"title": "Node", "uid": "rYdd1", "panels": made, "templating": {"list": [JOB]}, **keys}


def read(document: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    found = imported(document, "theirs.json")
    return yaml.safe_load(found.text), list(found.told)


def widget(**panel: Any) -> dict[str, Any]:
    made, _ = read(a_grafana(panel))
    first: dict[str, Any] = made["widgets"][0]
    return first


def test_identity_time_and_variables() -> None:
    made, told = read(a_grafana({}, time={"from": "now-6h", "to": "now"}, refresh="30s", description="All."))
    assert (made["id"], made["name"], made["description"]) == ("rydd1", "Node", "All.")
    assert (made["time_range"], made["refresh"]) == ("6h", "30s")
    assert made["variables"] == [{"name": "job", "label": "job", "metric": "up", "title": "Job"}]
    assert told == []


TYPES = {
    "graph": "line",
    "stat": "gauge",
    "singlestat": "gauge",
    "gauge": "gauge",
    "bargauge": "bar",
    "table": "table",
    "heatmap": "heatmap",
}


@pytest.mark.parametrize(("theirs", "ours"), TYPES.items(), ids=TYPES)
def test_types(theirs: str, ours: str) -> None:
    assert widget(type=theirs)["type"] == ours


EXPRS = {
    "as it is": ('up{job=~"$job"}', 'up{job=~"$job"}'),
    "equal to a variable": ('up{job="$job"}', 'up{job=~"$job"}'),
    "unlike a variable": ('up{job!="$job"}', 'up{job!~"$job"}'),
    "in braces, with a form": ('up{job=~"${job:regex}"}', 'up{job=~"$job"}'),
    "the oldest spelling": ('up{job=~"[[job]]"}', 'up{job=~"$job"}'),
    "an interval": ("rate(x_total[$__interval])", "rate(x_total[$__rate_interval])"),
    "the range": ("increase(x_total[$__range])", "increase(x_total[1h])"),
    "one value": ('up{zone="$zone"}', 'up{zone="b"}'),
}


@pytest.mark.parametrize(("theirs", "ours"), EXPRS.values(), ids=EXPRS)
def test_queries(theirs: str, ours: str) -> None:
    zone = {"name": "zone", "type": "custom", "current": {"value": ["b"]}}
    document = a_grafana({"targets": [{"expr": theirs}]}, templating={"list": [JOB, zone]})
    made, _ = read(document)
    assert made["widgets"][0]["queries"] == [{"expr": ours}]


def test_legends_units_and_limits() -> None:
    defaults = {"unit": "Bps", "min": 0, "max": 5, "decimals": 2, "custom": {"stacking": {"mode": "normal"}}}
    made = widget(
        targets=[{"expr": "up", "legendFormat": "{{ job }} on {{instance}}"}],
        fieldConfig={"defaults": defaults},
        options={"legend": {"showLegend": False}},
    )
    assert made["queries"][0]["legend"] == "{job} on {instance}"
    assert made["config"] == {
        "unit": "bytes/s",
        "min": 0,
        "max": 5,
        "decimals": 2,
        "stacked": True,
        "legend": False,
    }


def test_a_graph_of_old() -> None:
    made = widget(
        type="graph", yaxes=[{"format": "bytes"}, {"format": "short"}], stack=True, datasource="Prom"
    )
    assert made["config"] == {"unit": "bytes", "stacked": True}


THRESHOLDS = {
    "rising": (
        [("green", None), ("orange", 0.8), ("dark-red", 0.9)],
        [{"above": 0.8, "severity": "high"}, {"above": 0.9, "severity": "critical"}],
    ),
    "falling": ([("red", None), ("green", 0.9)], [{"below": 0.9, "severity": "critical"}]),
    "a good middle": (
        [("red", None), ("green", 1), ("yellow", 2)],
        [{"below": 1, "severity": "critical"}, {"above": 2, "severity": "medium"}],
    ),
    "colours without a meaning": ([("green", None), ("#f2495c", 1)], None),
}


@pytest.mark.parametrize(("steps", "ours"), THRESHOLDS.values(), ids=THRESHOLDS)
def test_thresholds(steps: list[tuple[str, float | None]], ours: list[dict[str, Any]] | None) -> None:
    written = {"mode": "absolute", "steps": [{"color": colour, "value": value} for colour, value in steps]}
    made = widget(fieldConfig={"defaults": {"thresholds": written}})
    assert made.get("config", {}).get("thresholds") == ours


def test_a_dial_goes_up_to_all_and_a_stat_has_no_end() -> None:
    share = {"defaults": {"unit": "percentunit"}}
    assert widget(type="gauge", fieldConfig=share)["config"]["max"] == 1
    assert "max" not in widget(type="stat", fieldConfig={"defaults": {"unit": "s", "max": 9}})["config"]


def test_rows_are_dissolved() -> None:
    inside = {"type": "timeseries", "title": "in", "targets": [{"expr": "up"}]}
    left, right = ({**inside, "gridPos": {"x": x, "y": 20, "w": 12, "h": 6}} for x in (0, 12))
    row = {"type": "row", "title": "R", "gridPos": {"x": 0, "y": 8, "w": 24, "h": 1}, "panels": [left, right]}
    made, told = read(a_grafana({}, row))
    assert [one["position"] for one in made["widgets"]] == [
        {"x": 0, "y": 0, "width": 24, "height": 8},
        {"x": 0, "y": 8, "width": 12, "height": 6},
        {"x": 12, "y": 8, "width": 12, "height": 6},
    ]
    assert told == []


LEFT_OUT: dict[str, tuple[dict[str, Any], str]] = {
    "a type": ({"type": "piechart"}, "'P1' is left out: there is no widget like 'piechart'"),
    "another source": (
        {"datasource": {"type": "loki", "uid": "l"}},
        "a query of 'P1' is left out: it asks loki",
    ),
    "no query": ({"targets": []}, "'P1' is left out: it has no query of Prometheus'"),
    "a hidden one": ({"targets": [{"expr": "up", "hide": True}]}, "'P1' is left out: it has no query"),
    "a wrong one": ({"targets": [{"expr": "sum(up"}]}, "'P1' is left out: expr:"),
    "an unknown variable": ({"targets": [{"expr": 'up{a=~"$a"}'}]}, "unknown variable '$a'"),
    "mappings": ({"fieldConfig": {"defaults": {"mappings": [{}]}}}, "the mappings of 'P1' are left out"),
    "overrides": ({"fieldConfig": {"overrides": [{}]}}, "the overrides of 'P1' are left out"),
    "transformations": ({"transformations": [{}]}, "the transformations of 'P1' are left out"),
    "a unit": ({"fieldConfig": {"defaults": {"unit": "furlong"}}}, "the unit 'furlong' of 'P1' is left out"),
}


@pytest.mark.parametrize(("panel", "said"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_does_not_map_is_told(panel: dict[str, Any], said: str) -> None:
    _, told = read(a_grafana({}, panel))
    assert any(said in line for line in told), told


def test_a_variable_that_does_not_map_is_told() -> None:
    several = {"name": "zone", "type": "custom", "current": {"value": ["a", "b"]}}
    document = a_grafana({}, {"targets": [{"expr": 'up{z=~"$zone"}'}]}, templating={"list": [several]})
    _, told = read(document)
    assert told[0] == "the variable 'zone' is left out: it is no label_values(series, label)"


@pytest.mark.parametrize("name", SHIPPED)
def test_ours_come_back_as_they_went(name: str) -> None:
    dashboard = shipped()[name]
    made = compile_dashboard(dashboard, {}, "http://ruler")
    found = imported({"dashboard": made, "meta": {}}, "")  # as Grafana's API gives it
    back = yaml.safe_load(found.text)
    assert back["id"] == name
    assert {line.partition(" of ")[0] for line in found.told} <= {"the overrides", "the transformations"}
    assert [one["title"] for one in back["widgets"]] == [widget.title for widget in dashboard.widgets]
    exprs = [query["expr"] for one in back["widgets"] for query in one["queries"]]
    assert exprs == [query.expr for widget in dashboard.widgets for query in widget.queries]
