"""The tree of an expression.

Nodes are values: equal when they mean the same, wherever they stood, so that a tree is its own key in caches.
`str(node)` is the canonical text, the one Prometheus prints. `span` is where a node stood in its query.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple

from promkit.duration import format_duration
from promkit.labels import METRIC_NAME
from promkit.matchers import Matcher, MatchOp
from ruler.promql.text import format_fixed, is_legacy_name, quote

__all__ = [
    "AGGREGATORS_WITH_PARAMETER",
    "COMPARISONS",
    "SET_OPERATORS",
    "Aggregate",
    "At",
    "Binary",
    "Call",
    "Cardinality",
    "Matching",
    "Node",
    "NumberLiteral",
    "Paren",
    "Span",
    "StringLiteral",
    "Subquery",
    "Unary",
    "VectorSelector",
    "bare",
    "children",
    "str_of_matcher",
    "walk",
]

COMPARISONS = frozenset(("==", "!=", ">", "<", ">=", "<="))
SET_OPERATORS = frozenset(("and", "or", "unless"))
AGGREGATORS_WITH_PARAMETER = frozenset(
    ("topk", "bottomk", "quantile", "count_values", "limitk", "limit_ratio")
)


class Span(NamedTuple):
    """Offsets in characters: the first of the node's text, and the one after its last."""

    start: int
    end: int


NOWHERE = Span(0, 0)


@dataclass(frozen=True, slots=True)
class NumberLiteral:
    """`1.5`, `0x1f`, `5m` (as seconds)."""

    value: float
    is_duration: bool = field(default=False, compare=False)
    span: Span = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        if self.is_duration and math.isfinite(self.value):
            return format_duration(round(self.value * 1000))
        return format_fixed(self.value)


@dataclass(frozen=True, slots=True)
class StringLiteral:
    """`"text"`."""

    value: str
    span: Span = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        return quote(self.value)


At = int | Literal["start", "end"] | None


@dataclass(frozen=True, slots=True)
class VectorSelector:
    """`metric{label="value"}`, and with `range_ms` the range vector `metric[5m]`.

    `matchers` hold the metric's name too, as a matcher of `__name__`; they are sorted by their text.
    """

    name: str
    matchers: tuple[Matcher, ...]
    range_ms: int = 0
    offset_ms: int = 0
    at: At = None
    span: Span = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        plain_name = self.name if is_legacy_name(self.name, colons=True) else ""
        inner = [quote(self.name)] if self.name and not plain_name else []
        inner += [
            str_of_matcher(matcher)
            for matcher in self.matchers
            if not (self.name and matcher.name == METRIC_NAME and matcher.op is MatchOp.EQUAL)
        ]
        braces = "{" + ",".join(inner) + "}" if inner or not plain_name else ""
        window = f"[{format_duration(self.range_ms)}]" if self.range_ms else ""
        return f"{plain_name}{braces}{window}{_shift(self.at, self.offset_ms)}"


@dataclass(frozen=True, slots=True)
class Subquery:
    """`expr[1h:1m]`; `step_ms` 0 is the default resolution."""

    expr: "Node"
    range_ms: int
    step_ms: int = 0
    offset_ms: int = 0
    at: At = None
    span: Span = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        step = format_duration(self.step_ms) if self.step_ms else ""
        window = f"[{format_duration(self.range_ms)}:{step}]"
        return f"{self.expr}{window}{_shift(self.at, self.offset_ms)}"


@dataclass(frozen=True, slots=True)
class Call:
    """`function(arguments)`."""

    function: str
    args: tuple["Node", ...]
    span: Span = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        return f"{self.function}({', '.join(str(arg) for arg in self.args)})"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`sum by (labels) (expr)`."""

    op: str
    expr: "Node"
    parameter: "Node | None" = None
    grouping: tuple[str, ...] = ()
    without: bool = False
    span: Span = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        names = _names(self.grouping)
        head = self.op
        if self.without:
            head += f" without ({names}) "
        elif self.grouping:
            head += f" by ({names}) "
        parameter = f"{self.parameter}, " if self.parameter is not None else ""
        return f"{head}({parameter}{self.expr})"


@dataclass(frozen=True, slots=True)
class Unary:
    """`-expr`, `+expr`."""

    op: str
    expr: "Node"
    span: Span = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        return f"{self.op}{self.expr}"


class Cardinality(StrEnum):
    """How many series may stand on either side of a match."""

    ONE_TO_ONE = "one-to-one"
    MANY_TO_ONE = "many-to-one"
    ONE_TO_MANY = "one-to-many"
    MANY_TO_MANY = "many-to-many"


@dataclass(frozen=True, slots=True)
class Matching:
    """`on (labels) group_left (include)`; without `on`, all labels but `labels` have to be equal."""

    card: Cardinality = Cardinality.ONE_TO_ONE
    on: bool = False
    labels: tuple[str, ...] = ()
    include: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = ""
        is_grouped = self.card in {Cardinality.MANY_TO_ONE, Cardinality.ONE_TO_MANY}
        if self.on or self.labels or is_grouped:
            text += f" {'on' if self.on else 'ignoring'} ({_names(self.labels)})"
        if is_grouped:
            side = "group_left" if self.card is Cardinality.MANY_TO_ONE else "group_right"
            text += f" {side} ({_names(self.include)})"
        return text


@dataclass(frozen=True, slots=True)
class Binary:
    """`left op right`; `matching` stands only between two instant vectors."""

    op: str
    left: "Node"
    right: "Node"
    matching: Matching | None = None
    returns_bool: bool = False
    span: Span = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        bool_ = " bool" if self.returns_bool else ""
        return f"{self.left} {self.op}{bool_}{self.matching or ''} {self.right}"


@dataclass(frozen=True, slots=True)
class Paren:
    """`(expr)`."""

    expr: "Node"
    span: Span = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        return f"({self.expr})"


Node = NumberLiteral | StringLiteral | VectorSelector | Subquery | Call | Aggregate | Unary | Binary | Paren


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right under this one, from left to right."""
    match node:
        case Call():
            return node.args
        case Aggregate():
            return (node.expr,) if node.parameter is None else (node.parameter, node.expr)
        case Binary():
            return (node.left, node.right)
        case Subquery() | Unary() | Paren():
            return (node.expr,)
        case NumberLiteral() | StringLiteral() | VectorSelector():
            return ()


def walk(node: Node) -> Iterator[Node]:
    """This node and all below it, parents first."""
    yield node
    for child in children(node):
        yield from walk(child)


def bare(node: Node) -> Node:
    """The node inside any parentheses."""
    while isinstance(node, Paren):
        node = node.expr
    return node


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(name if is_legacy_name(name, colons=True) else quote(name) for name in names)


def str_of_matcher(matcher: Matcher) -> str:
    """`name="value"`, the name quoted where it has to be."""
    name = matcher.name if is_legacy_name(matcher.name) else quote(matcher.name)
    return f"{name}{matcher.op.value}{quote(matcher.value)}"


def _shift(at: At, offset_ms: int) -> str:
    text = ""
    if isinstance(at, int):
        text = f" @ {'-' if at < 0 else ''}{abs(at) // 1000}.{abs(at) % 1000:03d}"
    elif at is not None:
        text = f" @ {at}()"
    if offset_ms:
        text += f" offset {format_duration(offset_ms)}"
    return text
