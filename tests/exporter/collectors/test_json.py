"""Endpoints that answer JSON, and that do not."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.asking import BasicAuth
from exporter.collector import Context
from exporter.collectors.json import Json, Query, Settings
from exporter.rows import Metric, Pool
from promkit.errors import Unavailable
from promkit.secret import Secret
from tests.builders.raw_server import RawServer
from tests.builders.sources import values

DOCUMENT = {
    "state": {"healthy": True, "version": "1.5", "since": None},
    "queues": [
        {"name": "fast", "zone": "a", "waiting": "3", "busy": 2, "size": 4},
        {"name": "slow", "zone": "b", "waiting": 0, "busy": 1, "size": 8},
    ],
}
READY = Query(metrics=(Metric(name="business_ready", value="state.healthy", help="Ready."),))


class Endpoint:
    """A server that answers what the test says."""

    def __init__(self) -> None:
        self.body = json.dumps(DOCUMENT).encode()
        self.head = b"HTTP/1.1 200 OK\r\n"
        self.server = RawServer(self._answer)

    def _answer(self, client: socket.socket, _request: bytes) -> None:
        client.sendall(self.head + b"Content-Length: %d\r\n\r\n%b" % (len(self.body), self.body))

    def source(self, *queries: Query, **keys: Any) -> Json:
        settings = Settings(name="shop", url=f"{self.server.url}/stats", queries=queries or (READY,), **keys)
        return Json(settings, Context(), "json/shop")

    def ask(self, *queries: Query, **keys: Any) -> dict[str, float]:
        return values(self.source(*queries, **keys).collect(0))


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    running = Endpoint()
    yield running
    running.server.close()


def test_items_become_series(endpoint: Endpoint) -> None:
    query = Query(
        rows="queues",
        labels={"queue": "join('-', [zone, name])"},
        metrics=(Metric(name="business_queue_depth", value="waiting"),),
        pools=(Pool(pool="shop", type="workers", in_use="busy", size="size"),),
    )
    assert endpoint.ask(query, labels={"site": "x"}) == {
        'business_queue_depth{queue="a-fast", site="x"}': 3,
        'business_queue_depth{queue="b-slow", site="x"}': 0,
        'resource_pool_in_use{pool="shop", queue="a-fast", site="x", type="workers"}': 2,
        'resource_pool_in_use{pool="shop", queue="b-slow", site="x", type="workers"}': 1,
        'resource_pool_size{pool="shop", queue="a-fast", site="x", type="workers"}': 4,
        'resource_pool_size{pool="shop", queue="b-slow", site="x", type="workers"}': 8,
    }


def test_a_document_is_a_row(endpoint: Endpoint) -> None:
    places = {"ready": "state.healthy", "version": "state.version", "since": "state.since", "x": "none.there"}
    metrics = tuple(Metric(name=f"business_{name}", value=path) for name, path in places.items())
    assert endpoint.ask(Query(metrics=metrics)) == {"business_ready": 1, "business_version": 1.5}


@pytest.mark.parametrize("rows", ["none", "queues[?waiting == `9`]"])
def test_no_rows_are_no_series(endpoint: Endpoint, rows: str) -> None:
    assert endpoint.ask(Query(rows=rows, metrics=(Metric(name="business_n", value="n"),))) == {}


def test_no_more_rows_are_taken_than_series_may_be(endpoint: Endpoint) -> None:
    endpoint.body = json.dumps(list(range(1_000))).encode()
    query = Query(labels={"n": "to_string(@)"}, metrics=(Metric(name="business_n", value="@"),))
    assert len(endpoint.ask(query, series_max=5)) == 6


def said(**changes: bytes) -> Callable[[Endpoint], None]:
    def change(endpoint: Endpoint) -> None:
        for name, value in changes.items():
            setattr(endpoint, name, value)

    return change


FAILING: dict[str, tuple[Callable[[Endpoint], None], str]] = {
    "a status": (said(head=b"HTTP/1.1 503 No\r\n"), "status 503"),
    "a redirect": (said(head=b"HTTP/1.1 302 No\r\nLocation: http://127.0.0.1:1/\r\n"), "status 302"),
    "no JSON": (said(body=b'{"a": 1,\n}'), "not JSON: line 2, column 1"),
    "no UTF-8": (said(body=b'{"a": "\xff"}'), "not JSON"),
    "nothing": (said(body=b""), "not JSON: line 1"),
    "too deep": (said(body=b"[" * 200_000), "not JSON"),
    "too many digits": (said(body=b"1" * 5_000), "not JSON"),
    "too large": (said(body=b" " * 300_000), "larger than 262144 bytes: see `body_bytes_max`"),
    "no number": (said(body=b'{"state": {"healthy": "maybe"}}'), "'state.healthy' is 'maybe', no number"),
    "no HTTP": (said(head=b"nonsense\r\n"), "not HTTP"),
}


@pytest.mark.parametrize(("change", "why"), FAILING.values(), ids=FAILING)
def test_what_fails_says_why(endpoint: Endpoint, change: Callable[[Endpoint], None], why: str) -> None:
    change(endpoint)
    with pytest.raises(Unavailable) as raised:
        endpoint.ask(body_bytes_max=256 * 1024)
    assert why in str(raised.value)


def test_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        settings = Settings(name="a", url=url, queries=(READY,), timeout=100)
        with pytest.raises(Unavailable, match="timed out"):
            Json(settings, Context(), "json/a").collect(0)
    with pytest.raises(Unavailable, match="connect failed"):
        Json(settings, Context(), "json/a").collect(0)


def test_what_is_sent(endpoint: Endpoint, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("k3y\n")
    endpoint.ask(
        method="POST",
        body='{"query": "{ stats }"}',
        headers={"Content-Type": Secret("application/json")},
        header_files={"X-API-Key": key},
        bearer_token=Secret("t0k3n"),
    )
    endpoint.ask(basic_auth=BasicAuth(username="u", password=Secret("p")))
    first, second = endpoint.server.requests
    for line in (
        b"POST /stats HTTP/1.1\r\n",
        b"Content-Type: application/json\r\n",
        b"X-API-Key: k3y\r\n",
        b"Authorization: Bearer t0k3n\r\n",
        b'\r\n\r\n{"query": "{ stats }"}',
    ):
        assert line in first
    assert b"Authorization: Basic dTpw\r\n" in second
    key.unlink()
    with pytest.raises(Unavailable, match="key: No such file"):
        endpoint.ask(header_files={"X-API-Key": key})


def test_no_secret_is_shown() -> None:
    settings = Settings(
        name="a",
        url="http://127.0.0.1:1/",
        queries=(READY,),
        headers={"X-API-Key": Secret("hunter22")},
        bearer_token=Secret("hunter22"),
    )
    assert "hunter22" not in repr(settings)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an address": ({"url": "ftp://x"}, "must be http"),
    "a password in it": ({"url": "http://u:hunter22@x"}, "must not hold a password"),
    "a header": ({"headers": {"A": Secret("hunter22\nB: c")}}, "line breaks"),
    "a label": ({"labels": {"a-b": "c"}}, "label name not allowed"),
    "no query": ({"queries": ()}, "needs `queries`"),
}


@pytest.mark.parametrize(("keys", "why"), WRONG.values(), ids=WRONG)
def test_wrong(keys: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why) as raised:
        Settings(**{"name": "a", "url": "http://x/", "queries": (READY,), **keys})
    assert "hunter22" not in str(raised.value)


@pytest.mark.parametrize(
    "keys", [{"rows": "a["}, {"labels": {"a": "b["}}, {"metrics": (Metric(name="x", value="["),)}]
)
def test_a_path_that_is_none_is_said_at_load(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is no JMESPath"):
        Query(**{"metrics": READY.metrics, **keys})
