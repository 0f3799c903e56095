"""The process as a user starts it."""

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from analytics.main import run
from promkit.labels import Labels
from tests.builders.made_history import DAY, STEP_MS, a_host, times_until
from tests.builders.processes import free_port, running
from tests.builders.prometheus import prometheus_with

LUMINA = [sys.executable, "-m", "lumina", "analytics"]


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
        return json.loads(text)["data"] if "json" in answer.headers["Content-Type"] else text


def test_check_config_names_the_models(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["--check-config", "--data", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "5 models" in said
    assert "anomaly-detector" in said


def test_a_wrong_file_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "analytics.yml").write_text("intervall: 5m\n")
    assert run(["--config", str(tmp_path / "analytics.yml"), "--check-config"]) == 2
    assert re.search(
        r"analytics\.yml:1:1: unknown key 'intervall'.*did you mean 'interval'", capsys.readouterr().err
    )


@pytest.mark.parametrize("argv", [["--once"], ["run"], ["walk"], ["--log.level", "loud"]])
def test_wrong_arguments_are_exit_code_2(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(argv)
    assert ended.value.code == 2


def test_once_without_a_server_is_exit_code_1(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert run(["run", "--once", "--datasource-url", url, "--data", str(tmp_path)]) == 1
    assert "warning the history cannot be read" in capsys.readouterr().out


def test_help_loads_no_server() -> None:
    code = (
        "import sys; from analytics.main import _options; _options([]); "
        "print('fastapi' in sys.modules, 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_no_scipy_and_little_memory_in_the_process(tmp_path: Path) -> None:
    code = (
        "import sys; from analytics import process, tools; "
        "print([name for name in ('scipy', 'sqlalchemy', 'typer', 'rich') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    assert done.stdout.strip() == "[]"


def test_it_lives_through_a_server_that_is_not_there(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    argv = [
        *LUMINA,
        "--datasource-url",
        f"http://127.0.0.1:{free_port()}",
        "--data",
        tmp_path,
        "--listen",
        f"127.0.0.1:{port}",
    ]
    with running(argv, f"{url}/-/healthy") as process:
        deadline = time.monotonic() + 10
        while (health := get(f"{url}/api/v1/health"))["datasource"]["up"] and time.monotonic() < deadline:
            pass
        assert health["status"] == "warning"
        assert "analytics_datasource_up 0" in get(f"{url}/metrics")
        second = subprocess.run(
            [*LUMINA, "--data", tmp_path], capture_output=True, text=True, timeout=20, check=False
        )
        assert second.returncode == 1
        assert f"used by process {process.pid}" in second.stderr
        process.popen.send_signal(signal.SIGHUP)
        assert process.terminate() == 0
        assert process.log.read_text().count("history cannot be read") == 1


@pytest.mark.service
def test_against_a_real_prometheus(tmp_path: Path) -> None:
    """Six days of a host with a fault three hours ago: fetched, learned, forecast and found."""
    now_ms = time.time_ns() // 1_000_000 // STEP_MS * STEP_MS
    times = times_until(now_ms, 6 * DAY)
    host = a_host(times, fault=slice(-36, -26))
    series = {
        Labels(label): [(int(at), float(value)) for at, value in zip(times, values, strict=True)]
        for label, values in host.items()
    }
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with prometheus_with(series, tmp_path) as prometheus:
        argv = [
            *LUMINA,
            "--datasource-url",
            prometheus,
            "--data",
            tmp_path / "state",
            "--listen",
            f"127.0.0.1:{port}",
        ]
        with running(argv, f"{url}/-/ready") as process:
            health = get(f"{url}/api/v1/health")
            assert health["status"] == "healthy", process.tail()
            assert health["models_by_state"]["ready"] == 5
            models = get(f"{url}/api/v1/models")
            assert all(model["error_ratio"]["last_value"] < 0.8 for model in models)
            found = get(f"{url}/api/v1/anomalies?hours=6")
            assert "system_cpu_usage_ratio" in {row["metric"] for row in found}
            page = get(f"{url}/metrics")
            assert 'analytics_prediction{bound="mean",horizon="24h"' in page
            rss = next(
                line
                for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
                if "VmRSS" in line
            )
            assert int(rss.split()[1]) < 130 * 1024
            assert process.terminate() == 0
    assert list((tmp_path / "state" / "learned").iterdir())
