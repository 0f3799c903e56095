"""Merged, aged, rendered."""

import gzip
from dataclasses import replace

import pytest

from exporter.declared import Declaration
from exporter.page import Page, merged
from exporter.pools import IN_USE, RATIO, SIZE
from exporter.scheduler import Health, Reading
from promkit.exposition import Family, counter, gauge, parse, render
from tests.builders.sources import ManualClock, a_reading, values

OWN = gauge("process_x", "X.", ({}, 7))
A = gauge("a", "A.", ({"n": "1"}, 1))
A2 = gauge("a", "A.", ({"n": "2"}, 2))
B = gauge("b", "B.", ({}, 3))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def a_page(clock: ManualClock, *readings: Reading) -> Page:
    page = Page(lambda: [OWN], clock.now_ms)
    page.expect([reading.source for reading in readings], {})
    for reading in readings:
        page.put(reading)
    page.render()
    return page


def shown(page: Page) -> dict[str, float]:
    return values(parse(page.rendered(openmetrics=False).plain))


def test_all_formats_say_the_same(clock: ManualClock) -> None:
    page = a_page(clock, a_reading("one", A), a_reading("two", A2, B))
    text, openmetrics = page.rendered(openmetrics=False), page.rendered(openmetrics=True)
    assert gzip.decompress(text.gzip) == text.plain
    assert gzip.decompress(openmetrics.gzip) == openmetrics.plain
    assert openmetrics.plain.endswith(b"# EOF\n")
    assert openmetrics.plain.count(b"# EOF") == 1
    assert values(parse(openmetrics.plain, openmetrics=True)) == values(parse(text.plain))
    assert shown(page) | {'a{n="1"}': 1, 'a{n="2"}': 2, "b": 3, "process_x": 7} == shown(page)


def test_a_name_of_two_sources_stands_once(clock: ManualClock) -> None:
    page = a_page(clock, a_reading("one", A), a_reading("two", A2))
    assert page.rendered(openmetrics=False).plain.count(b"# TYPE a gauge") == 1


def test_what_is_not_as_declared_is_left_out_counted_and_said_once(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    reading = a_reading("one", gauge("business_x", "X.", ({"type": "t"}, 1), ({"host": "h"}, 2)))
    page = Page(lambda: [OWN], clock.now_ms)
    page.expect([reading.source], {"business_x": Declaration(help="What it is.", labels=("type",))})
    for _ in range(2):
        page.put(reading)
        page.render()
    found = shown(page)
    assert [name for name in found if name.startswith("business_x")] == ['business_x{type="t"}']
    assert found['exporter_series_dropped_total{collector="one", reason="label"}'] == 2
    assert found['exporter_series_dropped_total{collector="one", reason="source"}'] == 0
    assert b"# HELP business_x What it is.\n" in page.rendered(openmetrics=False).plain
    assert [record.message for record in caplog.records] == ["series left out"]


def test_a_pool_has_its_share_whoever_gives_it(clock: ManualClock) -> None:
    at = {"pool": "p", "type": "workers"}
    page = a_page(clock, a_reading("push", gauge(IN_USE, "U.", (at, 3)), gauge(SIZE, "S.", (at, 4))))
    assert shown(page)[f'{RATIO}{{pool="p", type="workers"}}'] == 0.75


def test_a_change_is_shown(clock: ManualClock) -> None:
    page = a_page(clock, a_reading("one", A))
    page.put(a_reading("one", A2))
    page.render()
    assert "a" in str(shown(page))
    assert 'a{n="1"}' not in shown(page)
    assert shown(page)['a{n="2"}'] == 2


MERGES: dict[str, tuple[list[tuple[str, list[Family]]], list[str], dict[tuple[str, str, str], int]]] = {
    "sorted": ([("s", [B, A])], ["a", "b"], {}),
    "without samples": ([("s", [gauge("a", "A.")])], [], {}),
    "the same series twice": ([("s", [A]), ("t", [A])], ["a"], {("t", "a", "duplicate"): 1}),
    "another type": ([("s", [A]), ("t", [counter("a", "A.", ({}, 1))])], ["a"], {("t", "a", "type"): 1}),
}


@pytest.mark.parametrize(("parts", "names", "dropped"), MERGES.values(), ids=MERGES)
def test_merge(
    parts: list[tuple[str, list[Family]]], names: list[str], dropped: dict[tuple[str, str, str], int]
) -> None:
    families, lost = merged(parts)
    assert [family.name for family in families] == names
    assert lost == dropped
    parse(render(families))


def test_what_lost_is_counted_once_a_run(clock: ManualClock) -> None:
    page = a_page(clock, a_reading("one", A), a_reading("two", A))
    for _ in range(3):
        page.render()
    series = 'exporter_series_dropped_total{collector="two", reason="duplicate"}'
    page.put(a_reading("two", A))
    page.render()
    page.render()
    assert shown(page)[series] == 2


def failing(reading: Reading, last_success_ms: int | None) -> Reading:
    health = Health(error="gone", runs=2, failures=1, last_success_ms=last_success_ms)
    return replace(reading, health=health, families=None)


def test_a_failing_source_keeps_its_values_until_they_are_stale(clock: ManualClock) -> None:
    good = a_reading("one", A, every=10_000)
    page = a_page(clock, good)
    page.put(failing(good, clock.ms))
    page.render()
    assert shown(page)['a{n="1"}'] == 1
    assert shown(page)['exporter_collector_success{collector="one"}'] == 0
    clock.ms += 30_001  # three cadences
    page.render()
    assert 'a{n="1"}' not in shown(page)
    assert shown(page)['exporter_collector_stale{collector="one"}'] == 1
    assert page.reports()[0].stale


def test_a_source_that_is_not_configured_any_more_leaves_nothing(clock: ManualClock) -> None:
    page = a_page(clock, a_reading("one", A))
    page.expect([], {})
    page.put(a_reading("one", A))  # a run that was under way
    page.render()
    assert 'a{n="1"}' not in shown(page)
    assert not any("exporter_collector_success" in name for name in shown(page))


def test_readiness(clock: ManualClock) -> None:
    page = Page(list, clock.now_ms)
    reading = a_reading("one", A)
    page.expect([reading.source], {})
    assert list(page.untried()) == ["one"]
    page.put(failing(reading, None))
    assert list(page.untried()) == []


SELECTIONS = {
    "one source": ({"http/a"}, set(), {"a"}),
    "a kind": ({"http"}, set(), {"a", "b"}),
    "all but one": (None, {"http/a"}, {"b", "process_x"}),
    "all but the exporter itself": (None, {"exporter"}, {"a", "b"}),
    "the exporter itself": ({"exporter"}, set(), {"process_x"}),
}


@pytest.mark.parametrize(("wanted", "unwanted", "names"), SELECTIONS.values(), ids=SELECTIONS)
def test_selection(clock: ManualClock, wanted: set[str] | None, unwanted: set[str], names: set[str]) -> None:
    page = a_page(clock, a_reading("http/a", A), a_reading("http/b", B))
    families = parse(page.selected(wanted, unwanted, openmetrics=False))
    assert {f.name for f in families if not f.name.startswith("exporter_")} == names


def test_no_source_can_take_a_name_of_the_exporter(clock: ManualClock) -> None:
    page = a_page(clock, a_reading("one", gauge("process_x", "Mine.", ({}, 1))))
    assert shown(page)["process_x"] == 7
