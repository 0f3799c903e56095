"""The process, as who starts it sees it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporter.main import run
from promkit.exposition import parse
from tests.builders.processes import Process, free_port, running
from tests.builders.sources import values
from tests.peers import peer

START = [sys.executable, "-c", "import sys; from exporter.main import run; sys.exit(run(sys.argv[1:]))"]
HEAVY = {
    "fastapi", "starlette", "typer", "rich", "numpy", "jinja2", "requests", "sqlalchemy", "scipy", "re2",
    "jmespath", "psycopg",
}  # fmt: skip
RESIDENT_MIB_MAX = 32
WITHIN_S = 10.0


@contextmanager
def exporting(*flags: str) -> Iterator[tuple[Process, str]]:
    url = f"http://127.0.0.1:{free_port()}"
    with running([*START, "--listen", url.removeprefix("http://"), *flags], f"{url}/-/ready") as process:
        yield process, url


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=WITHIN_S) as response:
        body: bytes = response.read()
        return body


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "not in time"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_defaults_show_this_host_at_once() -> None:
    with exporting() as (process, url):
        found = values(parse(get(f"{url}/metrics")))
        for name in (
            "system_memory_usage_ratio",
            "system_load1",
            "system_cpus",
            "system_boot_time_seconds",
            'system_network_up{device="lo"}',
            "process_resident_memory_bytes",
            "process_heap_used_bytes",
            'exporter_collector_success{collector="cpu"}',
        ):
            assert name in found, name
        assert any(name.startswith("system_disk_usage_ratio{") for name in found)
        until(lambda: b"\nsystem_cpu_usage_ratio " in get(f"{url}/metrics"))
        assert process.terminate() == 0


def test_it_is_light() -> None:
    """Neither pydantic nor PyYAML stays in it, with a configuration or without."""
    with exporting() as (process, url):
        for _ in range(20):
            get(f"{url}/metrics")
        status = Path(f"/proc/{process.pid}/status").read_text()
        resident = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert resident is not None
        assert int(resident[1]) / 1024 <= RESIDENT_MIB_MAX


def loaded(*arguments: str, code: int | None = 0) -> set[str]:
    """The packages that a run of the command loads; `code` None: its source is not there, and it says so."""
    program = (
        "import sys; from exporter.main import run; code = run(sys.argv[1:]);"
        "print(*{name.partition('.')[0] for name in sys.modules}, sep='\\n', file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert code is None or done.returncode == code, done.stderr
    return set(done.stderr.split())


def test_nothing_heavy_is_loaded() -> None:
    assert not loaded("--check-config") & HEAVY
    assert not loaded("--print") & (HEAVY | {"pydantic", "yaml", "bcrypt"})


LIGHT_SOURCES = "http: [{name: a, url: 'http://127.0.0.1:1/'}]"
METRICS = "metrics: [{name: n, value: n}]"
SQL_SOURCE = f"sql: [{{name: a, dsn: 'sqlite:////a.db', queries: [{{sql: SELECT 1 AS n, {METRICS}}}]}}]"
LOADED = {LIGHT_SOURCES: set(), SQL_SOURCE: {"sqlalchemy"}}


@pytest.mark.parametrize(("text", "heavy"), LOADED.items(), ids=["probes", "a database"])
def test_a_client_is_loaded_only_where_it_is_used(tmp_path: Path, text: str, heavy: set[str]) -> None:
    config = write(tmp_path / "exporter.yml", f"collectors: {{{text}}}\nbusiness: {{business_x: {{}}}}\n")
    assert loaded("--config", str(config), "--print", code=None) & HEAVY == heavy


def test_check_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = write(tmp_path / "good.yml", "collectors: {http: [{name: a, url: 'http://x/'}]}")
    assert run(["--config", str(good), "--check-config"]) == 0
    assert "http/a" in capsys.readouterr().out
    bad = write(tmp_path / "bad.yml", "collectors:\n  cpu: {evry: 1s}\n  disk: {timeout: 5}\n")
    assert run(["--config", str(bad), "--check-config"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.removeprefix(str(bad)).partition(": ")[0] for line in lines] == [":2:9", ":3:19"]
    assert run(["--config", str(tmp_path / "none.yml"), "--check-config"]) == 2
    web = write(tmp_path / "web.yml", "basic_auth_user: {}")
    assert run(["--web.config.file", str(web), "--check-config"]) == 2
    assert "did you mean 'basic_auth_users'" in capsys.readouterr().err


WRONG = {
    "an unknown flag": ["--no-such-flag"],
    "an address": ["--listen", "here"],
    "a level": ["--log.level", "loud"],
    "a path": ["--web.telemetry-path", "metrics"],
}


@pytest.mark.parametrize("flags", WRONG.values(), ids=WRONG)
def test_wrong_usage(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code: object = run(flags)
    except SystemExit as exit_:
        code = exit_.code
    assert code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_an_address_that_is_taken_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with exporting() as (_, url):
        assert run(["--listen", url.removeprefix("http://")]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("cannot listen on 127.0.0.1:")


def test_print(tmp_path: Path) -> None:
    done = subprocess.run([*START, "--print"], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "system_cpu_usage_ratio" in values(parse(done.stdout))
    log = write(
        tmp_path / "e.yml",
        "data: data\ncollectors: {access_log: [{name: a, path: none.log}]}",
    )
    done = subprocess.run([*START, "--config", log, "--print"], capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert b"No such file" in done.stderr
    assert not (tmp_path / "data").exists()


def test_reload_keeps_what_was_in_force_when_the_new_one_is_wrong(tmp_path: Path) -> None:
    config = write(tmp_path / "exporter.yml", "collectors: {memory: false}")

    def metric(name: str) -> float | None:
        return values(parse(get(f"{url}/metrics"))).get(name)

    with exporting("--config", str(config)) as (process, url):
        assert metric("system_memory_total_bytes") is None
        runs = metric('exporter_collector_runs_total{collector="cpu"}')
        write(config, "collectors: {memry: false}")
        os.kill(process.pid, signal.SIGHUP)
        until(lambda: "did you mean 'memory'" in process.tail())
        until(lambda: metric("exporter_config_last_reload_successful") == 0)
        assert metric("system_memory_total_bytes") is None
        write(config, "collectors: {memory: true}")
        os.kill(process.pid, signal.SIGHUP)
        until(lambda: metric("system_memory_total_bytes") is not None)
        assert metric("exporter_config_last_reload_successful") == 1
        # What did not change went on: its counters did not fall.
        assert (metric('exporter_collector_runs_total{collector="cpu"}') or 0) >= (runs or 0)


def test_pushes_survive_kill_and_reload(tmp_path: Path) -> None:
    config = write(tmp_path / "exporter.yml", "data: data\ncollectors: {push: {ttl: 1h}}")
    body = json.dumps({"metrics": [{"name": "business_user_sessions", "value": 12}]}).encode()
    with exporting("--config", str(config)) as (process, url):
        request = urllib.request.Request(f"{url}/push", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=WITHIN_S) as response:
            assert response.status == 202
        until(lambda: b"\nbusiness_user_sessions 12\n" in get(f"{url}/metrics"))
        write(config, "data: data\ncollectors: {push: {ttl: 2h}}")
        os.kill(process.pid, signal.SIGHUP)
        until(lambda: "configuration reloaded" in process.tail())
        assert b"\nbusiness_user_sessions 12\n" in get(f"{url}/metrics")
        until((tmp_path / "data" / "push.json").exists)
        process.kill()
    with exporting("--config", str(config)) as (_, url):
        assert b"\nbusiness_user_sessions 12\n" in get(f"{url}/metrics")


def test_a_failing_source_is_seen_everywhere(tmp_path: Path) -> None:
    config = write(
        tmp_path / "exporter.yml",
        "collectors: {access_log: [{name: shop, path: access.log, every: 100ms, from_start: true}]}",
    )
    with exporting("--config", str(config)) as (process, url):
        success = 'exporter_collector_success{collector="access_log/shop"}'
        assert values(parse(get(f"{url}/metrics")))[success] == 0
        assert b"No such file" in get(f"{url}/")
        until(lambda: 'msg="collector failing" collector=access_log/shop' in process.tail())
        write(tmp_path / "access.log", "")
        until(lambda: values(parse(get(f"{url}/metrics")))[success] == 1)
        assert 'msg="collector works again" collector=access_log/shop' in process.tail()
        assert process.tail().count("collector failing") == 1


@pytest.mark.service
def test_promtool_finds_nothing_to_say(tmp_path: Path) -> None:
    log = write(
        tmp_path / "access.log",
        '1.1.1.1 - - [25/Nov/2026:03:33:59 +0000] "GET / HTTP/1.1" 200 1 "-" "-" 0.1\n',
    )
    config = write(
        tmp_path / "exporter.yml",
        f"""
