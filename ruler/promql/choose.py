"""Aggregations with a parameter: topk, bottomk, limitk, limit_ratio, quantile, count_values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from promkit.errors import QueryError
from promkit.labels import Labels
from ruler.promql.ast import Aggregate
from ruler.promql.heap import largest
from ruler.promql.index import Groups, Index, Positions
from ruler.promql.notes import Notes
from ruler.promql.table import Scalars, Table, both
from ruler.promql.text import format_fixed, format_general, quote
from ruler.promql.xxhash import xxhash64
from ruler.store import Mask, Values

__all__ = ["CHOICES", "count_values"]

_K_MAX = 1 << 63
_HASH_MAX = float((1 << 64) - 1)


@dataclass(frozen=True, slots=True)
class Ranked:
    """The present cells of a table, sorted by step, group and value: N of them."""

    step: Positions  # [N]
    column: Positions  # [N]
    segment: Positions  # [N], step x group
    starts: Positions  # [M], where each segment begins
    sizes: Positions  # [M]

    @property
    def rank(self) -> Positions:
        """Each cell's place in its segment. [N]."""
        return np.arange(len(self.column)) - np.repeat(self.starts, self.sizes)


def _ranked(table: Table, groups: Groups, key: Values) -> Ranked:
    """Sort each group's cells at each step by `key` [K, S], equal ones in the order of their columns."""
    step, column = np.nonzero(table.mask())
    segment = step * len(groups.index) + groups.which[column]
    order = np.lexsort((key[step, column], segment))
    step, column, segment = step[order], column[order], segment[order]
    _, starts, sizes = np.unique(segment, return_index=True, return_counts=True)
    return Ranked(step, column, segment, starts, sizes)


def _groups(node: Aggregate, table: Table) -> Groups:
    return table.index.groups(node.grouping, without=node.without)


def _counts(scalars: Scalars) -> Positions:
    """How many series a parameter asks for at each step. [K]."""
    values = scalars.values
    if np.isnan(values).any():
        raise QueryError("Parameter value is NaN")
    large = values[(values >= _K_MAX) | (values < -_K_MAX)]
    if len(large):
        raise QueryError(f"Scalar value {format_general(float(large[0]))} overflows int64")
    return np.clip(values, 0, 1 << 62).astype(np.intp)


def _topk(node: Aggregate, table: Table, scalars: Scalars, _: Notes) -> Table:
    return _extreme(node, table, scalars, -1.0)


def _bottomk(node: Aggregate, table: Table, scalars: Scalars, _: Notes) -> Table:
    return _extreme(node, table, scalars, 1.0)


def _extreme(node: Aggregate, table: Table, scalars: Scalars, direction: float) -> Table:
    """The k first of each group by `direction` x value, NaN last."""
    wanted = _counts(scalars)
    if not len(table.index):
        return table
    groups = _groups(node, table)
    ranked = _ranked(table, groups, direction * table.values)
    chosen = ranked.rank < wanted[ranked.step]
    _settle_ties(table, ranked, wanted, chosen, direction)
    if table.steps == 1:
        return _plain(table.take(ranked.column[chosen]))
    kept = np.zeros(table.values.shape, dtype=np.bool_)
    kept[ranked.step[chosen], ranked.column[chosen]] = True
    return _plain(table.where(kept))


def _settle_ties(table: Table, ranked: Ranked, wanted: Positions, chosen: Mask, direction: float) -> None:
    """Where equal values stand on both sides of the border, choose those that Prometheus' heap keeps."""
    k = wanted[ranked.step[ranked.starts]]
    split = np.flatnonzero((k > 1) & (k < ranked.sizes))
    border = ranked.starts[split] + k[split]
    values = table.values[ranked.step, ranked.column]
    same = (values[border] == values[border - 1]) | (np.isnan(values[border]) & np.isnan(values[border - 1]))
    for segment in split[same].tolist():
        cells = slice(ranked.starts[segment], ranked.starts[segment] + ranked.sizes[segment])
        columns = ranked.column[cells]
        by_column = np.argsort(columns)
        kept = largest((-direction * values[cells])[by_column].tolist(), int(k[segment]))
        chosen[cells] = np.isin(columns, columns[by_column][kept])


def _limitk(node: Aggregate, table: Table, scalars: Scalars, _: Notes) -> Table:
    """The first k series of each group."""
    wanted = _counts(scalars)
    if not len(table.index):
        return table
    ranked = _ranked(table, _groups(node, table), np.zeros(table.values.shape))
    chosen = ranked.rank < wanted[ranked.step]
    kept = np.zeros(table.values.shape, dtype=np.bool_)
    kept[ranked.step[chosen], ranked.column[chosen]] = True
    return _plain(table.where(kept))


