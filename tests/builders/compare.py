"""Our engine beside a real Prometheus on the same samples."""

import json
import math
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from promkit.errors import LuminaError
from promkit.labels import Labels
from ruler.promql import Engine, Matrix, Scalar, String, Vector
from ruler.store import is_absent
from tests.builders.samples import END_MS, START_MS

INSTANT_MS = START_MS + 900_000
RANGE = (START_MS + 300_000, END_MS + 120_000, 60_000)

Points = dict[int, float]


@dataclass
class Answer:
    """What either side says."""

    error: str = ""
    series: dict[Labels, Points] | None = None
    order: tuple[Labels, ...] = ()
    notes: frozenset[str] = frozenset()


def ours(engine: Engine, query: str, *, is_range: bool) -> Answer:
    try:
        result = engine.range(query, *RANGE) if is_range else engine.instant(query, INSTANT_MS)
    except LuminaError as error:
        return Answer(error=str(error))
    notes = frozenset((*result.warnings, *result.infos))
    match result.value:
        case Scalar(value=value):
            return Answer(series={Labels(): {INSTANT_MS: value}}, notes=notes)
        case Vector(labels=labels, values=values):
            series = {name: {INSTANT_MS: value} for name, value in zip(labels, values.tolist(), strict=True)}
            return Answer(series=series, order=tuple(labels), notes=notes)
        case Matrix(labels=labels, times=times, values=values):
            there = ~is_absent(values)
            rows = times.tolist()
            series = {
                name: {rows[k]: float(values[k, s]) for k in range(len(rows)) if there[k, s]}
                for s, name in enumerate(labels)
            }
            return Answer(series=series, order=tuple(labels), notes=notes)
        case String() | _:
            raise AssertionError(result.value)


def theirs(url: str, query: str, *, is_range: bool) -> Answer:
    parameters: dict[str, Any] = {"query": query}
    if is_range:
        start, end, step = (value / 1000 for value in RANGE)
        parameters |= {"start": start, "end": end, "step": step}
    else:
        parameters["time"] = INSTANT_MS / 1000
    path = "query_range" if is_range else "query"
    body = urllib.parse.urlencode(parameters).encode()
    try:
        with urllib.request.urlopen(f"{url}/api/v1/{path}", body, timeout=30) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        return Answer(error=json.load(error)["error"])
    notes = frozenset((*answer.get("warnings", ()), *answer.get("infos", ())))
    data = answer["data"]
    if data["resultType"] == "scalar":
        return Answer(series={Labels(): _points([data["result"]])}, notes=notes)
    series = {
        Labels(item["metric"]): _points(item.get("values") or [item["value"]]) for item in data["result"]
    }
    return Answer(series=series, order=tuple(series), notes=notes)


def format_query(url: str, query: str) -> str | None:
    """The canonical text of a query; None where it is refused."""
    body = urllib.parse.urlencode({"query": query}).encode()
    try:
        with urllib.request.urlopen(f"{url}/api/v1/format_query", body, timeout=30) as response:
            text: str = json.load(response)["data"]
            return text
    except urllib.error.HTTPError:
        return None


def _points(pairs: list[tuple[float, str]]) -> Points:
    return {round(time * 1000): float(value) for time, value in pairs}


ORDERED = ("sort", "topk", "bottomk")


def difference_of_order(query: str, mine: Answer, real: Answer) -> str | None:
    """How an instant's order differs, where a query asks for one; where it has no ties, that is."""
    if not query.startswith(ORDERED) or mine.series is None or len(set(_flat(mine))) < len(mine.series):
        return None
    return None if mine.order == real.order else f"ours is ordered {mine.order}, theirs {real.order}"


def _flat(answer: Answer) -> list[float]:
    return [value for points in (answer.series or {}).values() for value in points.values()]


def difference(mine: Answer, real: Answer, tolerance: float = 1e-9) -> str | None:
    """How the answers differ beyond rounding."""
    if bool(mine.error) != bool(real.error):
        return f"ours: {mine.error or 'an answer'}; theirs: {real.error or 'an answer'}"
    if mine.series is None or real.series is None:
        return None
    if set(mine.series) != set(real.series):
        ours_alone, theirs_alone = set(mine.series) - set(real.series), set(real.series) - set(mine.series)
        return f"only ours: {sorted(ours_alone)[:4]}; only theirs: {sorted(theirs_alone)[:4]}"
    for labels, points in real.series.items():
        got = mine.series[labels]
        if set(got) != set(points):
            return f"{labels}: at other steps: {sorted(set(got) ^ set(points))[:4]}"
        for time, value in points.items():
            if not _same(got[time], value, tolerance):
                return f"{labels} at {time}: ours {got[time]!r}, theirs {value!r}"
    my_notes, their_notes = _texts(mine.notes), _texts(real.notes)
    if my_notes != their_notes and len(their_notes) < 10:  # the API names no more than ten
        return f"ours remarks {sorted(my_notes - their_notes)}, theirs {sorted(their_notes - my_notes)}"
    return None


def _texts(notes: frozenset[str]) -> frozenset[str]:
    """Notes without their places: Prometheus knows none inside a subquery."""
    return frozenset(re.sub(r" \(\d+:\d+\)$", "", note) for note in notes)


def _same(one: float, other: float, tolerance: float) -> bool:
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other or math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)
