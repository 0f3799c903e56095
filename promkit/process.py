"""What a process stands on: clock, workers that are started again, signals, drain. Standard library only.

supervisor = Supervisor()
supervisor.at_end("store", store.close)         # after all workers have ended, last registered first
supervisor.start("scrape", scrape_loop)         # def scrape_loop(stop): while not stop.wait(10_000): …
return run_until_signal(supervisor, on_reload)  # SIGTERM, SIGINT: drain; SIGHUP: reload
"""

import os
import queue
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Protocol

from promkit.errors import ConfigError, LuminaError, QueryError
from promkit.exposition import Family, counter, gauge
from promkit.log import get

__all__ = [
    "SYSTEM_CLOCK",
    "Clock",
    "ClockWatch",
    "Stop",
    "Supervisor",
    "Worker",
    "exit_code",
    "guarded",
    "notify_systemd",
    "parse_listen",
    "run_until_signal",
]

DRAIN_MS = 10_000
_FIRST_PAUSE_MS = 1_000
_LONGEST_PAUSE_MS = 60_000
_STEP_TOLERANCE_MS = 1_000

log = get("process")


class Clock(Protocol):
    """The two clocks: one stamps, the other measures waits and never steps."""

    def now_ms(self) -> int:
        """Unix time."""

    def monotonic_ms(self) -> int:
        """Time since some start, for differences alone."""


class _SystemClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000


SYSTEM_CLOCK: Clock = _SystemClock()


class ClockWatch:
    """Notices when the wall clock was set: it then moved other than the monotonic one."""

    def __init__(self, clock: Clock, tolerance_ms: int = _STEP_TOLERANCE_MS) -> None:
        self._clock = clock
        self._tolerance_ms = tolerance_ms
        self._offset_ms = clock.now_ms() - clock.monotonic_ms()

    def step_ms(self) -> int:
        """How far the wall clock was set since the last call (negative: back), or 0."""
        offset_ms = self._clock.now_ms() - self._clock.monotonic_ms()
        step_ms = offset_ms - self._offset_ms
        # Slow drift is followed, so that a year of it is never told as one step.
        self._offset_ms = offset_ms
        return step_ms if abs(step_ms) > self._tolerance_ms else 0


class Stop:
    """Asks a worker to end."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()

    def wait(self, wait_ms: float) -> bool:
        """Wait at most so long; True as soon as the worker is to end."""
        return self._event.wait(max(wait_ms, 0) / 1000)


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long to wait before a worker that failed is started again: doubling, with jitter."""

    first_ms: int = _FIRST_PAUSE_MS
    longest_ms: int = _LONGEST_PAUSE_MS

    def after(self, failures: int) -> float:
        pause_ms = min(self.first_ms << min(failures - 1, 20), self.longest_ms)
        return pause_ms * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret


