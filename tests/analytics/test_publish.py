"""Each gauge against figures that are worked out anew from the history that it was made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from analytics import cycle
from analytics.arrays import Values
from analytics.cycle import Input, Memory
from analytics.history import History
from analytics.learner import Live, Settings
from analytics.publish import SAMPLES_MAX, families
from analytics.result import ModelResult, ModelState, Results
from analytics.rules import Threshold
from analytics.spec import ModelSpec
from promkit.exposition import parse, render
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

DAYS = 10
THRESHOLD = Threshold("line-high", "line", "gt", 1.05, "high")
SPECS = [
    ModelSpec(id="all", type="anomaly_detection", target='{__name__=~"wave|walk|line|fault"}'),
    ModelSpec(id="young", type="time_series", target="young"),
    ModelSpec(id="nowhere", type="time_series", target="nothing"),
    ModelSpec(id="off", type="time_series", target="wave", enabled=False),
]


@dataclass(frozen=True)
class Page:
    """The gauges of one run, and the history and what is to come that they are about."""

    series: Mapping[str, Values]  # up to now
    ahead: Mapping[str, Values]  # the day after
    gauges: Mapping[str, list[tuple[Mapping[str, str], float]]]

    def value(self, gauge: str, metric: str, **labels: str) -> float:
        wanted = {"metric": metric, **labels}
        found = [value for given, value in self.gauges[gauge] if wanted.items() <= given.items()]
        assert len(found) == 1, (gauge, wanted, self.gauges[gauge])
        return found[0]

    def has(self, gauge: str, metric: str) -> bool:
        return any(given["metric"] == metric for given, _ in self.gauges[gauge])


@pytest.fixture(scope="module")
def page() -> Page:
    times = times_until(NOW_MS + DAY_MS, (DAYS + 1) * DAY)
    random = np.random.default_rng(8)
    series = {
        "wave": a_wave(times, noise=0.02),
        "walk": 5 + np.abs(random.normal(0, 1, len(times)).cumsum()),
        "line": 0.1 * np.arange(len(times)) / DAY + random.normal(0, 0.001, len(times)),
        "fault": a_wave(times, noise=0.02, seed=2),
        "young": np.where(np.arange(len(times)) > len(times) - DAY - 40, 1.0, np.nan),
    }
    series["fault"][-DAY - 1] = 1.5
    source = FakeSource(times, {a_series(name): values for name, values in series.items()})
    history = History(source, STEP_MS, DAYS * DAY_MS, 1000)
    tables, refused = history.refresh([*cycle.targets_of(SPECS), THRESHOLD.expr], NOW_MS)
    settings = Settings(STEP_MS, DAY_MS, 3.0)
    given = Input(SPECS, tables, {}, refused, [THRESHOLD], {}, settings, 3 * DAY_MS)
    results, _ = cycle.run(given, Memory(), NOW_MS)
    lived = {"all": Live(judged=200, right=150, inside=170, error=3.0, error_last=4.0)}
    found = parse(render(families(results, lived)))
    return Page(
        {name: values[:-DAY] for name, values in series.items()},
        {name: values[-DAY:] for name, values in series.items()},
        {family.name: [(dict(one.labels), one.value) for one in family.samples] for family in found},
    )


def prediction(page: Page) -> None:
    for horizon, step in (("1h", 12), ("6h", 72), ("24h", 288)):
        mean = page.value("analytics_prediction", "wave", horizon=horizon, bound="mean")
        assert mean == pytest.approx(page.ahead["wave"][step - 1], abs=0.08)
        low, high = (
            page.value("analytics_prediction", "wave", horizon=horizon, bound=bound)
            for bound in ("lower", "upper")
        )
        assert low <= mean <= high
        # 80 % of a normal law with this deviation lie within 1.28 of it.
        assert high - low == pytest.approx(2 * 1.28 * 0.02, rel=0.8)


def score(page: Page) -> None:
    assert page.value("analytics_anomaly_score", "fault") >= 0.5
    assert page.value("analytics_anomaly_score", "wave") < 0.5


def deviation(page: Page) -> None:
    values = page.series["fault"]
    off = values[DAY:] - usual(values)[DAY:]
    spread = 1.4826 * np.median(np.abs(off - np.median(off)))
    expected = abs(off[-1] - np.median(off)) / spread
    assert page.value("analytics_anomaly_deviation", "fault") == pytest.approx(expected, rel=0.5)
    assert page.value("analytics_anomaly_deviation", "fault") > 20
    assert page.value("analytics_anomaly_deviation", "wave") < 5


def expected_value(page: Page) -> None:
    values = page.series["wave"]
    mean = page.value("analytics_expected", "wave", bound="mean")
    assert mean == pytest.approx(usual(values)[-1])
    off = (values - usual(values))[DAY:]
    spread = 1.4826 * np.median(np.abs(off - np.median(off)))
    low = page.value("analytics_expected", "wave", bound="lower")
    high = page.value("analytics_expected", "wave", bound="upper")
    assert (high - low) / 2 == pytest.approx(3 * spread, rel=0.15)
    assert (high + low) / 2 == pytest.approx(mean, abs=spread)


def slope(page: Page) -> None:
    hourly = page.value("analytics_trend_slope_per_hour", "line", period="7d")
    assert hourly == pytest.approx(0.1 / 24, rel=0.02)
    assert abs(page.value("analytics_trend_slope_per_hour", "wave", period="7d")) < 0.1 / 24 / 20


def seconds(page: Page) -> None:
    left = (THRESHOLD.value - page.series["line"][-1]) / 0.1 * 86_400
    assert page.value("analytics_seconds_to_breach", "line", rule="line-high") == pytest.approx(left, rel=0.2)


def probability(page: Page) -> None:
    labels = {"rule": "line-high", "within": "3d"}
    assert page.value("analytics_breach_probability", "line", **labels) > 0.95


def error_ratio(page: Page) -> None:
    def ratio(metric: str, against: str) -> float:
        labels = {"model": "all", "against": against, "from": "backtest"}
        return page.value("analytics_model_error_ratio", metric, **labels)

    values = page.series["wave"]
    noise = np.abs(np.diff(values - usual(values))[DAY:]).mean() / np.sqrt(2)
    last = np.abs(values[DAY:] - np.roll(values, 100)[DAY:]).mean()
    assert ratio("wave", "last_value") == pytest.approx(noise / last, rel=0.5)
    # Noise against noise over yesterday's and today's: one over the root of two, and a little.
    assert ratio("wave", "yesterday") == pytest.approx(0.75, abs=0.12)
    assert 0.9 < ratio("walk", "last_value") < 1.3, "no forecast of a random walk beats its last value"
    live = [row for row in page.gauges["analytics_model_error_ratio"] if row[0]["from"] == "live"]
    assert live == [({"model": "all", "against": "last_value", "from": "live"}, 0.75)]


def coverage(page: Page) -> None:
    for metric in ("wave", "line", "walk"):
        labels = {"model": "all", "from": "backtest"}
        assert 0.65 <= page.value("analytics_model_coverage_ratio", metric, **labels) <= 0.97
    live = [row for row in page.gauges["analytics_model_coverage_ratio"] if row[0]["from"] == "live"]
    assert live == [({"model": "all", "from": "live"}, 0.85)]


def passed(page: Page) -> None:
    assert page.value("analytics_model_passed", "wave", model="all") == 1
    assert not page.has("analytics_model_passed", "walk"), "it is no better than the last value"


def models(page: Page) -> None:
    states = {labels["state"]: value for labels, value in page.gauges["analytics_models"]}
    assert states == {"ready": 1, "learning": 1, "idle": 1, "disabled": 1, "failed": 0}


def left_out(page: Page) -> None:
    assert page.gauges["analytics_samples_left_out"] == [({}, 0.0)]


GAUGES: dict[str, Callable[[Page], None]] = {
    "analytics_prediction": prediction,
    "analytics_anomaly_score": score,
    "analytics_anomaly_deviation": deviation,
    "analytics_expected": expected_value,
    "analytics_trend_slope_per_hour": slope,
    "analytics_seconds_to_breach": seconds,
    "analytics_breach_probability": probability,
    "analytics_model_error_ratio": error_ratio,
    "analytics_model_coverage_ratio": coverage,
    "analytics_model_passed": passed,
    "analytics_models": models,
    "analytics_samples_left_out": left_out,
}


def usual(values: Values) -> Values:
    """The median of the same time on up to seven days before."""
    past = [np.concatenate([np.full(day * DAY, np.nan), values[: -day * DAY]]) for day in range(1, 8)]
    found: Values = np.concatenate([values[:DAY], np.nanmedian(np.array(past)[:, DAY:], axis=0)])
    return found


@pytest.mark.parametrize("gauge", GAUGES)
def test_a_gauge_is_what_the_history_says(page: Page, gauge: str) -> None:
    GAUGES[gauge](page)


def test_every_gauge_is_checked(page: Page) -> None:
    assert set(page.gauges) == set(GAUGES)


def test_what_is_beyond_the_limit_is_left_out_and_counted() -> None:
    count = SAMPLES_MAX + 7
    labels = [a_series("m", n=str(number)) for number in range(count)]
    many = ModelResult("m", ModelState.READY, labels=labels, covered=np.ones(count))
    found = {family.name: family for family in families(Results(0, [many]), {})}
    assert len(found["analytics_model_coverage_ratio"].samples) == SAMPLES_MAX
    assert [sample.value for sample in found["analytics_samples_left_out"].samples] == [7]
