"""Classic histograms: quantiles and fractions from cumulative buckets.

Buckets lie in one cube, counts [K, G, B]: steps, histograms, buckets by rising bound; histograms with fewer
buckets than others have gaps. Prometheus' promql/quantile.go is the measure of every step.
"""

import re
from dataclasses import dataclass

import numpy as np

from promkit.labels import METRIC_NAME
from ruler.promql.functions.context import Context, merged
from ruler.promql.functions.vectors import remark_on_quantile
from ruler.promql.index import Groups, Index, Positions
from ruler.promql.table import Scalars, Table, any_step, both
from ruler.store import Mask, Values

__all__ = ["histogram_fraction", "histogram_quantile"]

_BOUND = re.compile(
    r"[+-]?(?:inf(?:inity)?|nan|0x[0-9a-f.]+p[+-]?[0-9]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)",
    re.IGNORECASE,
)
_SMALL = 1e-12  # counts that differ by less are taken for equal: rounding, not resets
_SMALLEST_NORMAL = 2.2250738585072014e-308


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the columns of a table go in the cube; depends on labels alone.

    `order` are the usable columns by histogram and bound, `starts` where in it each distinct bound begins
    (the counts of equal bounds are added), `cells` where in a flat [G x B] that bound belongs.
    """

    index: Index  # [G], still with the metric's name
    order: Positions
    starts: Positions
    cells: Positions
    bounds: Values  # [G, B], NaN in gaps
    malformed: tuple[tuple[str, str], ...]  # metric and `le` of columns that cannot be used


def _bound(text: str) -> float | None:
    if _BOUND.fullmatch(text) is None:
        return None
    return float.fromhex(text) if "x" in text.lower() else float(text)


def _layout(index: Index) -> Layout:
    bounds = [_bound(labels["le"]) for labels in index.labels]
    usable = np.array([i for i, bound in enumerate(bounds) if bound is not None], dtype=np.intp)
    bad = [index.labels[i] for i, bound in enumerate(bounds) if bound is None]
    malformed = tuple(dict.fromkeys((labels[METRIC_NAME], labels["le"]) for labels in bad))
    part = index.take(usable)
    groups: Groups = part.grouped([labels.without(("le",)) for labels in part.labels])
    limits = np.array([bounds[i] for i in usable.tolist()], dtype=np.float64)
    order = np.lexsort((limits, groups.which))
    which, sorted_limits = groups.which[order], limits[order]
    fresh = np.ones(len(order), dtype=np.bool_)
    fresh[1:] = (which[1:] != which[:-1]) | (sorted_limits[1:] != sorted_limits[:-1])
    starts = np.flatnonzero(fresh)
    which, sorted_limits = which[starts], sorted_limits[starts]
    first = np.searchsorted(which, np.arange(len(groups.index)))
    place = np.arange(len(starts)) - first[which]
    width = int(place.max(initial=-1)) + 1
    cells = which * width + place
    cube = np.full(len(groups.index) * width, np.nan)
    cube[cells] = sorted_limits
    return Layout(
        groups.index, usable[order], starts, cells, cube.reshape(len(groups.index), width), malformed
    )


@dataclass(frozen=True, slots=True)
class Buckets:
    """The cube at hand."""

    layout: Layout
    counts: Values  # [K, G, B]
    present: Mask  # [K, G, B]

    @property
    def any(self) -> Mask:
        """Where a histogram has buckets at all. [K, G]."""
        return _any_bucket(self.present)


def _buckets(context: Context, table: Table, position: int) -> Buckets:
    layout = table.index.derived("buckets", lambda: _layout(table.index))
    for metric, bound in layout.malformed:
        context.notes.bad_bucket(metric, bound, context.call.args[position])
    shape = (table.steps, *layout.bounds.shape)
    counts, present = (
        np.zeros((shape[0], shape[1] * shape[2])),
        np.zeros((shape[0], shape[1] * shape[2]), dtype=np.bool_),
    )
    if len(layout.order):
        mask = table.mask()[:, layout.order]
        values = np.where(mask, table.values[:, layout.order], 0.0)
        counts[:, layout.cells] = np.add.reduceat(values, layout.starts, axis=1)
        present[:, layout.cells] = np.logical_or.reduceat(mask, layout.starts, axis=1)
    return Buckets(layout, counts.reshape(shape), present.reshape(shape))


def _finished(context: Context, buckets: Buckets, values: Values) -> Table:
    table = Table(buckets.layout.index, values, both(None, buckets.any))
    return merged(table.nameless(delayed=context.delayed))


def histogram_quantile(context: Context, scalars: Scalars, table: Table) -> Table:
    """The quantile of each histogram, linear inside a bucket."""
    remark_on_quantile(context, scalars.values)
    buckets = _buckets(context, table, 1)
    if not buckets.layout.bounds.size:
        return _finished(context, buckets, np.zeros(buckets.any.shape))
    counts, forced = _monotonic(buckets)
    if forced.any():
        for group in np.flatnonzero(any_step(forced)).tolist():
            context.notes.monotonicity(buckets.layout.index.labels[group].metric, context.call.args[1])
    values = _quantile(buckets, counts, scalars.values[:, np.newaxis])
    return _finished(context, buckets, values)


def _monotonic(buckets: Buckets) -> tuple[Values, Mask]:
    """Counts that never fall from one bucket to the next, and where falls had to be mended. [K, G]."""
    counts, present = buckets.counts.copy(), buckets.present
    previous = np.zeros(buckets.any.shape)
    seen = np.zeros(buckets.any.shape, dtype=np.bool_)
    forced = np.zeros(buckets.any.shape, dtype=np.bool_)
    for b in range(counts.shape[2]):
        current, here = counts[:, :, b], present[:, :, b]
        same = _almost_equal(previous, current)
        falls = ~same & (current < previous)
        forced |= here & seen & falls
        counts[:, :, b] = np.where(here & seen & (same | falls), previous, current)
        previous = np.where(here, counts[:, :, b], previous)
        seen |= here
    return counts, forced & _has_top(buckets)


def _almost_equal(one: Values, other: Values) -> Mask:
    apart = np.abs(one - other)
    size = np.abs(one) + np.abs(other)
    tiny = (one == 0) | (other == 0) | (size < _SMALLEST_NORMAL)
    close = np.where(
        tiny, apart < _SMALL * _SMALLEST_NORMAL, apart / np.minimum(size, np.finfo(np.float64).max) < _SMALL
    )
    equal: Mask = close | (one == other) | (np.isnan(one) & np.isnan(other))
    return equal


def _any_bucket(mask: Mask) -> Mask:
    """[K, G, B] → [K, G]."""
    found: Mask = np.logical_or.reduce(mask, axis=2)
    return found


def _has_top(buckets: Buckets) -> Mask:
    """Where the highest bucket reaches to infinity. [K, G]."""
    top = np.isposinf(buckets.layout.bounds)
    return _any_bucket(buckets.present & top)


def _quantile(buckets: Buckets, counts: Values, q: Values) -> Values:
    """Search each histogram's buckets for the rank q. [K, 1] → [K, G]."""
    shape = buckets.any.shape
    is_finite = ~np.isposinf(buckets.layout.bounds)
    observed = np.where(buckets.present & ~is_finite, counts, 0.0).sum(axis=2)
    rank = q * observed
    result = np.zeros(shape)
    found = np.zeros(shape, dtype=np.bool_)
    lower_bound, lower_count = np.zeros(shape), np.zeros(shape)
    seen = np.zeros(shape, dtype=np.bool_)
    for b in range(counts.shape[2]):
        bound = np.broadcast_to(buckets.layout.bounds[:, b], shape)
        here = buckets.present[:, :, b] & is_finite[:, b]
        count = counts[:, :, b]
        inside = lower_bound + (bound - lower_bound) * ((rank - lower_count) / (count - lower_count))
        inside = np.where(~seen & (bound <= 0), bound, inside)
        hit = here & ~found & (count >= rank)
        result = np.where(hit, inside, result)
        found |= hit
        lower_bound, lower_count = np.where(here, bound, lower_bound), np.where(here, count, lower_count)
        seen |= here
    result = np.where(found, result, lower_bound)  # beyond the highest finite bound: that bound
    valid = _has_top(buckets) & (buckets.present.sum(axis=2) >= 2) & (observed != 0)
    result = np.where(valid, result, np.nan)
    outside = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, np.nan))
    return np.where((q >= 0) & (q <= 1), result, outside)


