import numpy as np
import pytest

from analytics.arrays import Values
from analytics.trend import RANGES, Direction, trends

STEP_MS = 300_000
DAY = 288
WEEK = 7 * DAY
HOURS = np.arange(WEEK) / 12
WAVE = 3 * np.sin(2 * np.pi * HOURS / 24)


def noise(size: float, seed: int = 1) -> Values:
    return np.random.default_rng(seed).normal(0, size, WEEK)


def slow(seed: int) -> Values:
    """Wanders for hours, without going anywhere."""
    out = np.zeros(WEEK)
    steps = np.random.default_rng(seed).normal(0, 0.25, WEEK)
    for at in range(1, WEEK):
        out[at] = 0.97 * out[at - 1] + steps[at]
    return out


SERIES = {
    "rises": (100 + 0.05 * HOURS + noise(1), "7d", Direction.INCREASING),
    "falls under a daily wave": (100 - 0.05 * HOURS + noise(1) + WAVE, "7d", Direction.DECREASING),
    "a wave alone": (100 + WAVE + noise(0.3), "7d", Direction.STABLE),
    "a rising morning is no trend of the last hour": (100 + WAVE + noise(0.05), "1h", Direction.STABLE),
    "constant": (np.full(WEEK, 5.0), "7d", Direction.STABLE),
    "as wide as it is high": (np.abs(noise(1)), "7d", Direction.VOLATILE),
    "calm, then wild": (
        100 + np.concatenate([noise(1)[: WEEK - 288], 5 * noise(1, 2)[:288]]),
        "24h",
        Direction.VOLATILE,
    ),
    "outliers do not make one": (
        100 + noise(1) + np.where(noise(1, 9) > 2.2, 500, 0),
        "7d",
        Direction.STABLE,
    ),
}


@pytest.mark.parametrize("name", SERIES)
def test_direction(name: str) -> None:
    values, range_, expected = SERIES[name]
    found = trends(values[None], STEP_MS, RANGES[range_])
    assert found.direction == [expected]


def test_the_slope_is_per_hour_and_inside_its_interval() -> None:
    values = np.array([100 + 0.05 * HOURS + noise(1, seed) + WAVE for seed in range(20)])
    found = trends(values, STEP_MS, RANGES["7d"])
    assert found.slope == pytest.approx(0.05, rel=0.1)
    assert ((found.lower <= 0.05) & (found.upper >= 0.05)).mean() >= 0.8
    assert (found.confidence > 0.95).all()


def test_slow_series_without_a_trend_are_not_given_one() -> None:
    values = np.array([100 + slow(seed) for seed in range(40)])
    found = trends(values, STEP_MS, RANGES["7d"])
    false = sum(direction is not Direction.STABLE for direction in found.direction)
    assert false <= 6, "least squares calls a trend on every second of these"


def test_too_little_says_nothing() -> None:
    values = np.full((1, WEEK), np.nan)
    values[0, -3:] = 1
    found = trends(values, STEP_MS, RANGES["7d"])
    assert found.direction == [None]
    assert np.isnan(found.slope[0])
    assert trends(np.zeros((0, WEEK)), STEP_MS, RANGES["1h"]).direction == []


@pytest.mark.parametrize("days", [1.5, 2.2, 4, 6])
def test_a_young_series_is_judged_by_what_it_was(days: float) -> None:
    """Beside older ones in one matrix: what is not there yet is no flat line."""
    steps = np.arange(14 * DAY)
    random = np.random.default_rng(1)
    rising = 0.05 * steps / DAY + random.normal(0, 0.0005, len(steps))
    wave = 5 + np.cos(2 * np.pi * steps / DAY) + random.normal(0, 0.01, len(steps))
    values = np.stack([rising, rising, wave])
    values[1:, : len(steps) - round(days * DAY)] = np.nan
    found = trends(values, STEP_MS, RANGES["24h"])
    assert found.direction == [Direction.INCREASING, Direction.INCREASING, Direction.STABLE]
    assert found.slope[1] == pytest.approx(0.05 / 24, rel=0.05)
