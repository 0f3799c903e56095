"""Functions that turn scalars into vectors, vectors into scalars, and tell what is not there."""

from collections.abc import Sequence

import numpy as np

from promkit.errors import QueryError
from promkit.labels import EMPTY, METRIC_NAME, Labels
from promkit.matchers import Matcher, MatchOp
from ruler.promql.ast import Node, VectorSelector, bare
from ruler.promql.functions import over_time
from ruler.promql.functions.context import Context, over
from ruler.promql.index import Index
from ruler.promql.table import Scalars, Table, any_series
from ruler.promql.window import Ranges
from ruler.store import Mask, Values

__all__ = [
    "absent",
    "absent_over_time",
    "native_histograms",
    "pi",
    "quantile_over_time",
    "scalar",
    "sort",
    "sort_desc",
    "time",
    "timestamp",
    "vector",
]


def time(context: Context) -> Scalars:
    """The time of evaluation, in seconds."""
    return Scalars(context.steps / 1000)


def pi(context: Context) -> Scalars:
    """The ratio of a circle's circumference to its diameter."""
    return Scalars(np.full(len(context.steps), np.pi))


def vector(_: Context, scalars: Scalars) -> Table:
    """One series without labels."""
    return Table(Index((EMPTY,)), scalars.values[:, np.newaxis])


def scalar(_: Context, table: Table) -> Scalars:
    """The value of the only series; NaN where there is not exactly one."""
    mask = table.mask()
    alone = mask.sum(axis=1) == 1
    values = np.where(mask, table.values, 0.0).sum(axis=1)
    return Scalars(np.where(alone, values, np.nan))


def timestamp(context: Context, table: Table) -> Table:
    """When each sample was taken, or for what was computed the time of evaluation; in seconds."""
    times = context.steps[:, np.newaxis] if table.times is None else table.times
    values = np.broadcast_to(times / 1000, table.values.shape)
    return Table(table.index, values, table.present).nameless(delayed=context.delayed)


def absent(context: Context, table: Table) -> Table:
    """1 where the vector is empty, under the labels that its selector asks for."""
    found = any_series(table.mask())
    return _missing(context, found)


def absent_over_time(context: Context, ranges: Ranges) -> Table:
    """1 where no series has a sample in the window."""
    found = np.zeros(len(context.steps), dtype=np.bool_)
    for windows in ranges.parts:
        found |= any_series(windows.count > 0)
    return _missing(context, found)


def _missing(context: Context, found: Mask) -> Table:
    labels = _labels_asked_for(context.call.args[0])
    present = None if not found.any() else ~found[:, np.newaxis]
    return Table(Index((labels,)), np.ones((len(context.steps), 1)), present)


def _labels_asked_for(node: Node) -> Labels:
    """The labels that a selector's equalities name; one that is asked for in two ways is left out."""
    selector = bare(node)
    if not isinstance(selector, VectorSelector):
        return EMPTY
    return _equalities(selector.matchers)


def _equalities(matchers: Sequence[Matcher]) -> Labels:
    asked: dict[str, str] = {}
    dropped: set[str] = set()
    for matcher in matchers:
        if matcher.name == METRIC_NAME:
            continue
        if matcher.op is MatchOp.EQUAL and matcher.name not in asked:
            asked[matcher.name] = matcher.value
        else:
            dropped.add(matcher.name)
    return Labels({name: value for name, value in asked.items() if name not in dropped})


def quantile_over_time(context: Context, scalars: Scalars, ranges: Ranges) -> Table:
    """The quantile of each window's values."""
    quantiles = scalars.values[:, np.newaxis]
    table = over(context, ranges, lambda piece, steps: over_time.quantile_of(piece, quantiles[steps]))
    if len(table.index):
        remark_on_quantile(context, scalars.values[any_series(table.mask())])
    return table.nameless(delayed=context.delayed)


def remark_on_quantile(context: Context, quantiles: Values) -> None:
    """Warn of quantiles outside 0–1."""
    for quantile in np.unique(quantiles[~((quantiles >= 0) & (quantiles <= 1))]):
        context.notes.quantile(float(quantile), context.call.args[0])


def sort(context: Context, table: Table) -> Table:
    """Order the series by value, the smallest first and NaN last."""
    return _sorted(context, table, 1.0)


def sort_desc(context: Context, table: Table) -> Table:
    """Order the series by value, the largest first and NaN last."""
    return _sorted(context, table, -1.0)


def _sorted(context: Context, table: Table, direction: float) -> Table:
    if len(context.steps) > 1:  # a range query's series come in the order of their labels anyhow
        return table
    return table.take(np.argsort(direction * table.values[0], kind="stable"))


def native_histograms(context: Context, *_: object) -> Table:
    """Refuse what only native histograms have."""
    problem = f"{context.call.function}() needs native histograms, which are not supported yet"
    raise QueryError(problem, position=context.call.span.start)
