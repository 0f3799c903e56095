"""Numbers for eyes: how a unit is written, and which unit the name of a metric tells."""

import math
from collections.abc import Callable, Sequence

__all__ = ["UNITS", "Write", "quantity", "unit_of_name"]

Write = Callable[[float], str]
# The units that are known; any other is a word that stands behind a number.
UNITS = ("ratio", "bytes", "bytes/s", "seconds", "per second", "per minute", "")
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_THOUSANDS = ("", "k", "M", "G", "T")
_RATES = tuple(f"{unit}/s" for unit in _BYTES)
_SUFFIXES = {"ratio": "ratio", "seconds": "seconds", "bytes": "bytes", "second": "per second"}
_PER = {"per second": "/s", "per minute": "/min"}
# Seconds that are an instant, not a duration.
_INSTANTS = ("timestamp_seconds", "boot_time_seconds", "start_time_seconds", "system_time_seconds")


def quantity(unit: str, decimals: int | None = None) -> Write:
    """How values of a unit are written: with so many decimals, or else with three significant digits.

    The units: ratio, bytes, bytes/s, seconds, per second, per minute, "" for a plain number; another word
    stands behind the number.
    """
    match unit:
        case "ratio":
            return lambda value: _plain(value * 100, " %", decimals)
        case "bytes":
            return lambda value: _scaled(value, 1024, _BYTES, decimals)
        case "bytes/s":
            return lambda value: _scaled(value, 1024, _RATES, decimals)
        case "seconds":
            return lambda value: _seconds(value, decimals)
        case "per second" | "per minute":
            return lambda value: _plain(value, _PER[unit], decimals)
        case _:
            return lambda value: _scaled(value, 1000, _THOUSANDS, decimals) + (f" {unit}" if unit else "")


def unit_of_name(metric: str) -> str:
    """The unit that a name ends with: ratio, bytes, seconds, per second, per minute, instant; "" for none."""
    for ending in ("_total", "_bucket", "_sum"):
        metric = metric.removesuffix(ending)
    if metric.endswith("_per_minute"):
        return "per minute"
    if "_seconds_to_" in metric:
        return "seconds"
    return "instant" if metric.endswith(_INSTANTS) else _SUFFIXES.get(metric.rsplit("_", 1)[-1], "")


def _plain(value: float, unit: str, decimals: int | None) -> str:
    """Never an exponent for numbers that people read at a glance."""
    if not math.isfinite(value):
        return "–"
    if decimals is not None:
        return f"{value:,.{decimals}f}{unit}".replace(",", " ")
    if abs(value) >= 1000:
        return f"{value:,.0f}{unit}".replace(",", " ")
    return f"{value:.3g}{unit}"


def _scaled(value: float, base: int, units: Sequence[str], decimals: int | None) -> str:
    if not math.isfinite(value):
        return "–"
    step = 0
    while step < len(units) - 1 and abs(value) >= base * 0.9995:
        value, step = value / base, step + 1
    return _plain(value, f" {units[step]}" if units[step] else "", decimals)


def _seconds(value: float, decimals: int | None) -> str:
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
            return _plain(value * factor, f" {unit}", decimals)
    return _plain(value / 86_400, " d", decimals)
