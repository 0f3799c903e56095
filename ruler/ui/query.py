"""What the query page shows of an expression: a table of now, a graph over a range, or its fault."""

from collections.abc import Sequence
from dataclasses import dataclass

from promkit.errors import LuminaError, QueryError
from ruler.api import Ruler, float_text
from ruler.promql import RangeVector, Result, Scalar, String, Vector, caret, unit_of
from ruler.ui.chart import Style, line_chart
from ruler.ui.panels import lines_of

__all__ = ["Answer", "Row", "answer"]

ROWS_MAX = 200
SAMPLES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: a series and what it is."""

    series: str
    value: str
    is_series: bool = True  # else a scalar or a string: nothing to ask for further


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything there is to show."""

    rows: Sequence[Row] = ()
    rows_total: int = 0
    graph: str = ""
    remarks: Sequence[str] = ()
    error: str = ""
    pointer: str = ""  # the line of the expression with a caret under the fault


def answer(ruler: Ruler, expr: str, range_ms: int, now_ms: int) -> Answer:
    """Evaluate an expression; what is wrong with it is part of the answer."""
    if not expr.strip():
        return Answer()
    try:
        result = ruler.engine.instant(expr, now_ms)
        graph = (
            "" if isinstance(result.value, RangeVector | String) else _graph(ruler, expr, range_ms, now_ms)
        )
    except LuminaError as error:
        position = error.position if isinstance(error, QueryError) else None
        pointer = "" if position is None else caret(expr, min(position, len(expr)))
        return Answer(error=str(error), pointer=pointer)
    rows = _rows(result)
    remarks = (*result.warnings, *result.infos)
    return Answer(rows[:ROWS_MAX], len(rows), graph, remarks)


def _graph(ruler: Ruler, expr: str, range_ms: int, now_ms: int) -> str:
    times, lines = lines_of(ruler.engine, expr, now_ms, range_ms)
    return line_chart(expr, times, lines, Style(unit_of(expr))) if lines else ""


def _rows(result: Result) -> list[Row]:
    match result.value:
        case Scalar(_, number):
            return [Row("scalar", float_text(number), is_series=False)]
        case String(_, text):
            return [Row("string", text, is_series=False)]
        case Vector(_, labels, values):
            return [Row(str(m), float_text(v)) for m, v in zip(labels, values.tolist(), strict=True)]
        case RangeVector(labels, samples):
            return [
                Row(str(m), " ".join(float_text(v) for v in values[-SAMPLES_SHOWN:].tolist()))
                for m, (_, values) in zip(labels, samples, strict=True)
            ]
        case _:  # an instant query gives no matrix
            return []