class Worker:
    """A named thread that runs until it is told to stop, and again after it failed."""

    def __init__(self, name: str, run: Callable[[Stop], None], pauses: Pauses, clock: Clock) -> None:
        self.name = name
        self.restarts = 0
        self._run = run
        self._pauses = pauses
        self._clock = clock
        self._stop = Stop()
        self._thread = threading.Thread(target=self._supervise, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; `join` waits for that."""
        self._stop.set()

    def join(self, wait_ms: float) -> bool:
        """Wait at most so long; True when it has ended."""
        self._thread.join(max(wait_ms, 0) / 1000)
        return not self._thread.is_alive()

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def _supervise(self) -> None:
        failures = 0
        while not self._stop.is_set():
            started_ms = self._clock.monotonic_ms()
            try:
                self._run(self._stop)
            except LuminaError as error:
                log.warning("worker failed", worker=self.name, error=error)
            except Exception:
                log.exception("worker failed by a bug", worker=self.name)
            else:
                return
            ran_ms = self._clock.monotonic_ms() - started_ms
            failures = 1 if ran_ms > self._pauses.longest_ms else failures + 1
            if self._stop.wait(self._pauses.after(failures)):
                return
            self.restarts += 1


class Supervisor:
    """Owns a process' workers and what is to be closed after them."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK, pauses: Pauses | None = None) -> None:
        self._clock = clock
        self._pauses = pauses or Pauses()
        self._workers: list[Worker] = []
        self._restarts_before: dict[str, int] = {}  # of workers that are gone, so that counters never fall
        self._closers: list[tuple[str, Callable[[], None]]] = []
        self._lock = threading.Lock()
        self._events: queue.SimpleQueue[int] = queue.SimpleQueue()

    def start(self, name: str, run: Callable[[Stop], None]) -> Worker:
        """Run `run(stop)` in a thread of this name, again with growing pauses whenever it raises."""
        worker = Worker(name, run, self._pauses, self._clock)
        with self._lock:
            self._forget_ended()
            self._workers.append(worker)
        return worker

    def at_end(self, name: str, close: Callable[[], None]) -> None:
        """Call `close` once all workers have ended; the last registered first."""
        with self._lock:
            self._closers.append((name, close))

    def families(self, namespace: str) -> list[Family]:
        """Restarts and liveness of each worker, for the process' own metrics."""
        with self._lock:
            restarts = dict(self._restarts_before)
            alive = {}
            for worker in self._workers:
                restarts[worker.name] = restarts.get(worker.name, 0) + worker.restarts
                alive[worker.name] = int(worker.is_alive())
        return [
            counter(
                f"{namespace}_worker_restarts_total",
                "Times a worker failed and was started again.",
                *(({"worker": name}, count) for name, count in sorted(restarts.items())),
            ),
            gauge(
                f"{namespace}_worker_up",
                "Whether the worker's thread is alive.",
                *(({"worker": name}, up) for name, up in sorted(alive.items())),
            ),
        ]

    def stop(self, drain_ms: int = DRAIN_MS) -> bool:
        """End all workers, then call the closers; False when that took longer than `drain_ms`."""
        drain = threading.Thread(target=self._drain, args=(drain_ms,), name="drain", daemon=True)
        drain.start()
        drain.join(drain_ms / 1000)
        if drain.is_alive():
            late = [worker.name for worker in self._workers if worker.is_alive()]
            log.error("not drained in time", drain_ms=drain_ms, workers=",".join(late))
        return not drain.is_alive()

    def quit(self, code: int = 0) -> None:
        """Make `run_until_signal` drain and return `code`."""
        self._events.put(-code)

    def next_event(self) -> int:
        """Wait for a signal's number, or 0 and less: quit with that exit code, negated."""
        return self._events.get()

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Take a signal: a SimpleQueue may be put into from within a signal handler."""
        self._events.put(number)

    def _drain(self, drain_ms: int) -> None:
        deadline_ms = self._clock.monotonic_ms() + drain_ms
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            worker.join(deadline_ms - self._clock.monotonic_ms())
        while self._closers:
            name, close = self._closers.pop()
            try:
                close()
            except LuminaError as error:
                log.error("closing failed", part=name, error=error)  # noqa: TRY400 - no bug
            except Exception:
                log.exception("closing failed by a bug", part=name)

    def _forget_ended(self) -> None:
        for worker in [worker for worker in self._workers if not worker.is_alive()]:
            self._workers.remove(worker)
            before = self._restarts_before.get(worker.name, 0)
            if before or worker.restarts:
                self._restarts_before[worker.name] = before + worker.restarts


def run_until_signal(
    supervisor: Supervisor, on_reload: Callable[[], None] | None = None, drain_ms: int = DRAIN_MS
) -> int:
    """Wait in the main thread until SIGTERM, SIGINT or `quit`, then drain → exit code.

    SIGHUP calls `on_reload`; when that raises a LuminaError, what was in force stays. A second SIGTERM or
    SIGINT ends the process at once.
    """
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.signal(number, supervisor.on_signal) for number in numbers}
    try:
        notify_systemd("READY=1")
        while (event := supervisor.next_event()) == signal.SIGHUP:
            _reload(on_reload)
        log.info("stopping", signal=signal.Signals(event).name if event > 0 else "none")
        notify_systemd("STOPPING=1")
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        drained = supervisor.stop(drain_ms)
        return (0 if event > 0 else -event) if drained else 1
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _reload(on_reload: Callable[[], None] | None) -> None:
    if on_reload is None:
        return
    notify_systemd(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
    try:
        on_reload()
    except LuminaError as error:
        log.error("reload refused, the old one stays", error=error)  # noqa: TRY400 - no bug
    except Exception:
        log.exception("reload failed by a bug, the old one stays")
    notify_systemd("READY=1")


def notify_systemd(state: str) -> None:
    """Tell the service manager, where there is one that listens (sd_notify)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.connect("\0" + address[1:] if address[0] == "@" else address)
            sender.sendall(state.encode())
        except OSError as error:
            log.warning("service manager not told", error=error)


def guarded(run: Callable[[], int]) -> int:
    """Run a command; what a user got wrong is a line on stderr and an exit code, not a traceback."""
    try:
        return run()
    except LuminaError as error:
        sys.stderr.write(f"{error}\n")
        return exit_code(error)


def exit_code(error: LuminaError) -> int:
    """2: what was written or typed is wrong; 1: it was right, and failed."""
    return 2 if isinstance(error, ConfigError | QueryError) else 1


def parse_listen(text: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:9090`, `[::1]:9090`, or `:9090` (every interface).

    ConfigError: not an address.
    """
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host or "[" in host:
        colon = ""
    if not colon or not (port.isascii() and port.isdigit()) or int(port[:6]) > 65_535:
        raise ConfigError(
            f"not an address to listen on: {text!r}",
            remedy="write host:port, as 127.0.0.1:9090 or [::1]:9090",
        )
    return host or "0.0.0.0", int(port)  # noqa: S104 - said by who writes no host, as in Go
