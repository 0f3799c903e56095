"""Text → tokens, as Go's text/template cuts it.

Trim markers and comments are dealt with here: `{{- ` takes the white space before it, ` -}}` that after it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from promkit.errors import ConfigError, Where

__all__ = ["Kind", "Token", "fault", "tokens"]

_SPACE = " \t\r\n"
_PATTERNS = re.compile(
    r"""
    (?P<SPACE>[ \t\r\n]+)
  | (?P<STRING>"(?:[^"\\\n]|\\[^\n])*+")
  | (?P<RAW>`[^`]*+`)
  | (?P<CHARACTER>'(?:[^'\\\n]|\\[^\n])++')
  | (?P<NUMBER>[+-]?(?:0[xX][0-9a-fA-F_]++|0[bB][01_]++|0[oO][0-7_]++
               |(?:[0-9][0-9_]*+(?:\.[0-9_]*+)?|\.[0-9][0-9_]*+)(?:[eE][+-]?[0-9]++)?))
  | (?P<FIELD>\.[^\W\d]\w*+)
  | (?P<VARIABLE>\$\w*+)
  | (?P<WORD>[^\W\d]\w*+)
  | (?P<DECLARE>:=)
  | (?P<SIGN>[.|(),=])
    """,
    re.VERBOSE,
)


class Kind(Enum):
    """What a token is."""

    TEXT = auto()
    LEFT = auto()  # {{
    RIGHT = auto()  # }}
    SPACE = auto()
    STRING = auto()
    RAW = auto()
    CHARACTER = auto()
    NUMBER = auto()
    FIELD = auto()
    VARIABLE = auto()
    WORD = auto()
    DECLARE = auto()
    SIGN = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the source and where it begins."""

    kind: Kind
    text: str
    at: int


def fault(problem: str, source: str, name: str, at: int) -> ConfigError:
    """Make the error of a wrong template, with line and column in it."""
    line = source.count("\n", 0, at) + 1
    column = at - (source.rfind("\n", 0, at) + 1) + 1
    return ConfigError(f"template: {problem}", Where(name, line, column))


def tokens(source: str, name: str) -> Iterator[Token]:
    """Cut `source`; `name` says in faults what it is.

    ConfigError: an action or comment that is not closed, or a sign that none can hold.
    """
    at = 0
    trim_left = False
    while True:
        start = source.find("{{", at)
        text = source[at : start if start >= 0 else None]
        text_at = at
        if trim_left:
            stripped = text.lstrip(_SPACE)
            text_at += len(text) - len(stripped)
            text = stripped
        if start < 0:
            if text:
                yield Token(Kind.TEXT, text, text_at)
            yield Token(Kind.END, "", len(source))
            return
        trims = source.startswith("-", start + 2) and source[start + 3 : start + 4] in (*_SPACE, "")
        if trims:
            text = text.rstrip(_SPACE)
        if text:
            yield Token(Kind.TEXT, text, text_at)
        inside = start + (4 if trims else 2)
        if source.startswith("/*", inside):
            at, trim_left = _comment(source, name, start, inside)
            continue
        yield Token(Kind.LEFT, "{{", start)
        cut = _Action(source, name, start, inside)
        yield from cut.tokens()
        at, trim_left = cut.end, cut.trims
        yield Token(Kind.RIGHT, "}}", at - 2)


def _comment(source: str, name: str, start: int, inside: int) -> tuple[int, bool]:
    end = source.find("*/", inside + 2)
    if end < 0:
        raise fault("comment is not closed", source, name, start)
    if source.startswith("}}", end + 2):
        return end + 4, False
    if source[end + 2 : end + 3] in tuple(_SPACE) and source.startswith("-}}", end + 3):
        return end + 6, True
    raise fault("comment ends before its action does", source, name, start)


class _Action:
    """What is between `{{` and `}}`."""

    def __init__(self, source: str, name: str, start: int, inside: int) -> None:
        self._source = source
        self._name = name
        self._start = start
        self._at = inside
        self.end = inside
        self.trims = False

    def tokens(self) -> Iterator[Token]:
        source = self._source
        while True:
            if source.startswith("}}", self._at):
                self.end = self._at + 2
                return
            if source[self._at : self._at + 1] in tuple(_SPACE) and source.startswith("-}}", self._at + 1):
                self.end, self.trims = self._at + 4, True
                return
            match = _PATTERNS.match(source, self._at)
            if match is None:
                raise self._wrong()
            kind = Kind[match.lastgroup or "SIGN"]
            text = match[0]
            # ` -}}` may come after more white space than one sign.
            if kind is Kind.SPACE and source.startswith("-}}", match.end()):
                self.end, self.trims = match.end() + 3, True
                return
            self._at = match.end()
            yield Token(kind, text, match.start())

    def _wrong(self) -> ConfigError:
        sign = self._source[self._at : self._at + 1]
        if not sign:
            return fault("action is not closed: }} is missing", self._source, self._name, self._start)
        quotes = {'"': "text", "`": "text", "'": "character"}
        problem = f"{quotes[sign]} is not closed" if sign in quotes else f"unexpected {sign!r}"
        return fault(problem, self._source, self._name, self._at)
