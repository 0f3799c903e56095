"""The shipped rules on what analytics finds, evaluated on gauges that analytics made of a history.

What a run of analytics publishes goes (as text, with honor_labels) into a ruler in memory, beside what the
application measures; nothing is told before the model of a series has passed its backtest.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from analytics import cycle
from analytics.arrays import Values
from analytics.config import load_config, models_of
from analytics.cycle import Input, Memory
from analytics.events import of_cycle, of_models
from analytics.history import History
from analytics.learner import Settings
from analytics.outbox import PATH
from analytics.publish import families
from analytics.result import Results
from analytics.rules import Threshold
from promkit.exposition import parse, render
from promkit.labels import Labels
from tests.builders.e2e import until
from tests.builders.made_history import (
    DAY,
    DAY_MS,
    NOW_MS,
    STEP_MS,
    FakeSource,
    a_host,
    a_series,
    times_until,
)
from tests.builders.prose import ROOT
from tests.builders.ruler import ARuler, a_ruler_in_memory

SHIPPED = ROOT / "ruler" / "defaults" / "rules" / "findings.yml"
RULES: dict[str, dict[str, Any]] = {
    rule["id"]: rule for rule in yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))["rules"]
}
PASSED = "analytics_model_passed"
DISK_FULL = Threshold("disk-full", "system_disk_usage_ratio", "gt", 0.72, "high")
APP = {"component": "api", "instance": "web1", "job": "exporter"}
EVALUATION_MS = 30_000
Sample = tuple[str, Mapping[str, str], float]
InMemory = Callable[..., AbstractContextManager[ARuler]]


def found_by_analytics(series: Mapping[Labels, Values]) -> Results:
    """One run over nine days, with the shipped models."""
    source = FakeSource(times_until(steps=9 * DAY), series)
    specs = models_of(load_config(None, {}), {})
    history = History(source, STEP_MS, 9 * DAY_MS, 1000)
    tables, refused = history.refresh([*cycle.targets_of(specs), DISK_FULL.expr], NOW_MS)
    settings = Settings(STEP_MS, DAY_MS, 3.0)
    given = Input(specs, tables, {}, refused, [DISK_FULL], {}, settings, 3 * DAY_MS)
    return cycle.run(given, Memory(), NOW_MS)[0]


def a_day_as_any_other() -> dict[Labels, Values]:
    return a_host(times_until(steps=9 * DAY))


def walking(series: dict[Labels, Values]) -> dict[Labels, Values]:
    """The application's without any pattern: no forecast of a random walk is better than its last value."""
    random = np.random.default_rng(8)
    odd = {
        label: 5 + np.abs(random.normal(0, 1, 9 * DAY).cumsum())
        for label in series
        if label.metric.startswith("app_")
    }
    return {**series, **odd}


@dataclass(frozen=True)
class World:
    """What was measured and found, as a scrape brings it."""

    page: tuple[Sample, ...]

    @classmethod
    def of(cls, series: Mapping[Labels, Values]) -> "World":
        page = parse(render(families(found_by_analytics(series), {})))
        return cls(tuple((one.name, one.labels, one.value) for family in page for one in family.samples))

    def without(self, name: str) -> "World":
        return replace(self, page=tuple(sample for sample in self.page if sample[0] != name))

    def value(self, name: str, **labels: str) -> float:
        return next(
            value for found, given, value in self.page if found == name and labels.items() <= given.items()
        )

    def passed(self) -> set[str]:
        return {labels["metric"] for name, labels, _ in self.page if name == PASSED}


@cache
def usual() -> World:
    return World.of(a_day_as_any_other())


@cache
def patternless() -> World:
    return World.of(walking(a_day_as_any_other()))


@pytest.fixture
def in_memory(tmp_path: Path) -> InMemory:
    def make(*rules: str, config: Any = None, **more: Any) -> AbstractContextManager[ARuler]:
        return a_ruler_in_memory(tmp_path, config, {"rules": [RULES[one] | more for one in rules]})

    return make


