r"""Matchers as people write them to Alertmanager: `{severity=~"high|critical", "größe"!=xl}`, and back.

Two grammars are in use. The classic one takes a value as it stands, spaces included, up to the next comma;
the UTF-8 one quotes names and values as Go does. A text that the classic one can read means what it always
meant; all others are read as UTF-8. So does Alertmanager when the two disagree.
"""

import re
from collections.abc import Iterable

from promkit.errors import QueryError
from promkit.labels import escape
from promkit.matchers import Matcher, MatchOp

__all__ = ["format_matcher", "format_matchers", "go_quote", "parse_matcher", "parse_matchers"]

_OPERATOR = re.compile(r"=~|!~|!=|=")
_CLASSIC = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|=|!=|!~)\s*(.*?)\s*", re.DOTALL)
_RESERVED = "{}!=~,\\\"'`"
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_CODES = {"x": 2, "u": 4, "U": 8}
_LENGTH_MAX = 65_536


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """Read one or several matchers, with or without braces around them.

    QueryError: not matchers; its position is where the fault begins.
    """
    if len(text) > _LENGTH_MAX:
        raise QueryError(f"matchers longer than {_LENGTH_MAX} characters", position=_LENGTH_MAX)
    classic = _classic(text)
    return classic if classic is not None else _Utf8(text).read()


def parse_matcher(text: str) -> Matcher:
    """Read exactly one matcher."""
    found = parse_matchers(text)
    if len(found) != 1:
        raise QueryError(f"expected one matcher, found {len(found)}: {text!r}", position=0)
    return found[0]


def format_matcher(matcher: Matcher) -> str:
    """Write a matcher as Alertmanager does, in group keys too."""
    if any(_reserved(sign) for sign in matcher.name):
        return f"{go_quote(matcher.name)}{matcher.op.value}{go_quote(matcher.value)}"
    return f'{matcher.name}{matcher.op.value}"{escape(matcher.value)}"'


def format_matchers(matchers: Iterable[Matcher]) -> str:
    """Write `{a="b",c=~"d"}`."""
    return "{" + ",".join(format_matcher(matcher) for matcher in matchers) + "}"


def go_quote(text: str) -> str:
    """Quote as Go's strconv.Quote: what cannot be printed is escaped."""
    return '"' + "".join(_go_escape(sign) for sign in text) + '"'


def _go_escape(sign: str) -> str:
    if sign in {'"', "\\"}:
        return "\\" + sign
    if sign.isprintable():
        return sign
    for letter, meant in _ESCAPES.items():
        if sign == meant:
            return "\\" + letter
    code = ord(sign)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _reserved(sign: str) -> bool:
    return sign in _RESERVED or sign.isspace()


# The classic grammar. None: not in it.


def _classic(text: str) -> tuple[Matcher, ...] | None:
    inner = text.strip().removeprefix("{").removesuffix("}")
    matchers = []
    for part in _split(inner):
        match = _CLASSIC.fullmatch(part)
        value = _classic_value(match[3]) if match else None
        if match is None or value is None:
            return None
        matchers.append(Matcher(match[1], MatchOp(match[2]), value))
    return tuple(matchers)


def _split(text: str) -> list[str]:
    """Cut at commas outside quotes; one comma may end the list."""
    parts, start, quoted, escaped = [], 0, False, False
    for position, sign in enumerate(text):
        if escaped:
            escaped = False
        elif sign == "\\":
            escaped = True
        elif sign == '"':
            quoted = not quoted
        elif sign == "," and not quoted:
            parts.append(text[start:position])
            start = position + 1
    if text[start:].strip() or not parts:
        parts.append(text[start:])
    return parts if text.strip() else []


def _classic_value(raw: str) -> str | None:
    quoted = raw.startswith('"')
    out, escaped, closed = [], False, False
    for sign in raw[1:] if quoted else raw:
        if closed:
            return None
        if escaped:
            escaped = False
            out.append({"n": "\n", '"': '"', "\\": "\\"}.get(sign, "\\" + sign))
        elif sign == "\\":
            escaped = True
        elif sign == '"':
            if not quoted:
                return None
            closed = True
        else:
            out.append(sign)
    if escaped:
        out.append("\\")
    return "".join(out) if closed == quoted else None


# The UTF-8 grammar.


class _Utf8:
    """One reading, left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read(self) -> tuple[Matcher, ...]:
        braces = self._take("{")
        matchers = []
        while not self._ends(braces=braces):
            matchers.append(self._matcher())
            if not self._take(","):
                break
        if braces and not self._take("}"):
            raise self._error("expected , or }")
        self._space()
        if self._at < len(self._text):
            raise self._error("expected a comma or the end")
        return tuple(matchers)

    def _ends(self, *, braces: bool) -> bool:
        self._space()
        return self._at == len(self._text) or (braces and self._text[self._at] == "}")

    def _matcher(self) -> Matcher:
        name = self._word("a label name")
        self._space()
        operator = _OPERATOR.match(self._text, self._at)
        if operator is None:
            raise self._error("expected an operator: =, !=, =~ or !~")
        self._at = operator.end()
        start = self._at
        value = self._word("a value")
        try:
            return Matcher(name, MatchOp(operator[0]), value)
        except QueryError as error:
            raise QueryError(error.problem, position=start) from None

    def _word(self, wanted: str) -> str:
        self._space()
        if self._at < len(self._text) and self._text[self._at] == '"':
            return self._quoted()
        start = self._at
        while self._at < len(self._text) and not _reserved(self._text[self._at]):
            self._at += 1
        if self._at == start:
            raise self._error(f"expected {wanted}")
        return self._text[start : self._at]

    def _quoted(self) -> str:
        start = self._at
        self._at += 1
        out: list[str] = []
        while self._at < len(self._text):
            sign = self._text[self._at]
            self._at += 1
            if sign == '"':
                return "".join(out)
            out.append(self._escape() if sign == "\\" else sign)
        self._at = start
        raise self._error("the quote is not closed")

    def _escape(self) -> str:
        sign = self._text[self._at : self._at + 1]
        self._at += 1
        if sign in {"\\", '"'}:
            return sign
        if sign in _ESCAPES:
            return _ESCAPES[sign]
        digits = self._text[self._at : self._at + _CODES.get(sign, 0)]
        if digits and len(digits) == _CODES[sign] and all(d in "0123456789abcdefABCDEF" for d in digits):
            code = int(digits, 16)
            if code < 0xD800 or 0xDFFF < code <= 0x10FFFF:
                self._at += len(digits)
                return chr(code)
        self._at -= 2
        raise self._error("no such escape in a quoted text")

    def _take(self, sign: str) -> bool:
        self._space()
        found = self._text.startswith(sign, self._at)
        self._at += len(sign) if found else 0
        return found

    def _space(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1

    def _error(self, problem: str) -> QueryError:
        return QueryError(f"not a matcher: {self._text!r}: {problem} at {self._at + 1}", position=self._at)
