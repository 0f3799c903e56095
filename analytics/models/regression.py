"""Regression of the target on its features and the time of day, with intervals from its past errors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.arrays import Arrays, Steps, Values, fill
from analytics.backtest import plan, widen
from analytics.models import linear, one_line, strangeness
from analytics.models.model import RECENT, RECENT_FEATURES, About, Forecast, fill_each, learned, stand_at

__all__ = ["Regression"]


@dataclass(frozen=True, slots=True)
class Regression:
    """A season of `day` steps, judged up to `horizon` steps ahead; without features, by the clock alone."""

    day: int
    horizon: int

    def fit(self, target: Values, features: Values) -> Arrays:
        """Weights of the features, [S, P], and intervals from a backtest that learns anew at each origin."""
        filled, known = fill(target, self.day), fill_each(features, self.day)
        at = plan(target.shape[1], self.horizon, self.day)
        past = np.stack([self._ahead(filled[:, :o], known[:, :, :o], at.grid) for o in at.origins])
        state = learned(target, filled, past, at, self.day)
        state |= linear.fit_line(filled, known, self.day).arrays()
        return self.advance(state, target, features)

    def advance(self, state: Arrays, target: Values, features: Values) -> Arrays:
        """Stand at the end of this history."""
        return stand_at(state, target, features, self.day)

    def predict(self, state: Arrays, horizons: Steps, features: Values | None) -> Forecast:
        """Mean and interval, [S, H]."""
        recent, known = state[RECENT], state[RECENT_FEATURES]
        mean = linear.ahead(linear.Line.of(state), recent, known, horizons, self.day, features)
        return Forecast(mean, *widen(state, mean, horizons))

    def score(self, state: Arrays, new: Values) -> Values:
        """As every model: `strangeness`."""
        return strangeness.score(state, new, self.day)

    def about(self, state: Arrays, features: Sequence[str]) -> About:
        """Level, and by how much a deviation of each feature moves the target."""
        what = "level, and what one standard deviation of a feature adds"
        return About(what, linear.about(state, features))

    def _ahead(self, target: Values, features: Values, reach: Steps) -> Values:
        width = one_line.reach_back(self.day)
        line = linear.fit_line(target, features, self.day)
        return linear.ahead(line, target[:, -width:], features[:, :, -width:], reach, self.day)
