"""and, or, unless: which series of two vectors are kept."""

import numpy as np

from ruler.promql.ast import Binary, Cardinality, Matching
from ruler.promql.functions.context import merged
from ruler.promql.match import signatures
from ruler.promql.table import Table, concatenate
from ruler.store import Mask

__all__ = ["combine"]


def combine(node: Binary, left: Table, right: Table) -> Table:
    """A set operation between two vectors."""
    matching = node.matching or Matching(Cardinality.MANY_TO_MANY)
    signed = signatures(left.index, right.index, matching)
    if node.op == "or":
        taken = _by_signature(left, signed.left, signed.count)[:, signed.right]
        more = right.where(~taken) if taken.any() else right
        return merged(concatenate([_plain(left), _plain(more)]))
    found = _by_signature(right, signed.right, signed.count)[:, signed.left]
    return _plain(left.where(found if node.op == "and" else ~found))


def _plain(table: Table) -> Table:
    return Table(table.index, table.values, table.present)


def _by_signature(table: Table, which: np.ndarray, count: int) -> Mask:
    """Which signatures have a series at each step. → [K, N]."""
    found = np.zeros((table.steps, count), dtype=np.bool_)
    if table.present is None:
        found[:, which] = True
        return found
    order = np.argsort(which, kind="stable")
    numbers, starts = np.unique(which[order], return_index=True)
    if len(numbers):
        found[:, numbers] = np.logical_or.reduceat(table.present[:, order], starts, axis=1)
    return found
