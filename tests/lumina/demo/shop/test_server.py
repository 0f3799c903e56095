"""The demo's shop: what it does is what the exporter measures of it."""

import http.client
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from exporter.collector import Context
from exporter.collectors.access_log import AccessLog
from exporter.collectors.access_log import Settings as LogSettings
from exporter.config import Config, sources
from exporter.schema import built, model_of
from lumina.demo.load import Load
from lumina.demo.shop import sql_source
from lumina.demo.shop.database import prepare
from lumina.demo.shop.server import Shop
from promkit.config import parse
from tests.builders.sources import values

WITHIN_S = 20.0
DEPTH = "business_compliance_queue_depth"
FAILURES = "business_compliance_failures_ratio"
# A colleague's dashboards are drawn from these.
NAMES = {
    'business_compliance_scans_per_minute{type="automated"}',
    'business_compliance_scans_per_minute{type="requested"}',
    'business_user_sessions{type="authenticated"}',
    "business_compliance_queue_depth",
    "business_compliance_oldest_age_seconds",
    "business_compliance_throughput_per_minute",
    "business_compliance_failures_ratio",
    "business_compliance_scan_duration_seconds",
}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as running:
        yield running


class a_shop:  # noqa: N801 - used like a function
    """A shop in this process, on the files of a folder."""

    def __init__(self, folder: Path) -> None:
        self.shop = Shop(0, folder / "access.log", folder / "shop.db")

    def __enter__(self) -> Shop:
        threading.Thread(target=self.shop.serve_forever, args=(0.02,), daemon=True).start()
        self.shop.worker.start()
        return self.shop

    def __exit__(self, *_: object) -> None:
        self.shop.end()


def ask(shop: Shop, method: str, path: str, user: str = "") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", shop.server_address[1], timeout=10)
    try:
        connection.request(method, path, headers={"Cookie": f"user={user}"})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def measured(folder: Path) -> Mapping[str, float]:
    """What the demo's own `sql` source gives, read as exporter.yml is."""
    document = {"collectors": {"sql": [sql_source(folder / "shop.db", every="2s")]}}
    config = built(parse(json.dumps(document), model_of(Config), "exporter.yml", {}), Config)
    source = next(one for one in sources(config) if one.name == "sql/shop")
    return values(source.kind.build(source.settings, Context(), source.name).collect(0))


def until(folder: Path, condition: Callable[[Mapping[str, float]], bool]) -> Mapping[str, float]:
    deadline = time.monotonic() + WITHIN_S
    while not condition(found := measured(folder)):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def test_every_name_has_a_true_value(shop: Shop, tmp_path: Path) -> None:
    load = Load(shop.server_address[1], 40)
    load.start()
    try:
        found = until(tmp_path, lambda found: found.keys() >= NAMES and found[FAILURES] == 0)
        assert set(found) == NAMES
        found = until(tmp_path, lambda found: found['business_user_sessions{type="authenticated"}'] >= 6)
    finally:
        load.stop()
    assert 0.1 < found["business_compliance_scan_duration_seconds"] < 2
    assert found["business_compliance_throughput_per_minute"] > 0
    assert found['business_compliance_scans_per_minute{type="automated"}'] > 0


def test_a_shop_that_is_older_than_the_window_has_its_rates_too(tmp_path: Path) -> None:
    prepare(tmp_path / "shop.db")
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database, database:
        now_ms = time.time_ns() // 1_000_000
        row = ("automated", "done", now_ms - 60_000, now_ms - 2_000, now_ms - 1_000)
        names = "type, state, queued_ms, started_ms, finished_ms"
        database.execute(f"INSERT INTO scans ({names}) VALUES (?, ?, ?, ?, ?)", row)
    found = measured(tmp_path)
    assert found["business_compliance_throughput_per_minute"] == 4  # one in a window of 15 s
    assert found['business_compliance_scans_per_minute{type="automated"}'] == 4


def test_broken_scans_fail_and_queue_up_and_a_restart_catches_up(tmp_path: Path) -> None:
    with a_shop(tmp_path) as shop:
        for _ in range(4):
            assert ask(shop, "POST", "/api/compliance/scans") == 200
        assert ask(shop, "POST", "/-/break") == 200
        until(tmp_path, lambda found: found.get(FAILURES, 0) > 0 and found[DEPTH] >= 2)
        statuses = {ask(shop, "GET", "/checkout") for _ in range(4)}
        assert statuses == {200, 503}
    # One scan was cut off: it is neither lost nor counted as failed, but queued again.
    with a_shop(tmp_path):
        found = until(tmp_path, lambda found: found[DEPTH] == 0 and found[FAILURES] < 0.9)
        assert found["business_compliance_oldest_age_seconds"] == 0


def test_a_session_begins_and_ends(shop: Shop, tmp_path: Path) -> None:
    sessions = 'business_user_sessions{type="authenticated"}'
    assert measured(tmp_path)[sessions] == 0
    for user in ("ann", "bob"):
        assert ask(shop, "POST", f"/login/{user}") == 200
    assert measured(tmp_path)[sessions] == 2
    assert ask(shop, "GET", "/checkout", "ann") == 200
    assert ask(shop, "POST", "/logout/ann") == 200
    assert measured(tmp_path)[sessions] == 1


def test_its_operator_may_ask_for_connections_and_a_smaller_database(shop: Shop) -> None:
    assert shop.pool.size == 8
    assert ask(shop, "POST", "/-/pool/grow/3") == 200
    assert shop.pool.size == 11
    assert ask(shop, "POST", "/-/pool/shrink/2") == 200
    assert shop.pool.size == 9
    assert ask(shop, "POST", "/-/pool/grow/99") == 409
    assert ask(shop, "POST", "/-/pool/shrink/9") == 409
    assert ask(shop, "POST", "/-/pool/grow/x") == 404
    assert ask(shop, "POST", "/-/optimize") == 200
    shop.pool.shed()
    assert ask(shop, "GET", "/checkout") == 200
    assert shop.pool.in_use <= shop.pool.size == 9


NOT_THERE = [("GET", "/none"), ("POST", "/login/"), ("POST", "/api/other"), ("GET", "/login/ann")]


@pytest.mark.parametrize(("method", "path"), NOT_THERE)
def test_what_is_not_there(shop: Shop, method: str, path: str) -> None:
    assert ask(shop, method, path) == 404


def test_its_log_is_read_as_nginx_s_is(shop: Shop, tmp_path: Path) -> None:
    settings = LogSettings(
        name="shop",
        path=tmp_path / "access.log",
        from_start=True,
        endpoints={"compliance": "^/api/compliance"},
    )
    log = AccessLog(settings, Context(), "access_log/shop")
    log.collect(0)
    for path in ("/", "/api/compliance"):
        ask(shop, "GET", path)
    found = values(log.collect(60_000))
    assert found['app_requests_total{code="200", component="shop"}'] == 2
    assert found['business_api_calls_per_minute{endpoint="compliance"}'] == 1
    assert found['app_apdex_ratio{component="shop"}'] == 1
