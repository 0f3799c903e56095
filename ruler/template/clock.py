"""Go's time.Time and time.Duration, as far as templates use them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from ruler.template.values import Method, TemplateError, Value

__all__ = ["Instant", "Span"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZERO_MS = -62_135_596_800_000  # 0001-01-01, which Go takes for "no time"
_UNITS = (("h", 3_600_000_000_000), ("m", 60_000_000_000))


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A duration in nanoseconds."""

    nanoseconds: int

    def method(self, name: str) -> Method | None:
        methods: dict[str, Method] = {
            "Hours": lambda: self.nanoseconds / 3.6e12,
            "Minutes": lambda: self.nanoseconds / 6e10,
            "Seconds": lambda: self.nanoseconds / 1e9,
            "Milliseconds": lambda: self.nanoseconds // 10**6,
            "Microseconds": lambda: self.nanoseconds // 10**3,
            "Nanoseconds": lambda: self.nanoseconds,
            "String": self.__str__,
            "Round": self._round,
            "Truncate": self._truncate,
        }
        return methods.get(name)

    def _round(self, to: "Span") -> "Span":
        unit = max(to.nanoseconds, 1)
        return Span((self.nanoseconds + unit // 2) // unit * unit)

    def _truncate(self, to: "Span") -> "Span":
        unit = max(to.nanoseconds, 1)
        return Span(self.nanoseconds // unit * unit)

    def __str__(self) -> str:
        """`1h2m3.5s`, as Go prints it."""
        if self.nanoseconds == 0:
            return "0s"
        sign, rest = ("-", -self.nanoseconds) if self.nanoseconds < 0 else ("", self.nanoseconds)
        for unit, size in (("ns", 1), ("µs", 10**3), ("ms", 10**6)):
            if rest < size * 1000:
                return f"{sign}{_decimal(rest, size)}{unit}"
        out = ""
        for unit, size in _UNITS:
            if rest >= size or out:
                out += f"{rest // size}{unit}"
                rest %= size
        return f"{sign}{out}{_decimal(rest, 10**9)}s"


def _decimal(number: int, size: int) -> str:
    whole, fraction = divmod(number, size)
    digits = str(fraction).zfill(len(str(size)) - 1).rstrip("0") if fraction else ""
    return f"{whole}.{digits}" if digits else str(whole)


@dataclass(frozen=True, slots=True)
class Instant:
    """Unix milliseconds in a zone; `None` is Go's zero time."""

    unix_ms: int | None
    zone: tzinfo = UTC

    @property
    def at_ms(self) -> int:
        """Unix milliseconds; those of the year 1 for the zero time."""
        return _ZERO_MS if self.unix_ms is None else self.unix_ms

    @property
    def when(self) -> datetime:
        """The moment, in its zone."""
        try:
            return (_EPOCH + timedelta(milliseconds=self.at_ms)).astimezone(self.zone)
        except OverflowError:
            raise TemplateError(f"no such time: {self.at_ms} ms") from None

    def in_zone(self, name: str) -> "Instant":
        """The same moment elsewhere."""
        if name == "Local":
            return Instant(self.unix_ms, _local())
        try:
            return Instant(self.unix_ms, UTC if name in {"", "UTC"} else ZoneInfo(name))
        except (OSError, ValueError, LookupError):
            raise TemplateError(f"unknown time zone {name}", static=True) from None

    def method(self, name: str) -> Method | None:
        methods: Mapping[str, Method] = {
            "Format": self.format,
            "Unix": lambda: self.at_ms // 1000,
            "UnixMilli": lambda: self.at_ms,
            "Year": lambda: self.when.year,
            "Month": lambda: f"{self.when:%B}",
            "Day": lambda: self.when.day,
            "Hour": lambda: self.when.hour,
            "Minute": lambda: self.when.minute,
            "Second": lambda: self.when.second,
            "Weekday": lambda: f"{self.when:%A}",
            "YearDay": lambda: self.when.timetuple().tm_yday,
            "UTC": lambda: Instant(self.unix_ms),
            "Local": lambda: Instant(self.unix_ms, _local()),
            "IsZero": lambda: self.unix_ms is None,
            "Sub": lambda other: Span((self.at_ms - other.at_ms) * 10**6),
            "Add": lambda span: Instant(self.at_ms + span.nanoseconds // 10**6, self.zone),
            "Before": lambda other: self.at_ms < other.at_ms,
            "After": lambda other: self.at_ms > other.at_ms,
            "Equal": lambda other: self.at_ms == other.at_ms,
            "String": self.__str__,
        }
        return methods.get(name)

    def __str__(self) -> str:
        """`2026-01-02 03:04:05.678 +0000 UTC`."""
        return self.format("2006-01-02 15:04:05.999999999 -0700 MST")

    def format(self, layout: Value) -> str:
        """Write by Go's reference time, Mon Jan 2 15:04:05 MST 2006."""
        if not isinstance(layout, str):
            raise TemplateError("Format wants a layout as text", static=True)
        when = self.when
        return _LAYOUT.sub(lambda match: _piece(match[0], when), layout)


def _local() -> tzinfo:
    return datetime.now().astimezone().tzinfo or UTC


_LAYOUT = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|__2|002|-07:00:00|-070000|-07:00|-0700|-07"
    r"|Z07:00:00|Z070000|Z07:00|Z0700|Z07|PM|pm|[.,](?:0+|9+)(?![0-9])|_2006|_2"
    r"|0[1-6]|15|1|2|3|4|5"
)


def _zone_name(when: datetime) -> str:
    name = when.tzname() or "UTC"
    return name if name[0].isalpha() else _offset(when, "")


def _offset(when: datetime, colon: str) -> str:
    seconds = int((when.utcoffset() or timedelta()).total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("+", seconds)
    return f"{sign}{seconds // 3600:02d}{colon}{seconds // 60 % 60:02d}"


def _piece(part: str, when: datetime) -> str:
    if part[0] in ".,":
        return _fraction(part, when)
    if part[0] == "Z":
        return "Z" if not when.utcoffset() else _PIECES["-" + part[1:]](when)
    return _PIECES[part](when)


def _fraction(part: str, when: datetime) -> str:
    digits = f"{when.microsecond:06d}000"[: len(part) - 1]
    if part[1] == "9":
        digits = digits.rstrip("0")
    return part[0] + digits if digits else ""


_PIECES: dict[str, Callable[[datetime], str]] = {
    "2006": lambda t: f"{t.year:04d}",
    "_2006": lambda t: f"_{t.year:04d}",
    "06": lambda t: f"{t.year % 100:02d}",
    "January": lambda t: f"{t:%B}",
    "Jan": lambda t: f"{t:%b}",
    "01": lambda t: f"{t.month:02d}",
    "1": lambda t: str(t.month),
    "Monday": lambda t: f"{t:%A}",
    "Mon": lambda t: f"{t:%a}",
    "02": lambda t: f"{t.day:02d}",
    "_2": lambda t: f"{t.day:2d}",
    "2": lambda t: str(t.day),
    "002": lambda t: f"{t.timetuple().tm_yday:03d}",
    "__2": lambda t: f"{t.timetuple().tm_yday:3d}",
    "15": lambda t: f"{t.hour:02d}",
    "03": lambda t: f"{t.hour % 12 or 12:02d}",
    "3": lambda t: str(t.hour % 12 or 12),
    "04": lambda t: f"{t.minute:02d}",
    "4": lambda t: str(t.minute),
    "05": lambda t: f"{t.second:02d}",
    "5": lambda t: str(t.second),
    "PM": lambda t: "PM" if t.hour >= 12 else "AM",
    "pm": lambda t: "pm" if t.hour >= 12 else "am",
    "MST": _zone_name,
    "-0700": lambda t: _offset(t, ""),
    "-07:00": lambda t: _offset(t, ":"),
    "-07": lambda t: _offset(t, "")[:3],
    "-070000": lambda t: _offset(t, "") + "00",
    "-07:00:00": lambda t: _offset(t, ":") + ":00",
}
