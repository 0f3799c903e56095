"""Threads that are started again when they fail, and their orderly end."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

from promkit._clock import SYSTEM_CLOCK, Clock
from promkit._families import Family, counter, gauge
from promkit.errors import LuminaError
from promkit.log import get

__all__ = ["DRAIN_MS", "Pauses", "Stop", "Supervisor", "Worker"]

DRAIN_MS = 10_000
_FIRST_PAUSE_MS = 1_000
_LONGEST_PAUSE_MS = 60_000

log = get("process")


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
        self._code: int | None = None
        self._wake: Callable[[], None] = lambda: None

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
        """End all workers, then call the closers; False when not all was done within `drain_ms`."""
        drain = threading.Thread(target=self._drain, args=(drain_ms,), name="drain", daemon=True)
        drain.start()
        drain.join(drain_ms / 1000)
        late = [worker.name for worker in self._workers if worker.is_alive()]
        if late or drain.is_alive():
            log.error("not drained in time", drain_ms=drain_ms, workers=",".join(late))
        return not late and not drain.is_alive()

    def quit(self, code: int = 0) -> None:
        """Make `run_until_signal` drain and return `code`."""
        with self._lock:
            self._code = code
            self._wake()

    def on_quit(self, wake: Callable[[], None]) -> None:
        """Call `wake` at `quit`, or now where that was called already."""
        with self._lock:
            self._wake = wake
            if self._code is not None:
                wake()

    @property
    def code(self) -> int | None:
        """The exit code that `quit` was given, once it was."""
        return self._code

    def _drain(self, drain_ms: int) -> None:
        # A worker that does not end leaves the closers a fifth of the time: what can be flushed is.
        deadline_ms = self._clock.monotonic_ms() + drain_ms * 4 // 5
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            worker.join(deadline_ms - self._clock.monotonic_ms())
        while self._closers:
            name, close = self._closers.pop()
            try:
                close()
            except LuminaError as error:
                log.error("closing failed", part=name, error=error)
            except Exception:
                log.exception("closing failed by a bug", part=name)

    def _forget_ended(self) -> None:
        for worker in [worker for worker in self._workers if not worker.is_alive()]:
            self._workers.remove(worker)
            before = self._restarts_before.get(worker.name, 0)
            if before or worker.restarts:
                self._restarts_before[worker.name] = before + worker.restarts
