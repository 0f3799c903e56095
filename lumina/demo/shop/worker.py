"""Works the queue of compliance scans off, one at a time, and has one queued every second by itself."""

import threading
import time
from collections.abc import Callable

from lumina.demo.shop import database

__all__ = ["SCAN_S", "SLOW_SCAN_S", "Worker"]

AUTOMATED_EVERY_S = 1.0
IDLE_S = 0.05
SCAN_S = 0.2
SLOW_SCAN_S = 2.0  # while broken: slower than scans are asked for, so that they queue up


class Worker:
    """A thread that scans until stopped."""

    def __init__(self, pool: database.Pool, broken: threading.Event, now_ms: Callable[[], int]) -> None:
        self._pool = pool
        self._broken = broken
        self._now_ms = now_ms
        self._ending = threading.Event()
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (("scans", self._work), ("automated", self._ask))
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End; a scan that runs is left as it is."""
        self._ending.set()
        for thread in self._threads:
            thread.join(2 * SLOW_SCAN_S)

    def _ask(self) -> None:
        due = time.monotonic()
        while not self._ending.wait(max(0.0, due - time.monotonic())):
            due += AUTOMATED_EVERY_S
            with self._pool.connection() as connection:
                database.queue_scan(connection, "automated", self._now_ms())

    def _work(self) -> None:
        while not self._ending.is_set():
            with self._pool.connection() as connection:
                number = database.take_scan(connection, self._now_ms())
                if number is not None:
                    broken = self._broken.is_set()
                    if self._ending.wait(SLOW_SCAN_S if broken else SCAN_S):
                        return  # the next process queues it again
                    findings = None if broken else database.scan(connection, self._now_ms())
                    database.finish_scan(connection, number, findings, self._now_ms())
            if number is None:
                self._ending.wait(IDLE_S)
