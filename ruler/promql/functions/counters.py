"""How fast a window's values change: rate and its kin."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ruler.promql.window import Windows
from ruler.store import Mask, Values

__all__ = ["changes", "delta", "idelta", "increase", "irate", "rate", "resets"]

COLUMNS_FEW = 64


def rate(windows: Windows) -> Values:
    """By how much a counter rises a second, extrapolated to the whole window. → [K, S]."""
    return _extrapolated(windows, is_counter=True, per_second=True)


def increase(windows: Windows) -> Values:
    """By how much a counter rises within the window. → [K, S]."""
    return _extrapolated(windows, is_counter=True, per_second=False)


def delta(windows: Windows) -> Values:
    """By how much a gauge differs between the ends of the window. → [K, S]."""
    return _extrapolated(windows, is_counter=False, per_second=False)


def irate(windows: Windows) -> Values:
    """By how much a counter rose a second between its last two samples. → [K, S]."""
    last, before = windows.last, windows.at(windows.high - 2)
    rise = np.where(last < before, last, last - before)
    apart = windows.times_at(windows.high - 1) - windows.times_at(windows.high - 2)
    return rise / (windows.spread(apart) / 1000)


def idelta(windows: Windows) -> Values:
    """By how much the last two samples differ. → [K, S]."""
    return windows.last - windows.at(windows.high - 2)


def changes(windows: Windows) -> Values:
    """How often the value changed within each window. → [K, S]."""
    return _count_pairs(windows, _differ)


def _differ(before: Values, after: Values) -> Mask:
    """Tell which pairs differ; two NaN are alike."""
    differ: Mask = (before != after) & ~(np.isnan(before) & np.isnan(after))
    return differ


def resets(windows: Windows) -> Values:
    """How often the value fell within each window. → [K, S]."""
    return _count_pairs(windows, lambda before, after: np.less(after, before))


def _extrapolated(windows: Windows, *, is_counter: bool, per_second: bool) -> Values:
    """Prometheus' extrapolation, its order of operations kept (promql/functions.go, extrapolatedRate).

    The times are worked out for each clock, [K, C], and only then spread over the series.
    """
    first = windows.first
    rise = windows.last - first
    if is_counter:
        rise = _with_resets(windows, rise)
    low_time, high_time = windows.times_at(windows.low), windows.times_at(windows.high - 1)
    ends = windows.ends[:, np.newaxis]
    sampled = (high_time - low_time) / 1000
    between = sampled / (windows.high - windows.low - 1)
    to_start = (low_time - (ends - windows.range_ms)) / 1000
    to_end = (ends - high_time) / 1000
    threshold = between * 1.1
    to_start = np.where(to_start >= threshold, between / 2, to_start)
    to_end = np.where(to_end >= threshold, between / 2, to_end)
    if is_counter:
        covered = windows.spread(sampled)
        start = windows.spread(to_start)
        # A counter cannot have been below zero: it starts no earlier than where its slope meets zero.
        to_zero = np.where((rise > 0) & (first >= 0), covered * (first / rise), start)
        start = np.where(to_zero < start, to_zero, start)
        factor = ((covered + start) + windows.spread(to_end)) / covered
    else:
        factor = windows.spread(((sampled + to_start) + to_end) / sampled)
    if per_second:
        factor = factor / (windows.range_ms / 1000)
    answer: Values = rise * factor
    return answer


def _with_resets(windows: Windows, rise: Values) -> Values:
    """Add the value before each fall, in the order of time; series that never fell are left alone."""
    start, end = int(windows.low.min(initial=0)), int(windows.high.max(initial=0))
    seen = windows.values[start:end]
    fell = seen[1:] < seen[:-1]  # [rows - 1, S], whether the value after each row is less
    columns = np.flatnonzero(fell.any(axis=0))
    if not len(columns):
        return rise
    fell, before = fell[:, columns], seen[:-1, columns]
    fallen = windows.only(columns)
    mended = np.array(rise[:, columns])
    for row in np.flatnonzero(fell.any(axis=1)).tolist():
        here = np.flatnonzero(fell[row])
        both_inside = (windows.low <= start + row) & (windows.high > start + row + 1)  # [K, C]
        inside = both_inside if both_inside.shape[1] == 1 else both_inside[:, fallen.clock[here]]
        mended[:, here] += np.where(inside, before[row, here], 0.0)
    whole = rise.copy()
    whole[:, columns] = mended
    return whole


def _count_pairs(windows: Windows, is_counted: Callable[[Values, Values], Mask]) -> Values:
    """How many neighbours within each window are such a pair. → [K, S]."""
    values = windows.values
    flags = np.zeros(values.shape)
    flags[1:] = is_counted(values[:-1], values[1:])
    if values.shape[1] < COLUMNS_FEW:
        so_far = np.cumsum(flags, axis=0)
    else:  # a row at a time: numpy's cumsum goes down each column, 20 times slower where there are many
        so_far = flags
        for row in range(1, len(flags)):
            np.add(so_far[row - 1], so_far[row], out=so_far[row])
    seen = replace(windows, values=so_far)
    counted: Values = seen.last - seen.first
    return counted
