"""Numbers for eyes: which numbers an axis carries, which unit an expression has."""

import math

from promkit.errors import QueryError
from promkit.quantity import unit_of_name
from ruler.promql import Binary, Call, Node, VectorSelector, parse, walk

__all__ = ["ticks", "unit_of"]

_PER_SECOND = {"bytes": "bytes/s", "seconds": "", "ratio": "", "per second": ""}
_RATE_FUNCTIONS = frozenset({"rate", "irate"})
# What these give is not in the unit of what they read.
_OTHER_UNIT = frozenset(
    {"count_over_time", "changes", "resets", "absent", "absent_over_time", "present_over_time", "deriv"}
    | {"timestamp", "ln", "log2", "log10", "exp", "sgn", "scalar", "vector", "time"}
)


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
    units = {unit_of_name(one.name) for one in inside if isinstance(one, VectorSelector)}
    if len(units) != 1:
        return ""
    unit = units.pop()
    if unit == "instant":
        return ""
    return _PER_SECOND.get(unit, "per second") if calls & _RATE_FUNCTIONS else unit
