import numpy as np
import pytest

from analytics.models.linear import Line, fit_line
from analytics.models.regression import Regression
from tests.builders.made_history import DAY, a_wave, times_until

TIMES = times_until(steps=14 * DAY)
RANDOM = np.random.default_rng(2)
CALLS = 100 + 400 * a_wave(TIMES, low=0, high=1) + RANDOM.normal(0, 20, len(TIMES))
RESPONSE = 0.05 + 0.001 * CALLS + RANDOM.normal(0, 0.01, len(TIMES))


def test_the_weight_of_a_feature_is_what_it_is_in_truth() -> None:
    line = fit_line(RESPONSE[None], CALLS[None, None], DAY)
    assert line.weights[0, -1] / line.scale[0, 0] == pytest.approx(0.001, rel=0.1)


def test_outliers_do_not_move_it() -> None:
    spoiled = RESPONSE.copy()
    spoiled[::50] += 100
    line = fit_line(spoiled[None], CALLS[None, None], DAY)
    assert line.weights[0, -1] / line.scale[0, 0] == pytest.approx(0.001, rel=0.2)


def test_known_futures_of_features_are_used() -> None:
    model = Regression(DAY, DAY)
    state = model.fit(RESPONSE[None], CALLS[None, None])
    busy, calm = (
        model.predict(state, np.array([12]), np.full((1, 1, 1), calls)).mean[0, 0] for calls in (900.0, 100.0)
    )
    assert busy - calm == pytest.approx(0.8, rel=0.1)


def test_unknown_futures_are_forecast_first() -> None:
    model = Regression(DAY, DAY)
    state = model.fit(RESPONSE[None], CALLS[None, None])
    forecast = model.predict(state, np.array([DAY // 2, DAY]), None)
    assert forecast.mean[0] == pytest.approx([0.55, 0.15], abs=0.03)


def test_without_features_it_goes_by_the_clock() -> None:
    model = Regression(DAY, DAY)
    state = model.fit(RESPONSE[None], np.zeros((0, 1, len(TIMES))))
    assert Line.of(state).weights.shape == (1, 5)
    forecast = model.predict(state, np.array([DAY // 2]), None)
    assert forecast.mean[0, 0] == pytest.approx(0.55, abs=0.05)
