"""Numbers for eyes: how a unit is written, and which unit the name of a metric tells."""

import math
from collections.abc import Callable, Sequence

__all__ = ["Write", "quantity", "unit_of_name"]

Write = Callable[[float], str]
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_RATES = tuple(f"{unit}/s" for unit in _BYTES)
_SUFFIXES = {"ratio": "ratio", "seconds": "seconds", "bytes": "bytes", "second": "per second"}
# Seconds that are an instant, not a duration.
_INSTANTS = ("timestamp_seconds", "boot_time_seconds", "start_time_seconds", "system_time_seconds")


def quantity(unit: str) -> Write:
    """How values of a unit are written: ratio, bytes, bytes/s, seconds, per second, or a plain number."""
    match unit:
        case "ratio":
            return lambda value: _plain(value * 100, " %")
        case "bytes":
            return lambda value: _scaled(value, 1024, _BYTES)
        case "bytes/s":
            return lambda value: _scaled(value, 1024, _RATES)
        case "seconds":
            return _seconds
        case "per second":
            return lambda value: _plain(value, "/s")
        case _:
            return lambda value: _scaled(value, 1000, ("", "k", "M", "G", "T"))


def unit_of_name(metric: str) -> str:
    """The unit that a metric's name ends with: ratio, bytes, seconds, per second, instant; "" for none."""
    for ending in ("_total", "_bucket", "_sum"):
        metric = metric.removesuffix(ending)
    return "instant" if metric.endswith(_INSTANTS) else _SUFFIXES.get(metric.rsplit("_", 1)[-1], "")


def _plain(value: float, unit: str) -> str:
    """At most three significant digits, never an exponent for numbers that people read at a glance."""
    if not math.isfinite(value):
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}{unit}".replace(",", " ")
    return f"{value:.3g}{unit}"


def _scaled(value: float, base: int, units: Sequence[str]) -> str:
    if not math.isfinite(value):
        return "–"
    step = 0
    while step < len(units) - 1 and abs(value) >= base * 0.9995:
        value, step = value / base, step + 1
    return _plain(value, f" {units[step]}" if units[step] else "")


def _seconds(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0 s"
    scales = (
        (1e-3, 1e6, "µs"),
        (1, 1e3, "ms"),
        (120, 1, "s"),
        (7200, 1 / 60, "min"),
        (172_800, 1 / 3600, "h"),
    )
    for limit, factor, unit in scales:
        if abs(value) < limit:
            return _plain(value * factor, f" {unit}")
    return _plain(value / 86_400, " d")
