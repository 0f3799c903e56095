import numpy as np
import pytest

from analytics.history import Columns, History, Query, queries_of
from promkit.errors import Unavailable
from promkit.fetch import FetchError
from promkit.labels import METRIC_NAME, Labels
from tests.builders.made_history import (
    DAY,
    DAY_MS,
    NOW_MS,
    STEP_MS,
    FakeSource,
    a_series,
    a_wave,
    times_until,
)

CPU = a_series("system_cpu_usage_ratio")
MEMORY = a_series("system_memory_usage_ratio")


def a_source(steps: int = 2 * DAY, end_ms: int = NOW_MS) -> FakeSource:
    times = times_until(end_ms, steps)
    return FakeSource(times, {CPU: a_wave(times), MEMORY: a_wave(times, seed=2)})


def a_history(source: FakeSource, series_max: int = 100) -> History:
    return History(source, STEP_MS, DAY_MS, series_max)


@pytest.mark.parametrize(
    ("target", "queries"),
    [
        ("cpu", [Query("avg_over_time(cpu[5m])", "cpu")]),
        ('cpu{mode="idle"}', [Query('avg_over_time(cpu{mode="idle"}[5m])', "cpu")]),
        ("rate(cpu_total[5m])", [Query("rate(cpu_total[5m])", "")]),
        ("a / b", [Query("a / b", "")]),
        (
            '{__name__=~"x_.+",job="j"}',
            [
                Query('avg_over_time({__name__=~"x_.+",job="j",__name__="x_a"}[5m])', "x_a"),
                Query('avg_over_time({__name__=~"x_.+",job="j",__name__="x_b"}[5m])', "x_b"),
            ],
        ),
    ],
)
def test_plain_selectors_are_asked_as_means_of_windows(target: str, queries: list[Query]) -> None:
    names = [(Labels({METRIC_NAME: name}), 1.0) for name in ("x_b", "x_a")]
    assert queries_of(target, STEP_MS, lambda _: names) == queries


def test_windows_carry_the_metric_they_came_from() -> None:
    tables, refused = a_history(a_source()).refresh(["system_cpu_usage_ratio"], NOW_MS + 1234)
    table = tables["system_cpu_usage_ratio"]
    assert not refused
    assert table.labels == [CPU]
    assert table.times[-1] == NOW_MS
    assert len(table.times) == DAY
    assert np.array_equal(table.values[0], a_source().series[CPU][-DAY:])


def test_only_what_is_new_is_fetched() -> None:
    source = a_source(end_ms=NOW_MS + 10 * STEP_MS)
    history = a_history(source)
    history.refresh(["system_cpu_usage_ratio"], NOW_MS)
    source.asked.clear()
    later_ms = NOW_MS + 3 * STEP_MS
    tables, _ = history.refresh(["system_cpu_usage_ratio"], later_ms)
    assert [(start, end) for _, start, end in source.asked] == [(NOW_MS, later_ms)]
    expected = source.series[CPU][: len(source.times) - 7][-DAY:]
    assert np.array_equal(tables["system_cpu_usage_ratio"].values[0], expected)


def test_a_fetch_that_broke_off_is_taken_up_where_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    source = a_source()
    history = a_history(source)
    monkeypatch.setattr("analytics.history._STEPS_MAX", 100)
    answer = source.query_range

    def twice(expr: str, start_ms: int, end_ms: int, step_ms: int) -> object:
        if len(source.asked) == 2:
            source.down = True
        return answer(expr, start_ms, end_ms, step_ms)

    monkeypatch.setattr(source, "query_range", twice)
    with pytest.raises(Unavailable):
        history.refresh(["system_cpu_usage_ratio"], NOW_MS)
    monkeypatch.setattr(source, "query_range", answer)
    source.down = False
    tables, _ = history.refresh(["system_cpu_usage_ratio"], NOW_MS)
    assert not np.isnan(tables["system_cpu_usage_ratio"].values).any()


def test_an_answer_that_is_too_large_is_asked_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    source = a_source()
    answer = source.query_range

    def small(expr: str, start_ms: int, end_ms: int, step_ms: int) -> object:
        if end_ms - start_ms > 100 * STEP_MS:
            raise FetchError("too_large", "the answer is larger than that", "http://ruler")
        return answer(expr, start_ms, end_ms, step_ms)

    monkeypatch.setattr(source, "query_range", small)
    tables, _ = a_history(source).refresh(["system_cpu_usage_ratio"], NOW_MS)
    assert not np.isnan(tables["system_cpu_usage_ratio"].values).any()


def test_a_refused_query_is_told_and_the_others_go_on() -> None:
    source = a_source()
    source.refused = "nonsense"
    tables, refused = a_history(source).refresh(["nonsense", "system_cpu_usage_ratio"], NOW_MS)
    assert list(tables) == ["system_cpu_usage_ratio"]
    assert "will not have it" in str(refused["nonsense"])


def test_series_come_and_go() -> None:
    times = times_until(NOW_MS + DAY_MS, 2 * DAY)
    early, late = a_wave(times), a_wave(times, seed=2)
    early[DAY:] = np.nan
    late[:DAY] = np.nan
    source = FakeSource(times, {CPU: early, MEMORY: late})
    history = History(source, STEP_MS, DAY_MS, 100)
    target = '{__name__=~"system_.+"}'
    assert history.refresh([target], NOW_MS)[0][target].labels == [CPU]
    both = history.refresh([target], NOW_MS + DAY_MS // 2)[0][target]
    assert both.labels == [CPU, MEMORY]
    assert np.isnan(both.values[1, : DAY // 2]).all()
    assert history.refresh([target], NOW_MS + DAY_MS)[0][target].labels == [MEMORY]


def test_series_beyond_the_limit_are_counted() -> None:
    times = times_until(steps=DAY)
    source = FakeSource(times, {a_series("m", n=str(n)): a_wave(times) for n in range(5)})
    history = a_history(source, series_max=3)
    tables, _ = history.refresh(["m"], NOW_MS)
    assert len(tables["m"].labels) == 3
    assert history.left_out == 2


def test_infinity_is_no_measurement() -> None:
    columns = Columns(2)
    columns.move_to(NOW_MS, STEP_MS)
    columns.put([CPU], times_until(steps=2), np.array([[np.inf, 1.0]]), STEP_MS)
    assert np.isnan(columns.values[0, 0])
    assert columns.values[0, 1] == 1


def test_no_series_is_an_empty_table() -> None:
    tables, _ = a_history(a_source()).refresh(["nothing_here", '{__name__=~"nothing.+"}'], NOW_MS)
    assert [len(table.labels) for table in tables.values()] == [0, 0]
    assert all(table.values.shape == (0, DAY) for table in tables.values())


def test_series_of_a_window_that_is_not_over_are_known_to_begin() -> None:
    times = times_until(NOW_MS + STEP_MS, 2)
    values = np.array([np.nan, 1.0])
    tables, _ = a_history(FakeSource(times, {CPU: values})).refresh(
        ["system_cpu_usage_ratio", "other"], NOW_MS
    )
    assert [table.begins for table in tables.values()] == [True, False]
