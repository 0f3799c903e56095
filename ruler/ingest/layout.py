r"""A page's layout: what in it stays from scrape to scrape, and where the values stand in between.

    http_requests_total{code="200"} 1027\n       tokens: http_requests_total{code="200"} | 1027  |
    http_requests_total{code="500"} 3\n                  http_requests_total{code="500"} | 3     | (empty)
                                                 kinds:  NAME                            | VALUE | NAME

A page is cut at spaces and line feeds in one go. When all tokens but the values are what they were last time,
the values belong to the same series as last time: no line is looked at, and no name is parsed. Otherwise the
page is read line by line, where only lines that were not there before are parsed (`learn`).
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import compress, groupby

import numpy as np
from numpy.typing import NDArray

from promkit import exposition
from promkit.errors import Where
from promkit.exposition import ExpositionError, Sample
from promkit.labels import METRIC_NAME, Labels
from ruler.ingest.numbers import numbers
from ruler.store import Times, Values

__all__ = ["Layout", "Page", "learn", "metadata", "parsed_line", "prefix_of"]

_NAME, _VALUE, _TIME, _WILD = 0, 1, 2, 3
_RUN_MIN = 8  # known lines in a row that are worth taking at once
# A sample's name and labels; whether they are well formed, the parser says.
_QUOTED = rb'"(?:[^"\\]|\\.)*+"'
_PREFIX = re.compile(
    rb'[ \t]*+(?:%b|[^{ \t"])*+[ \t]*+\{(?:[^"}]|%b)*+\}|[ \t]*+[^ \t]++' % (_QUOTED, _QUOTED)
)
_BOUNDS = {b"histogram": "le", b"summary": "quantile"}
_PLAIN = re.compile(
    rb"([a-zA-Z_:][a-zA-Z0-9_:]*+)"
    rb'(\{(?:[a-zA-Z_][a-zA-Z0-9_]*+="[^"\\]*+"(?:,[a-zA-Z_][a-zA-Z0-9_]*+="[^"\\]*+")*+)?+\})?+'
)
_PLAIN_PAIR = re.compile(rb'([a-zA-Z_][a-zA-Z0-9_]*+)="([^"\\]*+)"')


@dataclass(frozen=True, slots=True)
class Page:
    """What one page says."""

    layout: "Layout"
    values: Values  # [N], one for each of `layout.prefixes`
    times: Times | None = None  # [N], where the layout has timestamps; those of others are meaningless


@dataclass(frozen=True, slots=True)
class Layout:
    """What stays of a page. N sample lines, M tokens."""

    prefixes: Sequence[bytes]  # [N], name and labels as they are spelt
    comments: Sequence[bytes]  # HELP, TYPE and UNIT lines
    timed: NDArray[np.bool_]  # [N], whether the sample has a time of its own
    names: Sequence[bytes]  # the tokens of kind NAME, in order
    is_name: bytes  # [M], 0 or 1
    is_value: bytes
    is_time: bytes
    tokens: int  # M; 0: this page cannot be read by tokens
    openmetrics: bool

    def read(self, body: bytes) -> Page | None:
        """Read a page that has this layout; None: it has not."""
        tokens = body.replace(b"\n", b" ").split(b" ")
        if len(tokens) != self.tokens or list(compress(tokens, self.is_name)) != self.names:
            return None
        try:
            values = numbers(list(compress(tokens, self.is_value)))
            if not self.timed.any():
                return Page(self, values)
            return Page(self, values, self._times(list(compress(tokens, self.is_time))))
        except (ValueError, OverflowError):
            return None  # the slow way says where

    def _times(self, texts: Sequence[bytes]) -> Times:
        times = np.zeros(len(self.prefixes), np.int64)
        if self.openmetrics:
            times[self.timed] = np.rint(numbers(texts) * 1000).astype(np.int64)
        else:
            times[self.timed] = np.fromiter(map(int, texts), np.int64, len(texts))
        return times


def learn(
    body: bytes, known: Mapping[bytes, object], *, openmetrics: bool
) -> tuple[Page, dict[bytes, Labels]]:
    """Read a page line by line, and its layout; → also the labels of all prefixes that are not `known`.

    ExpositionError: what is wrong on which line.
    """
    lines = body.split(b"\n")
    if openmetrics:
        lines = _ended(lines)
    draft = _Draft(known, openmetrics=openmetrics)
    parts = [line.rpartition(b" ") for line in lines]
    position = 0
    for is_known, run in groupby([prefix in known for prefix, _, _ in parts]):
        end = position + len(list(run))
        if not is_known or end - position < _RUN_MIN or not draft.add_run(parts[position:end]):
            for place in range(position, end):
                draft.read(lines[place], parts[place], place + 1)
        position = end
    return draft.page(body), draft.new


class _Draft:
    """A layout while its lines are read."""

    def __init__(self, known: Mapping[bytes, object], *, openmetrics: bool) -> None:
        self.new: dict[bytes, Labels] = {}
        self._known = known
        self._openmetrics = openmetrics
        self._kind = b""  # of the last TYPE line
        self._prefixes: list[bytes] = []
        self._values: list[float] = []
        self._times: list[int | None] = []
        self._kinds: list[bytes] = []
        self._comments: list[bytes] = []
        self._regular = True

    def add_run(self, parts: Sequence[tuple[bytes, bytes, bytes]]) -> bool:
        """Take many known lines at once; False: one of them has no number."""
        try:
            values = numbers([text for _, _, text in parts])
        except ValueError:
            return False
        prefixes = [prefix for prefix, _, _ in parts]
        self._prefixes += prefixes
        self._values += values.tolist()
        self._times += [None] * len(parts)
        if b" " in b"".join(prefixes):
            self._kinds += map(_kinds, prefixes)
        else:
            self._kinds.append(_PLAIN_KINDS * len(parts))
        return True

    def read(self, line: bytes, part: tuple[bytes, bytes, bytes], number: int) -> None:
        """Take one line of any kind."""
        prefix, _, text = part
        if prefix in self._known or prefix in self.new:
            self._add(prefix, self._number(text, line, number), _kinds(prefix))
        elif not line.strip() or line.lstrip().startswith(b"#"):
            self._comments.append(line)
            self._kind = line.split()[-1] if b" TYPE " in line else self._kind
            self._kinds.append(bytes(line.count(b" ") + 1))
        elif (labels := _plain_labels(prefix)) is not None:
            self.new[prefix] = _canonical(labels, self._kind)
            self._add(prefix, self._number(text, line, number), _kinds(prefix))
        else:
            sample = parsed_line(line, number, openmetrics=self._openmetrics)
            prefix = prefix_of(line)
            if prefix not in self._known and prefix not in self.new:
                self.new[prefix] = _canonical(sample.labels.merged({METRIC_NAME: sample.name}), self._kind)
            self._add_parsed(prefix, sample, line[len(prefix) :])

    def _number(self, text: bytes, line: bytes, number: int) -> float:
        try:
            if b"_" not in text:
                return float(text)
        except ValueError:
            pass
        return parsed_line(line, number, openmetrics=self._openmetrics).value

    def _add(self, prefix: bytes, value: float, kinds: bytes, time_ms: int | None = None) -> None:
        self._prefixes.append(prefix)
        self._values.append(value)
        self._times.append(time_ms)
        self._kinds.append(kinds)

    def _add_parsed(self, prefix: bytes, sample: Sample, rest: bytes) -> None:
        """Note which of the tokens after the prefix are value and time; an exemplar may be anything."""
        kinds = [_NAME] * (prefix.count(b" ") + 1)
        wanted = [_VALUE] if sample.timestamp_ms is None else [_VALUE, _TIME]
        for token in rest.split(b" ")[1:]:
            if token:
                kinds.append(wanted.pop(0) if wanted else _WILD)
            else:
                kinds.append(_NAME)
        if wanted or b"\t" in rest:
            self._regular = False
        self._add(prefix, sample.value, bytes(kinds), sample.timestamp_ms)

    def page(self, body: bytes) -> Page:
        kinds = b"".join(self._kinds)
        tokens = body.replace(b"\n", b" ").split(b" ")
        masks = [kinds.translate(_ONLY[kind]) for kind in (_NAME, _VALUE, _TIME)]
        timed = np.array([time_ms is not None for time_ms in self._times], np.bool_)
        layout = Layout(
            prefixes=self._prefixes,
            comments=self._comments,
            timed=timed,
            names=_shared(self._prefixes, list(compress(tokens, masks[0]))),
            is_name=masks[0],
            is_value=masks[1],
            is_time=masks[2],
            tokens=len(tokens) if self._regular and len(tokens) == len(kinds) else 0,
            openmetrics=self._openmetrics,
        )
        times = np.array([time_ms or 0 for time_ms in self._times], np.int64) if timed.any() else None
        return Page(layout, np.array(self._values, np.float64), times)


def _shared(prefixes: list[bytes], names: list[bytes]) -> list[bytes]:
    """The names, those that are whole prefixes held once with them."""
    pool = dict(zip(prefixes, prefixes, strict=True))
    return list(map(pool.get, names, names))


# Translation tables: 1 for one kind, 0 for all others.
_ONLY = [bytes(int(byte == kind) for byte in range(256)) for kind in (_NAME, _VALUE, _TIME)]
_PLAIN_KINDS = bytes([_NAME, _VALUE])


def _plain_labels(prefix: bytes) -> Labels | None:
    """Labels of a prefix of the plain kind, ten times as fast as the parser; None: ask the parser."""
    match = _PLAIN.fullmatch(prefix)
    if match is None:
        return None
    try:
        pairs = [(name.decode(), value.decode()) for name, value in _PLAIN_PAIR.findall(match[2] or b"")]
    except UnicodeDecodeError:
        return None
    names = {name for name, _ in pairs}
    if len(names) < len(pairs) or METRIC_NAME in names:
        return None
    return Labels([(METRIC_NAME, match[1].decode()), *pairs])


def _canonical(labels: Labels, kind: bytes) -> Labels:
    """Bounds in the form that Prometheus 3 gives them: `le="1"` becomes `le="1.0"`."""
    name = _BOUNDS.get(kind)
    if name is None or name not in labels:
        return labels
    try:
        return labels.merged({name: _bound(float(labels[name]))})
    except ValueError:
        return labels


def _bound(value: float) -> str:
    """As Go's FormatFloat with 'g' has it, and `.0` where nothing else says that it is no integer."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    exact = Decimal(repr(value)).normalize()
    exponent = exact.adjusted()
    if not value or -4 <= exponent < 6:
        return repr(value)
    sign, digits, _ = exact.as_tuple()
    first, rest = str(digits[0]), "".join(map(str, digits[1:]))
    return f"{'-' if sign else ''}{first}{'.' + rest if rest else ''}e{exponent:+03d}"


