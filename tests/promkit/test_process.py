import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from promkit.errors import ConfigError, Conflict, LuminaError, QueryError, Unavailable
from promkit.process import (
    SYSTEM_CLOCK,
    ClockWatch,
    Pauses,
    Stop,
    Supervisor,
    exit_code,
    guarded,
    parse_listen,
    run_until_signal,
)

QUICK = Pauses(first_ms=1, longest_ms=2)


def eventually(is_so: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it never came to be"


def until_stopped(stop: Stop) -> None:
    while not stop.wait(60_000):
        pass


def value(supervisor: Supervisor, metric: str, worker: str) -> float:
    return next(
        sample.value
        for family in supervisor.families("test")
        for sample in family.samples
        if (sample.name, sample.labels["worker"]) == (metric, worker)
    )


@pytest.mark.parametrize("error", [Unavailable("away"), ZeroDivisionError()], ids=["the world", "a bug"])
def test_a_worker_that_fails_is_started_again_and_counted(error: Exception) -> None:
    supervisor = Supervisor(pauses=QUICK)
    runs: list[str] = []

    def failing(stop: Stop) -> None:
        runs.append(threading.current_thread().name)
        if len(runs) < 4:
            raise error
        until_stopped(stop)

    supervisor.start("scrape", failing)
    eventually(lambda: len(runs) == 4)
    assert set(runs) == {"scrape"}
    assert value(supervisor, "test_worker_restarts_total", "scrape") == 3
    assert value(supervisor, "test_worker_up", "scrape") == 1
    assert supervisor.stop()


def test_a_worker_that_is_done_is_not_started_again() -> None:
    supervisor = Supervisor(pauses=QUICK)
    worker = supervisor.start("once", lambda _stop: None)
    assert worker.join(10_000)
    assert value(supervisor, "test_worker_restarts_total", "once") == 0
    assert value(supervisor, "test_worker_up", "once") == 0


def test_counters_outlive_their_workers() -> None:
    supervisor = Supervisor(pauses=QUICK)
    for _ in range(2):
        fails = iter([True, False])

        def run(_stop: Stop, fails: "object" = fails) -> None:
            if next(fails):  # type: ignore[call-overload]
                raise Unavailable("away")

        assert supervisor.start("pool", run).join(10_000)
    supervisor.start("other", lambda _stop: None)
    assert value(supervisor, "test_worker_restarts_total", "pool") == 2


def test_one_worker_can_be_stopped() -> None:
    supervisor = Supervisor()
    worker = supervisor.start("a", until_stopped)
    other = supervisor.start("b", until_stopped)
    worker.stop()
    assert worker.join(10_000)
    assert other.is_alive()
    assert supervisor.stop()
    assert not other.is_alive()


@pytest.mark.parametrize("failures", range(1, 40))
def test_pauses_double_up_to_a_bound(failures: int) -> None:
    pause = Pauses(1_000, 60_000).after(failures)
    full = min(1_000 * 2 ** (failures - 1), 60_000)
    assert full / 2 <= pause <= full


def test_what_is_closed_is_closed_after_all_workers_the_last_first() -> None:
    supervisor = Supervisor()
    done: list[str] = []

    def working(stop: Stop) -> None:
        until_stopped(stop)
        done.append("worker")

    def failing() -> None:
        done.append("failing")
        raise ZeroDivisionError

    supervisor.at_end("store", lambda: done.append("store"))
    supervisor.at_end("failing", failing)
    supervisor.at_end("server", lambda: done.append("server"))
    supervisor.start("worker", working)
    assert supervisor.stop()
    assert done == ["worker", "server", "failing", "store"]


def test_a_drain_has_an_end() -> None:
    supervisor = Supervisor()
    release = threading.Event()
    closed: list[bool] = []
    supervisor.at_end("store", lambda: closed.append(True))

    def stuck(_stop: Stop) -> None:
        release.wait(30)

    supervisor.start("stuck", stuck)
    began = time.monotonic()
    assert not supervisor.stop(drain_ms=200)
    assert time.monotonic() - began < 5
    assert closed == [True]
    release.set()


def when_ready(send: Callable[[], None], supervisor: Supervisor) -> None:
    """Do `send` once the main thread waits for signals."""

    before = signal.getsignal(signal.SIGHUP)

    def watching(_stop: Stop) -> None:
        eventually(lambda: signal.getsignal(signal.SIGHUP) is not before)
        send()

    supervisor.start("sender", watching)


def test_signals_reload_and_drain() -> None:
    supervisor = Supervisor()
    done: list[str] = []

    def on_reload() -> None:
        done.append("reload")
        os.kill(os.getpid(), signal.SIGHUP if len(done) < 3 else signal.SIGTERM)
        raise [ConfigError("bad"), ZeroDivisionError(), ConfigError("bad")][len(done) - 1]

    supervisor.at_end("store", lambda: done.append("closed"))
    before = signal.getsignal(signal.SIGTERM)
    when_ready(lambda: os.kill(os.getpid(), signal.SIGHUP), supervisor)
    assert run_until_signal(supervisor, on_reload) == 0
    assert done == ["reload", "reload", "reload", "closed"]
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_process_can_end_itself_with_a_code() -> None:
    supervisor = Supervisor()
    when_ready(lambda: supervisor.quit(3), supervisor)
    assert run_until_signal(supervisor) == 3


def test_the_service_manager_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        supervisor = Supervisor()
        when_ready(lambda: os.kill(os.getpid(), signal.SIGHUP), supervisor)
        run_until_signal(supervisor, supervisor.quit)
        told = [manager.recv(1024).decode().partition("\n")[0] for _ in range(4)]
    assert told == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]


