import json
import math
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from promkit.errors import LuminaError, QueryError, Unavailable
from promkit.fetch import Fetcher
from promkit.labels import Labels
from promkit.query import Client
from tests.builders.raw_server import Handler, RawServer, answering

Start = Callable[[Handler], RawServer]


def success(data: Any) -> Handler:
    return answering(json.dumps({"status": "success", "data": data}).encode())


def client(server: RawServer) -> Client:
    return Client(server.url + "/", Fetcher(5_000, 1 << 20))


def asked(server: RawServer) -> dict[str, list[str]]:
    return parse_qs(urlsplit(server.requests[0].split()[1].decode()).query)


def test_a_vector(raw_server: Start) -> None:
    rows = [
        {"metric": {"__name__": "up", "job": "a"}, "value": [1.5, "1"]},
        {"metric": {}, "value": [1.5, "NaN"]},
    ]
    server = raw_server(success({"resultType": "vector", "result": rows}))
    up, other = client(server).query("up", 1_500)
    assert up == (Labels({"__name__": "up", "job": "a"}), 1.0)
    assert math.isnan(other[1])
    assert asked(server) == {"query": ["up"], "time": ["1.500"]}


def test_a_scalar_is_a_series_without_labels(raw_server: Start) -> None:
    server = raw_server(success({"resultType": "scalar", "result": [1, "+Inf"]}))
    assert client(server).query("1/0", -1_500) == [(Labels(), math.inf)]
    assert asked(server)["time"] == ["-1.500"]


def test_a_range_is_a_matrix_with_gaps(raw_server: Start) -> None:
    rows = [
        {"metric": {"job": "b"}, "values": [[10.5, "1"], [11.0, "2"], [11.5, "3"]]},
        {"metric": {"job": "a"}, "values": [[11.5, "-Inf"]]},
    ]
    server = raw_server(success({"resultType": "matrix", "result": rows}))
    matrix = client(server).query_range("x", 10_500, 11_700, 500)
    assert matrix.labels == [Labels({"job": "a"}), Labels({"job": "b"})]
    assert matrix.times.tolist() == [10_500, 11_000, 11_500]
    np.testing.assert_array_equal(matrix.values, [[np.nan, np.nan, -np.inf], [1, 2, 3]])
    assert asked(server) == {"query": ["x"], "start": ["10.500"], "end": ["11.700"], "step": ["0.500"]}


def test_nothing_found_is_an_empty_matrix(raw_server: Start) -> None:
    server = raw_server(success({"resultType": "matrix", "result": []}))
    assert client(server).query_range("x", 0, 120_000, 60_000).values.shape == (0, 3)


def test_a_long_query_is_posted(raw_server: Start) -> None:
    server = raw_server(success({"resultType": "vector", "result": []}))
    assert client(server).query("x" * 5_000, 0) == []
    assert server.requests[0].startswith(b"POST /api/v1/query HTTP")
    assert b"query=xxx" in server.requests[0]


ANSWERS: dict[str, tuple[str, bytes, type[LuminaError], str]] = {
    "a bad expression": (
        "400 Bad Request",
        b'{"status":"error","errorType":"bad_data","error":"1:3: parse error"}',
        QueryError,
        "1:3: parse error",
    ),
    "too much": (
        "422 Unprocessable",
        b'{"status":"error","error":"too many samples"}',
        QueryError,
        "too many",
    ),
    "overload": ("503 Busy", b'{"status":"error","error":"timed out"}', Unavailable, "status 503: timed out"),
    "a proxy's page": ("502 Bad Gateway", b"<html>", Unavailable, "status 502"),
    "a login page": ("200 OK", b"<html>", Unavailable, "not an answer of the Prometheus API"),
    "another API": ("200 OK", b'{"status":"success"}', Unavailable, "not an answer"),
    "no rows": (
        "200 OK",
        b'{"status":"success","data":{"resultType":"vector"}}',
        Unavailable,
        "not an answer",
    ),
    "odd rows": (
        "200 OK",
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":"x","value":[]}]}}',
        Unavailable,
        "not an answer",
    ),
    "odd data": ("200 OK", b'{"status":"success","data":[]}', Unavailable, "not an answer"),
    "a range": (
        "200 OK",
        b'{"status":"success","data":{"resultType":"matrix","result":[]}}',
        QueryError,
        "matrix",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_is_no_answer_says_why(raw_server: Start, name: str) -> None:
    status, body, kind, text = ANSWERS[name]
    server = raw_server(answering(body, status=status))
    with pytest.raises(kind, match=text):
        client(server).query("x", 0)


def test_times_that_were_not_asked_for_are_refused(raw_server: Start) -> None:
    rows = [{"metric": {}, "values": [[99, "1"]]}]
    server = raw_server(success({"resultType": "matrix", "result": rows}))
    with pytest.raises(Unavailable):
        client(server).query_range("x", 0, 1_000, 1_000)


def test_rules(raw_server: Start) -> None:
    server = raw_server(success({"groups": [{"name": "node"}]}))
    assert client(server).rules() == [{"name": "node"}]
    with pytest.raises(Unavailable):
        client(raw_server(success([]))).rules()