def histogram_fraction(context: Context, lower: Scalars, upper: Scalars, table: Table) -> Table:
    """The share of observations between two values, linear inside a bucket."""
    buckets = _buckets(context, table, 2)
    if not buckets.layout.bounds.size:
        return _finished(context, buckets, np.zeros(buckets.any.shape))
    low, high = lower.values[:, np.newaxis], upper.values[:, np.newaxis]
    observed = np.where(buckets.present & np.isposinf(buckets.layout.bounds), buckets.counts, 0.0).sum(axis=2)
    share = (_rank_of(buckets, high, observed) - _rank_of(buckets, low, observed)) / observed
    share = np.where(low >= high, 0.0, share)
    valid = _has_top(buckets) & (observed != 0) & ~np.isnan(low) & ~np.isnan(high)
    return _finished(context, buckets, np.where(valid, share, np.nan))


def _rank_of(buckets: Buckets, limit: Values, observed: Values) -> Values:
    """How many observations lie below `limit` [K, 1]. → [K, G]."""
    shape = buckets.any.shape
    result, rank = np.zeros(shape), np.zeros(shape)
    found = np.zeros(shape, dtype=np.bool_)
    below = np.full(shape, -np.inf)
    for b in range(buckets.counts.shape[2]):
        here = buckets.present[:, :, b]
        bound, count = np.broadcast_to(buckets.layout.bounds[:, b], shape), buckets.counts[:, :, b]
        starts = here & ~found & (below >= limit)
        result = np.where(starts, rank, result)
        found |= starts
        inside = here & ~found & (below < limit) & (bound > limit)
        result = np.where(inside, rank + (count - rank) * (limit - below) / (bound - below), result)
        found |= inside
        rank, below = np.where(here, count, rank), np.where(here, bound, below)
    return np.where(found & ~(result > observed), result, observed)
