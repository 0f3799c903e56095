"""Query parameters as Prometheus takes them: from the URL, and from the form of a POST."""

import re
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from promkit.errors import QueryError
from promkit.matchers import Matcher
from ruler.api.wire import parse_instant, parse_span
from ruler.promql import parse, selectors

__all__ = ["Parameters", "TheParameters"]

_EARLIEST_MS = -(1 << 53)
_LATEST_MS = 1 << 53


class Parameters:
    """Named texts, several of a name where the API allows it."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def all(self, name: str) -> list[str]:
        """Every value given under this name."""
        return self._values.get(name, [])

    def text(self, name: str, default: str = "") -> str:
        """The first value, or the default where it is missing or empty."""
        return self._values.get(name, [default])[0] or default

    def required(self, name: str) -> str:
        """The first value. QueryError: it is missing."""
        text = self.text(name)
        if not text:
            raise QueryError(f'invalid parameter "{name}": it is missing')
        return text

    def instant(self, name: str, default_ms: int) -> int:
        """A Unix time or RFC 3339 instant, in milliseconds."""
        text = self.text(name)
        return parse_instant(text, name) if text else default_ms

    def span(self, name: str) -> int | None:
        """A duration in milliseconds, or None where it is missing."""
        text = self.text(name)
        return parse_span(text, name) if text else None

    def limit(self, name: str = "limit") -> int:
        """A count, 0 for no limit."""
        text = self.text(name, "0")
        if not re.fullmatch(r"\d{1,9}", text):
            raise QueryError(f'invalid parameter "{name}": not a whole number: {text!r}')
        return int(text)

    def flag(self, name: str, *, default: bool) -> bool:
        """`true` or `false`. QueryError: anything else."""
        text = self.text(name, "true" if default else "false").lower()
        if text not in {"true", "false", "1", "0"}:
            raise QueryError(f'invalid parameter "{name}": write true or false, not {text!r}')
        return text in {"true", "1"}

    def window(self) -> tuple[int, int]:
        """`start` and `end` of the series calls; all of time where they are missing."""
        start, end = self.instant("start", _EARLIEST_MS), self.instant("end", _LATEST_MS)
        if end < start:
            raise QueryError('invalid parameter "end": end timestamp must not be before start time')
        return start, end

    def selectors(self, name: str = "match[]") -> list[tuple[Matcher, ...]]:
        """Each value as the matchers of a series selector. QueryError: it is none."""
        found = []
        for text in self.all(name):
            inside = selectors(parse(text))
            if len(inside) != 1 or text.rstrip().endswith(("]", ")")):
                raise QueryError(f'invalid parameter "{name}": not a series selector: {text!r}')
            found.append(inside[0].matchers)
        return found


async def _parameters(request: Request) -> Parameters:
    pairs = list(request.query_params.multi_items())
    if request.method == "POST":
        # The form comes first, as Go's http.Request.Form has it; the body is bounded by the app.
        pairs = parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True) + pairs
    return Parameters(pairs)


TheParameters = Annotated[Parameters, Depends(_parameters)]
