import numpy as np
import pytest

from analytics.backtest import plan, skill, truth_at, widen

DAY = 24


@pytest.mark.parametrize(
    ("steps", "horizon", "reach", "origins"),
    [
        (14 * DAY, DAY, DAY, 5),
        (2 * DAY, DAY, 12, 3),
        (10, DAY, 2, 4),
        (1, DAY, 1, 0),
    ],
)
def test_plan_shrinks_with_the_history(steps: int, horizon: int, reach: int, origins: int) -> None:
    found = plan(steps, horizon, DAY)
    assert found.grid[-1] == reach
    assert len(found.origins) == origins
    assert all(origin + reach <= steps for origin in found.origins)


def test_skill_compares_with_the_last_value_and_with_yesterday() -> None:
    target = np.tile(np.arange(DAY, dtype=float), 14)[None]
    at = plan(target.shape[1], DAY, DAY)
    perfect = skill(target, truth_at(target, at), at, DAY)
    assert perfect.error[0] == 0
    assert perfect.error_season[0] == 0
    assert perfect.error_last[0] > 5
    assert perfect.hits[0] == 1
    off = skill(target, truth_at(target, at) + 100, at, DAY)
    assert off.error[0] == 100
    assert off.hits[0] == 0


def test_coverage_is_judged_by_intervals_made_without_the_origin() -> None:
    random = np.random.default_rng(3)
    target = random.normal(0, 1, (40, 14 * DAY))
    at = plan(target.shape[1], DAY, DAY)
    found = skill(target, np.zeros((len(at.origins), 40, len(at.grid))), at, DAY)
    assert found.covered.mean() == pytest.approx(0.82, abs=0.06)


def test_what_is_missing_is_not_judged() -> None:
    target = np.full((2, 14 * DAY), 1.0)
    target[0, -5 * DAY :] = np.nan
    at = plan(target.shape[1], DAY, DAY)
    found = skill(target, np.zeros((len(at.origins), 2, len(at.grid))), at, DAY)
    assert np.isnan(found.error[0])
    assert found.error[1] == 1


@pytest.mark.parametrize(
    ("seen", "spread", "mean", "lower", "upper"),
    [
        ((0, 1), 0.1, 0.5, 0.4, 0.6),
        ((0, 1), 50, 0.5, 0.0, 1.1),  # never below what was never below zero, a tenth above what was seen
        ((-1, 1), 50, 0.0, -1.2, 1.2),
        ((0, 1), 50, 2.0, 0.0, 2.1),  # a trend may leave what was seen
    ],
)
def test_intervals_are_kept_within_what_was_seen(
    seen: tuple[float, float], spread: float, mean: float, lower: float, upper: float
) -> None:
    state = {
        "grid": np.array([1.0]),
        "spread": np.array([[spread]]),
        "low": np.array([-1.0]),
        "high": np.array([1.0]),
        "seen_low": np.array([float(seen[0])]),
        "seen_high": np.array([float(seen[1])]),
    }
    low, high = widen(state, np.array([[mean]]), np.array([1]))
    assert low[0, 0] == pytest.approx(lower)
    assert high[0, 0] == pytest.approx(upper)
