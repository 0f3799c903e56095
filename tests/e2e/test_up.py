"""`lumina up` as a new user meets it."""

import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.builders.e2e import LUMINA, ask, until
from tests.builders.processes import Process, free_port, running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
DEFAULT_RULES = {
    "high-cpu-usage": (0.8, 300_000),
    "high-memory-usage": (0.85, 300_000),
    "high-response-time": (2.0, 180_000),
    "high-error-rate": (0.05, 180_000),
    "low-throughput": (10.0, 600_000),
}


class Up:
    """A running `lumina up`."""

    def __init__(self, process: Process, ports: dict[str, int], home: Path) -> None:
        self.process, self.home = process, home
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}

    def child(self, name: str) -> psutil.Process | None:
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):  # it has just ended
                if name in child.cmdline():
                    return child
        return None


def addresses() -> tuple[dict[str, int], list[str]]:
    """Free ports for the three, and the flags that say so."""
    ports = {name: free_port() for name in ("exporter", "ruler", "analytics")}
    return ports, [word for name, port in ports.items() for word in (f"--{name}", f"127.0.0.1:{port}")]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with an_up(tmp_path_factory.mktemp("up")) as up:
        yield up


@contextmanager
def an_up(folder: Path) -> Iterator[Up]:
    home = folder / "monitoring"
    ports, flags = addresses()
    ready = f"http://127.0.0.1:{ports['ruler']}/-/ready"
    with running([*LUMINA, "up", "--home", home, *flags], ready, within_s=60) as process:
        yield Up(process, ports, home)


def page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def test_the_front_page_shows_the_living_host_within_seconds(up: Up) -> None:
    def alive() -> str | None:
        text = page(f"{up.urls['ruler']}/")
        return text if text.count('<path class="line') >= 4 and "No data yet for CPU" not in text else None

    text = until(alive, within_s=20)
    for name in (
        "High CPU Usage",
        "High Memory Usage",
        "High Error Rate",
        "High Response Time",
        "Low Throughput",
    ):
        assert name in text
    for key in ("channels.email", "channels.slack", "channels.sms", "remediation.actions.restart_service"):
        assert key in text
    assert "ruler.yml" in text


def test_the_five_default_rules_are_there_as_specified(up: Up) -> None:
    rules = {
        rule["lumina"]["id"]: rule["lumina"]
        for group in ask(f"{up.urls['ruler']}/api/v1/rules")["groups"]
        for rule in group["rules"]
    }
    found = {id_: (rule["threshold"], rule["for_ms"]) for id_, rule in rules.items()}
    assert found.items() >= DEFAULT_RULES.items()
    about_findings = {"response-time-degraded", "error-rate-degraded", "throughput-degraded", "anomaly"}
    assert set(found) - set(DEFAULT_RULES) == {*about_findings, "breach-ahead"}


def test_all_three_are_scraped(up: Up) -> None:
    def healths() -> bool:
        targets = ask(f"{up.urls['ruler']}/api/v1/targets")["activeTargets"]
        return len(targets) == 3 and all(target["health"] == "up" for target in targets)

    assert until(healths, within_s=60)


def test_the_banner_says_all_that_one_needs(up: Up) -> None:
    text = until(lambda: "stop" in up.process.tail() and up.process.tail(60))
    assert isinstance(text, str)
    for expected in (*up.urls.values(), str(up.home), "lumina", "Ctrl-C"):
        assert expected in text


def test_a_process_that_dies_is_started_again_and_that_is_said(up: Up) -> None:
    child = until(lambda: up.child("exporter"))
    os.kill(child.pid, signal.SIGKILL)
    until(lambda: "exporter ended (killed by SIGKILL)" in up.process.tail(60))

    def another() -> bool:
        now = up.child("exporter")
        return now is not None and now.pid != child.pid

    assert until(another)
    assert until(lambda: "system_cpu" in _metrics(up.urls["exporter"]))


def _metrics(url: str) -> str:
    try:
        return page(f"{url}/metrics")
    except OSError:
        return ""


def test_nothing_listens_beyond_loopback(up: Up) -> None:
    for name in ("exporter", "ruler", "analytics"):
        child = until(partial(up.child, name))
        listening = [c for c in child.net_connections("inet") if c.status == psutil.CONN_LISTEN]
        assert listening
        assert {c.laddr.ip for c in listening} == {"127.0.0.1"}


def test_ctrl_c_drains_within_ten_seconds(tmp_path: Path) -> None:
    with an_up(tmp_path) as up:  # one of its own: the others' must live on, in whatever order they come
        children = psutil.Process(up.process.pid).children()
        begun = time.monotonic()
        up.process.popen.send_signal(signal.SIGINT)
        assert up.process.popen.wait(15) == 0, up.process.tail()
        assert time.monotonic() - begun < 10
        assert not any(child.is_running() for child in children)


def test_up_for_a_while_judges_health(tmp_path: Path) -> None:
    _, flags = addresses()
    done = subprocess.run(
        [*LUMINA, "up", "--home", tmp_path / "home", "--for", "8s", "--report", "json", *flags],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"healthy": true' in done.stdout
