"""Where a window's values are heading: regressions and smoothing. Each answers [K, S]."""

import numpy as np

from promkit.errors import QueryError
from ruler.promql import sums
from ruler.promql.window import Windows
from ruler.store import Times, Values

__all__ = ["derivative", "double_exponential_smoothing", "prediction"]


def derivative(windows: Windows) -> Values:
    """The slope a second of the least-squares line."""
    slope, _ = _line(windows, windows.times_at(windows.low))
    return slope


def prediction(windows: Windows, ahead: Values) -> Values:
    """Where the least-squares line will be `ahead` [K, 1] seconds after the evaluation."""
    shape = windows.low.shape
    slope, intercept = _line(windows, np.broadcast_to(windows.steps[:, np.newaxis], shape))
    return slope * ahead + intercept


def _line(windows: Windows, origin: Times) -> tuple[Values, Values]:
    """Slope a second and value at `origin` [K, C] of the least-squares line."""
    shape = (len(windows.ends), windows.values.shape[1])
    x_sum, x_dropped = np.zeros(shape), np.zeros(shape)
    y_sum, y_dropped = np.zeros(shape), np.zeros(shape)
    xy_sum, xy_dropped = np.zeros(shape), np.zeros(shape)
    xx_sum, xx_dropped = np.zeros(shape), np.zeros(shape)
    first = windows.first
    is_flat = np.ones(shape, dtype=np.bool_)
    for place, (row, inside) in enumerate(windows.rows()):
        y = windows.at(row)
        x = windows.spread((windows.times_at(row) - origin) / 1e3)
        live = None if inside is None else windows.spread(inside)
        if place:
            differs = y != first
            is_flat &= ~(differs if live is None else differs & live)
        x_sum, x_dropped = sums.add(x_sum, x_dropped, x, live)
        y_sum, y_dropped = sums.add(y_sum, y_dropped, y, live)
        xy_sum, xy_dropped = sums.add(xy_sum, xy_dropped, x * y, live)
        xx_sum, xx_dropped = sums.add(xx_sum, xx_dropped, x * x, live)
    n = windows.count.astype(np.float64)
    x_sum, y_sum = sums.total(x_sum, x_dropped), sums.total(y_sum, y_dropped)
    xy_sum, xx_sum = sums.total(xy_sum, xy_dropped), sums.total(xx_sum, xx_dropped)
    slope = (xy_sum - x_sum * y_sum / n) / (xx_sum - x_sum * x_sum / n)
    intercept = y_sum / n - slope * x_sum / n
    level = np.where(np.isinf(first), np.nan, first)
    return np.where(is_flat, level * 0, slope), np.where(is_flat, level, intercept)


def double_exponential_smoothing(windows: Windows, smoothing: Values, trend: Values) -> Values:
    """The newest smoothed value, by Holt's linear method; both factors [K, 1] are between 0 and 1."""
    for name, factor in (("smoothing", smoothing), ("trend", trend)):
        wrong = factor[(factor <= 0) | (factor >= 1)]
        if len(wrong):
            letters = name[0] + "f"
            problem = f"invalid {name} factor. Expected: 0 < {letters} < 1, got: {wrong[0]:f}"
            raise QueryError(problem)
    before = np.zeros_like(windows.first)
    level = windows.first
    slope = windows.at(np.minimum(windows.low + 1, windows.high - 1)) - level
    for place, (values, live) in enumerate(windows.walk(start=1)):
        bent = slope if place == 0 else trend * (level - before) + (1 - trend) * slope
        smoothed = smoothing * values + (1 - smoothing) * (level + bent)
        if live is None:
            before, level, slope = level, smoothed, bent
        else:
            before = np.where(live, level, before)
            level = np.where(live, smoothed, level)
            slope = np.where(live, bent, slope)
    return level
