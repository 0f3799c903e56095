"""How strange a value is: six views of a series, each against everything that view has shown before.

    value        the value itself
    move         how far the mean of the last half day went from that of the half day before
    surprise     its distance to the usual value at this time of day (median of the last seven days)
    drift        the same, over an hour
    restless     how much it jumps from step to step, over an hour and over three

A view that goes beyond all it has shown by a tenth of its range scores one half, and twice that two
thirds. So a series that is always wild is not always strange, without a law of its noise being assumed.
Views that err more often count less (weights found on open, labelled series: NAB and synthetic faults).
Where a view stands among its own past in robust deviations is the deviation that severities are made of.

Everything looks back only: a score at a step uses that step and those before.
"""

from dataclasses import dataclass

import numpy as np

from analytics.arrays import Arrays, Values, hold, median, robust_spread

__all__ = ["SURPRISE", "VIEWS", "Strange", "assess", "band", "fit", "score"]

HOUR = 12  # rows; views count rows, as the tuning did, so an hour is one at 5-minute steps
_THREE_HOURS = 36
_HALF_DAY = 144
_DAYS = 7
_ENOUGH = 500  # columns that say where a view stands
_DAYS_KNOWN = 4  # days before what is usual at a time of day is believed
_SETTLED = 50  # rows before a view is believed
_TENTH = 0.1
_MIDDLE = 0.01  # of a level: a smaller change of something that never changes is not news


@dataclass(frozen=True, slots=True)
class View:
    """A row of the table: its weight, whether low is as strange as high, and rows before it can speak."""

    name: str
    weight: float
    both: bool
    rows: int
    days: int = 0


VIEWS = (
    View("value", 0.9, both=True, rows=_SETTLED),
    View("move", 0.55, both=False, rows=_SETTLED + 2 * _HALF_DAY),
    View("surprise", 0.95, both=True, rows=_SETTLED, days=1),
    View("drift", 0.5, both=True, rows=_SETTLED + HOUR, days=1),
    View("restless", 0.9, both=False, rows=_SETTLED + 2 * HOUR),
    View("restless for hours", 0.95, both=False, rows=_SETTLED + 2 * _THREE_HOURS),
)
SURPRISE = 2


@dataclass(frozen=True, slots=True)
class Strange:
    """Of new steps, each [S, N]: score 0–1, expected value, deviation in robust deviations, which view."""

    score: Values
    expected: Values
    deviation: Values
    view: Values


