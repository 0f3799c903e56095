"""Tokens → tree: a Pratt parser.

Binding powers, loosest first: or; and, unless; comparisons; + -; * / % atan2 and signs; ^ (from the right);
[range], offset and @, which bind to what stands right before them.
"""

import difflib
from dataclasses import dataclass, replace

from promkit.errors import QueryError
from promkit.labels import METRIC_NAME
from promkit.matchers import Matcher, MatchOp
from ruler.promql.ast import (
    AGGREGATORS_WITH_PARAMETER,
    COMPARISONS,
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
    Span,
    StringLiteral,
    Subquery,
    Unary,
    VectorSelector,
    str_of_matcher,
)
from ruler.promql.check import check
from ruler.promql.durations import DurationReader, duration_ms, number
from ruler.promql.functions import FUNCTIONS
from ruler.promql.lexer import Kind, fault
from ruler.promql.reader import NOT_A_METRIC, Reader, describe
from ruler.promql.text import quote

__all__ = ["Features", "parse"]

AGGREGATORS = frozenset(("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar")) | (
    AGGREGATORS_WITH_PARAMETER
)
EXPERIMENTAL_AGGREGATORS = frozenset(("limitk", "limit_ratio"))
SIGN_POWER = 50
BINDING = {
    "or": 10,
    "and": 20,
    "unless": 20,
    **dict.fromkeys(COMPARISONS, 30),
    "+": 40,
    "-": 40,
    "*": SIGN_POWER,
    "/": SIGN_POWER,
    "%": SIGN_POWER,
    "atan2": SIGN_POWER,
    "^": 60,
}
# Trees are read and walked by recursion, and Python stops at 1,000 calls: 7 for each nesting while reading,
# 4 for each operator in a row while evaluating.
NESTING_MAX = 100
CHAIN_MAX = 180
_SHIFTABLE = "an instant vector selector or range vector selector or a subquery"


@dataclass(frozen=True, slots=True)
class Features:
    """What is understood beyond the stable language."""

    experimental_functions: bool = False
    duration_expr: bool = False


STABLE = Features()


def parse(query: str, features: Features = STABLE) -> Node:
    """The tree of a query, its types checked.

    QueryError: line and column, `position`, and the nearest known name where one is unknown.
    """
    parser = _Parser(query, features)
    node = parser.expression(0)
    end = parser.peek()
    if end.kind is not Kind.END:
        raise fault(f"unexpected {describe(end)}", query, end.span)
    check(node, query)
    return node


