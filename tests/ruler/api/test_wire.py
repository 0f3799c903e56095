import json
import math
from typing import Any

import numpy as np
import pytest

from promkit.errors import ConfigError, QueryError
from promkit.labels import Labels
from ruler.api.wire import (
    float_text,
    iso,
    labels_json,
    parse_instant,
    parse_iso,
    parse_span,
    result_json,
    seconds,
)
from ruler.promql import Matrix, RangeVector, Result, Scalar, String, Vector
from ruler.store import ABSENT

FLOATS = {
    "a whole number": (1.0, "1"),
    "nought": (0.0, "0"),
    "below nought": (-2.5, "-2.5"),
    "the shortest that is exact": (0.1, "0.1"),
    "large, without an exponent": (1e20, "100000000000000000000"),
    "larger, with one": (1e21, "1e+21"),
    "small, without one": (1e-6, "0.000001"),
    "smaller, with one": (1e-7, "1e-07"),
    "not a number": (math.nan, "NaN"),
    "infinite": (math.inf, "+Inf"),
    "infinite, below nought": (-math.inf, "-Inf"),
}


@pytest.mark.parametrize("name", FLOATS)
def test_numbers_are_written_as_prometheus_does(name: str) -> None:
    value, text = FLOATS[name]
    assert float_text(value) == text


SECONDS = {0: "0", 1000: "1", 1500: "1.500", 1: "0.001", -1500: "-1.500", 1_700_000_000_123: "1700000000.123"}


@pytest.mark.parametrize("at_ms", SECONDS)
def test_instants_are_seconds_with_milliseconds_where_there_are_any(at_ms: int) -> None:
    assert seconds(at_ms) == SECONDS[at_ms]


INSTANTS = {
    "1700000000": 1_700_000_000_000,
    "1700000000.5": 1_700_000_000_500,
    "1.7e9": 1_700_000_000_000,
    "-1": -1000,
    "2023-11-14T22:13:20Z": 1_700_000_000_000,
    "2023-11-14T23:13:20.250+01:00": 1_700_000_000_250,
}


@pytest.mark.parametrize("text", INSTANTS)
def test_instants_are_read(text: str) -> None:
    assert parse_instant(text, "time") == INSTANTS[text]


@pytest.mark.parametrize("text", ["now", "2023-11-14", "2023-11-14T22:13:20", "1e300", "NaN", "0x10", ""])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match='invalid parameter "time"'):
        parse_instant(text, "time")


SPANS = {"15": 15_000, "0.5": 500, "5m": 300_000, "1h30m": 5_400_000}


@pytest.mark.parametrize("text", SPANS)
def test_spans_are_read(text: str) -> None:
    assert parse_span(text, "step") == SPANS[text]


def test_what_is_no_span_is_refused() -> None:
    with pytest.raises(QueryError, match='invalid parameter "step"'):
        parse_span("5 minutes", "step")


def test_gos_zero_time_stands_for_none_both_ways() -> None:
    assert iso(None) == "0001-01-01T00:00:00Z"
    assert parse_iso("0001-01-01T00:00:00Z") is None
    assert parse_iso("0001-01-01T00:00:00.000Z") is None


def test_iso_is_read_back() -> None:
    assert iso(1_700_000_000_123) == "2023-11-14T22:13:20.123Z"
    assert parse_iso(iso(1_700_000_000_123)) == 1_700_000_000_123


@pytest.mark.parametrize("text", ["", "yesterday", "2023-11-14T22:13:20"])
def test_a_time_without_a_zone_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match="RFC 3339"):
        parse_iso(text)


A, B = Labels({"__name__": "a", "x": 'quo"te\n'}), Labels({"__name__": "b"})
TIMES = np.array([1000, 2000, 3000], np.int64)
RESULTS: dict[str, tuple[Any, Any]] = {
    "scalar": (Scalar(1000, 2.0), {"resultType": "scalar", "result": [1, "2"]}),
    "string": (String(1500, 'a"b'), {"resultType": "string", "result": [1.5, 'a"b']}),
    "no vector": (Vector(1000, [], np.empty(0)), {"resultType": "vector", "result": []}),
    "vector": (
        Vector(1000, [A, B], np.array([1.0, math.nan])),
        {
            "resultType": "vector",
            "result": [
                {"metric": {"__name__": "a", "x": 'quo"te\n'}, "value": [1, "1"]},
                {"metric": {"__name__": "b"}, "value": [1, "NaN"]},
            ],
        },
    ),
    "no matrix": (Matrix([], TIMES, np.empty((3, 0))), {"resultType": "matrix", "result": []}),
    "matrix with a gap": (
        Matrix([B], TIMES, np.array([[1.0], [ABSENT], [3.0]])),
        {
            "resultType": "matrix",
            "result": [{"metric": {"__name__": "b"}, "values": [[1, "1"], [3, "3"]]}],
        },
    ),
    "raw samples": (
        RangeVector([B], [(TIMES[:2], np.array([1.0, 2.0]))]),
        {
            "resultType": "matrix",
            "result": [{"metric": {"__name__": "b"}, "values": [[1, "1"], [2, "2"]]}],
        },
    ),
}


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("slice_points", [1, 2, 10_000])
def test_results_are_json_however_they_are_cut(name: str, slice_points: int) -> None:
    value, expected = RESULTS[name]
    assert json.loads("".join(result_json(Result(value), slice_points))) == expected


def test_large_results_come_in_pieces_of_bounded_size() -> None:
    labels = [Labels({"n": str(n)}) for n in range(300)]
    times = np.arange(0, 100_000, 1000, dtype=np.int64)
    pieces = list(result_json(Result(Matrix(labels, times, np.ones((100, 300)))), 1000))
    assert len(pieces) > 25
    assert max(len(piece) for piece in pieces) < 60_000
    whole = json.loads("".join(pieces))
    assert [len(series["values"]) for series in whole["result"]] == [100] * 300


def test_labels_are_escaped() -> None:
    assert json.loads(labels_json(A)) == dict(A.items())