def fit(target: Values, filled: Values, day: int) -> Arrays:
    """Remember what each view has shown of [S, T]: highest, lowest, middle and spread, [V, S] each.

    Steps before a series' first sample have shown nothing, whatever they are filled with.
    """
    known = ~np.isnan(target)
    steps = target.shape[1]
    first = np.where(known.any(axis=1), known.argmax(axis=1), steps)  # [S]
    seen = _views(filled, day, steps)[0]
    age = np.arange(steps) - first[:, None]  # [S, T]
    for view, shown in zip(VIEWS, seen, strict=True):
        shown[age < view.rows - _SETTLED + view.days * day] = np.nan
    empty = np.isnan(seen).all(axis=2)
    high = np.where(np.isnan(seen), -np.inf, seen).max(axis=2, initial=-np.inf)
    low = np.where(np.isnan(seen), np.inf, seen).min(axis=2, initial=np.inf)
    part = seen[:, :, :: max(steps // _ENOUGH, 1)]  # [V, S, ≤ 2·_ENOUGH]
    return {
        "view_high": np.where(empty, np.nan, high),
        "view_low": np.where(empty, np.nan, low),
        "view_middle": median(part),
        "view_spread": robust_spread(part),
        "view_age": (steps - first).astype(np.float64),
    }


def score(state: Arrays, new: Values, day: int) -> Values:
    """Score of each new step, [S, N], 0–1; zero where it is missing."""
    return assess(state, new, day).score


def assess(state: Arrays, new: Values, day: int) -> Strange:
    """Judge the steps [S, N] after `state["recent"]` against what the state remembers, and one another."""
    recent = state["recent"]
    missing = np.isnan(new)
    whole = hold(np.concatenate([recent, new], axis=1))
    steps = new.shape[1]
    views, expected = _views(whole, day, steps)  # [V, S, N]
    age = state["view_age"][:, None] + np.arange(steps)  # [S, N]
    young = age / (age + day)  # after a day of history, twice as far beyond it counts the same
    scores = np.zeros(views.shape)
    deviations = np.zeros(views.shape)
    for number, view in enumerate(VIEWS):
        found = views[number]
        settled = age >= view.rows + view.days * _DAYS_KNOWN * day
        share = young * _beyond(found, state["view_high"][number], state["view_low"][number], both=view.both)
        scores[number] = np.where(settled & ~missing, view.weight * share / (share + _TENTH), 0.0)
        middle, spread = state["view_middle"][number][:, None], state["view_spread"][number][:, None]
        floor = _MIDDLE / 10 * np.abs(expected) + 1e-12
        distance = np.nan_to_num(found - middle)
        distance = np.abs(distance) if view.both else np.maximum(distance, 0.0)
        deviations[number] = np.where(settled & ~missing, distance / np.maximum(spread, floor), 0.0)
    best = scores.argmax(axis=0)
    best = np.where(scores.max(axis=0) > 0, best, SURPRISE)
    deviation = np.take_along_axis(deviations, best[None], axis=0)[0]
    return Strange(scores.max(axis=0), expected, np.minimum(deviation, 1000.0), best.astype(np.float64))


def band(
    state: Arrays, expected: Values, new: int, day: int, deviations: float
) -> tuple[Values, Values, Values]:
    """Usual value [S] at the last of `new` steps, and how low and high is still within so many deviations.

    NaN until what is usual at a time of day is believed.
    """
    view = VIEWS[SURPRISE]
    known = state["view_age"] + new > view.rows + view.days * _DAYS_KNOWN * day
    usual = np.where(known, expected, np.nan)
    middle = usual + state["view_middle"][SURPRISE]
    reach = deviations * np.maximum(state["view_spread"][SURPRISE], _MIDDLE / 10 * np.abs(usual) + 1e-12)
    return usual, middle - reach, middle + reach


def _beyond(found: Values, high: Values, low: Values, *, both: bool) -> Values:
    """By what share of its range so far a view goes beyond it, [S, N]; 0 where it says nothing yet."""
    known = np.where(np.isnan(found), -np.inf, found)
    top = np.concatenate([np.nan_to_num(high, nan=-np.inf)[:, None], known], axis=1)
    top = np.maximum.accumulate(top, axis=1)[:, :-1]
    known = np.where(np.isnan(found), np.inf, found)
    bottom = np.concatenate([np.nan_to_num(low, nan=np.inf)[:, None], known], axis=1)
    bottom = np.minimum.accumulate(bottom, axis=1)[:, :-1]
    settled = np.isfinite(top) & np.isfinite(bottom) & ~np.isnan(found)
    top, bottom, found = (np.where(settled, part, 0.0) for part in (top, bottom, found))
    over = np.maximum(found - top, bottom - found) if both else found - top
    extent = np.maximum(top - bottom, _MIDDLE * np.maximum(np.abs(top), np.abs(bottom)) + 1e-12)
    return np.where(settled, np.maximum(over, 0.0) / extent, 0.0)


def _views(values: Values, day: int, newest: int) -> tuple[Values, Values]:
    """All views of the last `newest` columns, [V, S, newest], NaN where too little came before; the usual."""
    steps = values.shape[1]
    tail = values[:, -(newest + 2 * _HALF_DAY + 1) :]
    half = _mean(tail, _HALF_DAY)
    before = np.concatenate([np.repeat(half[:, :1], _HALF_DAY, axis=1), half], axis=1)[:, : half.shape[1]]
    jumps = np.abs(np.diff(tail, axis=1, prepend=tail[:, :1]))
    early = max(steps - newest - HOUR, 0)
    usual = _usual(values, day, early)
    surprise = values[:, early:] - usual
    surprise[:, : max(day - early, 0)] = np.nan
    first = np.arange(steps - newest, steps)
    views = np.stack(
        [
            values[:, -newest:],
            np.abs(half - before)[:, -newest:],
            surprise[:, -newest:],
            _mean(np.nan_to_num(surprise), HOUR)[:, -newest:],
            _mean(jumps, HOUR)[:, -newest:],
            _mean(jumps, _THREE_HOURS)[:, -newest:],
        ]
    )
    starts = (0, 2 * _HALF_DAY, day, day + HOUR, HOUR, _THREE_HOURS)
    for number, start in enumerate(starts):
        views[number][:, first < start] = np.nan
    return views, usual[:, -newest:]


def _usual(values: Values, day: int, start: int) -> Values:
    """Median of the same time on seven days before, [S, T − start]; on day one, the value before."""
    series, steps = values.shape
    past = np.full((series, _DAYS, steps - start), np.inf)  # what is not there sorts to the end
    for number in range(_DAYS):
        back = (number + 1) * day
        first = max(start - back, 0)
        if steps - back > first:
            found = values[:, first : steps - back]
            past[:, number, -found.shape[1] :] = found
    past.sort(axis=1)
    columns = np.arange(start, steps)
    count = np.minimum(columns // day, _DAYS)
    at = np.arange(steps - start)
    lower = past[:, np.maximum((count - 1) // 2, 0), at]
    upper = past[:, np.minimum(count // 2, _DAYS - 1), at]
    newest = values[:, np.maximum(columns - 1, 0)]
    return np.where(
        count > 0, (np.where(count > 0, lower, 0.0) + np.where(count > 0, upper, 0.0)) / 2, newest
    )


def _mean(values: Values, rows: int) -> Values:
    """Mean of the last `rows` columns up to each, fewer at the start, [S, T]."""
    total = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    index = np.arange(values.shape[1])
    low = np.maximum(index + 1 - rows, 0)
    mean: Values = (total[:, index + 1] - total[:, low]) / (index + 1 - low)
    return mean
