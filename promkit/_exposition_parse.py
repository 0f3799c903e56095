"""Page → families.

Each line is read once, left to right, with regular expressions that cannot backtrack over one another, so
that the time is linear in the page whatever its bytes are.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from promkit._families import Exemplar, Family, MetricType, Sample
from promkit.errors import LuminaError, Where
from promkit.labels import EMPTY, METRIC_NAME, Labels

__all__ = ["ExpositionError", "parse"]

_SPACE = " \t"
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*+")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*+")
_QUOTED = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"')
# One `name="value"` of the plain kind, with what follows it: what nearly all label pairs look like.
_PAIR = re.compile(r'[ \t]*+([a-zA-Z_][a-zA-Z0-9_]*+)="([^"\\]*+)"(,|\})')
_NUMBER = re.compile(r"[-+.0-9a-zA-Z]++")
_INTEGER = re.compile(r"[-+]?[0-9]{1,19}")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "\\": "\\", '"': '"'}
_TYPES = {kind.value: kind for kind in MetricType} | {"untyped": MetricType.UNTYPED}
# The samples that belong to a family of another name: suffix → types.
_SUFFIXES = {
    "_total": {MetricType.COUNTER},
    "_created": {MetricType.COUNTER, MetricType.HISTOGRAM, MetricType.SUMMARY},
    "_bucket": {MetricType.HISTOGRAM, MetricType.GAUGEHISTOGRAM},
    "_sum": {MetricType.HISTOGRAM, MetricType.SUMMARY},
    "_count": {MetricType.HISTOGRAM, MetricType.SUMMARY},
    "_gsum": {MetricType.GAUGEHISTOGRAM},
    "_gcount": {MetricType.GAUGEHISTOGRAM},
    "_info": {MetricType.INFO},
}
_INT64_MAX = (1 << 63) - 1
_SHOWN_MAX = 40


class ExpositionError(LuminaError):
    """Not a page in the format; `where` has line and column."""


@dataclass(slots=True)
class _Draft:
    """A family while its lines are read."""

    name: str
    type: MetricType | None = None
    help: str | None = None
    unit: str | None = None
    samples: list[Sample] = field(default_factory=list)

    def family(self) -> Family:
        kind = self.type or MetricType.UNTYPED
        name = self.name
        # The text format's TYPE line has the counter's _total, OpenMetrics' has not: keep to the latter.
        if kind is MetricType.COUNTER:
            name = name.removesuffix("_total")
        return Family(name, kind, self.help or "", tuple(self.samples), self.unit or "")


def parse(page: bytes, openmetrics: bool = False, source: str = "page") -> list[Family]:  # noqa: FBT001, FBT002
    """Read a page, families in the order in which they first appear.

    ExpositionError: where and why it is not one (`source` names the page in it).
    """
    reader = _Reader(source, openmetrics)
    for number, line in enumerate(_lines(page, source), 1):
        reader.read(line, number)
    return reader.end()


def _lines(page: bytes, source: str) -> Iterator[str]:
    try:
        text = page.decode()
    except UnicodeDecodeError as error:
        line_start = page.rfind(b"\n", 0, error.start) + 1
        where = Where(source, page.count(b"\n", 0, error.start) + 1, error.start - line_start + 1)
        raise ExpositionError("not UTF-8", where) from None
    # Only line feeds end a line: str.splitlines would cut label values at U+2028 and others.
    return iter(text.split("\n"))


class _Reader:
    """Where the reading of one page stands."""

    def __init__(self, source: str, openmetrics: bool) -> None:  # noqa: FBT001 - the format
        self._source = source
        self._openmetrics = openmetrics
        self._drafts: dict[str, _Draft] = {}
        self._owners: dict[str, _Draft] = {}  # sample name → family, as looked up before
        self._line = ""
        self._number = 0
        self._ended = False

    def read(self, line: str, number: int) -> None:
        self._line, self._number = line.removesuffix("\r"), number
        if self._ended and self._line:
            raise self._error("text after # EOF", 0)
        start = self._skip(0)
        if start == len(self._line):
            return
        if self._line[start] == "#":
            self._comment(start)
        else:
            sample = self._sample(start)
            self._owner(sample.name).samples.append(sample)

    def end(self) -> list[Family]:
        if self._openmetrics and not self._ended:
            raise self._error("the page ends without # EOF", len(self._line), "was it cut off?")
        return [draft.family() for draft in self._drafts.values()]

    # Comments: HELP, TYPE, UNIT, EOF; anything else is for people.

    def _comment(self, start: int) -> None:
        if self._openmetrics and self._line == "# EOF":
            self._ended = True
            return
        keyword_start = self._skip(start + 1)
        keyword, _, _ = self._line[keyword_start : keyword_start + 5].partition(" ")
        keyword = keyword.partition("\t")[0]
        if keyword not in {"HELP", "TYPE", "UNIT"} or (keyword == "UNIT" and not self._openmetrics):
            return
        name, position = self._metric_name(self._skip(keyword_start + len(keyword)))
        if position < len(self._line) and self._line[position] not in _SPACE:
            raise self._error("expected a space after the metric's name", position)
        self._describe(keyword, self._draft(name), self._skip(position))

    def _describe(self, keyword: str, draft: _Draft, position: int) -> None:
        text = self._line[position:]
        before = {"HELP": draft.help, "TYPE": draft.type, "UNIT": draft.unit}[keyword]
        if before is not None:
            raise self._error(f"second {keyword} line for {_shown(draft.name)}", 0)
        if keyword == "HELP":
            draft.help = _unescape(text)
            return
        if draft.samples:
            raise self._error(f"{keyword} line after samples of {_shown(draft.name)}", 0)
        text = text.rstrip(_SPACE)
        if keyword == "UNIT":
            draft.unit = text
        elif text in _TYPES:
            draft.type = _TYPES[text]
        else:
            raise self._error(f"unknown type {_shown(text)}", position, "known are " + ", ".join(_TYPES))

    def _draft(self, name: str) -> _Draft:
        draft = self._drafts.get(name)
        if draft is None:
            draft = self._drafts[name] = _Draft(name)
        return draft

    def _owner(self, name: str) -> _Draft:
        """Find the family of a sample: its own name's, or that of the name without a suffix of its type."""
        owner = self._owners.get(name)
        if owner is None:
            owner = self._owners[name] = self._drafts.get(name) or self._base(name) or self._draft(name)
        return owner

    def _base(self, name: str) -> _Draft | None:
        head, underscore, tail = name.rpartition("_")
        kinds = _SUFFIXES.get(underscore + tail)
        base = self._drafts.get(head) if kinds else None
        return base if base is not None and kinds is not None and base.type in kinds else None

    # Samples: name{labels} value [timestamp] [# exemplar]

    def _sample(self, start: int) -> Sample:
        line = self._line
        if line[start] == "{":
            name, labels, position = self._named_braces(start)
        else:
            name, position = self._metric_name(start)
            position = self._skip(position)
            labels = EMPTY
            if position < len(line) and line[position] == "{":
                labels, position = self._labels(position + 1, [])
        value, position = self._float(position, "a value")
        timestamp_ms = None
        exemplar = None
        if position < len(line) and line[position] != "#":
            timestamp_ms, position = self._timestamp(position)
        if position < len(line) and line[position] == "#" and self._openmetrics:
            exemplar, position = self._exemplar(position)
        if position < len(line):
            raise self._error("expected the end of the line", position)
        return Sample(name, labels, value, timestamp_ms, exemplar)

    def _metric_name(self, position: int) -> tuple[str, int]:
        if self._line.startswith('"', position):
            return self._quoted_name(position)
        match = _METRIC.match(self._line, position)
        if match is None:
            raise self._error("expected a metric's name", position)
        return match[0], match.end()

    def _quoted_name(self, position: int) -> tuple[str, int]:
        match = _QUOTED.match(self._line, position)
        if match is None:
            raise self._error("a quote is not closed", position)
        if not match[1]:
            raise self._error("an empty name", position)
        return _unescape(match[1]), match.end()

    def _named_braces(self, start: int) -> tuple[str, Labels, int]:
        """Read `{"my.metric",a="b"}`."""
        position = self._skip(start + 1)
        if not self._line.startswith('"', position):
            raise self._error("expected a quoted metric name first in the braces", position)
        name, position = self._quoted_name(position)
        position = self._skip(position)
        if self._line.startswith("}", position):
            return name, EMPTY, self._skip(position + 1)
        if not self._line.startswith(",", position):
            raise self._error("expected , or }", position)
        labels, position = self._labels(position + 1, [])
        return name, labels, position

    def _labels(self, position: int, pairs: list[tuple[str, str]]) -> tuple[Labels, int]:
        """Read from after the opening brace to the first character after the closing one."""
        line = self._line
        while True:
            match = _PAIR.match(line, position)
            if match is not None:
                name, value, after = match.groups()
                position = match.end()
            else:
                position = self._skip(position)
                if line.startswith("}", position):
                    position += 1
                    break
                name, value, after, position = self._pair(position)
            pairs.append((name, value))
            if after == "}":
                break
        labels = Labels(pairs)
        if len(labels) != len(pairs) or METRIC_NAME in labels:
            self._check_names(pairs, position)
        return labels, self._skip(position)

    def _pair(self, position: int) -> tuple[str, str, str, int]:
        line = self._line
        if line.startswith('"', position):
            name, position = self._quoted_name(position)
        elif match := _LABEL.match(line, position):
            name, position = match[0], match.end()
        else:
            raise self._error("expected a label's name or }", position)
        position = self._skip(position)
        if not line.startswith("=", position):
            raise self._error(f"expected = after label {_shown(name)}", position)
        position = self._skip(position + 1)
        if not line.startswith('"', position):
            raise self._error(f"expected a quoted value of label {_shown(name)}", position)
        quoted = _QUOTED.match(line, position)
        if quoted is None:
            raise self._error(f"the value of label {_shown(name)} is not closed", position)
        position = self._skip(quoted.end())
        after = line[position : position + 1]
        if after not in {",", "}"}:
            raise self._error("expected , or }", position)
        return name, _unescape(quoted[1]), after, position + 1

    def _check_names(self, pairs: list[tuple[str, str]], position: int) -> None:
        seen: set[str] = set()
        for name, _ in pairs:
            if name == METRIC_NAME:
                raise self._error(f"label {METRIC_NAME} is reserved for the metric's name", position - 1)
            if name in seen:
                raise self._error(f"label {_shown(name)} stands there twice", position - 1)
            seen.add(name)

    def _float(self, position: int, wanted: str) -> tuple[float, int]:
        match = _NUMBER.match(self._line, position)
        if match is None:
            raise self._error(f"expected {wanted}", position)
        try:
            value = float(match[0])
        except ValueError:
            raise self._error(f"not a number: {_shown(match[0])}", position) from None
        return value, self._after_token(match.end())

    def _timestamp(self, position: int) -> tuple[int, int]:
        if self._openmetrics:
            seconds, after = self._float(position, "a timestamp in seconds")
            if not math.isfinite(seconds) or abs(seconds) > 1e15:
                raise self._error("not a timestamp in seconds", position)
            return round(seconds * 1000), after
        match = _INTEGER.match(self._line, position)
        if match is None or abs(int(match[0])) > _INT64_MAX:
            raise self._error("expected a timestamp in whole milliseconds", position)
        return int(match[0]), self._after_token(match.end())

    def _exemplar(self, position: int) -> tuple[Exemplar, int]:
        position = self._skip(position + 1)
        if not self._line.startswith("{", position):
            raise self._error("expected the exemplar's labels in braces", position)
        labels, position = self._labels(position + 1, [])
        value, position = self._float(position, "the exemplar's value")
        timestamp_ms = None
        if position < len(self._line):
            timestamp_ms, position = self._timestamp(position)
        return Exemplar(labels, value, timestamp_ms), position

    def _after_token(self, position: int) -> int:
        if position < len(self._line) and self._line[position] not in _SPACE:
            raise self._error("expected a space or the end of the line", position)
        return self._skip(position)

    def _skip(self, position: int) -> int:
        line = self._line
        while position < len(line) and line[position] in _SPACE:
            position += 1
        return position

    def _error(self, problem: str, position: int, remedy: str | None = None) -> ExpositionError:
        return ExpositionError(problem, Where(self._source, self._number, position + 1), remedy)


def _unescape(text: str) -> str:
    """Resolve escapes; an unknown one is kept as it stands, as Prometheus does."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[0]), text)


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…")
