"""What types an expression's parts give, and whether they fit together."""

from ruler.promql.ast import (
    COMPARISONS,
    SET_OPERATORS,
    Aggregate,
    Binary,
    Call,
    Node,
    NumberLiteral,
    Paren,
    StringLiteral,
    Subquery,
    Unary,
    VectorSelector,
    children,
)
from ruler.promql.functions import FUNCTIONS, Function, ValueType
from ruler.promql.lexer import fault
from ruler.promql.text import quote

__all__ = ["check", "type_of"]

_ARITHMETIC_TYPES = frozenset((ValueType.SCALAR, ValueType.VECTOR))


def type_of(node: Node) -> ValueType:  # noqa: PLR0911 - one answer a kind of node
    """What a checked node gives."""
    match node:
        case NumberLiteral():
            return ValueType.SCALAR
        case StringLiteral():
            return ValueType.STRING
        case VectorSelector():
            return ValueType.MATRIX if node.range_ms else ValueType.VECTOR
        case Subquery():
            return ValueType.MATRIX
        case Call():
            return FUNCTIONS[node.function].returns
        case Aggregate():
            return ValueType.VECTOR
        case Unary() | Paren():
            return type_of(node.expr)
        case Binary():
            both = {type_of(node.left), type_of(node.right)}
            return ValueType.SCALAR if both == {ValueType.SCALAR} else ValueType.VECTOR


def check(node: Node, query: str) -> ValueType:
    """Check a tree from its leaves up. → the type of the whole.

    QueryError: the first part, from the left, that does not fit.
    """
    for child in children(node):
        if not _says_labels(node, child):
            check(child, query)
    match node:
        case VectorSelector():
            _check_selector(node, query)
        case Subquery():
            _check_subquery(node, query)
        case Call():
            _check_call(node, FUNCTIONS[node.function], query)
        case Aggregate():
            _check_aggregate(node, query)
        case Unary():
            _check_unary(node, query)
        case Binary():
            _check_binary(node, query)
        case _:
            pass
    return type_of(node)


def _expect(node: Node, wanted: ValueType, context: str, query: str) -> None:
    got = type_of(node)
    if got is not wanted:
        problem = f"expected type {wanted.documented} in {context}, got {got.documented}"
        raise fault(problem, query, node.span)


def _check_selector(node: VectorSelector, query: str) -> None:
    if any(not matcher.matches("") for matcher in node.matchers):
        return
    raise fault("vector selector must contain at least one non-empty matcher", query, node.span)


def _check_subquery(node: Subquery, query: str) -> None:
    got = type_of(node.expr)
    if got is not ValueType.VECTOR:
        problem = f"subquery is only allowed on instant vector, got {got.value} instead"
        raise fault(problem, query, node.span)


def _check_call(node: Call, function: Function, query: str) -> None:
    count, most = len(node.args), len(function.args)
    least = most - 1 if function.repeats else most - function.optional
    label = f"argument(s) in call to {quote(node.function)}, got {count}"
    if least == most and count != most:
        raise fault(f"expected {most} {label}", query, node.span)
    if count < least:
        raise fault(f"expected at least {least} {label}", query, node.span)
    if count > most and not function.repeats:
        raise fault(f"expected at most {most} {label}", query, node.span)
    if function.labels_last and count == most:
        _check_labels(node.args[-1], query)
    for i, arg in enumerate(node.args):
        wanted = function.args[min(i, most - 1)]
        _expect(arg, wanted, f"call to function {quote(node.function)}", query)


def _says_labels(parent: Node, child: Node) -> bool:
    """Tell whether an argument is no vector, but says which labels are wanted."""
    if not isinstance(parent, Call) or not isinstance(child, VectorSelector):
        return False
    function = FUNCTIONS[parent.function]
    last = len(function.args) - 1
    return function.labels_last and len(parent.args) > last and parent.args[last] is child


def _check_labels(node: Node, query: str) -> None:
    if not isinstance(node, VectorSelector):
        raise fault("expected label selectors as the second argument to info", query, node.span)
    if node.name:
        problem = "expected label selectors only, got vector selector instead"
        raise fault(problem, query, node.span)


def _check_aggregate(node: Aggregate, query: str) -> None:
    _expect(node.expr, ValueType.VECTOR, "aggregation expression", query)
    if node.parameter is not None:
        wanted = ValueType.STRING if node.op == "count_values" else ValueType.SCALAR
        _expect(node.parameter, wanted, "aggregation parameter", query)


def _check_unary(node: Unary, query: str) -> None:
    got = type_of(node.expr)
    if got not in _ARITHMETIC_TYPES:
        problem = "unary expression only allowed on expressions of type scalar or instant vector"
        raise fault(f"{problem}, got {quote(got.documented)}", query, node.span)


def _check_binary(node: Binary, query: str) -> None:
    left, right = type_of(node.left), type_of(node.right)
    if node.returns_bool and node.op not in COMPARISONS:
        raise fault("bool modifier can only be used on comparison operators", query, node.span)
    if {left, right} == {ValueType.SCALAR} and node.op in COMPARISONS and not node.returns_bool:
        raise fault("comparisons between scalars must use BOOL modifier", query, node.span)
    for side in (node.left, node.right):
        if type_of(side) not in _ARITHMETIC_TYPES:
            problem = "binary expression must contain only scalar and instant vector types"
            raise fault(problem, query, side.span)
    if ValueType.SCALAR in {left, right}:
        if node.matching is not None:
            raise fault("vector matching only allowed between instant vectors", query, node.span)
        if node.op in SET_OPERATORS:
            problem = f'set operator "{node.op}" not allowed in binary scalar expression'
            raise fault(problem, query, node.span)
