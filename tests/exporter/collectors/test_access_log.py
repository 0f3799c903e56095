"""An access log from file to families; with a real nginx too."""

import json
import os
import signal
import time
import urllib.request
from pathlib import Path

import pytest

from exporter.collector import Claim, Context
from exporter.collectors.access_log import AccessLog, Settings
from promkit.errors import Unavailable
from tests.builders.processes import free_port, running
from tests.builders.sources import values
from tests.peers import peer

LINE = '10.0.0.1 - - [25/Nov/2026:03:33:59 +0000] "GET {path} HTTP/1.1" {status} 12 "-" "agent" {seconds}\n'


def write(log: Path, *requests: tuple[str, int, float]) -> None:
    with log.open("a") as file:
        file.writelines(
            LINE.format(path=path, status=status, seconds=seconds) for path, status, seconds in requests
        )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.touch()
    return path


def a_log(log: Path, data: Path | None = None, **settings: object) -> AccessLog:
    return AccessLog(Settings(name="shop", path=log, **settings), Context(data), "access_log/shop")  # type: ignore[arg-type]


AT = '{component="shop"}'


def test_requests(log: Path) -> None:
    collector = a_log(log, endpoints={"compliance": "^/api/compliance"})
    collector.collect(0)
    write(log, ("/", 200, 0.1), ("/api/compliance?x", 200, 0.3), ("/", 503, 0.2), ("/", 404, 0.4))
    found = values(collector.collect(10_000))
    assert found['app_requests_total{code="200", component="shop"}'] == 2
    assert found['app_requests_total{code="503", component="shop"}'] == 1
    assert found[f"app_error_ratio{AT}"] == 0.25
    assert found[f"app_response_time_seconds{AT}"] == pytest.approx(0.25)
    assert found[f"app_throughput_requests_per_second{AT}"] == pytest.approx(0.4)
    assert found[f"app_request_duration_seconds_count{AT}"] == 4
    assert found['business_api_calls_per_minute{endpoint="compliance"}'] == pytest.approx(6)
    assert found['exporter_log_lines_total{log="access_log/shop", result="parsed"}'] == 4
    assert found['exporter_log_behind_bytes{log="access_log/shop"}'] == 0


def test_a_burst_before_the_first_look_is_no_rate(log: Path) -> None:
    write(log, *[("/", 200, 0.1)] * 10)
    found = values(a_log(log, from_start=True).collect(0))
    assert found['app_requests_total{code="200", component="shop"}'] == 10
    assert f"app_throughput_requests_per_second{AT}" not in found


def test_only_these_paths(log: Path) -> None:
    write(log, ("/api/a", 200, 0.1), ("/static", 200, 0.1))
    found = values(a_log(log, from_start=True, paths="^/api/", component="api").collect(0))
    assert found['app_requests_total{code="200", component="api"}'] == 1
    assert found['exporter_log_lines_total{log="access_log/shop", result="left_out"}'] == 1


def test_what_is_claimed() -> None:
    assert Settings(name="a", path=Path("x"), component="b").claims() == (Claim("requests", "b"),)


def test_lines_of_another_format_are_a_failure(log: Path) -> None:
    collector = a_log(log)
    collector.collect(0)
    log.write_text("what\nis this\n")
    with pytest.raises(Unavailable, match="none of 2 new lines has the format"):
        collector.collect(1_000)
    write(log, ("/", 200, 0.1))
    found = values(collector.collect(2_000))
    assert found['exporter_log_lines_total{log="access_log/shop", result="unparsed"}'] == 2


def test_no_log_is_a_failure_until_there_is_one(tmp_path: Path) -> None:
    collector = a_log(tmp_path / "access.log", from_start=True)
    with pytest.raises(Unavailable, match="No such file"):
        collector.collect(0)
    write(tmp_path / "access.log", ("/", 200, 0.1))
    assert values(collector.collect(1_000))['app_requests_total{code="200", component="shop"}'] == 1


