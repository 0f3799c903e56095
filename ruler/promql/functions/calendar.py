"""Parts of a date, in UTC. Values are seconds since 1970."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from promkit.labels import EMPTY
from ruler.promql.functions.context import Context
from ruler.promql.index import Index
from ruler.promql.table import Table

__all__ = [
    "YEARS_PAST_END",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "hour",
    "minute",
    "month",
    "of_date",
    "year",
]

Seconds = NDArray[np.int64]
Part = Callable[[Seconds], NDArray[np.int64]]
_SECONDS_A_DAY = 86_400
_CYCLE_SECONDS = 146_097 * _SECONDS_A_DAY  # the Gregorian calendar repeats every 400 years
_END_OF_TIME = 1 << 63
YEARS_PAST_END = _END_OF_TIME // _CYCLE_SECONDS * 400


def of_date(part: Part, years_past_end: int = 0) -> Callable[..., Table]:
    """A function that gives this part of the dates in a vector, or of the evaluation's time.

    What 64 bits cannot hold (NaN, infinities) becomes the date on which Go's calendar ends, as in Prometheus:
    a date of the same place in the cycle of 400 years is taken, and `years_past_end` added.
    """

    def call(context: Context, table: Table | None = None) -> Table:
        if table is None:
            now: Seconds = context.steps[:, np.newaxis] // 1000
            return Table(Index((EMPTY,)), part(now).astype(np.float64))
        sane = np.abs(table.values) < _END_OF_TIME
        seconds = np.where(sane, table.values, _END_OF_TIME % _CYCLE_SECONDS).astype(np.int64)
        values = part(seconds).astype(np.float64) + np.where(sane, 0.0, float(years_past_end))
        return Table(table.index, values, table.present).nameless(delayed=context.delayed)

    return call


def minute(seconds: Seconds) -> NDArray[np.int64]:
    """0–59."""
    return seconds % 3600 // 60


def hour(seconds: Seconds) -> NDArray[np.int64]:
    """0–23."""
    return seconds % _SECONDS_A_DAY // 3600


def day_of_week(seconds: Seconds) -> NDArray[np.int64]:
    """0–6, Sunday is 0; the first of January 1970 was a Thursday."""
    return (seconds // _SECONDS_A_DAY + 4) % 7


def _civil(seconds: Seconds) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Year, month and day (from 1) in the proleptic Gregorian calendar.

    Years are counted from March on, so that a leap day is the last of its year.
    """
    days = seconds // _SECONDS_A_DAY + 719_468  # since 0000-03-01
    era = days // 146_097
    day_of_era = days - era * 146_097
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day + 2) // 153
    month_of_year = np.where(month_from_march < 10, month_from_march + 3, month_from_march - 9)
    civil_year = year_of_era + era * 400 + (month_of_year <= 2)
    return civil_year, month_of_year, day - (153 * month_from_march + 2) // 5 + 1


def year(seconds: Seconds) -> NDArray[np.int64]:
    """The year."""
    return _civil(seconds)[0]


def month(seconds: Seconds) -> NDArray[np.int64]:
    """1–12."""
    return _civil(seconds)[1]


def day_of_month(seconds: Seconds) -> NDArray[np.int64]:
    """1–31."""
    return _civil(seconds)[2]


def _is_leap(years: NDArray[np.int64]) -> NDArray[np.bool_]:
    leap: NDArray[np.bool_] = (years % 4 == 0) & ((years % 100 != 0) | (years % 400 == 0))
    return leap


_LENGTHS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_BEFORE = np.concatenate([[0], np.cumsum(_LENGTHS)[:-1]])


def days_in_month(seconds: Seconds) -> NDArray[np.int64]:
    """28–31."""
    years, months, _ = _civil(seconds)
    lengths: NDArray[np.int64] = _LENGTHS[months - 1] + (_is_leap(years) & (months == 2))
    return lengths


def day_of_year(seconds: Seconds) -> NDArray[np.int64]:
    """1–366."""
    years, months, days = _civil(seconds)
    number: NDArray[np.int64] = _BEFORE[months - 1] + days + (_is_leap(years) & (months > 2))
    return number
