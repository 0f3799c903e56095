"""Dashboard files: every key effective, every fault at its place."""
# ruff: noqa: E501 - a case is a row

from pathlib import Path

import pytest

from promkit.errors import ConfigError, Where
from ruler.dashboards import (
    Dashboard,
    Kind,
    Look,
    Position,
    Query,
    Threshold,
    Variable,
    Widget,
    load_dashboards,
    parse_dashboard,
)
from tests.builders.dashboards import WHOLE


def test_every_key_has_its_place() -> None:
    network, cpu, disks, latency, load = (found := parse_dashboard(WHOLE, "host.yml")).widgets
    assert found == Dashboard(
        id="host",
        name="Host",
        description="One machine.",
        metrics=("system_cpu_usage_ratio",),
        time_range_ms=6 * 3_600_000,
        refresh_ms=30_000,
        created_by="ann",
        variables=(Variable("instance", "instance", "system_info", "Machine"),),
        widgets=(network, cpu, disks, latency, load),
    )
    assert (found.where, found.text) == (Where("host.yml", 1, 1), WHOLE)
    assert network.look == Look("bytes/s", 1, 0, 10, (), "busy", stacked=True, legend=False, limit=5)
    assert network.queries[0].legend == "{device} in"
    assert cpu == Widget(
        Kind.GAUGE,
        "CPU",
        (Query("system_cpu_usage_ratio"),),
        Position(12, 0, 6, 4),
        look=Look(thresholds=(Threshold(0.8, "high"), Threshold(0.01, "low", falling=True))),
    )
    assert disks.queries == (Query("system_disk_usage_ratio", "used", "ratio"),)
    assert disks.look.columns == ("mount", "device")


def test_widgets_without_a_place_stand_below_the_others_two_a_row() -> None:
    places = [one.position for one in parse_dashboard(WHOLE, "host.yml").widgets[2:]]
    assert places == [Position(0, 8, 12, 8), Position(12, 8, 12, 8), Position(0, 16, 12, 8)]


def test_what_is_left_out_is_derived() -> None:
    text = "id: a\nwidgets: [{type: line, title: t, metric: 'rate(x_total[5m]) / on (job) y'}, {type: bar, title: u, metric: x_total}]"
    found = parse_dashboard(text, "a.yml")
    assert (found.name, found.metrics) == ("a", ("x_total", "y"))
    assert (found.time_range_ms, found.refresh_ms) == (3_600_000, 60_000)


def test_the_spelling_of_javascript_is_read_too() -> None:
    found = parse_dashboard(
        "{id: a, timeRange: 24h, createdBy: ann, widgets: [{type: line, title: t, metric: x}]}", "a.yml"
    )
    assert (found.time_range_ms, found.created_by) == (86_400_000, "ann")


