"""Which way a series goes: robust slope, without the day's pattern, honest about autocorrelation.

Theil–Sen's slope (Sen 1968) with Mann–Kendall's significance, on at most 48 medians of the range, after the
profile of the day has been taken off. Values that hang together tell less than as many independent ones, so
their number is reduced by the residuals' autocorrelation (Hamed and Rao 1998, for a first-order process):
plain least squares calls a trend on every second slow series without one.

    increasing, decreasing   the slope's sign is beyond doubt (p < 0.05)
    volatile                 it is not, and the de-seasoned spread within an hour (P90 − P10) is above half of
                             the median level, or twice that of the period before
    stable                   neither
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from analytics.arrays import Values, by_age, fill

__all__ = ["RANGES", "Direction", "Trends", "trends"]

HOUR_MS = 3_600_000
RANGES = {"1h": HOUR_MS, "24h": 24 * HOUR_MS, "7d": 168 * HOUR_MS, "30d": 720 * HOUR_MS}
_SIGNIFICANT = 0.05
_BINS = 48
_BINS_MIN = 6
_CHUNK = 64  # series at once: pairs outgrow their input


class Direction(StrEnum):
    """What a person reads."""

    INCREASING = "increasing"
    DECREASING = "decreasing"
    STABLE = "stable"
    VOLATILE = "volatile"


@dataclass(frozen=True, slots=True)
class Trends:
    """One range of many series, [S] each; NaN and None where there are too few samples to say."""

    direction: Sequence[Direction | None]
    slope: Values  # per hour
    lower: Values  # its 95 % interval
    upper: Values
    confidence: Values  # 1 − p


def trends(values: Values, step_ms: int, range_ms: int) -> Trends:
    """Judge the last `range_ms` of a history [S, T]; what came before gives the day's profile."""
    names = ("slope", "lower", "upper", "confidence")
    direction: list[Direction | None] = [None] * len(values)
    whole = Trends(direction, *(np.full(len(values), np.nan) for _ in names))
    least = max(_BINS_MIN, min(range_ms // step_ms, values.shape[1]) // 2)
    for rows, part in by_age(values, max(HOUR_MS // step_ms, 1), _CHUNK):
        found = _trends(part, step_ms, range_ms, least)
        for name in names:
            getattr(whole, name)[rows] = getattr(found, name)
        for row, way in zip(rows, found.direction, strict=True):
            direction[row] = way
    return whole


def _trends(values: Values, step_ms: int, range_ms: int, least: int) -> Trends:
    """Of series about as old as one another; `least`: samples of the range that must be there."""
    day = max(24 * HOUR_MS // step_ms, 1)
    steps = range_ms // step_ms
    enough = (~np.isnan(values[:, -steps:])).sum(axis=1) >= least
    flat = without_day(fill(values, day), day, steps)
    slope, lower, upper, p = _theil_sen(flat[:, -steps:], step_ms)
    volatile = _is_volatile(values, flat, steps, step_ms)
    confidence = np.where(enough, 1 - p, np.nan)
    direction = [
        _name(float(s), float(q), bool(v)) if ok else None
        for s, q, v, ok in zip(slope, p, volatile, enough, strict=True)
    ]
    hidden = np.where(enough, 0.0, np.nan)
    return Trends(direction, slope + hidden, lower + hidden, upper + hidden, confidence)


def _name(slope: float, p: float, volatile: bool) -> Direction:  # noqa: FBT001 - a row of a table
    if p < _SIGNIFICANT and slope != 0:
        return Direction.INCREASING if slope > 0 else Direction.DECREASING
    return Direction.VOLATILE if volatile else Direction.STABLE


def without_day(filled: Values, day: int, steps: int) -> Values:
    """Take off the usual value of each time of day over the last week, or the range where longer; [S, T].

    Needs two days at least, otherwise the series are as they were. A trend is put aside while the profile is
    taken, by the median difference of a day.
    """
    days = min(max(steps // day, 7), filled.shape[1] // day)
    if days < 2 or day < 2:
        return filled
    start = filled.shape[1] - days * day
    span = filled[:, start:]
    drift = np.median(span[:, day:] - span[:, :-day], axis=1, keepdims=True) / day
    flat = (span - drift * np.arange(days * day)).reshape(len(filled), days, day)
    profile = _middle_mean(flat)
    profile = profile - profile.mean(axis=1, keepdims=True)
    offset = (np.arange(filled.shape[1]) - start) % day
    flattened: Values = filled - profile[:, offset]
    return flattened


def _middle_mean(days: Values) -> Values:
    """Mean over days [S, days, day] without the highest and lowest, smoothed over three steps, [S, day].

    Not the median: that would leave one residual in `days` at exactly nothing, on which later medians settle.
    """
    ordered = np.sort(days, axis=1)
    kept = ordered[:, 1:-1] if days.shape[1] >= 5 else ordered
    mean = kept.mean(axis=1)
    smooth: Values = (np.roll(mean, 1, axis=1) + mean + np.roll(mean, -1, axis=1)) / 3
    return smooth


def _theil_sen(values: Values, step_ms: int) -> tuple[Values, Values, Values, Values]:
    """Slope per hour, its 95 % interval and its p-value, [S] each."""
    width = max(values.shape[1] // _BINS, 1)
    bins = values.shape[1] // width
    if bins < _BINS_MIN:
        nothing = np.zeros(len(values))
        return nothing, nothing, nothing, np.ones(len(values))
    level = np.median(values[:, -bins * width :].reshape(len(values), bins, width), axis=2)  # [S, B]
    hours = np.arange(bins) * width * step_ms / HOUR_MS
    first, second = np.triu_indices(bins, 1)
    rise = level[:, second] - level[:, first]  # [S, pairs]
    slopes = np.sort(rise / (hours[second] - hours[first]), axis=1)
    pairs = slopes.shape[1]
    slope = (slopes[:, (pairs - 1) // 2] + slopes[:, pairs // 2]) / 2
    inflation = _inflation(level - slope[:, None] * hours)
    deviation = math.sqrt(bins * (bins - 1) * (2 * bins + 5) / 18) * inflation
    count = np.sign(rise).sum(axis=1)
    z = np.maximum(np.abs(count) - 1, 0) / deviation
    p = np.array([math.erfc(value / math.sqrt(2)) for value in z])
    reach = np.minimum(1.96 * deviation / 2, pairs / 2 - 1)
    rows = np.arange(len(values))
    lower = slopes[rows, np.floor(pairs / 2 - reach).astype(int)]
    upper = slopes[rows, np.minimum(np.ceil(pairs / 2 + reach), pairs - 1).astype(int)]
    return slope, lower, upper, p


def _inflation(residual: Values) -> Values:
    """By how much autocorrelation widens the statistic's deviation, [S]."""
    bins = residual.shape[1]
    centred = residual - residual.mean(axis=1, keepdims=True)
    power = (centred**2).sum(axis=1)
    phi = (centred[:, 1:] * centred[:, :-1]).sum(axis=1) / np.where(power > 0, power, 1.0)
    # A short sample shows too little of it (Kendall 1954), the more so with a trend fitted.
    phi = phi + (1 + 4 * phi) / bins
    phi = np.clip(phi, 0.0, 0.98)
    widened: Values = np.sqrt((1 + phi) / (1 - phi))
    return widened


def _is_volatile(values: Values, flat: Values, steps: int, step_ms: int) -> list[bool]:
    """As the head of this file says, [S]."""
    block = max(HOUR_MS // step_ms, 12)
    earlier = max(steps, 24 * block)  # of an hour alone, twice is often chance: a day is compared with
    now, before = _spread(flat[:, -steps:], block), _spread(flat[:, -steps - earlier : -steps], block)
    here = values[:, -steps:]
    level = np.abs(np.median(np.where(np.isnan(here), flat[:, -steps:], here), axis=1))
    told = values.shape[1] >= steps + earlier
    grown = (now > 2 * before) & (before > 0) if told else np.zeros(len(values), bool)
    return [bool(flag) for flag in (now > level / 2) & (now > 0) | grown]


def _spread(values: Values, block: int) -> Values:
    """P90 − P10 within blocks, the median over them, [S]."""
    blocks = values.shape[1] // block
    if not blocks:
        return np.zeros(len(values))
    cut = values[:, -blocks * block :].reshape(len(values), blocks, block)
    low, high = np.quantile(cut, [0.1, 0.9], axis=2)
    middle: Values = np.median(high - low, axis=1)
    return middle
