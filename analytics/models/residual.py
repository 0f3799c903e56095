"""How far the series is from what is usual: for finding anomalies, so features are ignored.

Its forecast is the mixture's without features; `score` is `strangeness`, as in every model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from analytics.arrays import Arrays, Steps, Values
from analytics.models.mixture import Mixture
from analytics.models.model import About, Forecast

__all__ = ["Residual"]


@dataclass(frozen=True, slots=True)
class Residual:
    """A season of `day` steps, judged up to `horizon` steps ahead."""

    day: int
    horizon: int

    def fit(self, target: Values, features: Values) -> Arrays:
        """What each view of the series has shown, and what the mixture learns."""
        return self._mixture().fit(target, features[:0])

    def advance(self, state: Arrays, target: Values, features: Values) -> Arrays:
        """Stand at the end of this history."""
        return self._mixture().advance(state, target, features[:0])

    def predict(self, state: Arrays, horizons: Steps, features: Values | None) -> Forecast:  # noqa: ARG002
        """Mean and interval, [S, H]."""
        return self._mixture().predict(state, horizons, None)

    def score(self, state: Arrays, new: Values) -> Values:
        """As every model: `strangeness`."""
        return self._mixture().score(state, new)

    def about(self, state: Arrays, features: Sequence[str]) -> About:
        """As the mixture that it forecasts with."""
        return self._mixture().about(state, features)

    def _mixture(self) -> Mixture:
        return Mixture(self.day, self.horizon)
