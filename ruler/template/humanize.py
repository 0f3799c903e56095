"""Numbers for eyes, as Prometheus' template functions print them."""

import math

from ruler.template.clock import Instant
from ruler.template.values import TemplateError, Value, type_name

__all__ = [
    "humanize",
    "humanize_1024",
    "humanize_duration",
    "humanize_percentage",
    "humanize_timestamp",
    "to_float",
]

_LARGE = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_LARGE_1024 = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
_SMALL = ("m", "u", "n", "p", "f", "a", "z", "y")
_SMALL_SECONDS = ("m", "µ", "n", "p", "f", "a", "z", "y")


def to_float(value: Value) -> float:
    """Take a number, or a text that is one."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            raise TemplateError(f"not a number: {value[:40]!r}") from None
    raise TemplateError(f"not a number: {type_name(value)}", static=True)


def short(value: float) -> str:
    """Go's `%.4g`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return format(value, ".4g")


def humanize(value: Value) -> str:
    """`1.234M`, `12.3m`."""
    number = to_float(value)
    if number == 0 or not math.isfinite(number):
        return short(number)
    prefix = ""
    if abs(number) >= 1:
        for larger in _LARGE:
            if abs(number) < 1000:
                break
            prefix, number = larger, number / 1000
    else:
        for smaller in _SMALL:
            if abs(number) >= 1:
                break
            prefix, number = smaller, number * 1000
    return short(number) + prefix


def humanize_1024(value: Value) -> str:
    """`1.5Gi`."""
    number = to_float(value)
    if abs(number) <= 1 or not math.isfinite(number):
        return short(number)
    prefix = ""
    for larger in _LARGE_1024:
        if abs(number) < 1024:
            break
        prefix, number = larger, number / 1024
    return short(number) + prefix


def humanize_duration(value: Value) -> str:
    """`1d 2h 3m 4s`, `12.3ms`."""
    number = to_float(value)
    if not math.isfinite(number):
        return short(number)
    if number == 0:
        return "0s"
    if abs(number) < 1:
        prefix = ""
        for smaller in _SMALL_SECONDS:
            if abs(number) >= 1:
                break
            prefix, number = smaller, number * 1000
        return f"{short(number)}{prefix}s"
    sign, whole = ("-", -number) if number < 0 else ("", number)
    minutes, seconds = divmod(int(whole), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    return f"{sign}{minutes}m {seconds}s" if minutes else f"{short(number)}s"


def humanize_percentage(value: Value) -> str:
    """0.1234 → `12.34%`."""
    return f"{short(to_float(value) * 100)}%"


def humanize_timestamp(value: Value) -> str:
    """Seconds → `2026-01-02 03:04:05 +0000 UTC`."""
    number = to_float(value)
    return str(Instant(round(number * 1000))) if math.isfinite(number) else short(number)
