"""Times of the week, month and year: the time_intervals of alertmanager.yml. Pure.

A `TimeInterval` holds an instant when each kind of range that it gives does; days count from the end of the
month when negative; a time of day ends before its end, and 24:00 is the end of the day.
"""

import calendar
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

__all__ = ["UTC", "Range", "TimeInterval", "days", "location", "months", "time_of_day", "weekdays", "years"]

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
MONTHS = tuple(calendar.month_name[number].lower() for number in range(1, 13))
MINUTES_PER_DAY = 1440
_DAYS_MAX = 31


@dataclass(frozen=True, slots=True)
class Range:
    """From `first` to `last`, both included."""

    first: int
    last: int

    def holds(self, number: int) -> bool:
        return self.first <= number <= self.last


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """All kinds of range that are given must hold."""

    times: tuple[Range, ...] = ()  # minutes of the day
    weekdays: tuple[Range, ...] = ()  # 0 is Sunday
    days: tuple[Range, ...] = ()  # 1–31, or -31…-1 from the month's end
    months: tuple[Range, ...] = ()
    years: tuple[Range, ...] = ()
    zone: tzinfo = UTC

    def holds(self, now_ms: int) -> bool:
        """Tell whether the instant lies inside."""
        now = datetime.fromtimestamp(now_ms / 1000, self.zone)
        length = calendar.monthrange(now.year, now.month)[1]
        return (
            _holds(self.times, now.hour * 60 + now.minute)
            and _holds(self.weekdays, now.isoweekday() % 7)
            and (not self.days or any(_of_month(days, length).holds(now.day) for days in self.days))
            and _holds(self.months, now.month)
            and _holds(self.years, now.year)
        )


def _holds(ranges: tuple[Range, ...], number: int) -> bool:
    return not ranges or any(one.holds(number) for one in ranges)


def _of_month(days: Range, length: int) -> Range:
    """Turn days counted from the end into days of a month so long; cut at its end."""
    first = days.first if days.first > 0 else max(length + 1 + days.first, 1)
    last = days.last if days.last > 0 else length + 1 + days.last
    return Range(first, min(last, length))


# Readers. ValueError: what is wrong, in words.


def time_of_day(text: object) -> int:
    """Minutes of `09:00`; 1440 of `24:00`."""
    hours, colon, minutes = str(text).partition(":")
    if colon and len(minutes) == 2 and 1 <= len(hours) <= 2 and (hours + minutes).isdigit():
        number = int(hours) * 60 + int(minutes)
        if int(minutes) < 60 and number <= MINUTES_PER_DAY:
            return number
    raise ValueError(f"not a time of day: {text!r}: write 09:00 to 24:00")


def weekdays(text: object) -> Range:
    """`monday:friday`, `sunday`."""
    return _range(text, lambda word: _named(word, WEEKDAYS, 0, "weekday"))


def days(text: object) -> Range:
    """`1:5`, `-3:-1`, `15`."""

    def day(word: str) -> int:
        number = _number(word, "day of a month")
        if number == 0 or abs(number) > _DAYS_MAX:
            raise ValueError(f"not a day of a month: {word!r}: 1 to 31, or -31 to -1 from its end")
        return number

    found = _range(text, day, ordered=False)
    if found.first < 0 < found.last:
        raise ValueError(f"a range from the month's end to a day from its beginning: {text!r}")
    if (found.first > 0) == (found.last > 0) and found.first > found.last:
        raise ValueError(f"ends before it begins: {text!r}")
    return found


def months(text: object) -> Range:
    """`january:march`, `1:3`, `december`."""

    def month(word: str) -> int:
        if not word.isdigit():
            return _named(word, MONTHS, 1, "month")
        if not 1 <= int(word) <= 12:
            raise ValueError(f"not a month: {word!r}")
        return int(word)

    return _range(text, month)


def years(text: object) -> Range:
    """`2026`, `2026:2030`."""
    return _range(text, lambda word: _number(word, "year"))


def location(text: str) -> tzinfo:
    """`Europe/Berlin`, `UTC`, `Local`."""
    if text == "Local":
        return datetime.now().astimezone().tzinfo or UTC
    try:
        return UTC if text in {"", "UTC"} else ZoneInfo(text)
    except (OSError, ValueError, LookupError):
        raise ValueError(f"no such time zone: {text!r}: write one as Europe/Berlin") from None


def _range(text: object, read: Callable[[str], int], *, ordered: bool = True) -> Range:
    first, colon, last = str(text).strip().lower().partition(":")
    if not first or (colon and not last):
        raise ValueError(f"not a range: {text!r}: write one value or first:last")
    found = Range(read(first), read(last if colon else first))
    if ordered and found.first > found.last:
        raise ValueError(f"ends before it begins: {text!r}")
    return found


def _named(word: str, names: tuple[str, ...], start: int, kind: str) -> int:
    if word not in names:
        raise ValueError(f"not a {kind}: {word!r}")
    return names.index(word) + start


def _number(word: str, kind: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise ValueError(f"not a {kind}: {word!r}") from None
