"""Each query of each shipped dashboard, asked of the ruler and of a real Prometheus: none is empty."""

import re
import time
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from lumina.dashboards import compile_dashboard
from tests.builders.demo_world import World, a_world
from tests.builders.e2e import call
from tests.builders.grafana import LINK, SHIPPED, shipped, shipped_rules

pytestmark = [pytest.mark.e2e, pytest.mark.service, pytest.mark.timeout(240)]

WITHIN_S = 120
# Four scrapes, and at least a minute, as Grafana fills it in.
RATE_INTERVAL = "1m"
LABEL_VALUES = re.compile(r"label_values\((?:(?P<series>.+), )?(?P<label>\w+)\)")
LEGEND = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True)
class Question:
    """One query of a dashboard, as Grafana would ask it with all values chosen."""

    place: str
    expr: str
    is_instant: bool
    legend: str = "__auto"


def filled(expr: str) -> str:
    expr = expr.replace("$__rate_interval", RATE_INTERVAL)
    return re.sub(r"\$\w+", ".+", expr)


def questions() -> list[Question]:
    found = []
    for name in SHIPPED:
        document = compile_dashboard(shipped()[name], shipped_rules(), LINK)
        alerts = document["annotations"]["list"][-1]
        found.append(Question(f"{name}: marks", alerts["expr"], is_instant=False))
        for panel in document["panels"]:
            for target in panel["targets"]:
                place = f"{name}: {panel['title']}: {target['refId']}"
                # A table's legends name its columns.
                legend = "__auto" if panel["type"] == "table" else target["legendFormat"]
                found.append(Question(place, filled(target["expr"]), target["instant"], legend))
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("world"), int(time.time()) // 60 * 60_000) as running:
        yield running


def series_of(url: str, question: Question) -> Sequence[Mapping[str, str]]:
    """The label sets that a query answers; an error fails the test."""
    now = time.time()
    asked: dict[str, Any] = {"query": question.expr}
    if question.is_instant:
        asked["time"] = now
    else:
        asked |= {"start": now - 300, "end": now, "step": 15}
    path = "query" if question.is_instant else "query_range"
    status, answer = call("GET", f"{url}/api/v1/{path}?{urllib.parse.urlencode(asked)}")
    assert status == 200, f"{question.place}: {question.expr}: {answer}"
    assert answer["data"]["resultType"] == ("vector" if question.is_instant else "matrix")
    return [one["metric"] for one in answer["data"]["result"]]


def test_every_panel_shows_something_on_either_source(world: World) -> None:
    empty = {(source, question) for source in world.urls for question in questions()}
    deadline = time.monotonic() + WITHIN_S
    while empty and time.monotonic() < deadline:
        empty = {(source, one) for source, one in empty if not series_of(world.urls[source], one)}
        time.sleep(0.05)
    assert not sorted(f"{source}: {one.place}: {one.expr}" for source, one in empty)


def test_every_line_has_a_name_of_its_own(world: World) -> None:
    for question in questions():
        if question.legend == "__auto":
            continue
        names = [
            LEGEND.sub(lambda found, series=one: series.get(found[1], ""), question.legend).strip()  # type: ignore[misc]
            for one in series_of(world.urls["ruler"], question)
        ]
        assert "" not in names, question.place
        assert len(names) == len(set(names)), f"{question.place}: {names}"


def test_every_variable_offers_values(world: World) -> None:
    for name in SHIPPED:
        document = compile_dashboard(shipped()[name], shipped_rules(), LINK)
        for variable in document["templating"]["list"]:
            match = LABEL_VALUES.fullmatch(variable.get("definition", ""))
            if match is None:
                continue
            asked = urllib.parse.urlencode({"match[]": filled(match["series"])})
            for url in world.urls.values():
                status, answer = call("GET", f"{url}/api/v1/label/{match['label']}/values?{asked}")
                assert status == 200, answer
                assert answer["data"], f"{name}: {variable['name']}"
