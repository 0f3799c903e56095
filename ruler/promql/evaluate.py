"""Tree → values, at all steps at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np

from promkit.errors import QueryError
from promkit.matchers import Matcher
from ruler.promql import binary, sets
from ruler.promql.aggregate import aggregate
from ruler.promql.ast import (
    SET_OPERATORS,
    Aggregate,
    Binary,
    Call,
    Node,
    NumberLiteral,
    Paren,
    StringLiteral,
    Subquery,
    Unary,
    VectorSelector,
    bare,
)
from ruler.promql.budget import Budget
from ruler.promql.choose import CHOICES, count_values
from ruler.promql.functions import FUNCTIONS, Function, Takes
from ruler.promql.functions.context import Context, merged, over
from ruler.promql.index import Index, Indexes, Positions, joined
from ruler.promql.notes import Notes
from ruler.promql.plan import Kept, Shared, is_invariant, is_shareable
from ruler.promql.table import Scalars, Table, concatenate, empty
from ruler.promql.window import Ranges, Windows, latest, windows
from ruler.store import ABSENT, Frame, Times, Values

__all__ = ["Evaluator", "Source", "Value"]

Value = Scalars | Table | Ranges | str
_COUNTER_SUFFIXES = ("_total", "_sum", "_count", "_bucket")


class Source(Protocol):
    """Where samples come from."""

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Frame]:
        """The series that all matchers fit, with their samples at start ≤ t ≤ end."""
        ...


@dataclass(frozen=True, slots=True)
class Span:
    """What `@ start()` and `@ end()` mean: the whole query's first and last step, also inside subqueries."""

    start_ms: int
    end_ms: int


