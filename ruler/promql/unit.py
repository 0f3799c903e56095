"""Which unit an expression has: the names of metrics end with it."""

from promkit.errors import QueryError
from promkit.quantity import unit_of_name
from ruler.promql.ast import COMPARISONS, Binary, Call, Node, Paren, VectorSelector, walk
from ruler.promql.parse import parse

__all__ = ["unit_of"]

_PER_SECOND = {"bytes": "bytes/s", "seconds": "", "ratio": "", "per second": ""}
_RATE_FUNCTIONS = frozenset({"rate", "irate"})
# What these give is not in the unit of what they read.
_OTHER_UNIT = frozenset(
    {"count_over_time", "changes", "resets", "absent", "absent_over_time", "present_over_time", "deriv"}
    | {"timestamp", "ln", "log2", "log10", "exp", "sgn", "scalar", "vector", "time"}
)


def unit_of(expr: str) -> str:
    """The unit that the names in an expression tell; "" where they tell none, or several."""
    try:
        return _unit(parse(expr))
    except QueryError:
        return ""


def _unit(node: Node) -> str:
    node = _filtered(node)
    inside = list(walk(node))
    if any(isinstance(one, Binary) and (one.op in {"*", "/", "^"} or one.returns_bool) for one in inside):
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


def _filtered(node: Node) -> Node:
    """What is left of a filter: its right side chooses series, and no values."""
    while True:
        match node:
            case Paren(expr=inner):
                node = inner
            case Binary(op="and" | "unless", left=left):
                node = left
            case Binary(op=op, left=left, returns_bool=False) if op in COMPARISONS:
                node = left
            case _:
                return node
