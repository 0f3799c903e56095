"""What the demo's rules may ask for is done to the demo's shop."""

import contextlib
import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from lumina.demo.shop.deeds import actions
from promkit.labels import Labels
from ruler.remediation import Plan, RemediationConfig, Result
from ruler.remediation.config import WELL_KNOWN
from tests.builders.processes import free_port
from tests.builders.raw_server import RawServer, answering


@pytest.fixture
def config(tmp_path: Path) -> Iterator[RemediationConfig]:
    """The declarations for a shop that runs, in a process of its own."""
    pushes, port, pid_file = RawServer(answering(b"")), free_port(), tmp_path / "shop.pid"
    files = ["--log", str(tmp_path / "access.log"), "--data", str(tmp_path / "shop.db"), "--push", pushes.url]
    flags = ["serve", "--port", str(port), *files]
    with subprocess.Popen([sys.executable, "-m", "lumina.demo.shop", *flags]) as process:
        pid_file.write_text(str(process.pid))
        wait(f"http://127.0.0.1:{port}/-/healthy")
        text = json.dumps({"actions": actions(port, pid_file)})
        yield RemediationConfig.model_validate_json(text, strict=True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    pushes.close()


def wait(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.05)
    raise AssertionError(url)


def done(config: RemediationConfig, name: str, **parameters: int) -> tuple[Plan, Result]:
    plan = config.plan(name, parameters, Labels())
    assert plan is not None
    return plan, config.kind(name).execute(plan, 30_000, Event())


def test_the_four_names_are_deeds(config: RemediationConfig) -> None:
    assert set(config.actions) == set(WELL_KNOWN)
    assert done(config, "optimize_database")[1].ok
    assert done(config, "optimize_memory")[1].ok
    plan, result = done(config, "scale_up", instances=4)
    assert result.ok
    back = config.kind("scale_up").undo(plan, result)
    assert back is not None
    assert config.kind("scale_up").execute(back, 30_000, Event()).ok
    for _ in range(6):  # 8 connections and 24 more are as many as it takes
        assert done(config, "scale_up", instances=4)[1].ok
    assert done(config, "scale_up", instances=4)[1].text.endswith("HTTP status 409")
