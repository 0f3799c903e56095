"""Operators between two numbers, a vector and a number, two vectors."""

from collections.abc import Callable, Mapping

import numpy as np

from promkit.errors import QueryError
from promkit.labels import Labels
from ruler.promql.ast import COMPARISONS, Binary, Cardinality, Matching
from ruler.promql.functions.context import merged
from ruler.promql.match import Pairing, alike, pairing
from ruler.promql.table import Scalars, Table, any_series, both
from ruler.store import Mask, Values

__all__ = ["scalars", "table_and_scalar", "tables"]

ARITHMETIC: Mapping[str, Callable[[Values, Values], Values]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}
COMPARING: Mapping[str, Callable[[Values, Values], Mask]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}


def scalars(op: str, left: Scalars, right: Scalars) -> Scalars:
    """A number from two; comparisons give 1 or 0."""
    if op in COMPARISONS:
        return Scalars(COMPARING[op](left.values, right.values).astype(np.float64))
    return Scalars(ARITHMETIC[op](left.values, right.values))


def table_and_scalar(node: Binary, left: Table | Scalars, right: Table | Scalars, *, delayed: bool) -> Table:
    """A vector from a vector and a number, whichever stands on the left."""
    table = left if isinstance(left, Table) else right
    assert isinstance(table, Table)  # noqa: S101 - the type check lets nothing else through
    result = _applied(node, table, _cells(left), _cells(right))
    if node.op in COMPARISONS and not node.returns_bool:
        return result
    return merged(result.nameless(delayed=delayed))


def _cells(operand: Table | Scalars) -> Values:
    return operand.values if isinstance(operand, Table) else operand.values[:, np.newaxis]


def _applied(node: Binary, table: Table, left: Values, right: Values) -> Table:
    """The operator on cells; a comparison that filters keeps what `table` holds."""
    if node.op not in COMPARISONS:
        return Table(table.index, ARITHMETIC[node.op](left, right), table.present)
    holds = COMPARING[node.op](left, right)
    if node.returns_bool:
        return Table(table.index, holds.astype(np.float64), table.present)
    return Table(table.index, table.values, both(table.present, holds))


def tables(node: Binary, left: Table, right: Table, *, delayed: bool) -> Table:
    """A vector from two, series paired by their labels."""
    matching = node.matching or Matching()
    is_swapped = matching.card is Cardinality.ONE_TO_MANY
    many, one = (right, left) if is_swapped else (left, right)
    drops_name = node.op not in COMPARISONS or (node.returns_bool and not delayed)
    _check_one_side(many, one, matching)
    pairs = pairing(many.index, one.index, matching, drops_name=drops_name)
    if not len(pairs.many):
        return Table(pairs.index, np.empty((left.steps, 0)))
    many_values, one_values = _taken(many.values, pairs.many), _taken(one.values, pairs.one)
    present = both(
        None if many.present is None else many.present[:, pairs.many],
        None if one.present is None else one.present[:, pairs.one],
    )
    index = pairs.index
    if delayed and node.returns_bool:
        index = index.nameless(delayed=True)
    cells = (one_values, many_values) if is_swapped else (many_values, one_values)
    result = _applied(node, Table(index, cells[0], present), *cells)
    _check_result(pairs, result, matching)
    return merged(result)


def _taken(values: Values, columns: np.ndarray) -> Values:
    if len(columns) == values.shape[1] and (columns == np.arange(len(columns))).all():
        return values
    return values[:, columns]


def _check_one_side(many: Table, one: Table, matching: Matching) -> None:
    """QueryError: at some step two series of the "one" side are alike."""
    groups = alike(one.index, matching)
    if groups is None or not len(many.index):
        return
    mask = one.mask() & any_series(many.mask())[:, np.newaxis]
    crowded = np.add.reduceat(mask[:, groups.order].astype(np.intp), groups.starts, axis=1) > 1
    if not crowded.any():
        return
    step, group = (int(axis[0]) for axis in np.nonzero(crowded))
    columns = np.flatnonzero((groups.which == group) & mask[step])[:2].tolist()
    first, second = (one.index.labels[column] for column in columns)
    side = "left" if matching.card is Cardinality.ONE_TO_MANY else "right"
    raise QueryError(
        f"found duplicate series for the match group {_braces(groups.index.labels[group])} "
        f"on the {side} hand-side of the operation: [{_braces(second)}, {_braces(first)}]"
        ";many-to-many matching not allowed: matching labels must be unique on one side"
    )


def _braces(labels: Labels) -> str:
    """All labels in braces, the name among them, as Prometheus prints a label set."""
    text = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    return "{" + text + "}"


def _check_result(pairs: Pairing, result: Table, matching: Matching) -> None:
    """QueryError: at some step two pairs give one series."""
    groups = pairs.result_groups
    if groups is None:
        return
    mask = result.mask()[:, groups.order].astype(np.intp)
    if (np.add.reduceat(mask, groups.starts, axis=1) > 1).any():
        if matching.card is Cardinality.ONE_TO_ONE:
            problem = "many-to-one matching must be explicit (group_left/group_right)"
        else:
            problem = "grouping labels must ensure unique matches"
        raise QueryError(f"multiple matches for labels: {problem}")
