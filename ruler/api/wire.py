"""Numbers and instants as Prometheus writes and reads them in JSON (util/jsonutil, web/api/v1)."""

import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

from promkit.duration import parse_duration
from promkit.errors import ConfigError, QueryError
from promkit.instant import format_instant, read_instant
from promkit.labels import Labels
from ruler.promql import Matrix, RangeVector, Result, Scalar, String, Vector
from ruler.store import Times, Values, is_absent

__all__ = [
    "float_text",
    "iso",
    "labels_json",
    "parse_instant",
    "parse_iso",
    "parse_span",
    "result_json",
    "seconds",
    "success",
]

_PLAIN_MIN, _PLAIN_MAX = 1e-6, 1e21
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_INSTANT_MAX_MS = 253_402_300_799_999  # the end of year 9999
_YEAR_ZERO = "0001-01-01T00:00:00Z"


def success(data: object) -> dict[str, object]:
    """Prometheus' envelope of what went well."""
    return {"status": "success", "data": data}


def float_text(value: float) -> str:
    """Write a sample's value: the shortest exact decimal, without an exponent from 1e-6 to below 1e21."""
    if value != value:  # noqa: PLR0124 - NaN
        return "NaN"
    if value in {float("inf"), float("-inf")}:
        return "+Inf" if value > 0 else "-Inf"
    text = repr(float(value))
    if "e" not in text:
        return text.removesuffix(".0")
    if _PLAIN_MIN <= abs(value) < _PLAIN_MAX:
        return format(Decimal(text), "f")
    return text


def seconds(at_ms: int) -> str:
    """An instant as seconds, with milliseconds only where there are any."""
    whole, rest = divmod(abs(at_ms), 1000)
    sign = "-" if at_ms < 0 else ""
    return f"{sign}{whole}.{rest:03d}" if rest else f"{sign}{whole}"


def iso(at_ms: int | None) -> str:
    """RFC 3339 in UTC with milliseconds; None is Go's zero time."""
    return _YEAR_ZERO if at_ms is None else format_instant(at_ms)


def parse_iso(text: str) -> int | None:
    """Milliseconds of an RFC 3339 instant; None for Go's zero time.

    ConfigError: not one.
    """
    return None if text.startswith(_YEAR_ZERO[:4]) else read_instant(text)


def parse_instant(text: str, name: str) -> int:
    """Milliseconds of a Unix time in seconds, or of an RFC 3339 instant.

    QueryError: neither.
    """
    if _NUMBER.fullmatch(text):
        at_ms = round(float(text) * 1000)
        if abs(at_ms) <= _INSTANT_MAX_MS:
            return at_ms
    else:
        try:
            parsed = parse_iso(text)
        except ConfigError:
            parsed = None
        if parsed is not None:
            return parsed
    raise QueryError(f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp')


def parse_span(text: str, name: str) -> int:
    """Milliseconds of a number of seconds, or of a duration.

    QueryError: neither.
    """
    if _NUMBER.fullmatch(text):
        return round(float(text) * 1000)
    try:
        return parse_duration(text)
    except ConfigError:
        raise QueryError(f'invalid parameter "{name}": cannot parse "{text}" to a valid duration') from None


def result_json(result: Result, slice_points: int = 10_000) -> Iterator[str]:
    """`{"resultType":…,"result":…}` in pieces of about `slice_points` points, so that no piece holds long."""
    match result.value:
        case Scalar(at_ms, value):
            yield f'{{"resultType":"scalar","result":[{seconds(at_ms)},"{float_text(value)}"]}}'
        case String(at_ms, text):
            yield f'{{"resultType":"string","result":[{seconds(at_ms)},{json.dumps(text)}]}}'
        case Vector(at_ms, labels, values):
            yield '{"resultType":"vector","result":['
            yield from _vector(at_ms, labels, values, slice_points)
            yield "]}"
        case Matrix(labels, times, values):
            yield '{"resultType":"matrix","result":['
            columns = (_present(times, values[:, column]) for column in range(len(labels)))
            yield from _series(labels, columns, slice_points)
            yield "]}"
        case RangeVector(labels, samples):
            yield '{"resultType":"matrix","result":['
            yield from _series(labels, iter(samples), slice_points)
            yield "]}"


def labels_json(labels: Labels) -> str:
    """Write a label set as an object, names sorted."""
    return "{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in labels.items()) + "}"


def _present(times: Times, values: Values) -> tuple[Times, Values]:
    keep = ~is_absent(values)
    return (times, values) if keep.all() else (times[keep], values[keep])


def _vector(at_ms: int, labels: Sequence[Labels], values: Values, slice_points: int) -> Iterator[str]:
    when = seconds(at_ms)
    for begin in range(0, len(labels), slice_points):
        chunk = zip(
            labels[begin : begin + slice_points], values[begin : begin + slice_points].tolist(), strict=True
        )
        text = ",".join(f'{{"metric":{labels_json(m)},"value":[{when},"{float_text(v)}"]}}' for m, v in chunk)
        yield text if begin == 0 else "," + text


def _series(
    labels: Sequence[Labels], columns: Iterator[tuple[Times, Values]], slice_points: int
) -> Iterator[str]:
    pending: list[str] = []
    points = 0
    for index, (metric, (times, values)) in enumerate(zip(labels, columns, strict=True)):
        comma = "," if index else ""
        pending.append(f'{comma}{{"metric":{labels_json(metric)},"values":[')
        for begin in range(0, len(times), slice_points):
            rows = zip(
                times[begin : begin + slice_points].tolist(),
                values[begin : begin + slice_points].tolist(),
                strict=True,
            )
            text = ",".join(f'[{seconds(t)},"{float_text(v)}"]' for t, v in rows)
            pending.append(text if begin == 0 else "," + text)
            points += min(slice_points, len(times) - begin)
            if points >= slice_points:
                yield "".join(pending)
                pending, points = [], 0
        pending.append("]}")
    yield "".join(pending)
