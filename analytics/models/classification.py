"""Which of a few values comes next: a linear probability for each, from features and the time of day.

For targets that take few values (a state, a number of replicas, up or down): each is a class. Where there
are more than ten, five ranges of equal weight are the classes, named by their medians. The forecast is the
likeliest class; its interval reaches over the classes that hold four fifths of the probability.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.arrays import Arrays, Steps, Values, fill
from analytics.backtest import LEVEL, plan
from analytics.models import linear, one_line, strangeness
from analytics.models.linear import Line
from analytics.models.model import RECENT, RECENT_FEATURES, About, Forecast, fill_each, learned, stand_at

__all__ = ["Classification"]

_CLASSES_MAX = 10
_RANGES = 5


@dataclass(frozen=True, slots=True)
class Classification:
    """A season of `day` steps, judged up to `horizon` steps ahead."""

    day: int
    horizon: int

    def fit(self, target: Values, features: Values) -> Arrays:
        """Classes [C], and for each a line over the features."""
        filled, known = fill(target, self.day), fill_each(features, self.day)
        classes = _classes(target)
        at = plan(target.shape[1], self.horizon, self.day)
        past = [self._likeliest(filled[:, :o], known[:, :, :o], classes, at.grid) for o in at.origins]
        state = learned(target, filled, np.stack(past), at, self.day)
        lines = self._lines(filled, known, classes)
        state["classes"] = classes
        for name in Line.__slots__:
            state[f"line_{name}"] = np.stack([getattr(line, name) for line in lines])
        return self.advance(state, target, features)

    def advance(self, state: Arrays, target: Values, features: Values) -> Arrays:
        """Stand at the end of this history."""
        return stand_at(state, target, features, self.day)

    def predict(self, state: Arrays, horizons: Steps, features: Values | None) -> Forecast:
        """Likeliest class and the range that holds four fifths, [S, H]."""
        classes = state["classes"]
        lines = [Line(*(state[f"line_{name}"][k] for name in Line.__slots__)) for k in range(len(classes))]
        chance = self._chances(state[RECENT], state[RECENT_FEATURES], classes, lines, horizons, features)
        sum_up = np.cumsum(chance, axis=0)
        tail = (1 - LEVEL) / 2
        mean = classes[chance.argmax(axis=0)]
        lower = classes[(sum_up < tail).sum(axis=0).clip(0, len(classes) - 1)]
        upper = classes[(sum_up < 1 - tail).sum(axis=0).clip(0, len(classes) - 1)]
        return Forecast(mean, np.minimum(lower, mean), np.maximum(upper, mean))

    def score(self, state: Arrays, new: Values) -> Values:
        """As every model: `strangeness`."""
        return strangeness.score(state, new, self.day)

    def about(self, state: Arrays, features: Sequence[str]) -> About:  # noqa: ARG002 - a line each for each class
        """The classes, and how often each comes at an average hour."""
        often = state["line_weights"][:, :, 0].mean(axis=1)
        named = {f"{value:g}": float(share) for value, share in zip(state["classes"], often, strict=True)}
        return About("how often each class comes at an average time of day", named)

    def _lines(self, target: Values, features: Values, classes: Values) -> list[Line]:
        return [
            linear.fit_line(member, features, self.day, robust=False) for member in _member(target, classes)
        ]

    def _likeliest(self, target: Values, features: Values, classes: Values, reach: Steps) -> Values:
        lines = self._lines(target, features, classes)
        chance = self._chances(target, features, classes, lines, reach, None)
        best: Values = classes[chance.argmax(axis=0)]
        return best

    def _chances(
        self,
        target: Values,
        features: Values,
        classes: Values,
        lines: list[Line],
        reach: Steps,
        future: Values | None,
    ) -> Values:
        """Probability of each class, [C, S, G]."""
        width = one_line.reach_back(self.day)
        known = features[:, :, -width:]
        raw = np.stack(
            [
                linear.ahead(line, member, known, reach, self.day, future)
                for line, member in zip(lines, _member(target[:, -width:], classes), strict=True)
            ]
        )
        positive = np.clip(raw, 1e-6, None)
        chance: Values = positive / positive.sum(axis=0)
        return chance


def _classes(target: Values) -> Values:
    """The values that are told apart, rising, [C]; at least one."""
    found = target[~np.isnan(target)]
    if not len(found):
        return np.zeros(1)
    distinct = np.unique(found)
    if len(distinct) <= _CLASSES_MAX:
        return distinct
    middles = (np.arange(_RANGES) + 0.5) / _RANGES
    return np.unique(np.quantile(found, middles))


def _member(target: Values, classes: Values) -> Values:
    """1 where a value is nearest to a class, else 0, [C, S, T]."""
    edges = (classes[1:] + classes[:-1]) / 2
    number = np.searchsorted(edges, target)
    return np.stack([(number == k).astype(np.float64) for k in range(len(classes))])