def _kinds(prefix: bytes) -> bytes:
    spaces = prefix.count(b" ")
    return _PLAIN_KINDS if not spaces else bytes([_NAME] * (spaces + 1)) + bytes([_VALUE])


def prefix_of(line: bytes) -> bytes:
    """Name and labels of a sample line, as they are spelt."""
    match = _PREFIX.match(line)
    return line[: match.end()] if match else line


def parsed_line(line: bytes, number: int, *, openmetrics: bool, source: str = "page") -> Sample:
    """Read one line as the format has it.

    ExpositionError: with the line's number.
    """
    try:
        families = exposition.parse(line + b"\n# EOF" if openmetrics else line, openmetrics)
    except ExpositionError as error:
        column = error.where.column if isinstance(error.where, Where) else 0
        raise ExpositionError(error.problem, Where(source, number, column), error.remedy) from None
    return families[0].samples[0]


def _ended(lines: list[bytes]) -> list[bytes]:
    """The lines, when `# EOF` is the last of them."""
    rest = [number for number, line in enumerate(lines, 1) if line.strip()]
    if not rest or lines[rest[-1] - 1].rstrip() != b"# EOF":
        raise ExpositionError("the page ends without # EOF", Where("page", len(lines)), "was it cut off?")
    return lines


def metadata(comments: Sequence[bytes]) -> dict[str, tuple[str, str, str]]:
    """Type, help and unit by metric, from a page's comments; those that are not well formed say nothing."""
    found: dict[str, dict[str, str]] = {}
    for comment in comments:
        words = comment.decode(errors="replace").split(None, 3)
        if len(words) >= 3 and words[0] == "#" and words[1] in {"TYPE", "HELP", "UNIT"}:
            metric = words[2].strip('"')
            found.setdefault(metric, {})[words[1]] = words[3].rstrip() if len(words) > 3 else ""
    return {
        metric: (texts.get("TYPE", "unknown"), texts.get("HELP", ""), texts.get("UNIT", ""))
        for metric, texts in found.items()
    }
