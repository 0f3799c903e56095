"""info(): the labels of info metrics, such as target_info, on the series of the same instance and job.

Experimental in Prometheus 3.5, and as it is there (promql/info.go).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from promkit.errors import QueryError
from promkit.labels import METRIC_NAME, Labels
from promkit.matchers import Matcher, MatchOp
from ruler.promql.ast import VectorSelector
from ruler.promql.functions.context import Context, merged
from ruler.promql.index import Index
from ruler.promql.table import Table, both

__all__ = ["info"]

IDENTIFYING = ("instance", "job")
_DEFAULT = Matcher(METRIC_NAME, MatchOp.EQUAL, "target_info")
NONE = -1

Chosen = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the info series: matchers of their names, and of their labels by name."""

    names: tuple[Matcher, ...]
    labels: Mapping[str, tuple[Matcher, ...]]

    @property
    def is_optional(self) -> bool:
        """Tell whether a series without info is wanted too."""
        return all(matcher.matches("") for matchers in self.labels.values() for matcher in matchers)

    def takes(self, label: str) -> bool:
        """Tell whether a label is to be copied."""
        return label != METRIC_NAME and (not self.labels or label in self.labels)


def info(context: Context, table: Table, selector: VectorSelector | None = None) -> Table:
    """The vector with labels added from the info metrics that `selector` names, target_info by default."""
    matchers = () if selector is None else selector.matchers
    names = tuple(matcher for matcher in matchers if matcher.name == METRIC_NAME) or (_DEFAULT,)
    others = [matcher for matcher in matchers if matcher.name != METRIC_NAME]
    labels = {name: tuple(m for m in others if m.name == name) for name in {m.name for m in others}}
    wanted = Wanted(names, labels)
    found = context.instants(VectorSelector("", (*names, *others)), context.steps)
    candidates = _candidates(found.index)
    columns = [
        piece
        for column in range(len(table.index))
        for piece in _enriched(table, column, found, candidates, wanted)
    ]
    return _assembled(table, columns)


Candidates = Mapping[tuple[str, ...], Mapping[str, Sequence[int]]]


def _candidates(index: Index) -> Candidates:
    """Columns of info series by what identifies their target, and by their metric's name."""
    found: dict[tuple[str, ...], dict[str, list[int]]] = {}
    for column, labels in enumerate(index.labels):
        identity = tuple(labels[name] for name in IDENTIFYING)
        found.setdefault(identity, {}).setdefault(labels.metric, []).append(column)
    return found


@dataclass(frozen=True, slots=True)
class Piece:
    """A series under the labels it has at some of the steps."""

    column: int
    labels: Labels
    steps: NDArray[np.bool_]  # [K]


def _enriched(
    table: Table, column: int, found: Table, candidates: Candidates, wanted: Wanted
) -> Iterator[Piece]:
    base = table.index.labels[column]
    everywhere = np.ones(table.steps, dtype=np.bool_)
    if all(matcher.matches(base.metric) for matcher in wanted.names):
        yield Piece(column, base, everywhere)  # an info series itself
        return
    identity = tuple(base[name] for name in IDENTIFYING)
    by_name = candidates.get(identity, {}) if any(identity) else {}
    chosen = [_latest(found, columns) for columns in by_name.values()]
    stacked: Chosen = np.stack(chosen) if chosen else np.full((1, table.steps), NONE)  # [names, K]
    for choice in np.unique(stacked, axis=1).T:
        added = _added([found.index.labels[i] for i in choice.tolist() if i != NONE], base, wanted)
        if added or wanted.is_optional:
            steps = (stacked == choice[:, np.newaxis]).all(axis=0)
            yield Piece(column, base.merged(added), steps & everywhere)


def _latest(found: Table, columns: Sequence[int]) -> Chosen:
    """Which of these info series has the newest sample at each step; NONE: none has any. [K].

    QueryError: two are equally new.
    """
    assert found.times is not None  # noqa: S101 - instants come with their times
    times = np.where(found.mask()[:, columns], found.times[:, columns], np.iinfo(np.int64).min)
    newest = times.max(axis=1, keepdims=True)
    is_newest = (times == newest) & found.mask()[:, columns]
    if (is_newest.sum(axis=1) > 1).any():
        name = found.index.labels[columns[0]].metric
        raise QueryError(f"found duplicate series for info metric {name}")
    picked: Chosen = np.array(columns, dtype=np.intp)[is_newest.argmax(axis=1)]
    return np.where(is_newest.any(axis=1), picked, NONE)


def _added(infos: Sequence[Labels], base: Labels, wanted: Wanted) -> dict[str, str]:
    """The labels to copy. QueryError: two info series disagree on one."""
    added: dict[str, str] = {}
    for labels in infos:
        for name, value in labels.items():
            if not wanted.takes(name):
                continue
            if added.get(name, value) != value:
                raise QueryError(f"conflicting label: {name}")
            if name not in base:
                added[name] = value
    return added


def _assembled(table: Table, pieces: Sequence[Piece]) -> Table:
    if not pieces:
        return Table(Index(()), np.empty((table.steps, 0)))
    columns = np.array([piece.column for piece in pieces], dtype=np.intp)
    steps = np.stack([piece.steps for piece in pieces], axis=1)
    renamed = None if table.index.renamed is None else table.index.renamed[columns]
    index = Index([piece.labels for piece in pieces], renamed)
    present = both(None if table.present is None else table.present[:, columns], steps)
    return merged(Table(index, table.values[:, columns], present))
