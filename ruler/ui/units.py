"""Numbers for eyes: how a unit is written, which numbers an axis carries, which unit an expression has."""

import math
from collections.abc import Callable, Sequence

from promkit.errors import QueryError
from ruler.promql import Binary, Call, Node, VectorSelector, parse, walk

__all__ = ["quantity", "ticks", "unit_of"]

Write = Callable[[float], str]
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_RATES = tuple(f"{unit}/s" for unit in _BYTES)
_SUFFIXES = {"ratio": "ratio", "seconds": "seconds", "bytes": "bytes", "second": "per second"}
_PER_SECOND = {"bytes": "bytes/s", "seconds": "", "ratio": "", "per second": ""}
_RATE_FUNCTIONS = frozenset({"rate", "irate"})
# What these give is not in the unit of what they read.
_OTHER_UNIT = frozenset(
    {"count_over_time", "changes", "resets", "absent", "absent_over_time", "present_over_time", "deriv"}
    | {"timestamp", "ln", "log2", "log10", "exp", "sgn", "scalar", "vector", "time"}
)


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


def ticks(low: float, high: float, unit: str) -> list[float]:
    """Three to six round numbers around the range, round in the unit that they are written in."""
    raw = (high - low) / 4
    base, largest = 1.0, max(abs(low), abs(high))
    if unit.startswith("bytes") and largest >= 1:
        base = 1024.0 ** math.floor(math.log(largest, 1024))  # from a MiB on, in MiB
    power = 10.0 ** math.floor(math.log10(raw / base))
    step = next(
        factor * power * base for factor in (1, 2, 2.5, 5, 10) if factor * power * base >= raw * 0.999
    )
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, last + 1)]


def unit_of(expr: str) -> str:
    """The unit that the names in an expression tell; "" where they tell none, or several."""
    try:
        return _unit(parse(expr))
    except QueryError:
        return ""


def _unit(node: Node) -> str:
    inside = list(walk(node))
    if any(isinstance(one, Binary) and one.op in {"*", "/", "^"} for one in inside):
        return ""
    calls = {one.function for one in inside if isinstance(one, Call)}
    if calls & _OTHER_UNIT:
        return ""
    units = {_suffix(one.name) for one in inside if isinstance(one, VectorSelector)}
    if len(units) != 1:
        return ""
    unit = units.pop()
    return _PER_SECOND.get(unit, "per second") if calls & _RATE_FUNCTIONS else unit


def _suffix(metric: str) -> str:
    for ending in ("_total", "_bucket", "_sum"):
        metric = metric.removesuffix(ending)
    return "" if metric.endswith("timestamp_seconds") else _SUFFIXES.get(metric.rsplit("_", 1)[-1], "")


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
