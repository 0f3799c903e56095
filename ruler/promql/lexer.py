"""Text → tokens. Which words are keywords depends on where they stand, so that is the parser's to say."""

import re
from dataclasses import dataclass
from enum import StrEnum

from promkit.errors import QueryError
from ruler.promql.ast import Span
from ruler.promql.text import quote, unquote

__all__ = ["Kind", "Token", "caret", "fault", "tokenize"]


class Kind(StrEnum):
    """What a token is."""

    NUMBER = "number"
    DURATION = "duration"
    STRING = "string"
    IDENTIFIER = "identifier"  # no colon
    METRIC = "metric identifier"  # with a colon
    OPERATOR = "operator"
    END = "end of input"


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is as written; `value` is a string's content."""

    kind: Kind
    text: str
    span: Span
    value: str = ""

    @property
    def word(self) -> str:
        """The token as a keyword or operator."""
        return self.text.lower() if self.kind is Kind.IDENTIFIER else self.text


_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_DURATION = re.compile(r"(?:[0-9]+(?:ms|[smhdwy]))+(?![\w.])")
_NUMBER = re.compile(
    r"(?:0[xX][0-9a-fA-F_]+"
    r"|[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9]+)?"
    r"|\.[0-9][0-9_]*(?:[eE][+-]?[0-9]+)?)(?![\w.])",
    re.ASCII,
)
_WORD = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_OPERATOR = re.compile(r"==|!=|=~|!~|>=|<=|[-+*/%^=<>(){}\[\],:@]")
_SPECIAL_NUMBER = re.compile(r"(?:[iI][nN][fF]|[nN][aA][nN])")
QUERY_LENGTH_MAX = 1 << 20


def tokenize(query: str) -> list[Token]:
    """All tokens, an END at last.

    QueryError: what no token begins with, a string without its end, a number that is none.
    """
    if len(query) > QUERY_LENGTH_MAX:
        raise fault(f"the query is longer than {QUERY_LENGTH_MAX} characters", query, Span(0, 0))
    tokens: list[Token] = []
    at = 0
    in_brackets = False  # there a colon is a subquery's, and begins no name
    while True:
        at = _skip(query, at)
        if at == len(query):
            tokens.append(Token(Kind.END, "", Span(at, at)))
            return tokens
        token = _next(query, at, in_brackets=in_brackets)
        if token.kind is Kind.OPERATOR and token.text in {"[", "]"}:
            in_brackets = token.text == "["
        tokens.append(token)
        at = token.span.end


def _skip(query: str, at: int) -> int:
    match = _SPACE.match(query, at)
    return match.end() if match else at


def _next(query: str, at: int, *, in_brackets: bool) -> Token:
    letter = query[at]
    if letter in "\"'`":
        return _string(query, at)
    if letter.isdigit() or (letter == "." and query[at + 1 : at + 2].isdigit()):
        return _number(query, at)
    if letter != ":" or not in_brackets:
        match = _WORD.match(query, at)
        if match:
            text = match.group()
            if _SPECIAL_NUMBER.fullmatch(text):
                return Token(Kind.NUMBER, text, Span(*match.span()))
            kind = Kind.METRIC if ":" in text else Kind.IDENTIFIER
            return Token(kind, text, Span(*match.span()))
    match = _OPERATOR.match(query, at)
    if match:
        return Token(Kind.OPERATOR, match.group(), Span(*match.span()))
    raise fault(f"unexpected character: {_character(letter)}", query, Span(at, at + 1))


def _number(query: str, at: int) -> Token:
    for pattern, kind in ((_DURATION, Kind.DURATION), (_NUMBER, Kind.NUMBER)):
        match = pattern.match(query, at)
        if match:
            return Token(kind, match.group(), Span(*match.span()))
    tail = re.compile(r"[\w.]*").match(query, at)
    end = tail.end() if tail else at + 1
    raise fault(f"bad number or duration syntax: {quote(query[at:end])}", query, Span(at, end))


def _string(query: str, at: int) -> Token:
    mark = query[at]
    end = at + 1
    while end < len(query) and query[end] != mark:
        if query[end] == "\n" and mark != "`":
            break
        end += 2 if query[end] == "\\" and mark != "`" else 1
    if end >= len(query) or query[end] != mark:
        kind = "raw" if mark == "`" else "quoted"
        raise fault(f"unterminated {kind} string", query, Span(at, min(end, len(query))))
    try:
        value = unquote(query[at + 1 : end], mark)
    except ValueError as error:
        raise fault(
            f"invalid syntax in string {query[at : end + 1]}: {error}", query, Span(at, end + 1)
        ) from None
    return Token(Kind.STRING, query[at : end + 1], Span(at, end + 1), value)


def _character(letter: str) -> str:
    return f"'{letter}'" if letter.isprintable() else f"U+{ord(letter):04X}"


def line_and_column(query: str, at: int) -> tuple[int, int]:
    """Where an offset stands, both from 1."""
    before = query[:at]
    return before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1


def fault(problem: str, query: str, span: Span, remedy: str | None = None) -> QueryError:
    """A parse error that says line and column, as Prometheus writes them: `1:7: parse error: …`."""
    line, column = line_and_column(query, span.start)
    return QueryError(f"parse error: {problem}", f"{line}:{column}", remedy, position=span.start)


def caret(query: str, position: int) -> str:
    """The line that holds `position`, and under it a caret that points there."""
    line, column = line_and_column(query, position)
    text = query.split("\n")[line - 1]
    indent = "".join("\t" if letter == "\t" else " " for letter in text[: column - 1])
    return f"{text}\n{indent}^"