class _Parser(Reader):
    """Makes nodes of what it reads."""

    def __init__(self, query: str, features: Features) -> None:
        super().__init__(query)
        self.features = features
        self.nesting = 0
        self.durations = DurationReader(self, is_expression_allowed=features.duration_expr)

    # -- expressions

    def expression(self, power: int) -> Node:
        """What binds tighter than `power`."""
        self.nesting += 1
        self.require_depth(self.nesting, NESTING_MAX)
        left = self.prefix()
        depth = self.nesting
        while True:
            token = self.peek()
            op = token.word if token.kind in {Kind.OPERATOR, Kind.IDENTIFIER} else ""
            binding = BINDING.get(op, 0)
            if binding <= power:
                self.nesting -= 1
                return left
            left = self.binary(left, op, binding)
            depth += 1  # what stood on the left stands one deeper now
            self.require_depth(depth, CHAIN_MAX)

    def require_depth(self, depth: int, most: int) -> None:
        if depth > most:
            raise fault(f"nested deeper than {most}", self.query, self.peek().span)

    def binary(self, left: Node, op: str, binding: int) -> Binary:
        self.take()
        returns_bool = self.accept("bool") is not None
        matching = self.matching(op)
        right = self.expression(binding - 1 if op == "^" else binding)
        return Binary(op, left, right, matching, returns_bool, Span(left.span.start, right.span.end))

    def matching(self, op: str) -> Matching | None:
        """`on (…) group_left (…)`, if it stands here."""
        many = Cardinality.MANY_TO_MANY if op in SET_OPERATORS else Cardinality.ONE_TO_ONE
        word = self.accept("on", "ignoring")
        if word is None:
            return None
        matching = Matching(many, word.word == "on", self.labels(" in grouping opts"))
        side = self.accept("group_left", "group_right")
        if side is None:
            return matching if matching.on or matching.labels else None
        left = side.word == "group_left"
        include = self.labels(" in grouping opts") if self.peek().text == "(" else ()
        if op in SET_OPERATORS:
            raise fault(f'no grouping allowed for "{op}" operation', self.query, side.span)
        card = Cardinality.MANY_TO_ONE if left else Cardinality.ONE_TO_MANY
        twice = sorted(set(include) & set(matching.labels)) if matching.on else []
        if twice:
            problem = f"label {quote(twice[0])} must not occur in ON and GROUP clause at once"
            raise fault(problem, self.query, side.span)
        return replace(matching, card=card, include=include)

    def prefix(self) -> Node:
        token = self.peek()
        if token.kind is Kind.OPERATOR and token.text in {"+", "-"}:
            self.take()
            operand = self.expression(SIGN_POWER)
            span = Span(token.span.start, operand.span.end)
            if isinstance(operand, NumberLiteral):
                value = -operand.value if token.text == "-" else operand.value
                return replace(operand, value=value, span=span)
            return Unary(token.text, operand, span)
        return self.postfix(self.primary())

    def primary(self) -> Node:
        token = self.peek()
        match token.kind:
            case Kind.NUMBER | Kind.DURATION:
                self.take()
                is_duration = token.kind is Kind.DURATION
                value = duration_ms(token, self.query) / 1000 if is_duration else number(token, self.query)
                return NumberLiteral(value, is_duration, token.span)
            case Kind.STRING:
                self.take()
                return StringLiteral(token.value, token.span)
            case Kind.METRIC:
                return self.selector()
            case Kind.IDENTIFIER:
                return self.word()
            case _ if token.text == "(":
                self.take()
                inner = self.expression(0)
                self.expect(")", " in parentheses")
                return Paren(inner, self.since(token.span.start))
            case _ if token.text == "{":
                return self.selector()
            case _ if token.kind is Kind.END and self.at == 0:
                raise fault("no expression found in input", self.query, token.span)
            case _:
                raise self.unexpected("")

    def word(self) -> Node:
        """An aggregation, a call or a metric's name."""
        token = self.peek()
        following = self.peek(1)
        if token.word in AGGREGATORS and (following.text == "(" or following.word in {"by", "without"}):
            return self.aggregate()
        if token.word in NOT_A_METRIC:
            raise self.unexpected("")
        if following.text == "(" and token.word not in BINDING:
            return self.call()
        return self.selector()

    def postfix(self, node: Node) -> Node:
        while True:
            token = self.peek()
            if token.text == "[" and token.kind is Kind.OPERATOR:
                node = self.window(node)
            elif token.text == "@" and token.kind is Kind.OPERATOR:
                node = self.at_modifier(node)
            elif token.kind is Kind.IDENTIFIER and token.word == "offset":
                node = self.offset(node)
            else:
                return node

    # -- pieces

    def selector(self) -> VectorSelector:
        token = self.peek()
        name = ""
        if token.kind in {Kind.METRIC, Kind.IDENTIFIER}:
            name = self.take().text
        matchers: list[Matcher] = [Matcher(METRIC_NAME, MatchOp.EQUAL, name)] if name else []
        if self.accept("{"):
            for matcher, is_name in self.listed("}", self.matcher, " in label matching"):
                if name and matcher.name == METRIC_NAME:
                    problem = f"metric name must not be set twice: {quote(name)} or {quote(matcher.value)}"
                    raise fault(problem, self.query, self.since(token.span.start))
                name = matcher.value if is_name else name
                matchers.append(matcher)
        ordered = tuple(sorted(matchers, key=str_of_matcher))
        return VectorSelector(name, ordered, span=self.since(token.span.start))

    def matcher(self) -> tuple[Matcher, bool]:
        """`name op "value"`, or a quoted metric name (True)."""
        token = self.peek()
        if token.kind not in {Kind.IDENTIFIER, Kind.STRING}:
            raise self.unexpected(" in label matching", 'identifier or "}"')
        self.take()
        op = self.peek()
        if token.kind is Kind.STRING and op.text in {",", "}"}:
            return Matcher(METRIC_NAME, MatchOp.EQUAL, token.value), True
        if op.text not in {"=", "!=", "=~", "!~"}:
            raise self.unexpected(" in label matching", "label matching operator")
        self.take()
        value = self.peek()
        if value.kind is not Kind.STRING:
            raise self.unexpected(" in label matching", "string")
        self.take()
        name = token.value if token.kind is Kind.STRING else token.text
        try:
            return Matcher(name, MatchOp(op.text), value.value), False
        except QueryError as error:
            raise fault(error.problem, self.query, value.span) from None

    def labels(self, context: str) -> tuple[str, ...]:
        self.expect("(", context)

        def label() -> str:
            token = self.take()
            if token.kind is Kind.STRING and token.value:
                return token.value
            if token.kind in {Kind.IDENTIFIER, Kind.METRIC}:
                return token.text
            self.at -= 1
            raise self.unexpected(context, "label")

        return tuple(self.listed(")", label, context))

    def arguments(self) -> tuple[Node, ...]:
        self.expect("(", "")
        args: list[Node] = []
        if self.accept(")"):
            return ()
        while True:
            args.append(self.expression(0))
            if not self.accept(","):
                self.expect(")", "")
                return tuple(args)
            if self.peek().text == ")":
                raise fault("trailing commas not allowed in function call args", self.query, self.peek().span)

    def call(self) -> Call:
        token = self.take()
        function = FUNCTIONS.get(token.text)
        if function is None:
            near = difflib.get_close_matches(token.text, FUNCTIONS, n=1)
            remedy = f"did you mean {quote(near[0])}?" if near else None
            problem = f"unknown function with name {quote(token.text)}"
            raise fault(problem, self.query, token.span, remedy)
        if function.experimental and not self.features.experimental_functions:
            raise fault(f"function {quote(token.text)} is not enabled", self.query, token.span)
        args = self.arguments()
        return Call(token.text, args, self.since(token.span.start))

    def aggregate(self) -> Aggregate:
        token = self.take()
        op = token.word
        if op in EXPERIMENTAL_AGGREGATORS and not self.features.experimental_functions:
            flag = "--enable-feature=promql-experimental-functions"
            problem = f"{op}() is experimental and must be enabled with {flag}"
            raise fault(problem, self.query, token.span)
        clause = self.accept("by", "without")
        grouping = self.labels(" in grouping opts") if clause else ()
        args = self.arguments()
        if clause is None:
            clause = self.accept("by", "without")
            grouping = self.labels(" in grouping opts") if clause else ()
        span = self.since(token.span.start)
        wanted = 2 if op in AGGREGATORS_WITH_PARAMETER else 1
        if not args:
            raise fault("no arguments for aggregate expression provided", self.query, span)
        if len(args) != wanted:
            problem = "wrong number of arguments for aggregate expression provided"
            raise fault(f"{problem}, expected {wanted}, got {len(args)}", self.query, span)
        parameter = args[0] if wanted > 1 else None
        without = clause is not None and clause.word == "without"
        return Aggregate(op, args[-1], parameter, grouping, without, span)

    def window(self, node: Node) -> Node:
        """`[5m]` or `[1h:1m]` after `node`."""
        opening = self.take()
        range_ms = self.durations.positive()
        if self.accept(":"):
            if isinstance(node, Subquery):
                problem = "subquery is only allowed on instant vector, got matrix instead"
                raise fault(problem, self.query, node.span)
            step_ms = 0 if self.peek().text == "]" else self.durations.positive()
            self.expect("]", " in subquery selector")
            return Subquery(node, range_ms, step_ms, span=self.since(node.span.start))
        self.expect("]", " in subquery or range")
        if not isinstance(node, VectorSelector) or node.range_ms:
            raise fault(
                "ranges only allowed for vector selectors", self.query, self.since(opening.span.start)
            )
        if node.offset_ms:
            raise fault(
                "no offset modifiers allowed before range", self.query, self.since(opening.span.start)
            )
        if node.at is not None:
            raise fault("no @ modifiers allowed before range", self.query, self.since(opening.span.start))
        return replace(node, range_ms=range_ms, span=self.since(node.span.start))

    def offset(self, node: Node) -> Node:
        word = self.take()
        offset_ms = self.durations.offset()
        span = self.since(word.span.start)
        if not isinstance(node, VectorSelector | Subquery):
            raise fault(f"offset modifier must be preceded by {_SHIFTABLE}", self.query, span)
        if node.offset_ms:
            raise fault("offset may not be set multiple times", self.query, span)
        return replace(node, offset_ms=offset_ms, span=self.since(node.span.start))

    def at_modifier(self, node: Node) -> Node:
        mark = self.take()
        at: At
        word = self.accept("start", "end")
        if word is None:
            at = self.durations.timestamp()
        else:
            self.expect("(", " in @")
            self.expect(")", " in @")
            at = "start" if word.word == "start" else "end"
        span = self.since(mark.span.start)
        if not isinstance(node, VectorSelector | Subquery):
            raise fault(f"@ modifier must be preceded by {_SHIFTABLE}", self.query, span)
        if node.at is not None:
            raise fault("@ <timestamp> may not be set multiple times", self.query, span)
        return replace(node, at=at, span=self.since(node.span.start))
