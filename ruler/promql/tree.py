"""A tree as JSON, in the shape that Prometheus' /api/v1/parse_query gives (web/api/v1/translate_ast.go)."""

from collections.abc import Mapping
from typing import Any

from promkit.labels import METRIC_NAME
from ruler.promql.ast import (
    SET_OPERATORS,
    Aggregate,
    At,
    Binary,
    Call,
    Cardinality,
    Matching,
    Node,
    NumberLiteral,
    Paren,
    StringLiteral,
    Subquery,
    Unary,
    VectorSelector,
)
from ruler.promql.check import type_of
from ruler.promql.functions import FUNCTIONS, ValueType
from ruler.promql.text import format_fixed, is_legacy_name

__all__ = ["tree"]

Json = dict[str, Any]


def tree(node: Node) -> Json:  # noqa: PLR0911 - a kind of node a return
    """The node and all below it. Durations and instants are milliseconds."""
    match node:
        case NumberLiteral(value):
            return {"type": "numberLiteral", "val": format_fixed(value)}
        case StringLiteral(text):
            return {"type": "stringLiteral", "val": text}
        case VectorSelector():
            return _selector(node)
        case Subquery():
            shift = {"offset": node.offset_ms, **_at(node.at)}
            span = {"range": node.range_ms, "step": node.step_ms}
            return {"type": "subquery", "expr": tree(node.expr), **span, **shift}
        case Call():
            args = [tree(one) for one in node.args]
            return {"type": "call", "func": _function(node.function), "args": args}
        case Aggregate():
            return _aggregate(node)
        case Unary():
            return {"type": "unaryExpr", "op": node.op, "expr": tree(node.expr)}
        case Binary():
            return _binary(node)
        case Paren():
            return {"type": "parenExpr", "expr": tree(node.expr)}


def _selector(node: VectorSelector) -> Json:
    # The name before the braces comes last, as Prometheus' parser adds it; one inside is a matcher alone.
    name = node.name if is_legacy_name(node.name, colons=True) else ""
    matchers = sorted(node.matchers, key=lambda one: bool(name) and one.name == METRIC_NAME)
    found = {
        "type": "matrixSelector" if node.range_ms else "vectorSelector",
        "name": name,
        "matchers": [{"name": one.name, "type": one.op.value, "value": one.value} for one in matchers],
        "offset": node.offset_ms,
        **_at(node.at),
    }
    return found | {"range": node.range_ms} if node.range_ms else found


def _at(at: At) -> Mapping[str, Any]:
    is_word = isinstance(at, str)
    return {"timestamp": None if is_word else at, "startOrEnd": at if is_word else None}


def _function(name: str) -> Json:
    function = FUNCTIONS[name]
    return {
        "name": name,
        "argTypes": [kind.value for kind in function.args],
        "variadic": -1 if function.repeats else function.optional,
        "returnType": function.returns.value,
    }


def _aggregate(node: Aggregate) -> Json:
    return {
        "type": "aggregation",
        "op": node.op,
        "expr": tree(node.expr),
        "param": None if node.parameter is None else tree(node.parameter),
        "grouping": list(node.grouping),
        "without": node.without,
    }


def _binary(node: Binary) -> Json:
    return {
        "type": "binaryExpr",
        "op": node.op,
        "lhs": tree(node.left),
        "rhs": tree(node.right),
        "matching": _matching(node),
        "bool": node.returns_bool,
    }


def _matching(node: Binary) -> Json | None:
    if any(type_of(side) is not ValueType.VECTOR for side in (node.left, node.right)):
        return None
    matching = node.matching or Matching()
    is_set = node.op in SET_OPERATORS
    return {
        "card": Cardinality.MANY_TO_MANY.value if is_set else matching.card.value,
        "on": matching.on,
        "labels": list(matching.labels),
        "include": list(matching.include),
    }
