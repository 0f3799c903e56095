"""Each path, as those who ask it see it."""

import gzip
import json
from collections.abc import Mapping

import pytest

from exporter.http1 import Answer
from exporter.routes import accepts_gzip
from promkit.exposition import parse
from tests.builders.sites import House
from tests.builders.sources import a_request, a_source, values


def get(house: House, target: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Answer:
    return house.site.answer(a_request(method, target, headers=headers), trusted=True)


def error(answer: Answer) -> str:
    return str(json.loads(answer.body)["error"])


FORMATS = {
    "nothing said": ({}, "text/plain; version=0.0.4"),
    "Prometheus 3": (
        {"Accept": "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.4"},
        "application/openmetrics-text; version=1.0.0",
    ),
    "a browser": ({"Accept": "text/html,*/*;q=0.8"}, "text/plain; version=0.0.4"),
}


@pytest.mark.parametrize(("headers", "kind"), FORMATS.values(), ids=FORMATS)
def test_metrics_in_the_format_that_is_asked(house: House, headers: Mapping[str, str], kind: str) -> None:
    answer = get(house, "/metrics", headers)
    assert answer.content_type.startswith(kind)
    families = parse(answer.body, openmetrics="openmetrics" in kind)
    assert values(families)['a{n="1"}'] == 1
    packed = get(house, "/metrics", {**headers, "Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == answer.body
    assert answer.headers["Vary"] == packed.headers["Vary"] == "Accept, Accept-Encoding"


GZIP = {"gzip": True, "br, gzip;q=0.5": True, "*": True, "gzip;q=0": False, "gzip; q=0.0": False, "": False}


@pytest.mark.parametrize(("header", "expected"), GZIP.items())
def test_gzip_when_it_is_taken(header: str, *, expected: bool) -> None:
    assert accepts_gzip(header) is expected


def test_collect_and_exclude(house: House) -> None:
    one = values(parse(get(house, "/metrics?collect[]=cpu").body))
    assert 'a{n="1"}' in one
    assert "process_x" not in one
    assert 'exporter_collector_success{collector="cpu"}' in one
    other = values(parse(get(house, "/metrics?exclude%5B%5D=cpu").body))
    assert 'a{n="1"}' not in other
    assert "process_x" in other


SELECTIONS = {
    "unknown": ("/metrics?collect[]=cpuu", "unknown collector: 'cpuu': known are cpu, exporter, http"),
    "unknown, excluded": ("/metrics?exclude[]=x", "unknown collector: 'x'"),
    "both": ("/metrics?collect[]=cpu&exclude[]=http", "not both"),
}


@pytest.mark.parametrize(("target", "why"), SELECTIONS.values(), ids=SELECTIONS)
def test_a_wrong_selection_is_named(house: House, target: str, why: str) -> None:
    answer = get(house, target)
    assert answer.status == 400
    assert why in error(answer)


def test_health_and_readiness(house: House) -> None:
    assert get(house, "/-/healthy").status == 200
    assert get(house, "/-/ready").status == 200


def test_not_ready_before_every_source_was_tried(house: House) -> None:
    house.page.expect([a_source("slow")], {})
    answer = get(house, "/-/ready")
    assert answer.status == 503
    assert "slow" in error(answer)


def test_unknown_page_and_method(house: House) -> None:
    assert get(house, "/nothing").status == 404
    answer = get(house, "/metrics", method="POST")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_landing_page(house: House) -> None:
    page = get(house, "/").body.decode()
    assert "http/shop" in page
    assert "&lt;b&gt;no&lt;/b&gt; such file" in page
    assert "<b>" not in page


def test_landing_page_hides_errors_from_strangers(house: House) -> None:
    page = house.site.answer(a_request(target="/"), trusted=False).body.decode()
    assert "such file" not in page
    assert "see the log" in page
