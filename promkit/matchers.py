"""Label matchers on RE2: linear time, whoever wrote the expression. The exporter never imports this."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

import re2

from promkit.errors import QueryError
from promkit.labels import Labels, escape

__all__ = ["MatchOp", "Matcher", "capture_anchored", "compile_anchored", "expand"]

Captures = Mapping[str, str]
_REFERENCE = re.compile(r"\$(?:\$|\{(?P<braced>\w+)\}|(?P<plain>\w+))", re.ASCII)


class MatchOp(StrEnum):
    """The four label operators."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@lru_cache(maxsize=4096)
def compile_anchored(pattern: str) -> Callable[[str], bool]:
    """A test of whether `pattern` matches a whole text, as Prometheus anchors it (`^(?s:…)$`).

    QueryError: not an RE2 expression.
    """
    expression = _compile(pattern)
    return lambda text: expression.fullmatch(text) is not None


def _compile(pattern: str) -> Any:  # noqa: ANN401 - re2 has no types
    try:
        options = re2.Options()
        options.log_errors = False
        options.dot_nl = True
        options.max_mem = 16 << 20
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise QueryError(f"not a regular expression: {pattern!r}: {text}") from None


@dataclass(frozen=True, slots=True)
class Matcher:
    """`name op "value"`; an absent label counts as ""."""

    name: str
    op: MatchOp
    value: str
    _regex: Callable[[str], bool] | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self.op in {MatchOp.REGEX, MatchOp.NOT_REGEX}:
            object.__setattr__(self, "_regex", compile_anchored(self.value))

    def matches(self, value: str) -> bool:
        """Tell whether a label value fits."""
        match self.op:
            case MatchOp.EQUAL:
                return value == self.value
            case MatchOp.NOT_EQUAL:
                return value != self.value
            case MatchOp.REGEX:
                return self._regex is not None and self._regex(value)
            case MatchOp.NOT_REGEX:
                return self._regex is not None and not self._regex(value)

    def matches_labels(self, labels: Labels) -> bool:
        """Tell whether the label set's value of this name fits."""
        return self.matches(labels[self.name])

    def __str__(self) -> str:
        return f'{self.name}{self.op.value}"{escape(self.value)}"'


@lru_cache(maxsize=4096)
def capture_anchored(pattern: str) -> Callable[[str], Captures | None]:
    """The groups of `pattern` in a whole text, by number and by name; None where it does not match.

    QueryError: not an RE2 expression.
    """
    expression = _compile(pattern)
    names = dict(expression.groupindex)

    def captures(text: str) -> Captures | None:
        match = expression.fullmatch(text)
        if match is None:
            return None
        groups = [match.group(), *(group or "" for group in match.groups())]
        by_name = {name: groups[number] for name, number in names.items()}
        return by_name | {str(number): group for number, group in enumerate(groups)}

    return captures


def expand(template: str, captures: Captures) -> str:
    """Replace `$1`, `${1}`, `$name` and `$$`, as Go's Regexp.Expand does; an unknown group is empty."""
    return _REFERENCE.sub(lambda found: _expanded(found, captures), template)


def _expanded(found: re.Match[str], captures: Captures) -> str:
    if found.group() == "$$":
        return "$"
    return captures.get(found["braced"] or found["plain"], "")
