import numpy as np
import pytest

from analytics.arrays import Values
from analytics.models.mixture import Mixture
from analytics.models.one_line import NAMES
from tests.builders.made_history import DAY, a_wave, times_until

TIMES = times_until(steps=14 * DAY)
MODEL = Mixture(DAY, DAY)


def none_for(target: Values) -> Values:
    return np.zeros((0, *target.shape))


def walk(seed: int) -> Values:
    return 100 + np.cumsum(np.random.default_rng(seed).normal(0, 1, len(TIMES)))


def week() -> Values:
    """Busy but on two days of seven."""
    weekday = np.arange(len(TIMES)) // DAY % 7
    return a_wave(TIMES, noise=0.002) * np.where(weekday < 5, 1.0, 0.2)


# What must have most of the weight, by the kind of series.
BEST = {
    "clockwork": (
        a_wave(TIMES, noise=0),
        {"yesterday", "profile of the day", "profile with the level", "last week"},
    ),
    "a random walk": (walk(1), {"last value", "mean of the last hour"}),
    "offices": (week(), {"last week", "last week with the level fading"}),
    "steady growth": (np.linspace(0.2, 0.8, len(TIMES)), {"yesterday with its drift"}),
}


@pytest.mark.parametrize("kind", BEST)
def test_each_kind_of_series_gets_its_own_weights(kind: str) -> None:
    values, best = BEST[kind]
    state = MODEL.fit(values[None], none_for(values[None]))
    weights = dict(zip(NAMES, state["weights"][:, 0], strict=True))
    assert sum(weights.values()) == pytest.approx(1)
    assert sum(weights[name] for name in best) > 0.5, weights


def test_a_feature_that_explains_the_target_earns_weight_and_better_forecasts() -> None:
    random = np.random.default_rng(4)
    wave = a_wave(TIMES, low=0, high=1, noise=0)
    hidden = wave + random.normal(0, 0.5, (8, len(TIMES)))
    truth = np.array([wave[DAY // 2 - 1], wave[DAY - 1]])  # half a day and a day ahead
    found = {}
    for name, feature in (("explains", wave), ("noise", random.normal(0, 1, len(TIMES)))):
        features = np.broadcast_to(feature, (1, *hidden.shape))
        state = MODEL.fit(hidden, features)
        assert state["weights"].shape == (len(NAMES) + 1, 8)
        forecast = MODEL.predict(state, np.array([DAY // 2, DAY]), None)
        found[name] = (state["weights"][-1].mean(), np.abs(forecast.mean - truth).mean())
    assert found["explains"][0] >= found["noise"][0]
    assert found["explains"][1] <= found["noise"][1]


def test_what_is_missing_at_the_end_is_bridged() -> None:
    target = a_wave(TIMES)[None].copy()
    target[0, -3:] = np.nan
    forecast = MODEL.predict(MODEL.fit(target, none_for(target)), np.array([DAY // 2]), None)
    assert forecast.mean[0, 0] == pytest.approx(0.7, abs=0.05)