ONE = "id: a\nwidgets:\n  - "
TWO = "{type: line, title: T, metric: x, position: {x: 0, y: 0, width: 12, height: 8}}\n  - "
VARIABLE = "id: a\nvariables: [{name: job, label: job}]\nwidgets:\n  - "
FAULTS = {
    "no id": ("widgets: [{type: line, title: T, metric: x}]", "a.yml:1:1: key 'id' is missing"),
    "a bad id": ("id: A b\nwidgets: [{type: line, title: T, metric: x}]", "a.yml:1:5: 'id': not an id: 'A b': use small letters, digits, - and _, at most 63"),
    "no widgets": ("id: a\nwidgets: []", "a.yml:2:1: a dashboard needs a widget"),
    "an unknown key": (ONE + "{type: line, titel: T, metric: x}", "a.yml:3:5: key 'title' is missing in widgets[0]\na.yml:3:18: unknown key 'titel' in widgets[0]: did you mean 'title'?"),
    "an unknown type": (ONE + "{type: pie, title: T, metric: x}", "a.yml:3:12: 'type' must be one of 'line', 'bar', 'gauge', 'table' or 'heatmap', not 'pie'"),
    "nothing to show": (ONE + "{type: line, title: T}", "a.yml:3:5: nothing to show in 'T': give 'metric', or 'queries'"),
    "two ways to ask": (ONE + "{type: line, title: T, metric: x, queries: [{expr: x}]}", "a.yml:3:5: give 'metric' or 'queries', not both in 'T'"),
    "no PromQL": (ONE + "{type: line, title: T, metric: 'sum(x{'}", 'a.yml:3:43: metric: parse error: unexpected end of input in label matching, expected identifier or "}"'),
    "no PromQL, in a query": (ONE + "{type: line, title: T, queries: [{expr: 'x +'}]}", "a.yml:3:49: expr: parse error: unexpected end of input"),
    "samples, not series": (ONE + "{type: line, title: T, metric: 'x[5m]'}", "a.yml:3:28: metric: gives a matrix, where series are needed"),
    "another type's key": (ONE + "{type: gauge, title: T, metric: x, config: {stacked: true}}", "a.yml:3:49: 'stacked' means nothing to a gauge: it has decimals, limit, max, min, rule, thresholds, unit"),
    "a unit of a line's query": (ONE + "{type: line, title: T, queries: [{expr: x, unit: ratio}]}", "a.yml:3:48: a unit of its own has a query only in a table: use config.unit"),
    "an empty scale": (ONE + "{type: gauge, title: T, metric: x, config: {min: 1, max: 1}}", "a.yml:3:57: 'max' must be above 'min'"),
    "a threshold of nothing": (ONE + "{type: line, title: T, metric: x, config: {thresholds: [{severity: low}]}}", "a.yml:3:61: a threshold has one of 'above' and 'below'"),
    "too wide": (ONE + "{type: line, title: T, metric: x, position: {x: 20, y: 0, width: 8, height: 8}}", "a.yml:3:49: 'T' ends at column 28: there are 24"),
    "beyond the grid": (ONE + "{type: line, title: T, metric: x, position: {x: 24, y: 0, width: 1, height: 8}}", "a.yml:3:53: 'x' must be less than 24, not 24"),
    "one upon another": (ONE + TWO + "{type: line, title: U, metric: x, position: {x: 11, y: 7, width: 4, height: 4}}", "a.yml:4:49: 'U' lies upon 'T': move or narrow one"),
    "an unknown variable": (VARIABLE + "{type: line, title: T, metric: 'x{job=~\"$jib\"}'}", "a.yml:4:28: metric: unknown variable '$jib': known are job"),
    "no variable at all": (ONE + "{type: line, title: T, metric: 'x{job=~\"$job\"}'}", "a.yml:3:28: metric: unknown variable '$job': known are none: add it to variables"),
    "a variable as a plain value": (VARIABLE + "{type: line, title: T, metric: 'x{job=\"$job\"}'}", 'a.yml:4:28: metric: all values are no value: a variable is a pattern: write job=~"$job"'),
    "a variable outside a matcher": (VARIABLE + "{type: line, title: T, metric: 'label_replace(x, \"a\", \"$job\", \"b\", \"\")'}", "a.yml:4:28: metric: a variable stands in quotes, as the value of a matcher"),
    "a variable in raw quotes": (VARIABLE + "{type: line, title: T, metric: 'x{job=~`$job`}'}", "a.yml:4:28: metric: a variable stands in quotes, as the value of a matcher"),
    "two variables of one name": ("id: a\nvariables: [{name: j, label: a}, {name: j, label: b}]\nwidgets: [{type: line, title: T, metric: x}]", "a.yml:2:35: two variables are called 'j'"),
    "a variable of no series": ("id: a\nvariables: [{name: j, label: a, metric: sum(x)}]\nwidgets: [{type: line, title: T, metric: x}]", "a.yml:2:33: metric: not a series selector"),
    "a number without its unit": ("id: a\nrefresh: 60\nwidgets: [{type: line, title: T, metric: x}]", "a.yml:2:10: 'refresh' needs a unit: write 60s or 60m, not 60"),
    "a hurry": ("id: a\nrefresh: 1s\nwidgets: [{type: line, title: T, metric: x}]", "a.yml:2:10: 'refresh' must be greater than or equal to 5000, not '1s'"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_at_its_place(name: str) -> None:
    text, told = FAULTS[name]
    with pytest.raises(ConfigError) as caught:
        parse_dashboard(text, "a.yml")
    assert str(caught.value) == told


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(ONE + "{type: gauge, title: T, metric: 'x{', config: {stacked: true}}")
    (tmp_path / "b.yml").write_text("id: b\nwidgets: 1")
    with pytest.raises(ConfigError) as caught:
        load_dashboards(["*.yml"], tmp_path)
    assert [line.split(": ")[0] for line in str(caught.value).splitlines()] == [
        "a.yml:3:40",
        "a.yml:3:52",
        "b.yml:2:10",
    ]


def test_a_folder_of_dashboards(tmp_path: Path) -> None:
    for id_ in ("b", "a"):
        (tmp_path / f"{id_}.yml").write_text(f"id: {id_}\nwidgets: [{{type: line, title: T, metric: x}}]")
    found = load_dashboards(["*.yml", "none/*.yml"], tmp_path, optional=["api/*.yml"])
    assert [one.id for one in found.dashboards] == ["a", "b"]
    assert found.warnings == ("none/*.yml: matches no file",)
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "c.yml").write_text("id: a\nwidgets: [{type: line, title: T, metric: x}]")
    with pytest.raises(ConfigError, match=r"api/c.yml:1:1: dashboard id 'a' is taken already at a.yml:1:1"):
        load_dashboards(["*.yml"], tmp_path, optional=["api/*.yml"])
