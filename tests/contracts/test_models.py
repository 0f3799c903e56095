"""Every model keeps the promises of its kind."""

from collections.abc import Callable

import numpy as np
import pytest

from analytics.arrays import Values
from analytics.models import MODELS, RECENT, Model
from tests.builders.made_history import DAY, a_wave, times_until

HORIZON = 72
NONE = np.zeros((0, 0, 0))


def made(series: int, steps: int) -> Values:
    times = times_until(steps=steps)
    return np.array([a_wave(times, seed=seed) for seed in range(series)]).reshape(series, steps)


def holed(values: Values) -> Values:
    values = values.copy()
    values[0, 100:160] = np.nan
    values[1, : values.shape[1] // 2] = np.nan
    values[2] = np.nan
    return values


HISTORIES: dict[str, Callable[[], tuple[Values, Values]]] = {
    "a week": lambda: (made(3, 7 * DAY), NONE),
    "a week with features": lambda: (made(3, 7 * DAY), np.stack([made(3, 7 * DAY) * 100, made(3, 7 * DAY)])),
    "a day and a little": lambda: (made(2, DAY + 20), NONE),
    "an hour": lambda: (made(2, 12), NONE),
    "holes, a young series and one without samples": lambda: (holed(made(4, 9 * DAY)), NONE),
    "features with holes": lambda: (made(3, 4 * DAY), holed(made(3, 4 * DAY))[None]),
    "constant": lambda: (np.full((2, 5 * DAY), 4.0), NONE),
    "zeros": lambda: (np.zeros((2, 5 * DAY)), NONE),
    "huge and tiny": lambda: (made(2, 5 * DAY) * np.array([[1e15], [1e-12]]), NONE),
    "no series": lambda: (np.zeros((0, 5 * DAY)), NONE),
}


@pytest.fixture(params=sorted(MODELS))
def model(request: pytest.FixtureRequest) -> Model:
    return MODELS[request.param](DAY, HORIZON)


@pytest.mark.parametrize("history", HISTORIES)
def test_any_history_gives_finite_forecasts_inside_their_intervals(model: Model, history: str) -> None:
    target, features = HISTORIES[history]()
    if not features.size:
        features = np.zeros((0, *target.shape))
    before = (target.copy(), features.copy())
    state = model.fit(target, features)
    horizons = np.array([1, 12, HORIZON, 2 * HORIZON])
    forecast = model.predict(model.advance(state, target, features), horizons, None)
    for part in (forecast.mean, forecast.lower, forecast.upper):
        assert part.shape == (len(target), len(horizons))
        assert np.isfinite(part).all()
    assert (forecast.lower <= forecast.mean).all()
    assert (forecast.mean <= forecast.upper).all()
    scores = model.score(state, np.where(np.isnan(target[:, -3:]), np.nan, target[:, -3:]))
    assert scores.shape == (len(target), 3)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert np.array_equal(before[0], target, equal_nan=True), "an argument was written to"
    assert np.array_equal(before[1], features, equal_nan=True), "an argument was written to"


def test_same_history_same_state(model: Model) -> None:
    target = made(2, 5 * DAY)
    features = np.zeros((0, *target.shape))
    first, second = model.fit(target, features), model.fit(target, features)
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[key], second[key], equal_nan=True) for key in first)
    assert all(array.dtype == np.float64 for array in first.values())


def test_series_do_not_touch_one_another(model: Model) -> None:
    target = made(3, 8 * DAY)
    target = np.round(target, 1)  # few values, for the classes
    none = np.zeros((0, *target.shape))
    horizons = np.array([1, HORIZON])
    together = model.predict(model.fit(target, none), horizons, None)
    alone = model.predict(model.fit(target[1:2], none[:, :1]), horizons, None)
    assert np.allclose(together.mean[1], alone.mean[0])


def test_a_spike_scores_higher_than_what_is_usual(model: Model) -> None:
    target = made(2, 8 * DAY)
    features = np.zeros((0, *target.shape))
    state = model.fit(target, features)
    usual = target[:, 1 : 1 + 3]  # the same time of day as what follows
    spiked = usual.copy()
    spiked[:, 1] = 3.0
    assert (model.score(state, usual) < 0.5).all()
    assert (model.score(state, spiked)[:, 1] > 0.5).all()
    assert (model.score(state, np.full((2, 3), np.nan)) == 0).all(), "what is missing is not strange"


def test_backtest_says_how_good_it_is(model: Model) -> None:
    target = np.round(made(2, 14 * DAY), 1)
    state = model.fit(target, np.zeros((0, *target.shape)))
    assert (state["error"] < state["error_last"]).all(), "it beats the last value again on a daily wave"
    for name in ("covered", "hits"):
        assert ((state[name] >= 0) & (state[name] <= 1)).all()


def test_advance_stands_where_the_history_ends(model: Model) -> None:
    target = made(2, 9 * DAY)
    features = np.zeros((0, *target.shape))
    state = model.fit(target[:, :-DAY], features[:, :, :-DAY])
    moved = model.advance(state, target, features)
    assert np.array_equal(moved[RECENT][:, -1], target[:, -1])
    assert {key for key in state if key not in moved} == set()
