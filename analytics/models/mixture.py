"""A mixture of simple forecasts, weighted per series by how each did at past origins.

Weights are the mean absolute errors to the power of −5: near the best when one stands out, an average when
none does. No single model is good on all metrics; the mixture beat or tied every statistical standard on
operational series at a hundredth of their cost. Where features are given, a regression on them is one more
forecast in the mixture, and gets the weight its past errors earn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.arrays import Arrays, Steps, Values, fill
from analytics.backtest import plan, truth_at, widen
from analytics.models import linear, one_line, strangeness
from analytics.models.model import RECENT, RECENT_FEATURES, About, Forecast, fill_each, learned, stand_at

__all__ = ["Mixture"]

_POWER = 5.0


@dataclass(frozen=True, slots=True)
class Mixture:
    """A season of `day` steps (and of seven of them), judged up to `horizon` steps ahead."""

    day: int
    horizon: int

    def fit(self, target: Values, features: Values) -> Arrays:
        """Weights and intervals from a backtest. Weights that judge an origin are made without it."""
        filled, known = fill(target, self.day), fill_each(features, self.day)
        at = plan(target.shape[1], self.horizon, self.day)
        past = np.stack([self._means(filled[:, :o], known[:, :, :o], at.grid) for o in at.origins])
        error = _errors(past, truth_at(target, at))  # [K, M, S]
        blind = np.stack([_weights(np.delete(error, k, axis=0)) for k in range(len(at.origins))])
        state = learned(target, filled, _mix(blind, past), at, self.day)
        state["weights"] = _weights(error)
        if len(features):
            state |= linear.fit_line(filled, known, self.day).arrays()
        return self.advance(state, target, features)

    def advance(self, state: Arrays, target: Values, features: Values) -> Arrays:
        """Stand at the end of this history."""
        return stand_at(state, target, features, self.day)

    def predict(self, state: Arrays, horizons: Steps, features: Values | None) -> Forecast:
        """Mean and interval, [S, H]."""
        recent, known = state[RECENT], state[RECENT_FEATURES]
        now = one_line.means(recent, horizons, self.day)
        if len(known):
            line = linear.Line.of(state)
            now = np.concatenate([now, linear.ahead(line, recent, known, horizons, self.day, features)[None]])
        mean = _mix(state["weights"][None], now[None])[0]
        return Forecast(mean, *widen(state, mean, horizons))

    def score(self, state: Arrays, new: Values) -> Values:
        """As every model: `strangeness`."""
        return strangeness.score(state, new, self.day)

    def about(self, state: Arrays, features: Sequence[str]) -> About:  # noqa: ARG002 - they share one weight
        """Weight of each simple forecast."""
        names = (*one_line.NAMES, "regression on the features")
        shares = state["weights"].mean(axis=1)
        return About("weight of each simple forecast", dict(zip(names, map(float, shares), strict=False)))

    def _means(self, target: Values, features: Values, reach: Steps) -> Values:
        """Every forecast of the mixture, made with what was known then, [M, S, G]."""
        width = one_line.reach_back(self.day)
        found = one_line.means(target[:, -width:], reach, self.day)
        if not len(features):
            return found
        line = linear.fit_line(target, features, self.day)
        regression = linear.ahead(line, target[:, -width:], features[:, :, -width:], reach, self.day)
        return np.concatenate([found, regression[None]])


def _errors(past: Values, truth: Values) -> Values:
    """[K, M, S, G] against [K, S, G] → mean absolute errors [K, M, S]; NaN where not to be judged."""
    miss = np.abs(past - truth[:, None])
    known = ~np.isnan(miss)
    count = known.sum(axis=-1)
    total = np.where(known, miss, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _weights(error: Values) -> Values:
    """[K, M, S] → [M, S], summing to one. A forecast that was not judged as often as the others gets none."""
    known = ~np.isnan(error)
    count = known.sum(axis=0)
    mean = np.where(known, error, 0.0).sum(axis=0) / np.maximum(count, 1)
    best = np.where(count > 0, mean, np.inf).min(axis=0)
    ratio = (np.where(np.isfinite(best), best, 0.0) + 1e-12) / (mean + 1e-12)
    raw = np.where((count > 0) & (count >= count.max(axis=0)), ratio**_POWER, 0.0)
    total = raw.sum(axis=0)
    fallback = np.zeros_like(raw)
    fallback[0] = 1.0  # never judged: the last value
    return np.where(total > 0, raw / np.where(total > 0, total, 1.0), fallback)


def _mix(weights: Values, means: Values) -> Values:
    """[K, M, S] over [K, M, S, G] → [K, S, G]; what cannot be said now leaves its weight to the rest."""
    usable = np.isfinite(means)
    share = np.where(usable, weights[..., None], 0.0)
    total = share.sum(axis=1)
    mixed = (np.where(usable, means, 0.0) * share).sum(axis=1)
    return np.where(total > 0, mixed / np.where(total > 0, total, 1.0), means[:, 0])