def _limit_ratio(node: Aggregate, table: Table, scalars: Scalars, notes: Notes) -> Table:
    """A share of the series, chosen by their hash: r and -(1 - r) complement one another."""
    if np.isnan(scalars.values).any():
        raise QueryError("Ratio value is NaN")
    capped = np.clip(scalars.values, -1.0, 1.0)
    for ratio, bound in ((scalars.values.max(), 1.0), (scalars.values.min(), -1.0)):
        if ratio * bound > 1.0:
            notes.ratio(float(ratio), bound, node.parameter or node)
    place = table.index.derived("hashes", lambda: _hashes(table.index))
    ratio = capped[:, np.newaxis]
    kept = np.where(ratio >= 0, place < ratio, place >= 1.0 + ratio)
    return _plain(table.where(kept & (ratio != 0)))


def _hashes(index: Index) -> Values:
    """Each series' place between 0 and 1. [S]."""
    return np.array([xxhash64(_encoded(labels)) / _HASH_MAX for labels in index.labels])


def _encoded(labels: Labels) -> bytes:
    """The bytes that Prometheus hashes: every name and value after its length."""
    out = bytearray()
    for text in (text for pair in labels.items() for text in pair):
        raw = text.encode("utf-8", "surrogateescape")
        out += bytes((len(raw),)) if len(raw) < 255 else b"\xff" + len(raw).to_bytes(3, "little")
        out += raw
    return bytes(out)


def _quantile(node: Aggregate, table: Table, scalars: Scalars, notes: Notes) -> Table:
    """The quantile of each group's values, between two by their distance; NaN is the smallest of all."""
    for quantile in np.unique(scalars.values[~((scalars.values >= 0) & (scalars.values <= 1))]):
        notes.quantile(float(quantile), node.parameter or node)
    if not len(table.index):
        return Table(Index(()), np.empty((table.steps, 0)))
    groups = _groups(node, table)
    # The negatives, so that NaN comes last; then each segment is read from its end.
    ranked = _ranked(table, groups, -table.values)
    sizes = ranked.sizes
    steps, members = np.divmod(ranked.segment[ranked.starts], len(groups.index))
    q = scalars.values[steps]
    rank = q * (sizes - 1)
    lower = np.clip(np.nan_to_num(np.floor(rank)), 0, sizes - 1)
    upper = np.minimum(lower + 1, sizes - 1)
    weight = rank - np.floor(rank)
    values = table.values[ranked.step, ranked.column]
    last = ranked.starts + sizes - 1
    low, high = values[last - lower.astype(np.intp)], values[last - upper.astype(np.intp)]
    inside = low * (1 - weight) + high * weight
    outside = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, np.nan))
    result = np.zeros((table.steps, len(groups.index)))
    present = np.zeros(result.shape, dtype=np.bool_)
    result[steps, members] = np.where((q >= 0) & (q <= 1), inside, outside)
    present[steps, members] = True
    return Table(groups.index, result, both(None, present))


def count_values(node: Aggregate, table: Table, label: str) -> Table:
    """How many series of each group have each value, which becomes a label."""
    if not label or any(0xD800 <= ord(letter) <= 0xDFFF for letter in label):
        raise QueryError(f"invalid label name {quote(label)}")
    grouping = node.grouping
    if not node.without and label in grouping:
        grouping = tuple(name for name in grouping if name != label)
    if node.without and label not in grouping:
        grouping = (*grouping, label)
    groups = table.index.groups(grouping, without=node.without)
    step, column = np.nonzero(table.mask())
    values, number = np.unique(table.values[step, column], return_inverse=True)
    texts = [format_fixed(float(value)) for value in values]
    pairs, cell = np.unique(groups.which[column] * max(1, len(values)) + number, return_inverse=True)
    labels = [
        groups.index.labels[pair // len(values)].merged({label: texts[pair % len(values)]})
        for pair in pairs.tolist()
    ]
    counted = np.zeros((table.steps, len(pairs)))
    np.add.at(counted, (step, cell), 1.0)
    return Table(Index(labels), counted, both(None, counted > 0))


def _plain(table: Table) -> Table:
    return Table(table.index, table.values, table.present)


CHOICES: Mapping[str, Callable[[Aggregate, Table, Scalars, Notes], Table]] = {
    "topk": _topk,
    "bottomk": _bottomk,
    "limitk": _limitk,
    "limit_ratio": _limit_ratio,
    "quantile": _quantile,
}
