"""What Prometheus itself makes of our pages, and our client of its answers."""

import math
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from promkit.errors import QueryError
from promkit.exposition import (
    CONTENT_TYPE_OPENMETRICS,
    CONTENT_TYPE_TEXT,
    Exemplar,
    Family,
    MetricType,
    Sample,
    counter,
    gauge,
    histogram,
    negotiate,
    render,
)
from promkit.fetch import Fetcher
from promkit.labels import Labels
from promkit.query import Client
from tests.builders.processes import free_port, running
from tests.peers import peer

pytestmark = pytest.mark.service

NASTY = 'C:\\dir "x"\n<b>ü\u2028'
FAMILIES = [
    gauge(
        "shown_bytes", NASTY, ({"path": NASTY}, 1.5), ({"path": "inf"}, math.inf), ({"path": "nan"}, math.nan)
    ),
    counter("hits_total", "Hits.", ({}, 7)),
    histogram("lag_seconds", "Lag.", [({"a": "b"}, {0.1: 1, 1: 2, math.inf: 3}, 4.5)]),
    gauge("my.metric", "A name of UTF-8.", ({"host.name": "web 1", "plain": "x"}, 2)),
    Family(
        "seen",
        MetricType.COUNTER,
        "With an exemplar.",
        (
            Sample(
                "seen_total", Labels(), 1, None, Exemplar(Labels({"trace_id": "abc"}), 0.5, 1_700_000_000_250)
            ),
        ),
    ),
]
EXPECTED = {
    'shown_bytes{path="inf"}': math.inf,
    "hits_total": 7,
    "seen_total": 1,
    'lag_seconds_bucket{le="1.0"}': 2,
    "lag_seconds_count": 3,
    '{"my.metric", "host.name"="web 1"}': 2,
}


class Target(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        wanted = negotiate(self.headers["Accept"]) and self.path == "/openmetrics"
        page = render(FAMILIES, openmetrics=wanted)
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE_OPENMETRICS if wanted else CONTENT_TYPE_TEXT)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that has scraped our page in both formats."""
    folder: Path = tmp_path_factory.mktemp("prometheus")
    program, port = peer("prometheus"), free_port()
    target = ThreadingHTTPServer(("127.0.0.1", 0), Target)
    threading.Thread(target=target.serve_forever, daemon=True).start()
    jobs = "".join(
        f"  - job_name: {name}\n    metrics_path: /{name}\n    scrape_interval: 200ms\n"
        "    scrape_timeout: 200ms\n"
        f"    static_configs: [{{targets: ['127.0.0.1:{target.server_port}']}}]\n"
        for name in ("text", "openmetrics")
    )
    (folder / "prometheus.yml").write_text(f"scrape_configs:\n{jobs}")
    argv = [
        program,
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
    ]
    url = f"http://127.0.0.1:{port}"
    with running(argv, f"{url}/-/ready"):
        client = client_of(url)
        deadline = time.monotonic() + 30
        while len(client.query("seen_total", now_ms())) < 2:
            assert time.monotonic() < deadline, "it did not scrape us"
        yield url
    target.shutdown()
    target.server_close()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def client_of(url: str) -> Client:
    return Client(url, Fetcher(30_000, 16 << 20))


@pytest.mark.parametrize("job", ["text", "openmetrics"])
def test_it_reads_our_pages(prometheus: str, job: str) -> None:
    client = client_of(prometheus)
    assert [value for _, value in client.query(f'up{{job="{job}"}}', now_ms())] == [1]
    for selector, value in EXPECTED.items():
        chosen = f'{selector} and on (job) up{{job="{job}"}}' if "{" not in selector else None
        expr = chosen or f'{selector[:-1]}, job="{job}"}}'
        assert [found for _, found in client.query(expr, now_ms())] == [value], selector
    nan = client.query(f'shown_bytes{{path="nan", job="{job}"}}', now_ms())
    assert math.isnan(nan[0][1])
    paths = {labels["path"] for labels, _ in client.query(f'shown_bytes{{job="{job}"}}', now_ms())}
    assert NASTY in paths


def test_it_knows_types_and_help(prometheus: str) -> None:
    metadata = client_of(prometheus).get("/api/v1/metadata", {})
    assert {name: metadata[name][0]["type"] for name in ("shown_bytes", "lag_seconds", "my.metric")} == {
        "shown_bytes": "gauge",
        "lag_seconds": "histogram",
        "my.metric": "gauge",
    }
    assert metadata["shown_bytes"][0]["help"] == NASTY


def test_it_keeps_exemplars(prometheus: str) -> None:
    data = client_of(prometheus).get(
        "/api/v1/query_exemplars", {"query": "seen_total", "start": "0", "end": "4000000000"}
    )
    assert [(each["labels"], each["value"], each["timestamp"]) for each in data[0]["exemplars"]] == [
        ({"trace_id": "abc"}, "0.5", 1700000000.25)
    ]


def test_our_client_reads_ranges(prometheus: str) -> None:
    matrix = client_of(prometheus).query_range(
        'label_replace(vector(time()), "a", "b", "", "")', 1_500, 4_000, 500
    )
    assert matrix.labels == [Labels({"a": "b"})]
    np.testing.assert_allclose(matrix.values, [[1.5, 2, 2.5, 3, 3.5, 4]])
    early = client_of(prometheus).query_range("up", 0, 60_000, 30_000)
    assert early.values.shape == (0, 3)


def test_our_client_says_what_the_server_says(prometheus: str) -> None:
    client = client_of(prometheus)
    with pytest.raises(QueryError, match="parse error"):
        client.query("up{", 0)
    with pytest.raises(QueryError, match="exceeded maximum resolution"):
        client.query_range("up", 0, 100_000_000, 1_000)
    assert client.rules() == []
    assert len(client.query(" or ".join(["up"] * 500), now_ms())) == 2  # posted, for it is long
