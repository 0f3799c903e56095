import numpy as np
import pytest

from analytics.arrays import Values
from analytics.breach import breach

STEP_MS = 300_000
HOUR = 12
HOURS = np.arange(7 * 24 * HOUR) / HOUR
WAVE = np.sin(2 * np.pi * HOURS / 24)


def noise(size: float, seed: int = 1) -> Values:
    return np.random.default_rng(seed).normal(0, size, len(HOURS))


def rising_to(threshold: float, ahead_hours: float, slope: float) -> Values:
    """Meets the threshold so many hours after its end."""
    path: Values = threshold - slope * (HOURS[-1] + ahead_hours - HOURS)
    return path


REACHING = {
    "a straight line": (rising_to(0.9, 24, 0.003) + noise(0.0005), 24),
    "soon": (rising_to(0.9, 3, 0.003) + noise(0.0005), 3),
    "under a daily wave": (rising_to(0.9, 24, 0.003) + 0.06 * (WAVE - 1) + noise(0.001), 30),
    "with a daily rotation": (rising_to(0.9, 30, 0.003) + 0.03 * ((HOURS % 24) / 24 - 1), 33),
}


@pytest.mark.parametrize("name", REACHING)
def test_says_when(name: str) -> None:
    values, hours = REACHING[name]
    found = breach(values[None], STEP_MS, np.array([0.9]), above=True)
    assert found.seconds[0] / 3600 == pytest.approx(hours, rel=0.35, abs=1.5)
    assert found.probability[0] > 0.5
    assert found.lower[0] <= found.seconds[0]


STEADY = {
    "flat": 0.5 + noise(0.01),
    "a daily wave below it": 0.6 + 0.2 * WAVE + noise(0.005),
    "log rotation every day": 0.5 + 0.3 * (HOURS % 24) / 24 + noise(0.002),
    "falling": 0.85 - 0.001 * HOURS + noise(0.005),
    "too slow for the horizon": rising_to(0.9, 400, 0.001) + noise(0.001),
}


@pytest.mark.parametrize("name", STEADY)
def test_does_not_cry_wolf(name: str) -> None:
    found = breach(STEADY[name][None], STEP_MS, np.array([0.9]), above=True)
    assert np.isnan(found.seconds[0])
    assert found.probability[0] < 0.5


def test_below_is_the_mirror_of_above() -> None:
    values = rising_to(0.9, 24, 0.003) + noise(0.0005)
    above = breach(values[None], STEP_MS, np.array([0.9]), above=True)
    below = breach(-values[None], STEP_MS, np.array([-0.9]), above=False)
    assert above.seconds[0] == below.seconds[0]


def test_already_there_is_zero_seconds() -> None:
    found = breach(np.full((1, len(HOURS)), 0.95), STEP_MS, np.array([0.9]), above=True)
    assert found.seconds[0] == 0
    assert found.probability[0] == 1


def test_too_little_history_says_nothing() -> None:
    values = np.full((2, len(HOURS)), np.nan)
    values[1, -HOUR:] = 0.5
    found = breach(values, STEP_MS, np.array([0.9, 0.9]), above=True)
    assert np.isnan(found.probability).all()


@pytest.mark.parametrize("days", [0.6, 1.1, 1.5, 2.2, 3, 5])
def test_a_young_series_is_judged_by_what_it_was(days: float) -> None:
    """Beside older ones in one matrix: what is not there yet is no flat line."""
    day = 288
    steps = np.arange(14 * day)
    random = np.random.default_rng(1)
    rising = 0.5 + 0.05 * (steps - len(steps)) / day + random.normal(0, 0.0005, len(steps))
    wave = 0.4 - 0.2 * np.cos(2 * np.pi * steps / day) + random.normal(0, 0.01, len(steps))
    values = np.stack([rising, rising, wave])
    values[1:, : len(steps) - round(days * day)] = np.nan
    found = breach(values, 300_000, np.array([0.55, 0.55, 0.9]), above=True)
    assert found.seconds[1] == pytest.approx(86_400, rel=0.1)
    assert found.probability[1] > 0.9
    assert found.probability[2] < 0.5
