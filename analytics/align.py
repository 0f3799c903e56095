"""Which row belongs to which: features to targets, what was learned to what is there now."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analytics.arrays import Values
from analytics.history import Table
from promkit.labels import METRIC_NAME, Labels

__all__ = ["Rows", "align", "rows_of", "take", "union"]

Rows = NDArray[np.intp]


def rows_of(table: Table, labels: Sequence[Labels]) -> Rows:
    """Row of each series in a table, [S]; −1 where it is not there."""
    known = {label: row for row, label in enumerate(table.labels)}
    return np.array([known.get(label, -1) for label in labels], dtype=np.intp)


def take(values: Values, rows: Rows) -> Values:
    """Rows of [N, T] as [S, T], NaN for −1. It may be a view, so it is not to be written."""
    if len(rows) == len(values) and np.array_equal(rows, np.arange(len(values))):
        return values
    if not len(values):
        return np.full((len(rows), values.shape[1]), np.nan)
    taken: Values = np.where((rows >= 0)[:, None], values[np.maximum(rows, 0)], np.nan)
    return taken


def align(feature: Table, labels: Sequence[Labels]) -> Values:
    """A feature for each target, [S, T].

    One series serves all. Of several, those count that agree with the target on every label that both have
    (but the metric's name): their mean. Where none agrees, the mean of all.
    """
    if len(feature.labels) == 1:
        return np.broadcast_to(feature.values, (len(labels), feature.values.shape[1]))
    shared = _names(feature.labels) & _names(labels)
    groups: dict[Labels, list[int]] = {}
    for row, label in enumerate(feature.labels):
        groups.setdefault(label.only(shared), []).append(row)
    means = {key: _mean(feature.values[rows]) for key, rows in groups.items()}
    keys = [label.only(shared) for label in labels]
    everything = _mean(feature.values) if any(key not in means for key in keys) else None
    found = [means.get(key, everything) for key in keys]
    return (
        np.stack([row for row in found if row is not None])
        if found
        else np.zeros((0, feature.values.shape[1]))
    )


def union(tables: Sequence[Table]) -> Table:
    """All series of several tables of one grid, each once."""
    if len(tables) == 1:
        return tables[0]
    known: set[Labels] = set()
    labels: list[Labels] = []
    parts = []
    for table in tables:
        new = [row for row, label in enumerate(table.labels) if label not in known]
        labels += [table.labels[row] for row in new]
        known.update(labels)
        parts.append(table.values[new])
    begins = any(table.begins for table in tables)
    return Table(labels, tables[0].times, np.concatenate(parts), begins)


def _names(labels: Sequence[Labels]) -> set[str]:
    """Label names that all of them have."""
    every = [set(label) for label in labels]
    return set.intersection(*every) - {METRIC_NAME} if every else set()


def _mean(values: Values) -> Values:
    """[N, T] → [T], NaN left out."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
