"""When a series will reach a rule's threshold, and how likely that is.

On hourly maxima (what alerts see), in the direction of the threshold:

    path(h) = level now + slope·h + bend·h²/2 + time of day(h)
    spread(h)² = noise² + (doubt of the slope·h)²

The slope is the median of daily differences, which a daily pattern, a log rotation or a garbage collection's
saw-tooth leave alone; where the last day grew clearly faster than the one before, the path bends upwards.
Doubt comes from how these differences scatter from day to day. The breach is the first hour at which the
path meets the threshold; its interval is where path ± 1.28 spreads meet it. Where the chance of it within
the horizon is below one half, no time is given: a slope within its noise tells no date.
"""

import math
from dataclasses import dataclass

import numpy as np

from analytics.arrays import Values, by_age, fill

__all__ = ["HORIZON_MS", "Breach", "breach"]

HOUR_MS = 3_600_000
HORIZON_MS = 72 * HOUR_MS
_HOURS_MIN = 6
_CHUNK = 64  # series at once: what stays in the processor's cache
_WEEK = 168
_SEASONAL = 30  # hours of history from which days are compared
_BENDING = 72  # and from which growth may speed up
_SLOPE = 120  # newest daily differences that give the slope
_NOW = 6  # hours that give the level
_DOUBT = 2.0  # daily differences overlap: they show less than half of the slope's doubt
_Z80 = 1.2815515655446004


@dataclass(frozen=True, slots=True)
class Breach:
    """[S] each; NaN for "not within the horizon" or, with a NaN probability, "too little history to say"."""

    seconds: Values
    lower: Values  # 80 % interval
    upper: Values
    probability: Values  # of a breach within the horizon


