"""The pages of dashboards."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ruler.dashboards import Kind
from ruler.ui.widgets.drawing import DRAWINGS
from tests.builders.ruler import ARuler, a_ruler_in_memory

EVIL = '<script>alert("x")</script>'
MINUTE = 60_000
RULES = {
    "rules": [
        {"id": "hot", "metric": "temperature", "condition": "gt", "threshold": 80, "severity": "high"},
    ],
    "groups": [{"name": "g", "rules": [{"alert": "Gone", "expr": "absent(temperature)"}]}],
}  # fmt: skip
GONE = "rules.yml;g;Gone"
HOT = {"rule": "hot"}
GAUGE = {"id": "a", "widgets": [{"type": "gauge", "title": "T", "metric": "x"}]}
ALL = {
    "id": "all",
    "name": f"All {EVIL}",
    "description": EVIL,
    "refresh": "15s",
    "variables": [{"name": "room", "label": "room", "metric": "temperature"}],
    "widgets": [
        {"type": "line", "title": f"Line {EVIL}", "metric": 'temperature{room=~"$room"}', "config": HOT},
        {"type": "gauge", "title": "Gauge", "metric": "max(temperature)", "config": {"max": 100}},
        {"type": "bar", "title": "Bar", "queries": [{"expr": "temperature", "legend": "in {room}"}]},
        {"type": "table", "title": "Table", "metric": "temperature"},
        {"type": "heatmap", "title": "Heatmap", "metric": "sum by (le) (rate(waits_seconds_bucket[5m]))"},
        {"type": "line", "title": "Nothing", "metric": "no_such_thing"},
        {"type": "line", "title": "Fault", "metric": "temperature + on () temperature"},
        {"type": "line", "title": "No rule", "metric": "temperature", "config": {"rule": "none"}},
        {"type": "line", "title": "No threshold", "metric": "temperature", "config": {"rule": GONE}},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ARuler]:
    with a_ruler_in_memory(tmp_path_factory.mktemp("boards"), rules=RULES) as ruler:
        for minute in range(20):
            ruler.feed(
                ("temperature", {"room": EVIL}, 60 + minute),
                ("temperature", {"room": "cellar"}, 4),
                *(
                    ("waits_seconds_bucket", {"le": le}, minute * n)
                    for n, le in enumerate(("0.1", "1", "+Inf"), 1)
                ),
            )
            ruler.later(MINUTE)
        ruler.post("/api/v1/lumina/dashboards?by=ann", ALL)
        yield ruler


def widgets(site: ARuler, **parameters: str) -> dict[str, str]:
    """The markup of each widget, by its title."""
    text = site.get("/dashboards/all", **parameters).text
    parts = re.findall(r'<section class="card widget .*?</section>', text, re.DOTALL)
    return {re.findall(r"<h2[^>]*>([A-Za-z ]+)", part)[0].strip(): part for part in parts}


def test_every_type_has_its_drawing() -> None:
    assert set(DRAWINGS) == set(Kind)


def test_the_list_leads_to_each(site: ARuler) -> None:
    text = site.get("/dashboards").text
    assert 'href="/dashboards/all"' in text
    assert "dashboards/api/all.yml:2:1" in text
    assert "ann" in text


def test_without_dashboards_it_says_how_to_make_one(tmp_path: Path) -> None:
    with a_ruler_in_memory(tmp_path) as ruler:
        assert "lumina dashboards add" in ruler.get("/dashboards").text


@pytest.mark.parametrize("path", ["/dashboards", "/dashboards/all"])
def test_nothing_from_outside_is_markup(site: ARuler, path: str) -> None:
    text = site.get(path).text
    assert EVIL not in text
    assert text.count("<script") == 1
    assert "style=" not in text


PICTURES = {
    "Line": ["high <b>80</b>", 'class="line c0"'],
    "Gauge": ["79 of 100"],
    "Bar": ["in cellar", '<b class="">4</b>'],
    "Table": ['<th scope="col" class="label">room</th>', ">79<"],
    "Heatmap": ["100 ms", "above", 'class="q10"'],
    "Nothing": ["No data for", "<code>no_such_thing</code>"],
    "Fault": ["many-to-many", "temperature + on () temperature"],
    "No rule": ["no rule has the id &#39;none&#39;", 'class="line c0"'],
    "No threshold": ["has no threshold", 'class="line c0"'],
}  # fmt: skip


@pytest.mark.parametrize("title", PICTURES)
def test_each_widget_is_drawn_or_says_why_not(site: ARuler, title: str) -> None:
    for text in PICTURES[title]:
        assert text in widgets(site)[title]


def test_a_widget_stands_at_its_place(site: ARuler) -> None:
    assert "x12 w12 y0 h8" in widgets(site)["Gauge"]
    css = site.get("/dashboards/grid.css")
    assert css.headers["content-type"].startswith("text/css")
    for rule in (".x12{grid-column-start:13}", ".w24{grid-column-end:span 24}", ".y400{", ".h60{"):
        assert rule in css.text


def test_it_draws_itself_anew_as_often_as_it_says(site: ARuler) -> None:
    assert '<body data-refresh="15">' in site.get("/dashboards/all").text


def test_a_new_sample_is_there_with_the_next_refresh(tmp_path: Path) -> None:
    with a_ruler_in_memory(tmp_path) as ruler:
        ruler.post(
            "/api/v1/lumina/dashboards",
            {"id": "a", "widgets": [{"type": "gauge", "title": "T", "metric": "x"}]},
        )
        assert "No data for" in ruler.get("/dashboards/a").text
        for value in (41, 42):
            ruler.feed(("x", {}, value))
            assert f'<b class="">{value}</b>' in ruler.get("/dashboards/a").text
            ruler.later(MINUTE)


def test_a_choice_narrows_what_asks_for_it_and_goes_along_with_the_range(site: ARuler) -> None:
    chosen = {"var-room": "cellar"}
    assert widgets(site)["Line"].count('class="line') == 2
    assert widgets(site, **chosen)["Line"].count('class="line') == 1
    text = site.get("/dashboards/all", range="6h", **chosen).text
    assert "<option selected>cellar</option>" in text
    assert 'href="?range=24h&amp;var-room=cellar"' in text
    assert '<a href="?range=6h&amp;var-room=cellar" aria-current="true">6h</a>' in text
    assert "History so far: 20 min of 6 h." in text


def test_a_choice_that_is_none_is_a_value_without_series(site: ARuler) -> None:
    assert "No data for" in widgets(site, **{"var-room": '"} or vector(1) #'})["Line"]


RANGES: dict[str, tuple[str, int]] = {
    "one that is offered": ("7d", 200),
    "one of your own": ("90m", 200),
    "none at all": ("soon", 400),
    "nothing": ("0s", 400),
    "beyond all": ("400d", 400),
}


@pytest.mark.parametrize("name", RANGES)
def test_ranges(site: ARuler, name: str) -> None:
    range_, status = RANGES[name]
    answer = site.get("/dashboards/all", range=range_)
    assert answer.status == status
    if status == 200:
        assert 'aria-current="true"' in answer.text


def test_an_unknown_one_is_a_page_that_leads_back(site: ARuler) -> None:
    answer = site.get("/dashboards/none")
    assert answer.status == 404
    assert "no dashboard has the id" in answer.text


def test_looking_is_remembered(site: ARuler) -> None:
    site.get("/dashboards/all")
    assert site.dashboards.get("all").facts.viewed_ms is not None
    assert "ago" in site.get("/dashboards").text or "now" in site.get("/dashboards").text


def test_time_that_is_over_is_said_in_the_widgets_that_were_not_asked(
    site: ARuler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ruler.ui.widgets.found.PATIENCE_S", 0.0)
    found: Any = widgets(site)
    assert "not asked: this page has taken 0 s already" in found["Line"]
    assert len(found) == len(ALL["widgets"])
