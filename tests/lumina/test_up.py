"""The watcher: restarts with growing pauses, drains, and refuses a port that is taken."""

import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lumina.up import BACK_OFF_S, Children, Process, commands, run

FOREVER = "import time\nwhile True: time.sleep(60)"
STUBBORN = (
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('set', flush=True)\n" + FOREVER
)


def python(code: str) -> Process:
    return Process("part", [sys.executable, "-c", code], "http://127.0.0.1:9")


def until(condition: Callable[[], bool], deadline_s: float = 20.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)


def test_a_process_that_ends_is_started_again_after_a_growing_pause_and_that_is_said() -> None:
    said: list[str] = []
    part = python("raise SystemExit(3)")
    children = Children([part], said.append)
    now = 0.0
    for _ in range(3):
        children.tend(now)
        assert part.popen is not None
        part.popen.wait(20)
        children.tend(now)
        now = part.start_at
    assert [line.split("again in ")[1] for line in said] == ["0.5 s", "1 s", "2 s"]
    assert all("part ended (exit code 3)" in line for line in said)


def test_who_ran_long_starts_again_with_the_first_pause() -> None:
    part = python("raise SystemExit(1)")
    part.pause_s = BACK_OFF_S[1]
    children = Children([part], lambda _line: None)
    children.tend(0.0)
    assert part.popen is not None
    part.popen.wait(20)
    children.tend(3600.0)
    assert part.start_at == 3600.0 + BACK_OFF_S[0]


def test_stop_drains() -> None:
    part = python(FOREVER)
    children = Children([part], lambda _line: None)
    children.tend(0.0)
    assert children.stop() == []
    assert part.popen is not None
    assert part.popen.poll() is not None


def test_who_does_not_stop_is_killed_and_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("lumina.up.DRAIN_S", 0.2)
    part = python(STUBBORN)
    with (tmp_path / "out").open("w+b") as output:
        children = Children([part], lambda _line: None, output=output)
        children.tend(0.0)
        until(lambda: (tmp_path / "out").stat().st_size > 0)
        assert children.stop() == ["part"]


def test_a_taken_port_is_refused_before_anything_is_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert run(["--home", str(tmp_path / "home"), "--ruler", address]) == 1
    said = capfd.readouterr().err
    assert address in said
    assert "--ruler" in said
    assert not (tmp_path / "home").exists()


def test_commands_are_what_one_would_type(tmp_path: Path) -> None:
    addresses = {"exporter": "127.0.0.1:1", "ruler": "127.0.0.1:2", "analytics": "127.0.0.1:3"}
    lines = {process.name: " ".join(process.argv) for process in commands(tmp_path, addresses, [])}
    assert (
        f"lumina ruler --config {tmp_path}/ruler.yml --listen 127.0.0.1:2 --data {tmp_path}/data"
        in lines["ruler"]
    )
    assert "lumina exporter --config" in lines["exporter"]
