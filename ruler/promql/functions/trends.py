"""Where a window's values are heading: regressions and smoothing. Each answers [K, S]."""

import numpy as np

from promkit.errors import QueryError
from ruler.promql import sums
from ruler.promql.window import Windows
from ruler.store import Mask, Times, Values

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
    (x, y, xy, xx), is_flat = (_of_long if windows.is_long else _row_by_row)(windows, origin)
    first = windows.first
    n = windows.count.astype(np.float64)
    slope = (xy - x * y / n) / (xx - x * x / n)
    intercept = y / n - slope * x / n
    level = np.where(np.isinf(first), np.nan, first)
    no_slope = np.where(np.isinf(first), np.nan, 0.0)
    return np.where(is_flat, no_slope, slope), np.where(is_flat, level, intercept)


Sums = tuple[Values, Values, Values, Values]  # of x, y, x·y and x²; each [K, S]


def _row_by_row(windows: Windows, origin: Times) -> tuple[Sums, Mask]:
    """The sums of a line, and whether all values are equal; exactly as Prometheus adds them."""
    shape = (len(windows.ends), windows.values.shape[1])
    summed = [(np.zeros(shape), np.zeros(shape)) for _ in range(4)]
    first = windows.first
    is_flat = np.ones(shape, dtype=np.bool_)
    for row, inside in windows.rows():
        y = windows.at(row)
        x = windows.spread((windows.times_at(row) - origin) / 1e3)
        live = None if inside is None else windows.spread(inside)
        differs = y != first
        is_flat &= ~(differs if live is None else differs & live)
        summed = [
            sums.add(*so_far, more, live) for so_far, more in zip(summed, (x, y, x * y, x * x), strict=True)
        ]
    x_sum, y_sum, xy_sum, xx_sum = (sums.total(*pair) for pair in summed)
    return (x_sum, y_sum, xy_sum, xx_sum), is_flat


def _of_long(windows: Windows, origin: Times) -> tuple[Sums, Mask]:
    """The same for many rows of few cells."""
    y = windows.gathered(np.nan)  # [W, K, S]
    x = (windows.gathered_times() - origin) / 1e3  # [W, K, C]
    x = np.broadcast_to(x if x.shape[2] == 1 else x[:, :, windows.clock], y.shape)
    inside = np.arange(len(y))[:, np.newaxis, np.newaxis] < windows.count
    is_flat = ~np.logical_or.reduce((y != windows.first) & inside, axis=0)
    x_sum, y_sum, xy_sum, xx_sum = (
        sums.total(*sums.halved(np.where(inside, more, 0.0))) for more in (x, y, x * y, x * x)
    )
    return (x_sum, y_sum, xy_sum, xx_sum), is_flat


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
