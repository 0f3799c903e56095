"""What a function that looks beyond its values is told."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from promkit.errors import QueryError
from ruler.promql.ast import Call, VectorSelector
from ruler.promql.index import Index
from ruler.promql.notes import Notes
from ruler.promql.table import Table, any_step, both
from ruler.promql.window import Ranges, Windows
from ruler.store import Times, Values

__all__ = ["Compute", "Context", "merged", "over", "relabelled"]

Compute = Callable[[Windows, slice], Values]  # a piece of the windows, and which steps it is of


@dataclass(frozen=True, slots=True)
class Context:
    """The evaluation that a call is part of."""

    call: Call
    steps: Times  # [K]
    notes: Notes
    delayed: bool  # names are removed at the very end
    check: Callable[[], None]  # raises when the query has to stop
    instants: Callable[[VectorSelector, Times], Table]  # looks up series, with their samples' times


def over(context: Context, ranges: Ranges, compute: Compute, *, least: int = 1) -> Table:
    """What `compute` makes of each window of at least `least` samples, a piece at a time."""
    shape = (len(context.steps), len(ranges.index))
    values = np.zeros(shape)
    present = np.ones(shape, dtype=np.bool_)
    column = 0
    for part in ranges.parts:
        for steps, columns, piece in part.split():
            context.check()
            cells = (steps, slice(column + columns.start, column + columns.stop))
            enough = piece.spread(piece.high - piece.low >= least)
            present[cells] = enough
            if enough.any():
                values[cells] = compute(piece, steps)
        column += part.values.shape[1]
    return Table(ranges.index, values, None if present.all() else present)


def merged(table: Table, *, strict: bool = False) -> Table:
    """Columns of equal label sets made one, as when functions took away what told them apart.

    QueryError: two of them have a value at one step (`strict`: at any step).
    """
    repeats = table.index.repeats()
    if repeats is None:
        return table
    mask = table.mask()
    here = any_step(mask)[np.newaxis] if strict else mask
    crowded = np.add.reduceat(here[:, repeats.order].astype(np.intp), repeats.starts, axis=1)
    if (crowded > 1).any():
        raise QueryError("vector cannot contain metrics with the same labelset")
    ordered = mask[:, repeats.order]
    # One at most is there; to add -0.0 changes no value, not even the sign of a zero.
    values = np.add.reduceat(np.where(ordered, table.values[:, repeats.order], -0.0), repeats.starts, axis=1)
    present = np.logical_or.reduceat(ordered, repeats.starts, axis=1)
    return Table(repeats.index, values, both(None, present))


def relabelled(table: Table, index: Index) -> Table:
    """The same values under other label sets, equal ones made one."""
    return merged(Table(index, table.values, table.present))
