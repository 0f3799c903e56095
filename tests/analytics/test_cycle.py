"""Fourteen days of made history, through the fake of a Prometheus API, as the process sees them."""

from dataclasses import replace

import numpy as np
import pytest

from analytics import cycle
from analytics.config import load_config, models_of
from analytics.cycle import Input, Memory
from analytics.history import History
from analytics.learner import Live, Settings
from analytics.publish import families, typical
from analytics.result import ModelState, Results
from analytics.rules import Threshold
from analytics.spec import ModelSpec
from promkit.exposition import parse, render
from tests.builders.made_history import (
    DAY,
    DAY_MS,
    NOW_MS,
    STEP_MS,
    FakeSource,
    a_host,
    a_series,
    a_wave,
    times_until,
)

SPECS = models_of(load_config(None, {}), {})
SETTINGS = Settings(STEP_MS, DAY_MS, 3.0)
DISK_FULL = Threshold("disk-full", "system_disk_usage_ratio", "gt", 0.72, "high")
CPU_HIGH = Threshold("high-cpu-usage", "system_cpu_usage_ratio", "gt", 0.8, "high")
FAULT = slice(-30, -20)


def see(source: FakeSource, now_ms: int = NOW_MS, specs: list[ModelSpec] = SPECS, live: int = 0) -> Input:
    targets = [*cycle.targets_of(specs), DISK_FULL.expr, CPU_HIGH.expr]
    history = History(source, STEP_MS, 14 * DAY_MS, 1000)
    tables, refused = history.refresh(targets, now_ms)
    lived = {spec.id: Live(live, live // 2, live // 4, 1.0, 2.0) for spec in specs if live}
    return Input(specs, tables, {}, refused, [DISK_FULL, CPU_HIGH], lived, SETTINGS, 3 * DAY_MS)


@pytest.fixture(scope="module")
def source() -> FakeSource:
    times = times_until(NOW_MS + DAY_MS, 15 * DAY)
    return FakeSource(times, a_host(times, fault=slice(-DAY - 30, -DAY - 20)))


@pytest.fixture(scope="module")
def first(source: FakeSource) -> tuple[Results, Memory]:
    return cycle.run(see(source), Memory(), NOW_MS)


def test_all_models_forecast_and_beat_the_last_value(first: tuple[Results, Memory]) -> None:
    models = {model.id: model for model in first[0].models}
    assert set(models) == {spec.id for spec in SPECS}
    for model in models.values():
        assert model.state is ModelState.READY
        assert (typical(model.error_last) or 9) < 0.5
        assert model.forecast is not None
        assert list(model.horizons) == ["1h", "6h", "24h"]
        assert np.isfinite(model.forecast.mean).all()
        assert model.covered is not None
        assert 0.6 <= np.nanmean(model.covered) <= 1


def test_forecasts_are_near_what_comes(source: FakeSource, first: tuple[Results, Memory]) -> None:
    cpu = next(model for model in first[0].models if model.id == "cpu-usage-predictor")
    assert cpu.forecast is not None
    actual = source.series[a_series("system_cpu_usage_ratio")][-DAY:]
    for column, ahead in enumerate((12, 72, 288)):
        assert cpu.forecast.mean[0, column] == pytest.approx(actual[ahead - 1], abs=0.06)


def test_the_fault_is_found_once_with_what_was_expected(first: tuple[Results, Memory]) -> None:
    found = [row for row in first[0].anomalies if row.series.metric == "system_cpu_usage_ratio"]
    assert len(found) == 1, "one alarm, by one model"
    alarm = found[0]
    assert alarm.at_ms == NOW_MS - 29 * STEP_MS, "at its first step"
    assert alarm.severity == "critical"
    assert alarm.value == 0.99
    assert alarm.expected == pytest.approx(0.13, abs=0.1)
    assert alarm.confidence == 0.95
    assert "system_cpu_usage_ratio" in alarm.description
    quiet = {row.series.metric for row in first[0].anomalies} - {"system_cpu_usage_ratio"}
    assert quiet == {"app_response_time_seconds"}, "which follows the CPU; nothing else was strange"


def test_a_missing_feature_is_named_and_left_out(first: tuple[Results, Memory]) -> None:
    memory = next(model for model in first[0].models if model.id == "memory-usage-predictor")
    assert memory.features["resource_pool_utilization_ratio"] == 0
    row = next(row for row in first[0].predictions if row.model == "memory-usage-predictor")
    assert row.features["resource_pool_utilization_ratio"] is None
    assert row.features["system_cpu_usage_ratio"] is not None


def test_the_filling_disk_is_said_with_its_time(first: tuple[Results, Memory]) -> None:
    rows = {row.rule: row for row in first[0].breaches}
    # 0.2 in fifteen days, and 0.6866 now.
    assert rows["disk-full"].seconds == pytest.approx((0.72 - 0.6866) / 0.2 * 15 * 86_400, rel=0.15)
    assert rows["disk-full"].probability > 0.9
    assert rows["high-cpu-usage"].seconds is None
    assert rows["high-cpu-usage"].probability < 0.1


def test_trends_know_the_disk_from_the_daily_wave(first: tuple[Results, Memory]) -> None:
    rows = {(row.series.metric, row.range): row for row in first[0].trends}
    assert rows["system_disk_usage_ratio", "7d"].direction == "increasing"
    assert rows["system_disk_usage_ratio", "7d"].slope_per_hour == pytest.approx(0.2 / 15 / 24, rel=0.1)
    assert rows["system_cpu_usage_ratio", "7d"].direction == "stable"
    assert {range_ for _, range_ in rows} == {"1h", "24h", "7d"}, "30d waits for its history"


def test_the_next_cycle_learns_nothing_anew_and_repeats_no_alarm(
    source: FakeSource, first: tuple[Results, Memory]
) -> None:
    later_ms = NOW_MS + 2 * STEP_MS
    results, memory = cycle.run(see(source, later_ms), first[1], later_ms)
    for model, trained in memory.trained.items():
        assert trained.trained_ms == NOW_MS, model
        assert trained.blocks[0].state is first[1].trained[model].blocks[0].state
    assert not results.anomalies
    assert results.predictions[0].made_ms == later_ms


def test_what_happens_next_is_scored_by_what_was_learned(first: tuple[Results, Memory]) -> None:
    times = times_until(NOW_MS + DAY_MS, 15 * DAY)
    series = a_host(times, fault=slice(-DAY - 30, -DAY - 20))
    memory_used = a_series("system_memory_usage_ratio")
    series[memory_used][14 * DAY : 14 * DAY + 3] = 0.99
    later_ms = NOW_MS + 3 * STEP_MS
    results, _ = cycle.run(see(FakeSource(times, series), later_ms), first[1], later_ms)
    assert [(row.series, row.at_ms) for row in results.anomalies] == [(memory_used, NOW_MS + STEP_MS)]


def test_the_schedule_makes_it_learn_anew(source: FakeSource, first: tuple[Results, Memory]) -> None:
    later_ms = NOW_MS + DAY_MS
    _, memory = cycle.run(see(source, later_ms), first[1], later_ms)
    assert {trained.trained_ms for trained in memory.trained.values()} == {later_ms}


def test_series_that_come_later_get_a_block_of_their_own(
    source: FakeSource, first: tuple[Results, Memory]
) -> None:
    series = dict(source.series)
    late = a_wave(source.times, low=0.3, high=0.4)
    late[: 12 * DAY] = np.nan
    series[a_series("system_disk_usage_ratio", mount="/new")] = late
    later_ms = NOW_MS + STEP_MS
    results, memory = cycle.run(see(FakeSource(source.times, series), later_ms), first[1], later_ms)
    blocks = memory.trained["anomaly-detector"].blocks
    assert [len(block.labels) for block in blocks] == [6, 1]
    assert memory.trained["anomaly-detector"].trained_ms == NOW_MS
    watched = next(model for model in results.models if model.id == "anomaly-detector")
    assert len(watched.labels) == 7


def test_a_series_that_ended_is_not_forecast(source: FakeSource, first: tuple[Results, Memory]) -> None:
    series = {label: values.copy() for label, values in source.series.items()}
    gone = a_series("system_disk_usage_ratio", mount="/")
    series[gone][14 * DAY :] = np.nan
    later_ms = NOW_MS + 12 * STEP_MS
    results, _ = cycle.run(see(FakeSource(source.times, series), later_ms), first[1], later_ms)
    assert gone not in {row.series for row in results.predictions}
    found = next(one for one in families(results, {}) if one.name == "analytics_prediction")
    told = {sample.labels["metric"] for sample in found.samples}
    assert "system_cpu_usage_ratio" in told
    assert "system_disk_usage_ratio" not in told


@pytest.mark.parametrize(
    ("steps", "state", "detail"),
    [
        (0, ModelState.IDLE, "no series match system_cpu_usage_ratio"),
        (37, ModelState.LEARNING, "3 h of 24 h"),
    ],
)
def test_too_little_history_is_no_error(steps: int, state: ModelState, detail: str) -> None:
    times = times_until(steps=max(steps, 1))
    host = a_host(times) if steps else {}
    results, _ = cycle.run(see(FakeSource(times, host)), Memory(), NOW_MS)
    model = next(model for model in results.models if model.id == "cpu-usage-predictor")
    assert (model.state, model.detail) == (state, detail)


def test_a_query_the_server_refuses_fails_its_model_alone(source: FakeSource) -> None:
    specs = [*SPECS, ModelSpec(id="broken", type="time_series", target="nonsense(")]
    refusing = replace(source, refused="nonsense", asked=[])
    results, _ = cycle.run(see(refusing, specs=specs), Memory(), NOW_MS)
    states = {model.id: model.state for model in results.models}
    assert states.pop("broken") is ModelState.FAILED
    assert set(states.values()) == {ModelState.READY}


def test_a_disabled_model_does_nothing(source: FakeSource) -> None:
    specs = [SPECS[0].model_copy(update={"enabled": False})]
    results, _ = cycle.run(see(source, specs=specs), Memory(), NOW_MS)
    assert [model.state for model in results.models] == [ModelState.DISABLED]


def test_confidence_is_measured_live_once_there_is_enough(source: FakeSource) -> None:
    results, _ = cycle.run(see(source, live=200), Memory(), NOW_MS)
    for model in results.models:
        assert model.confidence is not None
        assert model.confidence == pytest.approx(0.5)


def test_confidence_stays_between_its_bounds(first: tuple[Results, Memory]) -> None:
    for row in first[0].predictions:
        assert 0.1 <= row.confidence <= 0.95
        assert row.lower <= row.value <= row.upper


def test_every_promised_gauge_is_on_the_page(first: tuple[Results, Memory]) -> None:
    page = render(families(first[0], {"cpu-usage-predictor": Live(200, 150, 160, 1.0, 4.0)}))
    found = {family.name: family for family in parse(page)}
    for name in (
        "analytics_prediction",
        "analytics_anomaly_score",
        "analytics_anomaly_deviation",
        "analytics_trend_slope_per_hour",
        "analytics_seconds_to_breach",
        "analytics_breach_probability",
        "analytics_model_error_ratio",
        "analytics_model_coverage_ratio",
        "analytics_models",
    ):
        assert found[name].samples, name
    breach = found["analytics_breach_probability"].samples[0].labels
    assert (breach["rule"], breach["within"], breach["mount"]) == ("disk-full", "3d", "/")
    live = [row for row in found["analytics_model_error_ratio"].samples if row.labels["from"] == "live"]
    assert [(row.labels["model"], row.value) for row in live] == [("cpu-usage-predictor", 0.25)]
    states = {row.labels["state"]: row.value for row in found["analytics_models"].samples}
    assert states["ready"] == len(SPECS)


def test_labels_that_analytics_uses_itself_are_kept_aside() -> None:
    times = times_until(steps=3 * DAY)
    odd = a_series("m", model="T-800", horizon="far")
    specs = [ModelSpec(id="one", type="time_series", target="m")]
    results, _ = cycle.run(see(FakeSource(times, {odd: a_wave(times)}), specs=specs), Memory(), NOW_MS)
    found = next(one for one in families(results, {}) if one.name == "analytics_prediction")
    labels = found.samples[0].labels
    assert (labels["model"], labels["exported_model"]) == ("one", "T-800")
    assert labels["exported_horizon"] == "far"
