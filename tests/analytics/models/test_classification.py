import numpy as np

from analytics.models.classification import Classification
from tests.builders.made_history import DAY, a_wave, times_until

TIMES = times_until(steps=14 * DAY)
MODEL = Classification(DAY, DAY)


def test_the_class_of_the_hour_is_forecast() -> None:
    replicas = np.where(a_wave(TIMES, noise=0) > 0.45, 9.0, 3.0)  # by day, by night
    state = MODEL.fit(replicas[None], np.zeros((0, 1, len(TIMES))))
    assert state["classes"].tolist() == [3, 9]
    forecast = MODEL.predict(state, np.array([DAY // 2, DAY]), None)
    assert forecast.mean[0].tolist() == [9, 3]
    assert state["error"][0] < 0.5
    assert state["hits"][0] > 0.9


def test_a_feature_tells_the_class() -> None:
    random = np.random.default_rng(3)
    pressure = np.repeat(random.normal(0, 1, 14 * 4), DAY // 4)
    down = (pressure > 0.5).astype(float)
    state = MODEL.fit(down[None], pressure[None, None])
    for level, expected in ((3.0, 1.0), (-3.0, 0.0)):
        future = np.full((1, 1, 1), level)
        assert MODEL.predict(state, np.array([DAY // 8]), future).mean[0, 0] == expected


def test_many_values_become_five_ranges() -> None:
    state = MODEL.fit(a_wave(TIMES)[None], np.zeros((0, 1, len(TIMES))))
    assert len(state["classes"]) == 5
    forecast = MODEL.predict(state, np.array([1, 100]), None)
    assert np.isin(forecast.mean, state["classes"]).all()
