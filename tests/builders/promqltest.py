"""Reads Prometheus' PromQL test scripts (shared/promqltest/README.md has the format in short)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from promkit.duration import parse_duration
from promkit.labels import METRIC_NAME, Labels
from ruler.promql.text import unquote
from ruler.store import STALE

Points = list[float | None]  # None: no sample


@dataclass
class Load:
    """Series to add, sample i at i x step; `native` are those that hold native histograms."""

    step_ms: int
    series: list[tuple[Labels, Points]]
    native: list[Labels]


@dataclass
class Clear:
    """Empty the database."""


@dataclass
class Eval:
    """A query, and what to expect of it."""

    line: int
    query: str
    start_ms: int
    end_ms: int = 0
    step_ms: int = 0  # 0: an instant query
    series: list[tuple[Labels, Points]] = field(default_factory=list)
    scalar: float | None = None
    text: str | None = None
    matrix: tuple[int, int, int] | None = None  # of a range vector: from, to, step
    fails: bool = False
    ordered: bool = False
    expects: dict[str, tuple[str, str] | None] = field(
        default_factory=dict
    )  # warn, info, … → (msg|regex, text)
    has_histograms: bool = False  # expects native histograms


Command = Load | Clear | Eval

_SERIES = re.compile(
    r'(?P<name>[a-zA-Z_:][\w:]*)?\s*(?:\{(?!\{)(?P<labels>(?:"(?:\\.|[^"\\])*"|[^}"])*)\})?\s*'
)
_LABEL = re.compile(
    r"""\s*(?P<name>[\w.]+|"[^"]*")\s*(?:=\s*(?P<value>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'))?\s*,?"""
)
_RUN = re.compile(r"(?P<first>[^x]+?)(?:(?P<step>[+-][^+x]+))?x(?P<count>\d+)")
_EVAL = re.compile(
    r"eval(?:_(?P<kind>fail|warn|info|ordered))?\s+"
    r"(?:instant\s+at\s+(?P<at>\S+)|range\s+from\s+(?P<start>\S+)\s+to\s+(?P<end>\S+)\s+step\s+(?P<step>\S+))\s+"
    r"(?P<query>.+)"
)


def read(path: Path) -> Iterator[Command]:
    """The commands of a script, in order."""
    lines = path.read_text(encoding="utf-8").splitlines()
    at = 0
    while at < len(lines):
        line = lines[at].strip()
        end = at + 1
        while end < len(lines) and lines[end].strip() and not lines[end].strip().startswith("#"):
            if re.match(r"(eval|load|clear)", lines[end]):
                break
            end += 1
        body = [item.strip() for item in lines[at + 1 : end]]
        if line == "clear":
            yield Clear()
            end = at + 1
        elif line.startswith("load"):
            yield _load(line, body)
        elif line.startswith("eval"):
            yield _eval(line, body, at + 1)
        elif line and not line.startswith("#"):
            raise ValueError(f"{path.name}:{at + 1}: what is {line!r}?")
        else:
            end = at + 1
        at = end


def duration(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    text = text.lstrip("-")
    return sign * (round(float(text) * 1000) if re.fullmatch(r"[\d.]+", text) else parse_duration(text))


def _load(line: str, body: list[str]) -> Load:
    series: list[tuple[Labels, Points]] = []
    native: list[Labels] = []
    for item in body:
        labels, rest = _labels(item)
        points, has_histograms = _points(rest)
        series.append((labels, points))  # histograms are holes, the floats around them are kept
        if has_histograms:
            native.append(labels)
        elif line.startswith("load_with_nhcb") and labels.metric.endswith("_bucket"):
            native.append(
                labels.without(("le",)).merged({METRIC_NAME: labels.metric.removesuffix("_bucket")})
            )
    return Load(duration(line.split()[1]), series, native)


def _eval(line: str, body: list[str], number: int) -> Eval:
    match = _EVAL.fullmatch(line)
    assert match is not None, line
    start = match["at"] or match["start"]
    case = Eval(number, match["query"].strip(), duration(start))
    if match["step"]:
        case.end_ms, case.step_ms = duration(match["end"]), duration(match["step"])
    case.fails, case.ordered = match["kind"] == "fail", match["kind"] == "ordered"
    if match["kind"] in {"warn", "info"}:
        case.expects[match["kind"]] = None
    for item in body:
        _expectation(case, item)
    return case


def _expectation(case: Eval, item: str) -> None:
    words = item.split(maxsplit=2)
    if words[0] == "expect":
        if words[1] == "string":
            case.text = _string(words[2])
        elif words[1] == "range":
            found = re.search(r"from (\S+) to (\S+) step (\S+)", item)
            assert found is not None
            case.matrix = (duration(found[1]), duration(found[2]), duration(found[3]))
        elif words[1] == "fail":
            case.fails = True
            case.expects["fail"] = _pattern(words[2:])
        elif words[1] == "ordered":
            case.ordered = True
        else:
            case.expects[words[1]] = _pattern(words[2:])
    elif words[0] in {"expected_fail_message", "expected_fail_regexp"}:
        kind = "msg" if words[0].endswith("message") else "regex"
        case.expects["fail"] = (kind, item.partition(" ")[2])
    else:
        labels, rest = _labels(item)
        points, has_histograms = _points(rest)
        case.has_histograms |= has_histograms
        if item.startswith("{") or not _is_number(item):
            case.series.append((labels, points))
        else:
            case.scalar = points[0]


def _pattern(words: list[str]) -> tuple[str, str] | None:
    if not words:
        return None
    kind, _, text = words[0].partition(":")
    return kind, text.strip()


def _is_number(item: str) -> bool:
    try:
        _number(item.split(maxsplit=1)[0])
    except ValueError:
        return False
    return True


def _labels(item: str) -> tuple[Labels, str]:
    if _is_number(item):
        return Labels(), item
    match = _SERIES.match(item)
    assert match is not None
    pairs = {METRIC_NAME: match["name"] or ""}
    for found in _LABEL.finditer(match["labels"] or ""):
        name = found["name"].strip('"')
        if found["value"] is None:
            pairs[METRIC_NAME] = name
        else:
            pairs[name] = _string(found["value"])
    return Labels(pairs), item[match.end() :]


def _string(text: str) -> str:
    return unquote(text[1:-1], text[0])


def _points(text: str) -> tuple[Points, bool]:
    """Values in the notation of the scripts; a histogram is None, and told by True."""
    text, histograms = re.subn(r"\{\{[^}]*\}\}([+-]\{\{[^}]*\}\})?", "_", text)
    points: Points = []
    for item in text.split():
        points += _item(item)
    return points, histograms > 0


def _item(item: str) -> Points:
    if item == "_" or item == "stale":
        return [None if item == "_" else float(STALE)]
    if item.startswith("_x"):
        return [None] * int(item[2:])
    match = _RUN.fullmatch(item)
    if match is None or not match["count"]:
        return [_number(item)]
    first = _number(match["first"])
    step = _number(match["step"]) if match["step"] else 0.0
    points: Points = [first]
    for _ in range(int(match["count"])):
        first += step
        points.append(first)
    return points


def _number(text: str) -> float:
    if text == "stale":
        return float(STALE)
    return float(int(text, 16)) if text.lower().startswith("0x") else float(text)