def live(ruler: ARuler, world: World, *measured: Sample, minutes: int = 20) -> dict[str, str]:
    """Scrape and evaluate for so long → the description of each alert that fires."""
    known = ("analytics_expected", "analytics_anomaly", "analytics_seconds", "analytics_breach", PASSED)
    page = [sample for sample in world.page if sample[0].startswith(known)]
    for _ in range(minutes * 60_000 // EVALUATION_MS):
        ruler.feed(*page, *measured)
        ruler.evaluate()
        ruler.rooms.remediation.tick(ruler.clock.at_ms)
        ruler.later(EVALUATION_MS)
    return {
        alert.rule: alert.annotations["description"]
        for alert in ruler.book.alerts()
        if alert.phase.value == "firing"
    }


def degraded(world: World) -> dict[str, tuple[Sample, Sequence[str]]]:
    """For each rule a measurement that is worse than usual, and what its alert must say."""
    answers = world.value("analytics_expected", metric="app_response_time_seconds", bound="mean")
    serves = world.value("analytics_expected", metric="app_throughput_requests_per_second", bound="mean")
    return {
        "response-time-degraded": (
            ("app_response_time_seconds", APP, 2 * answers),
            ["api answers in", f"{1000 * 2 * answers:.4g}"[:3], "2.0 times", f"{1000 * answers:.4g}"[:3]],
        ),
        "error-rate-degraded": (("app_error_ratio", APP, 0.03), ["3%", "usually at this hour 0.1"]),
        "throughput-degraded": (
            ("app_throughput_requests_per_second", APP, 0.3 * serves),
            [f"{0.3 * serves:.4g}", "70% less", f"{serves:.4g}"],
        ),
    }


DEGRADATION = ("response-time-degraded", "error-rate-degraded", "throughput-degraded")


@pytest.mark.parametrize("rule", DEGRADATION)
def test_degradation_is_told_though_under_the_fixed_threshold(in_memory: InMemory, rule: str) -> None:
    sample, said = degraded(usual())[rule]
    with in_memory(rule) as ruler:
        assert live(ruler, usual(), sample, minutes=9) == {}, "not before its duration"
        told = live(ruler, usual(), sample, minutes=3)
    assert set(told) == {rule}
    for text in said:
        assert text in told[rule]


@pytest.mark.parametrize("rule", DEGRADATION)
def test_what_is_usual_at_this_hour_is_not_told(in_memory: InMemory, rule: str) -> None:
    name, labels, _ = degraded(usual())[rule][0]
    mean = usual().value("analytics_expected", metric=name, bound="mean")
    with in_memory(rule) as ruler:
        assert live(ruler, usual(), (name, labels, mean)) == {}


@pytest.mark.parametrize("rule", DEGRADATION)
def test_degradation_is_off_until_the_model_has_passed(in_memory: InMemory, rule: str) -> None:
    sample, _ = degraded(usual())[rule]
    with in_memory(rule) as ruler:
        assert live(ruler, usual().without(PASSED), sample) == {}
        assert set(live(ruler, usual(), sample)) == {rule}


def test_a_model_that_fails_its_backtest_tells_nothing_whatever_is_measured(in_memory: InMemory) -> None:
    world = patternless()
    assert "app_response_time_seconds" in usual().passed()
    assert "app_response_time_seconds" not in world.passed()
    worst = [
        ("app_response_time_seconds", APP, 1e6),
        ("app_error_ratio", APP, 1.0),
        ("app_throughput_requests_per_second", APP, 0.0),
    ]
    with in_memory(*DEGRADATION) as ruler:
        assert live(ruler, world, *worst) == {}


def anomalous(series: dict[Labels, Values]) -> dict[Labels, Values]:
    series[a_series("system_cpu_usage_ratio")][-1] = 0.99
    return series


@cache
def faulty() -> World:
    return World.of(anomalous(a_day_as_any_other()))


def test_an_anomaly_is_told_and_held_though_its_score_falls(in_memory: InMemory) -> None:
    with in_memory("anomaly") as ruler:
        assert live(ruler, usual(), minutes=1) == {}
        told = live(ruler, faulty(), minutes=1)
        assert set(told) == {"anomaly"}
        assert "system_cpu_usage_ratio does what it never did before" in told["anomaly"]
        assert "usually 0.1" in told["anomaly"]
        assert set(live(ruler, usual(), minutes=28)) == {"anomaly"}
        assert live(ruler, usual(), minutes=5) == {}


def test_an_anomaly_is_off_until_the_model_has_passed(in_memory: InMemory) -> None:
    with in_memory("anomaly") as ruler:
        assert live(ruler, faulty().without(PASSED), minutes=5) == {}


def test_a_breach_ahead_is_told_with_its_time_and_probability(in_memory: InMemory) -> None:
    ahead_s = usual().value("analytics_seconds_to_breach", rule="disk-full")
    assert 0 < ahead_s < 3 * 86_400
    with in_memory("breach-ahead", threshold=ahead_s + 1) as ruler:
        assert live(ruler, usual().without(PASSED)) == {}, "off until its model has passed"
        told = live(ruler, usual())
        assert set(told) == {"breach-ahead"}
        assert "system_disk_usage_ratio meets the threshold of disk-full in" in told["breach-ahead"]
        assert "with a probability of" in told["breach-ahead"]
        assert live(ruler, usual().without("analytics_seconds_to_breach")) == {}, "no longer in sight"
    with in_memory("breach-ahead", threshold=ahead_s - 1) as ruler:
        assert live(ruler, usual()) == {}, "further ahead than asked for"


def test_the_ruler_takes_every_event_that_analytics_posts(in_memory: InMemory) -> None:
    specs = models_of(load_config(None, {}), {})
    changed = [specs[0].model_copy(update={"name": "Other"}), *specs[2:]]
    events = of_models(specs, [*changed, specs[1].model_copy(update={"id": "new"})], NOW_MS)
    events += of_cycle(found_by_analytics(anomalous(a_day_as_any_other())))[0]
    with in_memory("anomaly") as ruler:
        answer = ruler.post(PATH, [event.document() for event in events])
        assert answer.status == 200, answer.text
        kept = ruler.get(PATH, format="json").data["events"]
    mine = {row["type"] for row in kept}
    assert mine >= {
        "model_created",
        "model_updated",
        "model_deleted",
        "model_trained",
        "prediction_made",
        "anomaly_detected",
    }


def bound(folder: Path, *, enabled: bool) -> dict[str, Any]:
    """What an operator declares: one more instance, as a file."""
    action = {
        "kind": "command",
        "argv": ["touch", f"{folder}/instance-{{instances}}"],
        "parameters": {"instances": {"type": "int", "min": 1, "max": 4, "target": True}},
    }
    return {"remediation": {"enabled": enabled, "actions": {"scale_up": action}}}


REMEDIED = {
    "an anomaly": ("anomaly", faulty, {}),
    "a breach ahead": ("breach-ahead", usual, {"threshold": 3 * 86_400}),
}


@pytest.mark.parametrize("enabled", [False, True], ids=["dry run", "armed"])
@pytest.mark.parametrize("case", REMEDIED)
def test_a_remedy_acts_on_what_analytics_found(
    in_memory: InMemory, tmp_path: Path, case: str, *, enabled: bool
) -> None:
    rule, world, more = REMEDIED[case]
    remedy = {"action": "scale_up", "parameters": {"instances": 1}}
    config = bound(tmp_path, enabled=enabled)
    with in_memory(rule, config=config, auto_remediation=remedy, **more) as ruler:
        remediation = ruler.rooms.remediation
        ruler.book.listen(remediation.hear)
        assert live(ruler, world().without(PASSED), minutes=18) == {}
        assert remediation.runs() == [], "nothing is done on what a model says that has not passed"
        live(ruler, world(), minutes=18)
        assert {run.action for run in remediation.runs()} == {"scale_up"}
        done = tmp_path / "instance-1"
        if enabled:
            assert until(done.exists, within_s=10)
        else:
            assert {run.phase.value for run in remediation.runs()} == {"planned"}
            assert not done.exists()
        remediation.close()