@dataclass(slots=True)
class Evaluator:
    """One query's evaluation."""

    source: Source
    indexes: Indexes
    budget: Budget
    notes: Notes
    span: Span
    lookback_ms: int
    subquery_step_ms: int
    delayed: bool
    repeated: frozenset[Node]
    shared: Shared | None
    _own: Shared = field(default_factory=Shared)

    def evaluate(self, node: Node, steps: Times) -> Value:
        """What a node is worth at each step."""
        if len(steps) > 1 and is_invariant(node) and not isinstance(node, NumberLiteral | StringLiteral):
            return _at_every(self.evaluate(node, steps[:1]), steps)
        store = self.shared
        if store is None and node in self.repeated:
            store = self._own
        if store is None or not is_shareable(node):
            return self._compute(node, steps)
        return self._shared(store, node, steps)

    def _shared(self, store: Shared, node: Node, steps: Times) -> Value:
        key = (node, int(steps[0]), int(steps[-1]), len(steps), self.lookback_ms)
        kept = store.get(key)
        if not isinstance(kept, Kept):
            outer, self.notes = self.notes, self.notes.part()
            try:
                value, notes = self._compute(node, steps), self.notes
            finally:
                self.notes = outer
            assert isinstance(value, Table | Scalars)  # noqa: S101 - all that is shareable gives these
            kept = Kept(value, notes)
            store.put(key, kept, value.values.size)
        self.notes.merge(kept.notes)
        return kept.value

    def _compute(self, node: Node, steps: Times) -> Value:  # noqa: PLR0911 - one answer a kind of node
        self.budget.check()
        match node:
            case NumberLiteral():
                return Scalars(np.full(len(steps), node.value))
            case StringLiteral():
                return node.value
            case Paren():
                return self.evaluate(node.expr, steps)
            case VectorSelector():
                return self._ranges(node, steps) if node.range_ms else _timeless(self._instants(node, steps))
            case Subquery():
                return self._subquery(node, steps)
            case Unary():
                return self._unary(node, steps)
            case Binary():
                return self._binary(node, steps)
            case Aggregate():
                return self._aggregate(node, steps)
            case Call():
                return self._call(node, steps)

    def table(self, node: Node, steps: Times) -> Table:
        """An instant vector."""
        value = self.evaluate(node, steps)
        assert isinstance(value, Table)  # noqa: S101 - the type check lets nothing else through
        return value

    def scalars(self, node: Node, steps: Times) -> Scalars:
        """A scalar."""
        value = self.evaluate(node, steps)
        assert isinstance(value, Scalars)  # noqa: S101 - the type check lets nothing else through
        return value

    # -- selectors

    def _ends(self, node: VectorSelector | Subquery, steps: Times) -> Times:
        """The instants that a selector looks back from."""
        if node.at is None:
            return steps - node.offset_ms
        fixed = {"start": self.span.start_ms, "end": self.span.end_ms}
        at = node.at if isinstance(node.at, int) else fixed[node.at]
        return np.full(len(steps), at - node.offset_ms, dtype=np.int64)

    def _select(self, node: VectorSelector, ends: Times, window_ms: int) -> list[Frame]:
        start, end = int(ends.min()) - window_ms + 1, int(ends.max())
        frames = self.source.select(node.matchers, start, end)
        frames = [frame for frame in frames if frame.values.size]
        for frame in frames:
            self.budget.hold(frame.values.size + len(ends) * len(frame.labels))
        return frames

    def _index(self, node: VectorSelector, frames: Sequence[Frame]) -> Index:
        indexes = [
            self.indexes.of((node.matchers, number), frame.key, partial(Index, frame.labels))
            for number, frame in enumerate(frames)
        ]
        if len(indexes) == 1:
            return indexes[0]
        keys = tuple(frame.key for frame in frames)
        return self.indexes.of(node.matchers, None if None in keys else keys, lambda: joined(indexes))

    def _instants(self, node: VectorSelector, steps: Times) -> Table:
        ends = self._ends(node, steps)
        frames = self._select(node, ends, self.lookback_ms)
        if not frames:
            return empty(len(steps))
        index = self._index(node, frames)
        tables = [latest(frame, Index(()), ends, self.lookback_ms) for frame in frames]
        table = concatenate(tables, index)
        self.budget.samples += table.values.size if table.present is None else int(table.present.sum())
        return table

    def _ranges(self, node: VectorSelector, steps: Times) -> Ranges:
        ends = self._ends(node, steps)
        frames = self._select(node, ends, node.range_ms)
        parts = tuple(windows(frame, ends, steps, node.range_ms) for frame in frames)
        self.budget.samples += sum(part.samples() for part in parts)
        return Ranges(self._index(node, frames), parts)

    def _subquery(self, node: Subquery, steps: Times) -> Ranges:
        ends = self._ends(node, steps)
        step = node.step_ms or self.subquery_step_ms
        start, end = int(ends.min()) - node.range_ms, int(ends.max())
        first = (start // step + 1) * step
        inner = np.arange(first, end + 1, step, dtype=np.int64)
        self.budget.hold(len(inner))
        table = self.table(node.expr, inner) if len(inner) else empty(0)
        if not len(table.index):
            return Ranges(table.index, ())
        self.budget.hold(table.values.size)
        values = table.values if table.present is None else np.where(table.present, table.values, ABSENT)
        clock = np.zeros(len(table.index), dtype=np.intp)
        frame = Frame(table.index.labels, inner[:, np.newaxis], clock, np.ascontiguousarray(values))
        return Ranges(table.index, (windows(frame, ends, steps, node.range_ms),))

    # -- operators

    def _unary(self, node: Unary, steps: Times) -> Value:
        value = self.evaluate(node.expr, steps)
        if node.op == "+":
            return value
        if isinstance(value, Scalars):
            return Scalars(-value.values)
        assert isinstance(value, Table)  # noqa: S101 - the type check lets nothing else through
        negated = Table(value.index, -value.values, value.present)
        return merged(negated.nameless(delayed=self.delayed), strict=True)

    def _binary(self, node: Binary, steps: Times) -> Value:
        left, right = self.evaluate(node.left, steps), self.evaluate(node.right, steps)
        if isinstance(left, Scalars) and isinstance(right, Scalars):
            return binary.scalars(node.op, left, right)
        assert isinstance(left, Table | Scalars)  # noqa: S101 - the type check lets nothing else through
        assert isinstance(right, Table | Scalars)  # noqa: S101
        if isinstance(left, Scalars) or isinstance(right, Scalars):
            return binary.table_and_scalar(node, left, right, delayed=self.delayed)
        if node.op in SET_OPERATORS:
            return sets.combine(node, left, right)
        return binary.tables(node, left, right, delayed=self.delayed)

    def _aggregate(self, node: Aggregate, steps: Times) -> Table:
        if node.op == "count_values" and node.parameter is not None:
            label = self.evaluate(node.parameter, steps)
            assert isinstance(label, str)  # noqa: S101 - the type check lets nothing else through
            return merged(count_values(node, self.table(node.expr, steps), label))
        if node.parameter is not None:
            parameter = self.scalars(node.parameter, steps)
            return CHOICES[node.op](node, self.table(node.expr, steps), parameter, self.notes)
        table = self.table(node.expr, steps)
        return aggregate(node.op, table, node.grouping, without=node.without)

    # -- calls

    def _call(self, node: Call, steps: Times) -> Value:
        function = FUNCTIONS[node.function]
        context = Context(node, steps, self.notes, self.delayed, self.budget.check, self._instants)
        args = [self._argument(function, place, arg, steps) for place, arg in enumerate(node.args)]
        try:
            if function.takes is Takes.CONTEXT:
                answer: Value = function.call(context, *args)
                return answer
            return self._of_values(function, context, args)
        except QueryError as error:
            if error.position is None:
                error.position = node.span.start
            raise

    def _argument(self, function: Function, place: int, arg: Node, steps: Times) -> Value | VectorSelector:
        selector = bare(arg)
        if function.labels_last and place == len(function.args) - 1 and isinstance(selector, VectorSelector):
            return selector
        if function.sample_times and isinstance(selector, VectorSelector):
            return self._instants(selector, steps)
        return self.evaluate(arg, steps)

    def _of_values(
        self, function: Function, context: Context, args: Sequence[Value | VectorSelector]
    ) -> Table:
        subject, *others = args
        scalars = [other.values[:, np.newaxis] for other in others if isinstance(other, Scalars)]
        if isinstance(subject, Ranges):

            def compute(piece: Windows, rows: slice) -> Values:
                values: Values = function.call(piece, *(scalar[rows] for scalar in scalars))
                return values

            table = over(context, subject, compute, least=function.least)
            if function.of_counter:
                self._remark_on_names(context.call, subject.index, table)
        else:
            assert isinstance(subject, Table)  # noqa: S101 - the type check lets nothing else through
            given = function.call(subject.values, *scalars)
            values, kept = given if isinstance(given, tuple) else (given, None)
            table = Table(subject.index, values, subject.present)
            table = table if kept is None else table.where(kept)
        if function.keeps_name:
            return table
        return merged(table.nameless(delayed=self.delayed), strict=isinstance(subject, Ranges))

    def _remark_on_names(self, call: Call, index: Index, table: Table) -> None:
        odd = index.derived("not counters", lambda: _not_counters(index))
        for name, columns in odd.items():
            if table.present is None or table.present[:, columns].any():
                self.notes.not_a_counter(name, call.args[0])


def _not_counters(index: Index) -> dict[str, Positions]:
    """Names that do not look like a counter's, and their columns."""
    found: dict[str, list[int]] = {}
    for column, labels in enumerate(index.labels):
        if labels.metric and not labels.metric.endswith(_COUNTER_SUFFIXES):
            found.setdefault(labels.metric, []).append(column)
    return {name: np.array(columns, dtype=np.intp) for name, columns in found.items()}


def _timeless(table: Table) -> Table:
    return Table(table.index, table.values, table.present)


def _at_every(value: Value, steps: Times) -> Value:
    """What was found for one step, at every step."""
    match value:
        case Table():
            return value.at_every(len(steps))
        case Scalars():
            return Scalars(np.broadcast_to(value.values, (len(steps),)))
        case Ranges():
            return Ranges(value.index, tuple(part.at_every(steps) for part in value.parts))
        case str():
            return value
