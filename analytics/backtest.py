"""Rolling origins: what a method would have forecast in the past, and how far that was from what came.

From each of a few past origins a method forecasts with what was known then. The errors give the weights of a
mixture, the intervals, and the accuracy that is published. Pure.
"""

from dataclasses import dataclass

import numpy as np

from analytics.arrays import Arrays, Steps, Values, deviation, quantile

__all__ = ["LEVEL", "TOLERANCE", "Plan", "Skill", "plan", "skill", "truth_at", "widen"]

LEVEL = 0.8
_ORIGINS = 5
_GRID = 96  # horizons looked at, at most
TOLERANCE = 0.1  # of the actual value: within it a prediction counts as right


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the past forecasts start and which steps ahead they are judged at."""

    origins: tuple[int, ...]  # columns; the forecast sees those before
    grid: Steps  # [G], steps ahead, from 1


@dataclass(frozen=True, slots=True)
class Skill:
    """What a backtest found. [S] each, but `spread` [S, G]."""

    grid: Values  # [G]
    error: Values  # mean absolute error
    error_last: Values  # the same of "the last value again"
    error_season: Values  # the same of "yesterday again"
    covered: Values  # share of actual values inside intervals made without them
    hits: Values  # share within 10 % of the actual value or one deviation of the last week
    spread: Values  # typical error at each step ahead
    low: Values  # interval's ends, in spreads
    high: Values

    def arrays(self) -> Arrays:
        """As part of a model's state."""
        return {name: getattr(self, name) for name in self.__slots__}


def plan(steps: int, horizon: int, day: int) -> Plan:
    """Five origins half a horizon apart, as far as the history reaches; a short one shortens the horizon."""
    reach = max(min(horizon, steps // 4), 1)
    hop = max(reach // 2, 1)
    first = min(day + reach, steps // 2)
    origins = tuple(at for k in range(_ORIGINS) if (at := steps - reach - k * hop) >= max(first, 1))
    grid = np.unique(np.linspace(1, reach, min(reach, _GRID)).round().astype(np.int64))
    return Plan(origins, grid)


def truth_at(target: Values, at: Plan) -> Values:
    """What came, [K, S, G]; NaN where no sample is."""
    columns = np.array(at.origins, dtype=np.int64)[:, None] - 1 + at.grid
    return np.moveaxis(target[:, columns], 1, 0)


def skill(target: Values, forecast: Values, at: Plan, day: int) -> Skill:
    """Judge forecasts [K, S, G] made by `plan` on a history [S, T]."""
    truth = truth_at(target, at)
    miss = truth - forecast
    last = np.stack([_last(target, origin) for origin in at.origins])[:, :, None] if at.origins else truth
    season = _season(target, at, day)
    week = deviation(target[:, -7 * day :])
    allowed = np.maximum(TOLERANCE * np.abs(truth), week[None, :, None])
    spread, low, high = _interval(miss)
    return Skill(
        grid=at.grid.astype(np.float64),
        error=_mean(np.abs(miss)),
        error_last=_mean(np.abs(truth - last)),
        error_season=_mean(np.abs(truth - season)),
        covered=_covered(miss),
        hits=_mean(np.where(np.isnan(miss), np.nan, np.abs(miss) <= allowed)),
        spread=spread,
        low=low,
        high=high,
    )


def widen(state: Arrays, mean: Values, horizons: Steps) -> tuple[Values, Values]:
    """Interval around a mean [S, H] from past errors, kept within what was ever seen.

    Beyond the backtest's reach the spread grows with the square root of the distance. The cap: a tenth of
    the range beyond the lowest and highest value seen (intervals of counts and ratios otherwise explode),
    and never below zero where nothing below zero was seen.
    """
    grid, spread = state["grid"], state["spread"]
    nearest = np.clip(np.searchsorted(grid, horizons), 0, len(grid) - 1)
    growth = np.sqrt(np.maximum(horizons / grid[-1], 1.0)) if len(grid) else np.ones(len(horizons))
    scale = spread[:, nearest] * growth if len(grid) else np.zeros_like(mean)
    low, high = state["seen_low"][:, None], state["seen_high"][:, None]
    margin = 0.1 * (high - low)
    floor = np.minimum(low - margin, mean - margin)
    floor = np.where(low >= 0, np.maximum(floor, 0.0), floor)
    ceiling = np.maximum(high + margin, mean + margin)
    lower = np.clip(mean + state["low"][:, None] * scale, np.minimum(floor, mean), mean)
    upper = np.clip(mean + state["high"][:, None] * scale, mean, np.maximum(ceiling, mean))
    return lower, upper


def _last(target: Values, origin: int) -> Values:
    """The newest sample before an origin, [S]."""
    seen = target[:, :origin]
    known = ~np.isnan(seen)
    newest = origin - 1 - known[:, ::-1].argmax(axis=1)
    last: Values = seen[np.arange(len(seen)), newest]
    return last


def _season(target: Values, at: Plan, day: int) -> Values:
    """The same time on the day before each origin, [K, S, G]; NaN where the history does not reach."""
    columns = np.array(at.origins, dtype=np.int64)[:, None] - day + (at.grid - 1) % day
    found = np.moveaxis(target[:, np.maximum(columns, 0)], 1, 0)
    return np.where((columns >= 0)[:, None, :], found, np.nan)


def _interval(miss: Values) -> tuple[Values, Values, Values]:
    """Spread [S, G], and the ends in spreads [S] that hold LEVEL of all errors [K, S, G]."""
    series, grid = miss.shape[1:]
    if not miss.size or not np.isfinite(miss).any():
        return np.zeros((series, grid)), np.zeros(series), np.zeros(series)
    square = _mean_over(miss**2, axis=0)  # [S, G]
    square = np.nan_to_num(np.where(np.isnan(square), _mean(miss**2)[:, None], square))
    width = max(grid // 4, 1)
    spread = np.sqrt(np.maximum(_smooth(square, width), 0.0)) + 1e-12
    scaled = _by_series(miss / spread)
    tail = (1 - LEVEL) / 2
    low, high = quantile(scaled, tail), quantile(scaled, 1 - tail)
    return spread, _WIDER * np.minimum(low, 0.0), _WIDER * np.maximum(high, 0.0)


_WIDER = 1.2  # five origins show less than all that can happen


def _covered(miss: Values) -> Values:
    """Share inside, each origin judged by an interval from the others; NaN with fewer than two origins."""
    origins = len(miss)
    if origins < 2:
        return np.full(miss.shape[1], np.nan)
    inside = np.full(miss.shape, np.nan)
    for k in range(origins):
        spread, low, high = _interval(np.delete(miss, k, axis=0))
        held = (miss[k] >= low[:, None] * spread) & (miss[k] <= high[:, None] * spread)
        inside[k] = np.where(np.isnan(miss[k]), np.nan, held)
    return _mean(inside)


def _smooth(values: Values, width: int) -> Values:
    """Centred moving mean along the last axis, shorter at the ends."""
    total = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    index = np.arange(values.shape[1])
    low, high = np.maximum(index - width // 2, 0), np.minimum(index + width // 2 + 1, values.shape[1])
    mean: Values = (total[:, high] - total[:, low]) / (high - low)
    return mean


def _mean(values: Values) -> Values:
    """[K, S, G] → [S], NaN left out; NaN where nothing is left."""
    return _mean_over(_by_series(values), axis=1)


def _by_series(values: Values) -> Values:
    """[K, S, G] → [S, K·G]."""
    origins, series, grid = values.shape
    return np.moveaxis(values, 1, 0).reshape(series, origins * grid)


def _mean_over(values: Values, axis: int) -> Values:
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
