"""Sends events to the ruler, in batches, by a worker of its own: a cycle never waits for it.

Bounded: `QUEUE_MAX` events wait, the oldest give way. A batch is tried three times; then it is dropped and
counted, for the journal has what it told of. A server without the path (a Prometheus) is said once and not
asked again.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence

from analytics.events import Event
from promkit.fetch import Fetcher, FetchError
from promkit.log import get
from promkit.process import Stop

__all__ = ["BATCH_MAX", "PATH", "QUEUE_MAX", "Count", "Outbox"]

PATH = "/api/v1/lumina/events"
QUEUE_MAX = 1_000
BATCH_MAX = 100
_TRIES = 3
_PAUSE_MS = 2_000  # before the second try, and twice that before the third
_LOOK_MS = 1_000
_NOT_THERE = {404, 405, 501}
_LATER = {408, 425, 429}

log = get("analytics.outbox")
Count = Callable[[str, int], None]  # result, how many


class Outbox:
    """One worker sends what any thread adds."""

    def __init__(self, url: str, fetcher: Fetcher, count: Count) -> None:
        self._url = url.rstrip("/") + PATH
        self._fetcher = fetcher
        self._count = count
        self._lock = threading.Lock()
        self._waiting: deque[Event] = deque()
        self._is_off = False  # the server takes no events
        self._is_failing = False

    def add(self, events: Sequence[Event], left_out: int = 0) -> None:
        """Have events sent; never blocks. `left_out`: how many more there would have been."""
        if self._is_off:
            return
        with self._lock:
            self._waiting.extend(events)
            beyond = max(len(self._waiting) - QUEUE_MAX, 0)
            for _ in range(beyond):
                self._waiting.popleft()
        if beyond + left_out:
            self._count("dropped", beyond + left_out)

    def work(self, stop: Stop) -> None:
        """Send until `stop`; then once more what is still there."""
        while not stop.wait(_LOOK_MS):
            while (batch := self._batch()) and not stop.is_set():
                self._deliver(batch, stop)
        self.flush()

    def flush(self) -> None:
        """Try once to send what waits; after a failure the rest is given up."""
        is_there = True
        while batch := self._batch():
            is_there = is_there and self._post(batch)
            if not is_there:
                self._give_up(batch)

    def _batch(self) -> list[Event]:
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(BATCH_MAX, len(self._waiting)))]

    def _deliver(self, batch: Sequence[Event], stop: Stop) -> None:
        for number in range(_TRIES):
            if self._post(batch):
                return
            if number + 1 == _TRIES or stop.wait(_PAUSE_MS << number):
                break
        self._give_up(batch)

    def _post(self, batch: Sequence[Event]) -> bool:
        """Whether it needs no other try: it was taken, or never will be."""
        try:
            answer = self._fetcher.request("POST", self._url, json=[event.document() for event in batch])
        except FetchError as error:
            self._failing(str(error))
            return False
        if answer.is_success:
            if self._is_failing:
                log.info("events are taken again", url=self._url)
                self._is_failing = False
            self._count("sent", len(batch))
            return True
        if answer.status in _NOT_THERE:
            self._turn_off(answer.status)
            return True
        self._failing(f"status {answer.status}: {answer.text(200)}")
        is_refused = 400 <= answer.status < 500 and answer.status not in _LATER
        if is_refused:
            self._give_up(batch)
        return is_refused

    def _failing(self, error: str) -> None:
        if not self._is_failing:
            log.warning("events are not taken", url=self._url, error=error)
            self._is_failing = True

    def _give_up(self, batch: Sequence[Event]) -> None:
        self._count("failed", len(batch))

    def _turn_off(self, status: int) -> None:
        log.info("no events are sent: the server takes none", url=self._url, status=status)
        self._is_off = True
        with self._lock:
            self._waiting.clear()
