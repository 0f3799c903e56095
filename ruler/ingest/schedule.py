"""Due times of many runners, and the workers that keep them.

A worker takes the earliest runner when it is due and scrapes itself: no hand-over between threads. One more
worker stands by and takes over when that one is busy past the next due time; the others sleep until the one
standing by had to go. So a light load costs one thread, and targets that hang cost one each.
"""

import heapq
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Condition

from promkit.process import Clock, Stop

__all__ = ["Due", "Schedule"]

_STANDBY_MS = 25
_SLEEPS = 2
_IDLE_MS = 1_000  # the longest wait: a stop is noticed


@dataclass(order=True, slots=True)
class Due:
    """When something is to be done next, by the monotonic clock."""

    monotonic_ms: int
    number: int
    key: Hashable = field(compare=False)
    interval_ms: int = field(compare=False)
    offset_ms: int = field(compare=False)
    at_ms: int = field(compare=False, default=0)  # the same instant in Unix time


class Schedule:
    """A heap of due times, shared by workers. `run(key, at_ms)` is what a worker does."""

    def __init__(self, clock: Clock, run: Callable[[Hashable, int], None], more: Callable[[], None]) -> None:
        self._clock = clock
        self._run = run
        self._more = more  # all workers are busy: one more is wanted
        self._heap: list[Due] = []
        self._wanted: dict[Hashable, Due] = {}
        self._changed = Condition()
        self._number = 0
        self._ranks: list[int] = []  # of those waiting: 0 takes the next one, 1 stands by, 2 sleeps
        self.missed = 0  # due times that passed while the runner was still at work

    def put(self, key: Hashable, interval_ms: int, offset_ms: int) -> None:
        """Run `key` whenever Unix time is `offset_ms` past a multiple of `interval_ms`."""
        with self._changed:
            self._number += 1
            due = Due(0, self._number, key, interval_ms, offset_ms)
            self._wanted[key] = due
            self._push(due)
            self._changed.notify_all()

    def remove(self, key: Hashable) -> None:
        """Run it no more."""
        with self._changed:
            self._wanted.pop(key, None)

    def work(self, stop: Stop) -> None:
        """A worker's loop."""
        while not stop.is_set():
            self._do_next(stop, wait=True)

    def take_due(self, stop: Stop) -> bool:
        """Do what is due now, without waiting; whether there was anything."""
        return self._do_next(stop, wait=False)

    def _do_next(self, stop: Stop, *, wait: bool) -> bool:
        taken = self._take(stop, wait=wait)
        if taken is None:
            return False
        due, at_ms = taken
        try:
            self._run(due.key, at_ms)
        finally:
            self._again(due)
        return True

    def _take(self, stop: Stop, *, wait: bool) -> tuple[Due, int] | None:
        """Wait for the next due time and take it; None: look at `stop`."""
        with self._changed:
            due = self._wait(stop, wait=wait)
            if due is None or self._wanted.get(due.key) is not due:
                return None
            if not self._ranks:
                self._more()
            elif min(self._ranks) == _SLEEPS:
                self._changed.notify()
            return due, self._instant(due)

    def _wait(self, stop: Stop, *, wait: bool) -> Due | None:
        rank = next((rank for rank in range(_SLEEPS) if rank not in self._ranks), _SLEEPS)
        self._ranks.append(rank)
        try:
            wait_ms = self._wait_ms(rank)
            if wait_ms > 0 and wait:
                self._changed.wait(wait_ms / 1000)
                wait_ms = self._wait_ms(rank)
            return None if wait_ms > 0 or stop.is_set() else heapq.heappop(self._heap)
        finally:
            self._ranks.remove(rank)

    def _wait_ms(self, rank: int) -> int:
        if not self._heap or rank == _SLEEPS:
            return _IDLE_MS
        left = self._heap[0].monotonic_ms - self._clock.monotonic_ms() + rank * _STANDBY_MS
        return min(left, _IDLE_MS)

    def _instant(self, due: Due) -> int:
        """The time stamp: the due time itself unless it is missed by more than a hundredth, or 10 ms."""
        now_ms = self._clock.now_ms()
        return due.at_ms if abs(now_ms - due.at_ms) <= min(due.interval_ms // 100, 10) else now_ms

    def _again(self, due: Due) -> None:
        with self._changed:
            if self._wanted.get(due.key) is due:
                late_ms = self._clock.monotonic_ms() - due.monotonic_ms
                self.missed += max(late_ms // due.interval_ms, 0)
                self._push(due)
                if self._heap[0] is due:
                    self._changed.notify()

    def _push(self, due: Due) -> None:
        """Put it at its next instant: Unix time gives the phase, the monotonic clock the wait."""
        now_ms = self._clock.now_ms()
        at_ms = now_ms - (now_ms - due.offset_ms) % due.interval_ms + due.interval_ms
        if 0 <= due.at_ms - at_ms < due.interval_ms // 2:
            at_ms += due.interval_ms  # the last one was taken a little early
        due.at_ms = at_ms
        due.monotonic_ms = self._clock.monotonic_ms() + at_ms - now_ms
        heapq.heappush(self._heap, due)
