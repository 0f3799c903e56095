"""Aggregations: one value from a group's series, at each step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ruler.promql import sums
from ruler.promql.index import Groups, Index, Positions
from ruler.promql.table import Table, both
from ruler.store import Mask, Values

__all__ = ["AGGREGATIONS", "aggregate"]

# Groups up to this size are summed one series after the other, exactly as Prometheus does; larger ones by
# halves, with the same compensation, so that 10 000 series take 14 additions of arrays and not 10 000.
SEQUENTIAL_MAX = 64
CELLS_MAX = 1 << 16


@dataclass(frozen=True, slots=True)
class Grouped:
    """A table's cells by groups: columns reordered so that each group's stand together."""

    values: Values  # [K, S], 0 where not present
    mask: Mask | None  # [K, S]
    groups: Groups

    @property
    def count(self) -> Values:
        """How many series of each group are present. [K, G]."""
        if self.mask is None:
            return np.broadcast_to(
                self.groups.sizes.astype(np.float64), (len(self.values), len(self.groups.index))
            )
        counted: Values = np.add.reduceat(self.mask.astype(np.float64), self.groups.starts, axis=1)
        return counted

    def reduce(self, ufunc: np.ufunc, neutral: float) -> Values:
        """The ufunc over each group's cells. [K, G]."""
        values = self.values if self.mask is None else np.where(self.mask, self.values, neutral)
        reduced: Values = ufunc.reduceat(values, self.groups.starts, axis=1)
        return reduced


def grouped(table: Table, groups: Groups) -> Grouped:
    """Bring a table's columns into the order of their groups."""
    order = groups.order
    if (order[1:] > order[:-1]).all():
        values, mask = table.values, table.present
    else:
        values = table.values[:, order]
        mask = None if table.present is None else table.present[:, order]
    if mask is not None:
        values = np.where(mask, values, 0.0)
    return Grouped(values, mask, groups)


def aggregate(op: str, table: Table, names: tuple[str, ...], *, without: bool) -> Table:
    """One of AGGREGATIONS over the groups of a table."""
    if not len(table.index):
        return Table(Index(()), np.empty((table.steps, 0)))
    cells = grouped(table, table.index.groups(names, without=without))
    present = None if cells.mask is None else both(None, cells.count > 0)
    return Table(cells.groups.index, AGGREGATIONS[op](cells), present)


def _sum(cells: Grouped) -> Values:
    return sums.total(*_summed(cells.values, cells.groups))


