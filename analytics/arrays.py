"""What every room of analytics counts with: matrices [series, time] on an even grid, missing is NaN.

Rows are independent of one another; columns are steps apart. Nothing here knows a clock.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Arrays",
    "Mask",
    "Steps",
    "Times",
    "Values",
    "by_age",
    "deviation",
    "fill",
    "hold",
    "median",
    "robust_spread",
    "same_slots",
]

Values = NDArray[np.float64]
Times = NDArray[np.int64]  # Unix milliseconds
Steps = NDArray[np.int64]
Mask = NDArray[np.bool_]
Arrays = dict[str, NDArray[np.float64]]

_SIGMA = 1.4826  # of a normal law, in median absolute deviations


def by_age(values: Values, width: int, most: int) -> Iterator[tuple[NDArray[np.intp], Values]]:
    """Rows [S, T] whose first samples came at about the same time, without the columns before that.

    So a young series is judged by what it was, not by what it would be filled with. A group is `width` steps
    wide, and has at most `most` rows. A row without any sample keeps all columns.
    """
    known = ~np.isnan(values)
    first = np.where(known.any(axis=1), known.argmax(axis=1), 0)
    cut = np.minimum(-(-first // width) * width, max(values.shape[1] - width, 0))
    for at in np.unique(cut):
        rows = np.flatnonzero(cut == at)
        for start in range(0, len(rows), most):
            chosen = rows[start : start + most]
            yield chosen, values[chosen, at:]


def fill(values: Values, day: int = 0) -> Values:
    """Missing samples by the line between their neighbours, [S, T]; a row without any sample becomes zeros.

    What comes before a row's first sample repeats its first `day` steps (so that a young series has the shape
    of its day, not a constant); what follows its last keeps it.
    """
    known = ~np.isnan(values)
    if known.all():
        return values
    steps = values.shape[1]
    index = np.arange(steps)
    before = np.maximum.accumulate(np.where(known, index, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, index, steps)[:, ::-1], axis=1)[:, ::-1]
    left = np.where(before >= 0, before, np.minimum(after, steps - 1))
    right = np.where(after < steps, after, left)
    rows = np.arange(len(values))[:, None]
    share = (index - left) / np.maximum(right - left, 1)
    safe = np.nan_to_num(values)
    filled: Values = np.where(
        known, safe, safe[rows, left] * (1 - np.clip(share, 0, 1)) + safe[rows, right] * np.clip(share, 0, 1)
    )
    for row in np.flatnonzero(~known[:, 0] & known.any(axis=1)) if day else ():
        first = int(known[row].argmax())
        pattern = filled[row, first : first + day]
        if len(pattern) == day:
            filled[row, :first] = pattern[(index[:first] - first) % day]
    return filled


def hold(values: Values) -> Values:
    """Missing samples by the last one before, [S, T]; before the first, by the first."""
    known = ~np.isnan(values)
    if known.all():
        return values
    index = np.maximum.accumulate(np.where(known, np.arange(values.shape[1]), 0), axis=1)
    index = np.maximum(index, known.argmax(axis=1)[:, None])
    return np.nan_to_num(np.take_along_axis(values, index, axis=1))


def quantile(values: Values, share: float) -> Values:
    """Along the last axis, NaN left out, 0 of nothing; for many rows much faster than numpy's nanquantile."""
    if values.shape[-1] == 0:
        return np.zeros(values.shape[:-1])
    ordered = np.nan_to_num(np.sort(values, axis=-1))  # NaN comes last
    place = share * np.maximum((~np.isnan(values)).sum(axis=-1, keepdims=True) - 1, 0)
    low = np.floor(place).astype(np.intp)
    high = np.ceil(place).astype(np.intp)
    below, above = np.take_along_axis(ordered, low, axis=-1), np.take_along_axis(ordered, high, axis=-1)
    found: Values = (below + (above - below) * (place - low))[..., 0]
    return found


def median(values: Values) -> Values:
    """The middle quantile."""
    return quantile(values, 0.5)


def robust_spread(values: Values) -> Values:
    """Deviation along the last axis from the median distance to the median, as if the law were normal.

    The standard deviation where most values are equal; 0 of nothing. NaN is left out.
    """
    spread = _SIGMA * median(np.abs(values - median(values)[..., None]))
    return np.where(spread > 0, spread, deviation(values))


def deviation(values: Values) -> Values:
    """Standard deviation along the last axis, NaN left out; 0 of nothing."""
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=-1), 1)
    safe = np.where(known, values, 0.0)
    mean = safe.sum(axis=-1) / count
    square = np.where(known, (safe - mean[..., None]) ** 2, 0.0).sum(axis=-1) / count
    root: Values = np.sqrt(square)
    return root


def same_slots(values: Values, slots: Steps, day: int, days: int) -> Values:
    """Values of the same time of day on each of the last `days` days, [S, days, len(slots)].

    Slot 0 is the step after the last column. `values` holds at least days·day steps.
    """
    start = values.shape[1] - days * day
    columns = start + np.arange(days)[:, None] * day + slots % day  # [days, G]
    return values[:, columns]
