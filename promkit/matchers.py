"""Label matchers on RE2: linear time, whoever wrote the expression. The exporter never imports this."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

import re2

from promkit.errors import QueryError
from promkit.labels import Labels, escape

__all__ = ["MatchOp", "Matcher", "compile_anchored"]


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
    try:
        options = re2.Options()
        options.log_errors = False
        options.dot_nl = True
        options.max_mem = 16 << 20
        expression = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise QueryError(f"not a regular expression: {pattern!r}: {text}") from None
    return lambda text: expression.fullmatch(text) is not None


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
