"""A data source elsewhere: answers of the API as results, and what goes wrong on the way."""

import json
from threading import Event
from typing import Any

import numpy as np
import pytest

from promkit.errors import LimitError, QueryError, Unavailable
from promkit.fetch import Fetcher
from promkit.labels import Labels
from promkit.query import Client
from ruler.promql import (
    Engine,
    Matrix,
    Options,
    RangeVector,
    RemoteEngine,
    Scalar,
    Shared,
    String,
    Vector,
)
from ruler.store import is_absent
from tests.builders.compare import INSTANT_MS, RANGE
from tests.builders.prometheus import prometheus_with
from tests.builders.samples import samples
from tests.builders.series import ListSource


class Canned(Client):
    """A client whose server always says the same."""

    def __init__(self, data: object) -> None:
        self.data = json.loads(json.dumps(data))
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def get(self, path: str, parameters: Any) -> Any:
        self.asked.append((path, dict(parameters)))
        return self.data


def answer(kind: str, result: object) -> Canned:
    return Canned({"resultType": kind, "result": result})


UP = {"__name__": "up", "i": "a"}


def test_instants() -> None:
    vector = (
        RemoteEngine(answer("vector", [{"metric": UP, "value": [1.5, "NaN"]}])).instant("up", 1_500).value
    )
    assert isinstance(vector, Vector)
    assert vector.labels == [Labels(UP)]
    assert np.isnan(vector.values[0])
    assert RemoteEngine(answer("scalar", [1.5, "+Inf"])).instant("1/0", 1_500).value == Scalar(1_500, np.inf)
    assert RemoteEngine(answer("string", [1.5, "x"])).instant("'x'", 1_500).value == String(1_500, "x")
    values = [[1.001, "1"], [2.002, "2"]]
    ranged = RemoteEngine(answer("matrix", [{"metric": UP, "values": values}])).instant("up[5m]", 3_000).value
    assert isinstance(ranged, RangeVector)
    assert ranged.samples[0][0].tolist() == [1_001, 2_002]


def test_ranges_tell_a_missing_sample_from_a_nan() -> None:
    rows = [{"metric": UP, "values": [[0, "1"], [20, "NaN"]]}]
    matrix = RemoteEngine(answer("matrix", rows)).range("up", 0, 20_000, 10_000).value
    assert isinstance(matrix, Matrix)
    assert is_absent(matrix.values)[:, 0].tolist() == [False, True, False]
    assert np.isnan(matrix.values[2, 0])


def test_limits_travel_along() -> None:
    client = answer("vector", [])
    engine = RemoteEngine(client, Options(timeout_ms=5_000), clock=lambda: 100)
    engine.instant("up", -1_500, lookback_ms=60_000, deadline_ms=1_100)
    path, parameters = client.asked[0]
    assert path == "/api/v1/query"
    assert parameters == {"query": "up", "time": "-1.500", "timeout": "1000ms", "lookback_delta": "60000ms"}
    with pytest.raises(LimitError, match="timed out"):
        engine.instant("up", 0, deadline_ms=100)
    cancel = Event()
    cancel.set()
    with pytest.raises(Unavailable, match="canceled"):
        engine.instant("up", 0, cancel=cancel)


def test_rules_of_a_group_ask_once() -> None:
    client = answer("vector", [])
    engine, shared = RemoteEngine(client), Shared()
    for _ in range(2):
        engine.instant("up", 0, shared=shared)
    engine.instant("up", 1, shared=shared)
    assert len(client.asked) == 2


@pytest.mark.parametrize(
    "data", [{}, [], {"resultType": "vector", "result": [{}]}, {"resultType": "?", "result": 1}]
)
def test_strange_answers(data: object) -> None:
    with pytest.raises(Unavailable, match="not one of the Prometheus API"):
        RemoteEngine(Canned(data)).instant("up", 0)


def test_native_histograms_are_refused() -> None:
    client = answer("vector", [{"metric": UP, "histogram": [0, {}]}])
    with pytest.raises(QueryError, match="not supported yet"):
        RemoteEngine(client).instant("up", 0)


@pytest.mark.service
def test_a_real_server_says_what_we_say(tmp_path_factory: pytest.TempPathFactory) -> None:
    source = ListSource()
    for labels, points in samples().items():
        source.add(labels, points)
    here = Engine(source)
    with prometheus_with(samples(), tmp_path_factory.mktemp("prometheus")) as url:
        client = Client(url, Fetcher(timeout_ms=10_000, body_bytes_max=1 << 24))
        there = RemoteEngine(client)
        for query in ("up", "rate(requests_total[2m])", "1 + 1", "temperature > 20"):
            one, other = here.range(query, *RANGE).value, there.range(query, *RANGE).value
            assert isinstance(one, Matrix)
            assert isinstance(other, Matrix)
            assert one.labels == other.labels
            assert (is_absent(one.values) == is_absent(other.values)).all()
            np.testing.assert_allclose(one.values, other.values, rtol=1e-9)
        mine, real = here.instant("up[1m]", INSTANT_MS).value, there.instant("up[1m]", INSTANT_MS).value
        assert isinstance(mine, RangeVector)
        assert isinstance(real, RangeVector)
        assert [times.tolist() for times, _ in mine.samples] == [times.tolist() for times, _ in real.samples]
        with pytest.raises(QueryError, match="parse error"):
            there.instant("sum(", INSTANT_MS)
