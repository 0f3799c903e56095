"""A place in a list of tokens, and how to go on from it."""

from collections.abc import Callable
from typing import TypeVar

from promkit.errors import QueryError
from ruler.promql.ast import Span
from ruler.promql.lexer import Kind, Token, fault, tokenize
from ruler.promql.text import quote

__all__ = ["NOT_A_METRIC", "Reader", "describe"]

NOT_A_METRIC = frozenset(("bool", "on", "ignoring", "group_left", "group_right", "atan2"))
T = TypeVar("T")


class Reader:
    """Takes tokens one by one."""

    def __init__(self, query: str) -> None:
        self.query = query
        self.tokens = tokenize(query)
        self.at = 0

    def peek(self, ahead: int = 0) -> Token:
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def take(self) -> Token:
        token = self.peek()
        self.at += 1
        return token

    def accept(self, *texts: str) -> Token | None:
        """Take the next token if it is one of these operators or words."""
        token = self.peek()
        if token.kind in {Kind.OPERATOR, Kind.IDENTIFIER} and token.word in texts:
            return self.take()
        return None

    def expect(self, text: str, context: str) -> Token:
        token = self.accept(text)
        if token is None:
            raise self.unexpected(context, f'"{text}"')
        return token

    def unexpected(self, context: str, expected: str = "") -> QueryError:
        token = self.peek()
        wanted = f", expected {expected}" if expected else ""
        return fault(f"unexpected {describe(token)}{context}{wanted}", self.query, token.span)

    def since(self, start: int) -> Span:
        return Span(start, self.tokens[self.at - 1].span.end)

    def listed(self, end: str, item: Callable[[], T], context: str) -> list[T]:
        """Items between commas up to `end`; a comma may stand after the last."""
        items: list[T] = []
        while not self.accept(end):
            items.append(item())
            if not self.accept(","):
                self.expect(end, context)
                break
        return items


def describe(token: Token) -> str:
    """A token as an error names it."""
    match token.kind:
        case Kind.END:
            return "end of input"
        case Kind.STRING:
            return f"string {token.text}"
        case Kind.NUMBER | Kind.DURATION:
            return f"{token.kind.value} {quote(token.text)}"
        case Kind.IDENTIFIER if token.word in NOT_A_METRIC:
            return f"<{token.word}>"
        case Kind.IDENTIFIER | Kind.METRIC:
            return f"identifier {quote(token.text)}"
        case _:
            return f'"{token.text}"'