def _summed(values: Values, groups: Groups) -> tuple[Values, Values]:
    """The sum of each group, and what its rounding dropped; absent cells are 0. [K, G]."""
    if int(groups.sizes.max()) > SEQUENTIAL_MAX:
        height = max(1, CELLS_MAX // values.shape[1])  # steps at a time, so that they stay in the cache
        slices = [values[top : top + height] for top in range(0, len(values), height)]
        parts = [_summed_by_halves(part, groups) for part in slices]
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    summed = values[:, groups.starts]
    dropped = np.zeros(summed.shape)
    for members, columns in groups.index.derived("ranks", lambda: _ranks(groups)):
        if len(members) == len(groups.starts):
            summed, dropped = sums.add(summed, dropped, values[:, columns], None)
        else:
            part = sums.add(summed[:, members], dropped[:, members], values[:, columns], None)
            summed[:, members], dropped[:, members] = part
    return summed, dropped


def _ranks(groups: Groups) -> list[tuple[Positions, Positions]]:
    """For the second, third, … series of the groups: which groups have one, and in which column."""
    sizes = groups.sizes
    members = [np.flatnonzero(sizes > rank) for rank in range(1, int(sizes.max()))]
    return [(group, groups.starts[group] + rank) for rank, group in enumerate(members, start=1)]


@dataclass(frozen=True, slots=True)
class Halving:
    """One level of a sum by halves: columns in this order, the next `pairs` added to the first `pairs`."""

    order: Positions
    pairs: int


def _halvings(groups: Groups) -> tuple[list[Halving], Positions]:
    """The levels down to one column a group, and where each group's column stands then."""
    levels = []
    which = np.repeat(np.arange(len(groups.index)), groups.sizes)
    while len(which) > len(groups.index):
        together = np.argsort(which, kind="stable")
        sizes = np.bincount(which)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        rank = np.arange(len(which)) - np.repeat(starts, sizes)
        is_left = rank % 2 == 0
        is_paired = is_left & (rank + 1 < np.repeat(sizes, sizes))
        left, alone = together[is_paired], together[is_left & ~is_paired]
        right = together[np.flatnonzero(is_paired) + 1]
        levels.append(Halving(np.concatenate([left, right, alone]), len(left)))
        which = which[np.concatenate([left, alone])]
    return levels, np.argsort(which, kind="stable")


def _summed_by_halves(values: Values, groups: Groups) -> tuple[Values, Values]:
    summed, dropped = values, np.zeros(values.shape)
    levels, places = groups.index.derived("halvings", lambda: _halvings(groups))
    for level in levels:
        summed, dropped = summed.take(level.order, axis=1), dropped.take(level.order, axis=1)
        half, rest = level.pairs, 2 * level.pairs
        total, error = sums.two_sum(summed[:, :half], summed[:, half:rest])
        error += dropped[:, :half]
        error += dropped[:, half:rest]
        summed = np.concatenate([total, summed[:, rest:]], axis=1)
        dropped = np.concatenate([error, dropped[:, rest:]], axis=1)
    return summed[:, places], dropped[:, places]


def _avg(cells: Grouped) -> Values:
    summed, dropped = _summed(cells.values, cells.groups)
    count = np.maximum(cells.count, 1)
    result = np.where(np.isinf(summed), summed, summed / count + dropped / count)
    finite = np.isfinite(cells.values)
    is_finite = np.logical_and.reduceat(finite, cells.groups.starts, axis=1)
    # Infinities and NaN alone say what the mean is, whatever the sum of the others overflows to.
    beyond = np.add.reduceat(np.where(finite, 0.0, cells.values), cells.groups.starts, axis=1)
    result = np.where(is_finite, result, beyond)
    for group in np.flatnonzero((is_finite & ~np.isfinite(summed)).any(axis=0)).tolist():
        # The sum overflows though no value does: carry the mean along instead.
        start = int(cells.groups.starts[group])
        columns = range(start, start + int(cells.groups.sizes[group]))
        parts = (
            (cells.values[:, c : c + 1], None if cells.mask is None else cells.mask[:, c : c + 1])
            for c in columns
        )
        result[:, group] = sums.mean(parts, (len(result), 1))[:, 0]
    return result


def _stdvar(cells: Grouped) -> Values:
    """The population's variance: Welford's method for small groups, two passes for large ones."""
    groups, count = cells.groups, np.maximum(cells.count, 1)
    if int(groups.sizes.max()) <= SEQUENTIAL_MAX:
        return _welford(cells)
    mean = sums.total(*_summed(cells.values, groups)) / count
    which = np.repeat(np.arange(len(groups.index)), groups.sizes)
    apart = (cells.values - mean[:, which]) ** 2
    if cells.mask is not None:
        apart = np.where(cells.mask, apart, 0.0)
    return sums.total(*_summed(apart, groups)) / count


def _welford(cells: Grouped) -> Values:
    groups = cells.groups
    shape = (len(cells.values), len(groups.index))
    number, mean, squares = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    first = (np.arange(len(groups.index)), groups.starts)
    for members, columns in [first, *groups.index.derived("ranks", lambda: _ranks(groups))]:
        values = cells.values[:, columns]
        live = np.ones(values.shape, dtype=np.bool_) if cells.mask is None else cells.mask[:, columns]
        so_far = number[:, members] + live
        off = values - mean[:, members]
        moved = mean[:, members] + off / np.maximum(so_far, 1)
        moved = np.where(so_far == 1, values, moved)
        grown = squares[:, members] + off * (values - moved)
        grown = np.where(so_far == 1, np.where(np.isfinite(values), 0.0, np.nan), grown)
        number[:, members] = so_far
        mean[:, members] = np.where(live, moved, mean[:, members])
        squares[:, members] = np.where(live, grown, squares[:, members])
    return squares / np.maximum(number, 1)


AGGREGATIONS: Mapping[str, Callable[[Grouped], Values]] = {
    "sum": _sum,
    "avg": _avg,
    "min": lambda cells: cells.reduce(np.fmin, np.nan),
    "max": lambda cells: cells.reduce(np.fmax, np.nan),
    "count": lambda cells: cells.count,
    "group": lambda cells: np.ones((len(cells.values), len(cells.groups.index))),
    "stdvar": _stdvar,
    "stddev": lambda cells: np.sqrt(_stdvar(cells)),
}