PROGRAM = """
import sys
from promkit.process import Supervisor, run_until_signal, guarded
supervisor = Supervisor()
supervisor.start("stuck", lambda stop: __import__("threading").Event().wait())
print("up", flush=True)
sys.exit(run_until_signal(supervisor, drain_ms=60_000))
"""


def test_a_second_signal_ends_at_once() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        program.stdout.readline()
        deadline = time.monotonic() + 20
        while program.poll() is None and time.monotonic() < deadline:
            program.terminate()
            try:
                program.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        ended = program.poll()
        program.kill()
    assert ended == -signal.SIGTERM


class ManualClock:
    def __init__(self) -> None:
        self.wall, self.steady = 1_000_000, 5_000

    def now_ms(self) -> int:
        return self.wall

    def monotonic_ms(self) -> int:
        return self.steady


def test_a_step_of_the_wall_clock_is_noticed_once() -> None:
    clock = ManualClock()
    watch = ClockWatch(clock)

    def after(wall: int, steady: int) -> int:
        clock.wall += wall
        clock.steady += steady
        return watch.step_ms()

    assert [after(1_000, 1_000), after(61_000, 1_000), after(1_000, 1_000)] == [0, 60_000, 0]
    assert [after(-3_599_000, 1_000), after(1_900, 1_000), after(1_900, 1_000)] == [-3_600_000, 0, 0]


def test_the_system_clock() -> None:
    assert abs(SYSTEM_CLOCK.now_ms() - time.time() * 1000) < 5_000
    assert SYSTEM_CLOCK.monotonic_ms() <= SYSTEM_CLOCK.monotonic_ms()


LISTEN = {
    "127.0.0.1:9090": ("127.0.0.1", 9090),
    "localhost:0": ("localhost", 0),
    ":9090": ("0.0.0.0", 9090),
    "[::1]:9090": ("::1", 9090),
    "0.0.0.0:65535": ("0.0.0.0", 65535),
}


@pytest.mark.parametrize("text", LISTEN)
def test_addresses(text: str) -> None:
    assert parse_listen(text) == LISTEN[text]


@pytest.mark.parametrize(
    "text", ["", "9090", "a:b", "::1:9090", "[::1]", "a:65536", "a:-1", "a:٣", "[::1:9", "a:" + "9" * 5000]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ConfigError, match="not an address"):
        parse_listen(text)


@pytest.mark.parametrize(
    ("error", "code"),
    [(ConfigError("x"), 2), (QueryError("x"), 2), (Conflict("x"), 1), (LuminaError("x"), 1)],
)
def test_what_a_user_got_wrong_is_a_line_and_a_code(
    error: LuminaError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing() -> int:
        raise error

    assert guarded(failing) == exit_code(error) == code
    assert capsys.readouterr().err == "x\n"
    assert guarded(lambda: 7) == 7
