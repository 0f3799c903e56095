"""What the queries of a widget gave, and how it is spoken of. Pure but for `Asker`, which asks the engine."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from promkit.errors import LuminaError, QueryError
from promkit.labels import METRIC_NAME, Labels
from promkit.quantity import Write, quantity
from ruler.dashboards import Query, Threshold, Widget, filled
from ruler.promql import Engine, caret, unit_of
from ruler.store import Times, Values, is_absent
from ruler.ui.panels import matrix_of, named, steps_ms, vector_of

__all__ = ["Asker", "Found", "Series", "series_of", "unit_and_write", "worst"]

PATIENCE_S = 8.0  # for all queries of a page
HEAT_COLUMNS = 60
SERIES_MAX = 1000  # of one query; a dashboard is to be read
_GRAVITY = {name: rank for rank, name in enumerate(("info", "low", "medium", "high", "critical"))}


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to one query: values [K, S] at `times` [K], the last of them now; or its fault."""

    query: Query
    expr: str  # as it was asked
    times: Times
    labels: Sequence[Labels]
    values: Values
    error: str = ""
    pointer: str = ""  # the line of the expression with a caret under the fault

    @property
    def latest(self) -> Values:
        """The values now; NaN where there is none: [S]."""
        return np.where(is_absent(self.values[-1]), np.nan, self.values[-1])


@dataclass(frozen=True, slots=True)
class Series:
    """One series by its name."""

    name: str
    labels: Labels
    values: Values  # [K]
    latest: float


class _Patience:
    """Tells when a page has been made long enough."""

    def __init__(self, seconds: float) -> None:
        self._end_s = time.monotonic() + seconds

    def is_set(self) -> bool:
        """Whether to stop."""
        return time.monotonic() >= self._end_s


class Asker:
    """Asks what the widgets of one page ask, until its time is over."""

    def __init__(self, engine: Engine, now_ms: int, range_ms: int, chosen: Mapping[str, str]) -> None:
        self._engine = engine
        self._now_ms, self._range_ms = now_ms, range_ms
        self._chosen = chosen
        self._patience = _Patience(PATIENCE_S)

    def ask(self, widget: Widget, *, ranged: bool, columns: int = 0) -> list[Found]:
        """The answers to a widget's queries, over the range (in so many columns), or only now."""
        step_ms = steps_ms(self._range_ms)
        if columns:
            step_ms = max(self._range_ms // columns // 1000 * 1000, step_ms)
        return [self._found(query, step_ms, ranged=ranged) for query in widget.queries]

    def _found(self, query: Query, step_ms: int, *, ranged: bool) -> Found:
        expr = filled(query.expr, self._chosen, step_ms)
        nothing = Found(query, expr, np.empty(0, np.int64), [], np.empty((1, 0)))
        if self._patience.is_set():
            return replace(nothing, error=f"not asked: this page has taken {PATIENCE_S:g} s already")
        try:
            if ranged:
                found = matrix_of(self._engine, expr, self._now_ms, self._range_ms, step_ms, self._patience)
                times, labels, values = found
            else:
                labels, now = vector_of(self._engine.instant(expr, self._now_ms, cancel=self._patience))
                times, values = np.array([self._now_ms]), now[np.newaxis]
        except LuminaError as error:
            position = error.position if isinstance(error, QueryError) else None
            pointer = "" if position is None else caret(expr, min(position, len(expr)))
            return replace(nothing, error=str(error), pointer=pointer)
        return Found(query, expr, times, labels[:SERIES_MAX], values[:, :SERIES_MAX])


def series_of(widget: Widget, found: Sequence[Found]) -> tuple[list[Series], int]:
    """The series of all queries by their names, at most `limit`, the largest now; and how many there are."""
    every: list[Series] = []
    for one in found:
        names = _names(one, several=len(found) > 1)
        every += [
            Series(name, labels, one.values[:, column], latest)
            for column, (name, labels, latest) in enumerate(
                zip(names, one.labels, one.latest.tolist(), strict=True)
            )
        ]
    if len(every) <= widget.look.limit:
        return every, len(every)
    order = sorted(range(len(every)), key=lambda index: _size(every[index].latest), reverse=True)
    return [every[index] for index in sorted(order[: widget.look.limit])], len(every)


def _size(value: float) -> float:
    return value if value == value else -np.inf  # noqa: PLR0124 - NaN


def _names(found: Found, *, several: bool) -> list[str]:
    """By the legend; else by what tells the series apart."""
    if found.query.legend:
        return [named(found.query.legend, labels) for labels in found.labels]
    keys = sorted({name for labels in found.labels for name, _ in labels.items()} - {METRIC_NAME})
    apart = [key for key in keys if len({labels[key] for labels in found.labels}) > 1]
    names = []
    for labels in found.labels:
        parts = [labels[key] for key in apart if labels[key]]
        if several or not parts:
            parts.insert(0, labels.metric or found.query.expr)
        names.append(" ".join(parts))
    return names


def unit_and_write(widget: Widget, query: Query | None = None) -> tuple[str, Write]:
    """The unit of a widget, or of one of its queries, and how its values are written."""
    own = None if query is None else query.unit
    expr = (widget.queries[0] if query is None else query).expr
    unit = next((one for one in (own, widget.look.unit) if one is not None), None)
    if unit is None:
        unit = unit_of(filled(expr, {}, 0))
    return unit, quantity(unit, widget.look.decimals)


def worst(value: float, thresholds: Sequence[Threshold]) -> str:
    """The gravest severity whose threshold a value meets; "" for none."""
    met = [one.severity for one in thresholds if one.met_by(value)]
    return max(met, key=lambda name: _GRAVITY.get(name, 0), default="")
