"""The simple forecasts that a mixture mixes, each a line or two.

Every one is the best somewhere: the last value for random walks, yesterday for clockwork, the profile of
the day for noise around a pattern, last week for offices (Hyndman and Athanasopoulos, FPP3, 5.2; the M4
competition's lesson that combinations of simple methods are hard to beat).
"""

import numpy as np

from analytics.arrays import Steps, Values, same_slots

__all__ = ["NAMES", "means", "profile", "reach_back"]

NAMES = (
    "last value",
    "mean of the last hour",
    "mean of the last day",
    "yesterday",
    "profile of the day",
    "profile with the level fading",
    "profile with the level",
    "yesterday with its drift",
    "last week",
    "last week with the level fading",
)
_DAYS = 7  # in a profile


def near(day: int) -> int:
    """Steps that count as now: an hour."""
    return max(day // 24, 2)


def reach_back(day: int) -> int:
    """Columns of history that the forecasts look at."""
    return 7 * day + near(day)


def profile(recent: Values, slots: Steps, day: int) -> Values:
    """Median of each time of day over the last week, [S, len(slots)]; needs a day at least."""
    days = min(recent.shape[1] // day, _DAYS)
    return _median(same_slots(recent, slots, day, days))


def means(recent: Values, reach: Steps, day: int) -> Values:
    """All of NAMES, `reach` steps [G] after the last column of `recent` [S, R] → [M, S, G].

    NaN where the history is too short for one.
    """
    series, width = recent.shape
    out = np.full((len(NAMES), series, len(reach)), np.nan)
    hour = near(day)
    now = recent[:, -hour:].mean(axis=1, keepdims=True)
    fade = np.exp(-reach / (day / 4))
    out[0] = recent[:, -1:]
    out[1] = now
    if width >= day:
        yesterday = recent[:, width - day + (reach - 1) % day]
        slots = np.concatenate([reach - 1, np.arange(day - hour, day)])
        shape = profile(recent, slots, day)
        level = now - shape[:, -hour:].mean(axis=1, keepdims=True)
        out[2] = recent[:, -day:].mean(axis=1, keepdims=True)
        out[3] = yesterday
        out[4] = shape[:, :-hour]
        out[5] = out[4] + level * fade
        out[6] = out[4] + level
    if width >= 3 * day:
        drift = np.median(recent[:, day:] - recent[:, :-day], axis=1, keepdims=True)
        out[7] = yesterday + drift * ((reach - 1) // day + 1)
    if width >= reach_back(day):
        start = width - 7 * day
        out[8] = recent[:, start + (reach - 1) % (7 * day)]
        out[9] = out[8] + (now - recent[:, start - hour : start].mean(axis=1, keepdims=True)) * fade
    return out


def _median(values: Values) -> Values:
    """Along axis 1; sorting a handful of days is several times faster than numpy's median of them."""
    ordered = np.sort(values, axis=1)
    days = values.shape[1]
    middle: Values = (ordered[:, (days - 1) // 2] + ordered[:, days // 2]) / 2
    return middle
