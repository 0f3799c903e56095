"""What a window's values have in common: the _over_time functions. Each answers [K, S]."""

import numpy as np

from ruler.promql import sums
from ruler.promql.window import Windows
from ruler.store import Values

__all__ = [
    "average",
    "count",
    "deviation",
    "first",
    "greatest",
    "last",
    "least",
    "median_deviation",
    "present",
    "quantile_of",
    "time_of_first",
    "time_of_greatest",
    "time_of_last",
    "time_of_least",
    "total",
    "variance",
]


def _shape(windows: Windows) -> tuple[int, int]:
    return len(windows.ends), windows.values.shape[1]


def _filled(windows: Windows, by_clock: np.ndarray) -> Values:
    return np.broadcast_to(windows.spread(by_clock).astype(np.float64), _shape(windows))


def count(windows: Windows) -> Values:
    """How many samples."""
    return _filled(windows, windows.high - windows.low)


def present(windows: Windows) -> Values:
    """1."""
    return np.ones(_shape(windows))


def first(windows: Windows) -> Values:
    """The oldest value."""
    return windows.first


def last(windows: Windows) -> Values:
    """The newest value."""
    return windows.last


def time_of_first(windows: Windows) -> Values:
    """When the oldest value was taken, in seconds."""
    return _filled(windows, windows.times_at(windows.low) / 1000)


def time_of_last(windows: Windows) -> Values:
    """When the newest value was taken, in seconds."""
    return _filled(windows, windows.times_at(windows.high - 1) / 1000)


def total(windows: Windows) -> Values:
    """The sum, with compensation."""
    return sums.total(*_summed(windows))


def _summed(windows: Windows) -> tuple[Values, Values]:
    if windows.is_long:
        return sums.halved(windows.gathered())
    summed, dropped = np.zeros(_shape(windows)), np.zeros(_shape(windows))
    for values, live in windows.walk():
        summed, dropped = sums.add(summed, dropped, values, live)
    return summed, dropped


def average(windows: Windows) -> Values:
    """The mean, with compensation; series whose sum overflows are averaged as they go along."""
    summed, dropped = _summed(windows)
    size = windows.count
    result = summed / size + dropped / size
    columns = np.flatnonzero(~np.isfinite(summed).all(axis=0))
    if len(columns):
        large = windows.only(columns)
        result[:, columns] = sums.mean(large.walk(), _shape(large))
    return result


def least(windows: Windows) -> Values:
    """The smallest value; NaN only where all are."""
    if windows.is_long:
        lowest: Values = np.fmin.reduce(windows.gathered(np.nan), axis=0)
        return lowest
    result = windows.first
    for values, live in windows.walk(start=1):
        lower = np.fmin(result, values)
        result = lower if live is None else np.where(live, lower, result)
    return result


def greatest(windows: Windows) -> Values:
    """The largest value; NaN only where all are."""
    if windows.is_long:
        highest: Values = np.fmax.reduce(windows.gathered(np.nan), axis=0)
        return highest
    result = windows.first
    for values, live in windows.walk(start=1):
        higher = np.fmax(result, values)
        result = higher if live is None else np.where(live, higher, result)
    return result


def time_of_least(windows: Windows) -> Values:
    """When the smallest value was taken last, in seconds."""
    return _time_of(windows, np.less_equal)


def time_of_greatest(windows: Windows) -> Values:
    """When the largest value was taken last, in seconds."""
    return _time_of(windows, np.greater_equal)


def _time_of(windows: Windows, is_taken: np.ufunc) -> Values:
    best = windows.first
    at = np.array(_filled(windows, windows.times_at(windows.low)))
    for row, live in windows.rows(start=1):
        values = windows.at(row)
        taken = is_taken(values, best) | np.isnan(best)
        if live is not None:
            taken &= windows.spread(live)
        best = np.where(taken, values, best)
        at = np.where(taken, windows.spread(windows.times_at(row)), at)
    return at / 1000


def variance(windows: Windows) -> Values:
    """The population's variance: by Welford's method with compensation, of long windows in two passes."""
    if windows.is_long:
        return _variance_of_long(windows)
    shape = _shape(windows)
    number = np.zeros(shape)
    mean, mean_dropped = np.zeros(shape), np.zeros(shape)
    squares, squares_dropped = np.zeros(shape), np.zeros(shape)
    for values, live in windows.walk():
        number = number + (1 if live is None else live)
        off = values - (mean + mean_dropped)
        mean, mean_dropped = sums.add(mean, mean_dropped, off / number, live)
        mean_dropped = np.where(np.isinf(mean), 0.0, mean_dropped)
        grown = off * (values - (mean + mean_dropped))
        squares, squares_dropped = sums.add(squares, squares_dropped, grown, live)
    return sums.total(squares, squares_dropped) / number


def _variance_of_long(windows: Windows) -> Values:
    laid, size = windows.gathered(np.nan), windows.count
    inside = np.arange(len(laid))[:, np.newaxis, np.newaxis] < size
    summed, dropped = sums.halved(np.where(inside, laid, 0.0))
    mean = summed / size + dropped / size
    return sums.total(*sums.halved(np.where(inside, (laid - mean) ** 2, 0.0))) / size


def deviation(windows: Windows) -> Values:
    """The population's standard deviation."""
    return np.sqrt(variance(windows))


def quantile_of(windows: Windows, q: Values) -> Values:
    """The q-quantile (q [K, 1]), between two samples by their distance."""
    return _quantile(windows.gathered(), windows.count, q)


def median_deviation(windows: Windows) -> Values:
    """The median of the distances from the median."""
    laid, size = windows.gathered(), windows.count
    half = np.full((len(windows.ends), 1), 0.5)
    median = _quantile(laid, size, half)
    return _quantile(np.abs(laid - median), size, half)


def _quantile(laid: Values, size: np.ndarray, q: Values) -> Values:
    """The q-quantile of the first `size` of each stack. [W, K, S], [K, S], [K, 1] → [K, S].

    A NaN counts as the smallest of all, as Prometheus sorts. numpy sorts it last, so the negatives are sorted
    and read backwards.
    """
    width = len(laid)
    place = np.arange(width)[:, np.newaxis, np.newaxis]
    backwards = np.sort(np.where(place < size, -laid, -np.inf), axis=0)
    rank = q * (size - 1)
    lower = np.clip(np.nan_to_num(np.floor(rank)), 0, np.maximum(size - 1, 0))
    upper = np.minimum(lower + 1, np.maximum(size - 1, 0))
    weight = rank - np.floor(rank)

    def nth(number: np.ndarray) -> Values:
        at = (width - 1 - number).astype(np.intp)[np.newaxis]
        picked: Values = -np.take_along_axis(backwards, at, axis=0)[0]
        return picked

    inside = nth(lower) * (1 - weight) + nth(upper) * weight
    outside = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, np.nan))
    return np.where((q >= 0) & (q <= 1), inside, outside)
