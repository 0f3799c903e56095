"""What can be known of a tree before it is evaluated: what to share, what is the same at every step."""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from threading import Lock

from ruler.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Node,
    NumberLiteral,
    StringLiteral,
    Subquery,
    VectorSelector,
    bare,
    children,
    walk,
)
from ruler.promql.check import type_of
from ruler.promql.functions import FUNCTIONS
from ruler.promql.notes import Notes
from ruler.promql.table import Scalars, Table

__all__ = ["Comparison", "Shared", "comparison", "is_invariant", "repeated", "selectors", "window_ms"]

_FLIPPED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}
SHARED_CELLS_MAX = 20_000_000


@dataclass(frozen=True, slots=True)
class Kept:
    """What a part was worth, and what was remarked on it."""

    value: Table | Scalars
    notes: Notes


@dataclass(slots=True)
class Shared:
    """Parts already evaluated, for expressions that are evaluated at one instant over the same data.

    Give one to all rules of a group's evaluation, and drop it after. Bounded in cells; safe between threads.
    """

    cells_max: int = SHARED_CELLS_MAX
    _kept: dict[Hashable, object] = field(default_factory=dict)
    _cells: int = 0
    _lock: Lock = field(default_factory=Lock)

    def get(self, key: Hashable) -> object:
        """What was kept under `key`, or None."""
        return self._kept.get(key)

    def put(self, key: Hashable, kept: object, cells: int) -> None:
        """Keep something of this size, if there is room."""
        with self._lock:
            if self._cells + cells <= self.cells_max and key not in self._kept:
                self._cells += cells
                self._kept[key] = kept


def is_shareable(node: Node) -> bool:
    """Tell whether a part costs enough to be kept."""
    match node:
        case Call():
            return bool(node.args)
        case VectorSelector():
            return not node.range_ms
        case Aggregate() | Binary():
            return True
        case _:
            return False


def repeated(node: Node) -> frozenset[Node]:
    """The parts that stand more than once in a tree."""
    counted = Counter(part for part in walk(node) if is_shareable(part))
    return frozenset(part for part, count in counted.items() if count > 1)


def is_invariant(node: Node) -> bool:
    """Tell whether a part has the same value whenever it is evaluated."""
    match node:
        case VectorSelector() | Subquery():
            return node.at is not None
        case Call():
            return not FUNCTIONS[node.function].by_time and all(is_invariant(arg) for arg in node.args)
        case NumberLiteral() | StringLiteral():
            return True
        case _:
            return all(is_invariant(child) for child in children(node))


def selectors(node: Node) -> list[VectorSelector]:
    """All vector selectors of a tree, from left to right."""
    return [part for part in walk(node) if isinstance(part, VectorSelector)]


def window_ms(node: Node, lookback_ms: int) -> int:
    """How far before its time an evaluation looks; times fixed with @ are not counted."""
    match node:
        case VectorSelector():
            return 0 if node.at is not None else max(0, (node.range_ms or lookback_ms) + node.offset_ms)
        case Subquery():
            if node.at is not None:
                return 0
            return max(0, node.range_ms + node.offset_ms + window_ms(node.expr, lookback_ms))
        case _:
            return max((window_ms(child, lookback_ms) for child in children(node)), default=0)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`expr op constant`."""

    expr: Node
    op: str
    constant: float


def comparison(node: Node) -> Comparison | None:
    """An expression as a comparison with a constant, whichever side that stands on; None if it is another."""
    binary = bare(node)
    if not isinstance(binary, Binary) or binary.op not in _FLIPPED or binary.returns_bool:
        return None
    left, right = bare(binary.left), bare(binary.right)
    if isinstance(right, NumberLiteral) and type_of(left) == "vector":
        return Comparison(left, binary.op, right.value)
    if isinstance(left, NumberLiteral) and type_of(right) == "vector":
        return Comparison(right, _FLIPPED[binary.op], left.value)
    return None
