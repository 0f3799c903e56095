"""What then happened: published predictions against the values that came. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analytics.arrays import deviation
from analytics.backtest import TOLERANCE
from analytics.history import Table
from promkit.labels import Labels

__all__ = ["Judged", "Pending", "judge"]

_WAIT_MS = 3_600_000  # for a value that comes late


@dataclass(frozen=True, slots=True)
class Pending:
    """A published prediction whose time has come."""

    id: int
    model: str
    series: Labels
    for_ms: int
    last: float
    value: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of one; `actual` is None where no value came within an hour."""

    id: int
    model: str
    actual: float | None = None
    error: float | None = None  # predicted less actual
    error_last: float = 0.0  # what the last value would have been off by
    right: bool = False  # within 10 % of the actual value, or one deviation of the last week
    inside: bool = False  # its interval


def judge(pending: Iterable[Pending], tables: Mapping[str, Table], day: int, now_ms: int) -> list[Judged]:
    """Compare predictions with the history of their models' series; those without a value yet are skipped."""
    found: list[Judged] = []
    by_model: dict[str, list[Pending]] = {}
    for prediction in pending:
        by_model.setdefault(prediction.model, []).append(prediction)
    for model, rows in by_model.items():
        found += _judge(rows, tables.get(model), day, now_ms)
    return found


def _judge(rows: Sequence[Pending], table: Table | None, day: int, now_ms: int) -> list[Judged]:
    found = []
    place = {label: row for row, label in enumerate(table.labels)} if table is not None else {}
    column = {int(ms): at for at, ms in enumerate(table.times)} if table is not None else {}
    for prediction in rows:
        row, at = place.get(prediction.series), column.get(prediction.for_ms)
        actual = (
            float(table.values[row, at])
            if table is not None and row is not None and at is not None
            else np.nan
        )
        if np.isfinite(actual) and table is not None:
            week = float(deviation(table.values[row : row + 1 if row is not None else None, -7 * day :])[0])
            found.append(_compared(prediction, actual, week))
        elif now_ms - prediction.for_ms > _WAIT_MS:
            found.append(Judged(prediction.id, prediction.model))
    return found


def _compared(prediction: Pending, actual: float, week: float) -> Judged:
    error = prediction.value - actual
    return Judged(
        prediction.id,
        prediction.model,
        actual,
        error,
        abs(prediction.last - actual),
        right=abs(error) <= max(TOLERANCE * abs(actual), week),
        inside=prediction.lower <= actual <= prediction.upper,
    )