collectors:
  process: {{groups: [{{name: python, cmdline: python, component: shop}}]}}
  http: [{{name: shop, url: 'http://127.0.0.1:1/'}}]
  access_log: [{{name: shop, path: {log}, from_start: true, endpoints: {{all: ^/}}}}]
""",
    )
    with exporting("--config", str(config)) as (_, url):
        until(lambda: b"\nsystem_cpu_usage_ratio " in get(f"{url}/metrics"))
        page = get(f"{url}/metrics")
    assert b"app_probe_status_code" in page
    assert b"app_request_duration_seconds_bucket" in page
    argv = [str(peer("promtool")), "check", "metrics"]
    done = subprocess.run(argv, input=page, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.service
def test_a_real_prometheus_scrapes_it(tmp_path: Path) -> None:
    prometheus = peer("prometheus")
    with exporting() as (_, url):
        config = write(
            tmp_path / "prometheus.yml",
            f"""
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: lumina
    static_configs: [{{targets: ['{url.removeprefix("http://")}']}}]
  - job_name: text
    scrape_protocols: [PrometheusText0.0.4]
    static_configs: [{{targets: ['{url.removeprefix("http://")}']}}]
""",
        )
        port = free_port()
        argv = [prometheus, f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'tsdb'}"]
        argv.append(f"--web.listen-address=127.0.0.1:{port}")
        with running(argv, f"http://127.0.0.1:{port}/-/ready"):

            def query(expr: str) -> list[dict[str, object]]:
                escaped = urllib.parse.quote(expr)
                answer = json.loads(get(f"http://127.0.0.1:{port}/api/v1/query?query={escaped}"))
                found: list[dict[str, object]] = answer["data"]["result"]
                return found

            until(lambda: len(query("up == 1")) == 2)
            until(lambda: len(query("system_cpu_usage_ratio")) == 2)
            for name in (
                "system_memory_usage_ratio",
                "system_info",
                "system_cpu_seconds_total",
                "exporter_series",
            ):
                assert query(name), name
            metadata = json.loads(get(f"http://127.0.0.1:{port}/api/v1/metadata"))["data"]
            assert metadata["system_cpu_seconds_total"][0]["type"] == "counter"
            assert metadata["system_memory_used_bytes"][0]["help"].startswith("Memory in use")
