"""What is usual at this time of day, and how far from it the series is: for finding anomalies.

Its forecast is the profile of the day with the present level fading into it; it ignores features. `score` is
`strangeness`, as in every model; this one costs the least, so it is meant for very many series.
"""

from dataclasses import dataclass

import numpy as np

from analytics.arrays import Arrays, Steps, Values, fill
from analytics.backtest import plan, widen
from analytics.models import one_line, strangeness
from analytics.models.model import RECENT, Forecast, learned, stand_at

__all__ = ["Residual"]


@dataclass(frozen=True, slots=True)
class Residual:
    """A season of `day` steps, judged up to `horizon` steps ahead."""

    day: int
    horizon: int

    def fit(self, target: Values, features: Values) -> Arrays:
        """What each view of the series has shown, and intervals from a backtest."""
        filled = fill(target, self.day)
        at = plan(target.shape[1], self.horizon, self.day)
        past = np.stack([self._usual(filled[:, :o], at.grid) for o in at.origins])
        return self.advance(learned(target, filled, past, at, self.day), target, features)

    def advance(self, state: Arrays, target: Values, features: Values) -> Arrays:
        """Stand at the end of this history."""
        return stand_at(state, target, features[:0], self.day)

    def predict(self, state: Arrays, horizons: Steps, features: Values | None) -> Forecast:  # noqa: ARG002
        """Mean and interval, [S, H]."""
        mean = self._usual(state[RECENT], horizons)
        return Forecast(mean, *widen(state, mean, horizons))

    def score(self, state: Arrays, new: Values) -> Values:
        """As every model: `strangeness`."""
        return strangeness.score(state, new, self.day)

    def _usual(self, recent: Values, reach: Steps) -> Values:
        found = one_line.means(recent[:, -one_line.reach_back(self.day) :], reach, self.day)
        best: Values = np.where(np.isnan(found[5]), found[1], found[5])
        return best
