"""A dashboard in Grafana's form: what surrounds the panels. And the shipped ones, whole."""

import json
from pathlib import Path
from typing import Any

import pytest

from lumina.dashboards import compile_dashboard, lint, text_of
from ruler.dashboards import COLUMNS
from tests.builders.grafana import LINK, SHIPPED, a_document, shipped, shipped_rules
from tests.builders.prose import ROOT

FOLDER = ROOT / "grafana" / "dashboards"


def the(name: str) -> dict[str, Any]:
    return compile_dashboard(shipped()[name], shipped_rules(), LINK)


def variables(document: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one for one in document["templating"]["list"]}


def test_identity_time_and_refresh() -> None:
    made = a_document(id="shop", name="The shop", description="All of it.", time_range="6h", refresh="30s")
    assert (made["uid"], made["title"], made["description"]) == ("lumina-shop", "The shop", "All of it.")
    assert made["time"] == {"from": "now-6h", "to": "now"}
    assert made["refresh"] == "30s"
    assert (made["id"], made["editable"], made["graphTooltip"]) == (None, False, 1)


def test_the_reader_chooses_the_data_source() -> None:
    made = a_document({}, {"type": "table"}, {"type": "heatmap"})
    chooser = variables(made)["datasource"]
    assert (chooser["type"], chooser["query"], chooser["label"]) == (
        "datasource",
        "prometheus",
        "Data source",
    )
    asked = {one["datasource"]["uid"] for panel in made["panels"] for one in [panel, *panel["targets"]]} | {
        one["datasource"]["uid"] for one in variables(made).values() if one["type"] == "query"
    }
    assert asked == {"${datasource}"}


def test_each_variable_is_narrowed_by_those_before_it() -> None:
    keys = [
        {"name": "job", "label": "job"},
        {"name": "instance", "label": "instance", "metric": "up"},
        {
            "name": "disk",
            "label": "device",
            "metric": 'system_disk_read_only{fstype="ext4"}',
            "title": "disk",
        },
    ]
    made = variables(a_document(variables=keys))
    assert made["job"]["definition"] == "label_values(job)"
    assert made["instance"]["definition"] == 'label_values(up{job=~"$job"}, instance)'
    assert made["disk"]["definition"] == (
        'label_values(system_disk_read_only{fstype="ext4",job=~"$job",instance=~"$instance"}, device)'
    )
    assert made["disk"]["label"] == "Disk"
    assert all(
        made[name]["query"]["query"] == made[name]["definition"] for name in ("job", "instance", "disk")
    )


def test_firing_alerts_are_marked_and_dashboards_linked() -> None:
    made = a_document()
    marks = made["annotations"]["list"][-1]
    assert (marks["expr"], marks["enable"]) == ('ALERTS{alertstate="firing"}', True)
    others, here = made["links"]
    assert (others["type"], others["tags"], others["keepTime"]) == ("dashboards", made["tags"], True)
    assert here["url"] == "${lumina}/dashboards/test"
    link = variables(made)["lumina"]
    assert (link["type"], link["query"], link["hide"]) == ("constant", LINK, 2)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_json_in_git_is_what_would_be_made(name: str) -> None:
    written = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert written == text_of(the(name)), "run: lumina dashboards build, as CONTRIBUTING.md says"


def test_nothing_else_lies_beside_it() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == SHIPPED


def test_every_subject_has_one() -> None:
    assert {"overview", "host", "application", "business", "alerts", "analytics"} == set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_one_has_no_findings(name: str) -> None:
    assert [str(one) for one in lint(the(name))] == []


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_one_leaves_no_hole_in_the_grid(name: str) -> None:
    places = [panel["gridPos"] for panel in the(name)["panels"]]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    height = max(y for _, y in cells) + 1
    assert len(cells) == len(set(cells)) == COLUMNS * height


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_one_speaks_of_no_time_or_place(name: str) -> None:
    text = text_of(the(name))
    assert "__inputs" not in text
    assert json.loads(text)["time"]["to"] == "now"
    assert text.count("127.0.0.1") == 3, "the address of the ruler stands in one variable alone"


@pytest.mark.parametrize("name", SHIPPED)
def test_every_series_of_a_shipped_one_has_a_name(name: str) -> None:
    for panel in the(name)["panels"]:
        if panel["type"] in {"timeseries", "bargauge", "heatmap"}:
            assert "__auto" not in {target["legendFormat"] for target in panel["targets"]}, panel["title"]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_rules_that_a_shipped_one_names_are_shipped(name: str) -> None:
    named = {widget.look.rule for widget in shipped()[name].widgets} - {None}
    assert named <= set(shipped_rules())


def test_the_files_are_in_the_home(tmp_path: Path) -> None:
    from lumina.home import DEFAULT_ADDRESSES, prepare  # noqa: PLC0415 - what this test is about

    written = prepare(tmp_path, DEFAULT_ADDRESSES)
    assert {path.stem for path in written if path.parent.name == "dashboards"} == set(SHIPPED)