def breach(
    values: Values, step_ms: int, threshold: Values, *, above: bool, horizon_ms: int = HORIZON_MS
) -> Breach:
    """Judge histories [S, T] against a threshold each [S]; `above` for rules that fire over it."""
    steps = max(HOUR_MS // step_ms, 1)
    whole = Breach(*(np.full(len(values), np.nan) for _ in Breach.__slots__))
    for rows, part in by_age(values[:, -_WEEK * steps :], steps, _CHUNK):
        found = _breach(part, step_ms, threshold[rows], above=above, horizon_ms=horizon_ms)
        for name in Breach.__slots__:
            getattr(whole, name)[rows] = getattr(found, name)
    return whole


def _breach(values: Values, step_ms: int, threshold: Values, *, above: bool, horizon_ms: int) -> Breach:
    sign = 1.0 if above else -1.0
    steps = max(HOUR_MS // step_ms, 1)
    hours = hourly_max(sign * values, steps)  # [S, N]
    limit = sign * threshold
    enough = (~np.isnan(hours)).sum(axis=1) >= _HOURS_MIN
    path, spread = _ahead(fill(hours), max(horizon_ms // HOUR_MS, 1))
    now = _newest(sign * values)
    past = now >= limit
    centre = _first(path, limit)
    early, late = _first(path + _Z80 * spread, limit), _first(path - _Z80 * spread, limit)
    chance = _chance(path, spread, limit)
    chance = np.where(past, 1.0, chance)
    tells = enough & (chance >= 0.5)
    seconds = np.where(past, 0.0, np.where(np.isnan(centre), early, centre))
    return Breach(
        seconds=np.where(tells, seconds, np.nan),
        lower=np.where(tells, np.where(past, 0.0, early), np.nan),
        upper=np.where(tells, np.where(past, 0.0, late), np.nan),
        probability=np.where(enough, chance, np.nan),
    )


def hourly_max(values: Values, steps: int) -> Values:
    """Highest value of each hour up to the last column, [S, N]; NaN where an hour is empty."""
    hours = values.shape[1] // steps
    cut = values[:, values.shape[1] - hours * steps :].reshape(len(values), hours, steps)
    highest = np.where(np.isnan(cut), -np.inf, cut).max(axis=2, initial=-np.inf)
    return np.where(np.isfinite(highest), highest, np.nan)


def _ahead(hours: Values, reach: int) -> tuple[Values, Values]:
    """Path and spread of the hourly maxima, from the newest (0) to `reach` hours ahead, [S, 1 + reach]."""
    series, known = hours.shape
    ahead = np.arange(reach + 1)
    slope, bend, doubt = _slope(hours)
    back = np.arange(known) - known + 1  # 0 is the newest hour
    flat = hours - slope[:, None] * back - bend[:, None] * back**2 / 2
    season = np.zeros((series, 24))
    if known >= _SEASONAL:
        days = known // 24
        table = flat[:, known - days * 24 :].reshape(series, days, 24)
        season = np.median(table - np.median(table, axis=2, keepdims=True), axis=1)
    rest = flat - season[:, (back - 1) % 24]
    level = np.median(rest[:, -_NOW:], axis=1)
    noise = _spread(rest[:, -48:] - np.median(rest[:, -48:], axis=1, keepdims=True))
    path = (
        level[:, None] + slope[:, None] * ahead + bend[:, None] * ahead**2 / 2 + season[:, (ahead - 1) % 24]
    )
    spread = np.sqrt(noise[:, None] ** 2 + (doubt[:, None] * ahead) ** 2) + 1e-12
    return path, spread


def _slope(hours: Values) -> tuple[Values, Values, Values]:
    """Growth an hour, now; how that changes an hour; and the growth's doubt, [S] each."""
    known = hours.shape[1]
    bend = np.zeros(len(hours))
    if known < _SEASONAL:
        steps = np.diff(hours, axis=1) if known > 1 else np.zeros((len(hours), 1))
        slope = np.median(steps, axis=1)
        return slope, bend, _DOUBT * _spread(steps - slope[:, None]) / math.sqrt(max(known / 4, 1.0))
    steps = ((hours[:, 24:] - hours[:, :-24]) / 24)[:, -_SLOPE:]
    slope = np.median(steps, axis=1)
    doubt = _DOUBT * _spread(steps - slope[:, None]) / math.sqrt(max(steps.shape[1] / 24, 1.0))
    if known < _BENDING:
        return slope, bend, doubt
    newest, earlier = steps[:, -24:], steps[:, -48:-24]
    today, yesterday = np.median(newest, axis=1), np.median(earlier, axis=1)
    scatter = np.hypot(_spread(newest - today[:, None]), _spread(earlier - yesterday[:, None]))
    faster = today - yesterday > scatter
    bend = np.where(faster, (today - yesterday) / 24, 0.0)
    return np.where(faster, today + bend * 24, slope), bend, doubt  # the median speaks of a day ago


def _spread(values: Values) -> Values:
    return 1.4826 * np.median(np.abs(values), axis=1)


def _newest(values: Values) -> Values:
    """The newest sample of each series, [S]; NaN where there is none."""
    known = ~np.isnan(values)
    newest = values.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    found: Values = values[np.arange(len(values)), newest]
    return found


def _first(path: Values, limit: Values) -> Values:
    """Seconds until a path [S, 1 + H] that starts now meets the limit, between hours too; NaN for never."""
    met = path[:, 1:] >= limit[:, None]
    hour = met.argmax(axis=1)
    rows = np.arange(len(met))
    before, here = path[rows, hour], path[rows, hour + 1]
    rise = here - before
    share = np.where(rise > 0, np.clip((limit - before) / np.where(rise > 0, rise, 1.0), 0.0, 1.0), 0.5)
    return np.where(met.any(axis=1), (hour + share) * 3600, np.nan)


def _chance(path: Values, spread: Values, limit: Values) -> Values:
    """Probability that the limit is met within the horizon: that of its likeliest hour, [S]."""
    z = ((path - limit[:, None]) / spread).max(axis=1)
    return np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in z])