def test_position_and_totals_outlive_a_restart(log: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = a_log(log, data)
    first.collect(0)
    write(log, ("/", 200, 0.1), ("/", 500, 0.1))
    first.collect(10_000)
    # Between the two processes: requests come in, and the log is rotated.
    write(log, ("/", 200, 0.1))
    log.rename(tmp_path / "access.log.1")
    write(log, ("/", 200, 0.1))
    found = values(a_log(log, data).collect(30_000))
    assert found['app_requests_total{code="200", component="shop"}'] == 3
    assert found['app_requests_total{code="500", component="shop"}'] == 1
    assert found[f"app_request_duration_seconds_count{AT}"] == 4
    # Two requests in the twenty seconds that nobody looked.
    assert found[f"app_throughput_requests_per_second{AT}"] == pytest.approx(0.1)


SPOILT = {
    "empty": "",
    "a list": "[]",
    "another version": '{"version": 99}',
    "half": '{"version": 1',
    "types": json.dumps({"version": 1, "path": "?", "positions": 3}),
}


@pytest.mark.parametrize("text", SPOILT.values(), ids=SPOILT)
def test_a_state_that_was_spoilt_is_begun_anew(log: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "access_log-shop.json").write_text(text.replace("?", str(log)))
    collector = a_log(log, tmp_path)
    collector.collect(0)
    write(log, ("/", 200, 0.1))
    assert values(collector.collect(1_000))['app_requests_total{code="200", component="shop"}'] == 1


def test_json_and_regex(log: Path) -> None:
    log.write_text('{"s": 200, "t": 1500}\n')
    found = values(
        a_log(
            log, from_start=True, format="json", status_key="s", duration_key="t", duration_unit="ms"
        ).collect(0)
    )
    assert found[f"app_request_duration_seconds_sum{AT}"] == 1.5
    log.write_text("status=201 took 3s\n")
    pattern = r"status=(?P<status>\d+) took (?P<duration>\d+)s"
    found = values(a_log(log, from_start=True, format="regex", pattern=pattern).collect(0))
    assert found['app_requests_total{code="201", component="shop"}'] == 1
    assert found[f"app_request_duration_seconds_sum{AT}"] == 3


NGINX = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
worker_processes 2;
events {{}}
http {{
    log_format timed '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
                     '"$http_referer" "$http_user_agent" $request_time';
    access_log {folder}/access.log timed;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 200 "ok"; }}
        location /broken {{ return 503; }}
    }}
}}
"""


@pytest.mark.service
def test_a_real_nginx_and_its_rotation(tmp_path: Path) -> None:
    port = free_port()
    log = tmp_path / "access.log"
    (tmp_path / "nginx.conf").write_text(NGINX.format(folder=tmp_path, port=port))
    argv = [peer("nginx"), "-p", tmp_path, "-c", tmp_path / "nginx.conf"]
    if os.geteuid() == 0:
        argv += ["-g", "user root;"]
    url = f"http://127.0.0.1:{port}"
    with running(argv, url) as nginx:

        def ask(count: int) -> None:
            for _ in range(count):
                urllib.request.urlopen(f"{url}/a?b", timeout=10).read()

        collector = a_log(log, paths="^/a")  # not what asked whether nginx is there
        collector.collect(0)
        ask(20)
        log.rename(tmp_path / "access.log.1")
        ask(10)  # nginx goes on in the old file
        os.kill(nginx.pid, signal.SIGUSR1)
        deadline = time.monotonic() + 10
        while not log.exists() and time.monotonic() < deadline:
            collector.collect(1_000)
        ask(20)
        found = {}
        while time.monotonic() < deadline:
            found = values(collector.collect(10_000))
            if found.get('app_requests_total{code="200", component="shop"}') == 50:
                break
    assert found['app_requests_total{code="200", component="shop"}'] == 50
    assert found[f"app_request_duration_seconds_count{AT}"] == 50
    assert found['exporter_log_lines_total{log="access_log/shop", result="unparsed"}'] == 0
