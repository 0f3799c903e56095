"""What a push may say."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.pushed import checked_group, from_json, from_page
from promkit.errors import ConfigError, LuminaError
from promkit.exposition import MetricType, parse, render
from tests.builders.sources import values


def body(*metrics: Any, **more: Any) -> bytes:
    return json.dumps({"metrics": metrics, **more}).encode()


def test_json() -> None:
    pushed = from_json(
        body(
            {"name": "business_user_sessions", "labels": {"type": "authenticated"}, "value": 12},
            {"name": "business_user_sessions", "tags": {"type": "guest"}, "value": 3.5, "help": "Sessions."},
            {"name": "business_jobs_total", "type": "counter", "value": 7},
            group="nightly",
            ttl="1h30m",
        )
    )
    assert (pushed.group, pushed.ttl_ms) == ("nightly", 5_400_000)
    assert values(pushed.families) == {
        'business_user_sessions{type="authenticated"}': 12,
        'business_user_sessions{type="guest"}': 3.5,
        "business_jobs_total": 7,
    }
    assert [family.type for family in pushed.families] == [MetricType.GAUGE, MetricType.COUNTER]
    assert pushed.families[0].help == "Sessions."


def test_a_unit() -> None:
    family = from_json(body({"name": "business_scan_seconds", "unit": "seconds", "value": 2})).families[0]
    assert b"# UNIT business_scan_seconds seconds\n" in render([family], openmetrics=True)


def test_page() -> None:
    page = b'# TYPE resource_pool_in_use gauge\nresource_pool_in_use{pool="db"} 4\n'
    assert values(from_page(page, openmetrics=False).families) == {'resource_pool_in_use{pool="db"}': 4}
    assert values(from_page(page + b"# EOF\n", openmetrics=True).families) == {
        'resource_pool_in_use{pool="db"}': 4
    }


M = {"name": "a", "value": 1}
BAD_JSON = {
    "not JSON": (b'{"metrics": [\n  {"name": "a" "value": 1}]}', "push:2:16: Expecting"),
    "not UTF-8": (b'{"a": "\xff"}', "not JSON in UTF-8"),
    "a list": (b"[]", "body: must be an object"),
    "no metrics": (b"{}", "metrics is missing"),
    "unknown key": (body(M, tll="5m"), "unknown key 'tll'"),
    "unknown key of a metric": (body(M, {**M, "vale": 2}), r"metrics\[1\]: unknown key 'vale'"),
    "no value": (body({"name": "a"}), r"metrics\[0\]: value is missing"),
    "value as a text": (body({"name": "a", "value": "1"}), r"metrics\[0\].value: must be a number"),
    "value true": (body({"name": "a", "value": True}), r"metrics\[0\].value: must be a number"),
    "value too large": (body({"name": "a", "value": 10**400}), "too large"),
    "a name without its unit": (
        body({**M, "unit": "seconds"}),
        r"metrics\[0\]: a name ends with its unit, as in x_seconds",
    ),
    "label no text": (body({**M, "labels": {"b": 1}}), r"metrics\[0\].labels.'b': must be a text"),
    "labels and tags": (body({**M, "labels": {}, "tags": {}}), "not both"),
    "another type": (body({**M, "type": "histogram"}), "gauge or counter"),
    "two types": (body(M, {**M, "type": "counter"}), "two types"),
    "a name that is none": (body({**M, "name": "a b"}), "not allowed"),
    "UTF-8 name": (body({**M, "name": "ä"}), "not allowed"),
    "the exporter's own": (body({**M, "name": "exporter_x"}), "not allowed"),
    "the process' own": (body({**M, "name": "process_cpu_seconds_total"}), "not allowed"),
    "Prometheus' own": (body({**M, "name": "up"}), "not allowed"),
    "label that is none": (body({**M, "labels": {"a-b": "x"}}), "label name not allowed"),
    "reserved label": (body({**M, "labels": {"__name__": "x"}}), "label name not allowed"),
    "lone surrogate": (body({**M, "labels": {"a": "\ud800"}}), "not Unicode"),
    "label too long": (body({**M, "labels": {"a": "x" * 1001}}), "too long"),
    "too many labels": (body({**M, "labels": {f"l{n}": "x" for n in range(31)}}), "more than 30 labels"),
    "twice": (body(M, M), "given twice: a"),
    "ttl": (body(M, ttl="soon"), "not a duration: 'soon'"),
    "group": (body(M, group=""), "a group is 1 to 200"),
    "nested beyond reason": (b"[" * 100_000, "not JSON"),
}


@pytest.mark.parametrize(("text", "why"), BAD_JSON.values(), ids=BAD_JSON)
def test_json_refused(text: bytes, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        from_json(text)


BAD_PAGES = {
    "no line": (b"good 1\nbad{ 1\n", "push:2:"),
    "timestamp": (b"a 1 1395066363000\n", "a has a timestamp: leave it out"),
    "own name": (b"exporter_x 1\n", "not allowed"),
    "quoted name": (b'{"a.b"} 1\n', "not allowed"),
    "twice": (b"a 1\na 2\n", "given twice"),
}


@pytest.mark.parametrize(("page", "why"), BAD_PAGES.values(), ids=BAD_PAGES)
def test_page_refused(page: bytes, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        from_page(page, openmetrics=False)


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", "\ud800"])
def test_group_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        checked_group(name)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["name", "value", "metrics", "labels", "group", "ttl", "type", "help", "?"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(data=st.binary(max_size=200) | JSON.map(lambda found: json.dumps(found).encode()))
def test_any_json(data: bytes) -> None:
    try:
        families = from_json(data).families
    except LuminaError:
        return
    parse(render(families))


@given(data=st.binary(max_size=200) | st.text('abc{}="\\,#123. \n', max_size=60).map(str.encode))
def test_any_page(data: bytes) -> None:
    for openmetrics in (False, True):
        try:
            families = from_page(data, openmetrics=openmetrics).families
        except LuminaError:
            continue
        parse(render(families))
