"""Runs plans, each in a thread of its own, a bounded number at a time; results come through a queue."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from ruler.remediation.action import Outcome, Plan, Result

__all__ = ["Runner"]

SLOTS = 4
_LET_FINISH_MS = 2_000
_END_MS = 6_000  # a little over the grace that a command has from SIGTERM to SIGKILL

Execute = Callable[[Plan, int, threading.Event], Result]


@dataclass(frozen=True, slots=True)
class _Job:
    thread: threading.Thread
    cancel: threading.Event


class Runner:
    """Never decides: whoever calls `submit` has written the started row before."""

    def __init__(self, done: Callable[[], None], slots: int = SLOTS) -> None:
        self._done = done
        self._slots = slots
        self._jobs: dict[int, _Job] = {}
        self._lock = threading.Lock()
        self._results: queue.SimpleQueue[tuple[int, Result]] = queue.SimpleQueue()
        self._closed = False

    def free(self) -> bool:
        """Whether one more may be submitted."""
        with self._lock:
            return len(self._jobs) < self._slots and not self._closed

    def has(self, run_id: int) -> bool:
        """Whether it runs here, or its result has not been taken yet."""
        with self._lock:
            return run_id in self._jobs

    def submit(self, run_id: int, plan: Plan, execute: Execute) -> None:
        """Begin at once."""
        cancel = threading.Event()
        thread = threading.Thread(
            target=self._run, args=(run_id, plan, execute, cancel), name=f"remedy-{run_id}", daemon=True
        )
        with self._lock:
            self._jobs[run_id] = _Job(thread, cancel)
        thread.start()

    def cancel(self, run_id: int) -> None:
        """Ask it to end; its result comes as of any other."""
        with self._lock:
            job = self._jobs.get(run_id)
        if job is not None:
            job.cancel.set()

    def results(self) -> list[tuple[int, Result]]:
        """Take what came since the last call."""
        taken = []
        while not self._results.empty():
            run_id, result = self._results.get()
            with self._lock:
                self._jobs.pop(run_id, None)
            taken.append((run_id, result))
        return taken

    def close(self) -> None:
        """Let what runs finish for a moment, then end it."""
        with self._lock:
            self._closed = True
            jobs = list(self._jobs.values())
        _join(jobs, _LET_FINISH_MS)
        for job in jobs:
            job.cancel.set()
        _join(jobs, _END_MS)

    def _run(self, run_id: int, plan: Plan, execute: Execute, cancel: threading.Event) -> None:
        # A bug in an action ends this thread with its traceback; the run must not stay open for that.
        result = Result(Outcome.FAILED, "the action has a bug: see the log")
        try:
            result = execute(plan, plan.timeout_ms, cancel)
        finally:
            self._results.put((run_id, result))
            self._done()


def _join(jobs: list[_Job], wait_ms: int) -> None:
    share = wait_ms / 1000 / max(len(jobs), 1)
    for job in jobs:
        job.thread.join(share)
