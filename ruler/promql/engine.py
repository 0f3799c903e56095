"""The door to evaluation: queries in, results out, within limits."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from promkit.errors import LimitError, QueryError
from promkit.labels import EMPTY
from ruler.promql.ast import Node
from ruler.promql.budget import Budget, Cancel
from ruler.promql.check import type_of
from ruler.promql.evaluate import Evaluator, Source, Span, Value
from ruler.promql.functions import ValueType
from ruler.promql.functions.context import merged
from ruler.promql.index import Index, Indexes, Positions
from ruler.promql.lexer import line_and_column
from ruler.promql.notes import Notes
from ruler.promql.parse import Features, parse
from ruler.promql.plan import Shared, repeated
from ruler.promql.result import Matrix, RangeVector, Result, Scalar, String, Vector
from ruler.promql.table import Scalars, Table, any_step
from ruler.promql.window import Ranges
from ruler.store import ABSENT, Times

__all__ = ["Engine", "Options"]

PARSED_MAX = 2_048


@dataclass(frozen=True, slots=True)
class Options:
    """What an engine allows. Times in milliseconds."""

    lookback_ms: int = 300_000
    samples_max: int = 50_000_000
    steps_max: int = 11_000
    timeout_ms: int = 120_000
    subquery_step_ms: int = 60_000
    experimental_functions: bool = False
    duration_expr: bool = False
    delayed_name_removal: bool = False

    @property
    def features(self) -> Features:
        """What the parser has to know."""
        return Features(self.experimental_functions, self.duration_expr)


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class Engine:
    """Answers queries from a source. Safe between threads, if the source is."""

    def __init__(
        self, source: Source, options: Options | None = None, clock: Callable[[], int] = _monotonic_ms
    ) -> None:
        self._source = source
        self._options = options or Options()
        self._clock = clock
        self._indexes = Indexes()
        # Rules ask the same again and again, and reading a query costs as much as evaluating a small one.
        self._parse = lru_cache(maxsize=PARSED_MAX)(partial(parse, features=self._options.features))

    def parse(self, query: str) -> Node:
        """The tree of a query, in the language that the options allow."""
        return self._parse(query)

    def instant(
        self,
        query: str | Node,
        at_ms: int,
        *,
        lookback_ms: int | None = None,
        deadline_ms: int | None = None,
        cancel: Cancel | None = None,
        shared: Shared | None = None,
    ) -> Result:
        """What a query is worth at one instant.

        `deadline_ms` is a monotonic time. QueryError: the query, or what it met in the data. LimitError: too
        many samples, too slow. Unavailable: cancelled.
        """
        steps = np.array([at_ms], dtype=np.int64)
        run = self._run(query, steps, lookback_ms, deadline_ms, cancel, shared)
        return run.result(_instant_value(run.value, at_ms))

    def range(
        self,
        query: str | Node,
        start_ms: int,
        end_ms: int,
        step_ms: int,
        *,
        lookback_ms: int | None = None,
        deadline_ms: int | None = None,
        cancel: Cancel | None = None,
        shared: Shared | None = None,
    ) -> Result:
        """What a query is worth at every step from start to end, both included; a Matrix."""
        if step_ms <= 0:
            raise QueryError("zero or negative query resolution step widths are not accepted")
        if end_ms < start_ms:
            raise QueryError("end timestamp must not be before start time")
        count = (end_ms - start_ms) // step_ms + 1
        if count > self._options.steps_max:
            raise LimitError(
                f"exceeded maximum resolution of {self._options.steps_max:,} points per timeseries",
                remedy="try decreasing the query resolution (?step=XX)",
            )
        node = self.parse(query) if isinstance(query, str) else query
        kind = type_of(node)
        if kind not in {ValueType.SCALAR, ValueType.VECTOR}:
            problem = f'invalid expression type "{kind.documented}" for range query'
            raise QueryError(f"{problem}, must be Scalar or instant Vector")
        steps = np.arange(start_ms, end_ms + 1, step_ms, dtype=np.int64)
        run = self._run(query, steps, lookback_ms, deadline_ms, cancel, shared, node)
        return run.result(_matrix(run.value, steps))

    def _run(
        self,
        query: str | Node,
        steps: Times,
        lookback_ms: int | None,
        deadline_ms: int | None,
        cancel: Cancel | None,
        shared: Shared | None,
        node: Node | None = None,
    ) -> "Run":
        text = query if isinstance(query, str) else str(query)
        tree = node or (self.parse(query) if isinstance(query, str) else query)
        deadline = self._clock() + self._options.timeout_ms
        deadline = deadline if deadline_ms is None else min(deadline, deadline_ms)
        budget = Budget(self._options.samples_max, deadline, self._clock, cancel)
        evaluator = Evaluator(
            source=self._source,
            indexes=self._indexes,
            budget=budget,
            notes=Notes(text),
            span=Span(int(steps[0]), int(steps[-1])),
            lookback_ms=self._options.lookback_ms if lookback_ms is None else lookback_ms,
            subquery_step_ms=self._options.subquery_step_ms,
            delayed=self._options.delayed_name_removal,
            repeated=repeated(tree),
            shared=shared,
        )
        try:
            with np.errstate(all="ignore"):
                value = _cleaned(evaluator.evaluate(tree, steps))
        except QueryError as error:
            if error.position is not None and error.where is None:
                line, column = line_and_column(text, error.position)
                error.where = f"{line}:{column}"
            raise
        return Run(value, evaluator.notes, budget.samples)


@dataclass(frozen=True, slots=True)
class Run:
    """An evaluation that has ended."""

    value: Value
    notes: Notes
    samples: int

    def result(self, value: Vector | Matrix | Scalar | String | RangeVector) -> Result:
        """The value with what was remarked."""
        return Result(value, self.notes.warnings, self.notes.infos, self.samples)


def _cleaned(value: Value) -> Value:
    """Do the removals of names that were put off."""
    if not isinstance(value, Table) or value.index.renamed is None:
        return value
    return merged(Table(value.index.cleaned(), value.values, value.present))


def _instant_value(value: Value, at_ms: int) -> Vector | Scalar | String | RangeVector:
    match value:
        case str():
            return String(at_ms, value)
        case Scalars():
            return Scalar(at_ms, float(value.values[0]))
        case Ranges():
            return _range_vector(value)
        case Table():
            labels, values = value.index.labels, value.values[0]
            if value.present is not None:
                columns = np.flatnonzero(value.present[0])
                labels, values = [labels[column] for column in columns.tolist()], values[columns]
            return Vector(at_ms, labels, values)


def _range_vector(ranges: Ranges) -> RangeVector:
    labels = []
    samples = []
    column = 0
    for part in ranges.parts:
        low, high = (
            np.broadcast_to(part.spread(rows), (1, len(part.clock)))[0] for rows in (part.low, part.high)
        )
        for place, clock in enumerate(part.clock.tolist()):
            rows = slice(int(low[place]), int(high[place]))
            if rows.start < rows.stop:
                labels.append(ranges.index.labels[column])
                samples.append((part.times[rows, clock], part.values[rows, place]))
            column += 1
    order = sorted(range(len(labels)), key=lambda place: labels[place])
    return RangeVector([labels[place] for place in order], [samples[place] for place in order])


def _matrix(value: Value, steps: Times) -> Matrix:
    if isinstance(value, Scalars):
        return Matrix([EMPTY], steps, np.array(value.values[:, np.newaxis]))
    assert isinstance(value, Table)  # noqa: S101 - the type check lets nothing else through
    index = value.index
    order: Positions = index.derived("sorted", lambda: _sorted(index))
    if value.present is None:
        return Matrix([index.labels[column] for column in order.tolist()], steps, value.values[:, order])
    order = order[any_step(value.present)[order]]
    values = np.where(value.present[:, order], value.values[:, order], ABSENT)
    return Matrix([index.labels[column] for column in order.tolist()], steps, values)


def _sorted(index: Index) -> Positions:
    order = sorted(range(len(index)), key=lambda column: tuple(index.labels[column].items()))
    return np.array(order, dtype=np.intp)
