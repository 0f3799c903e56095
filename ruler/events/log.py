"""The events of this process, in order, as many as are kept; who listens hears each, or reads by number.

    id      1_764_061_200_000_000 …   rises by one; begins at the wall clock × 1000, so also over restarts
    kept    the newest 10,000 (1,000 of metric_recorded, which would push out all others), 16 MiB in all

A reader has no queue here: it has the number it has read up to. One that falls behind the log learns from
`missed` that it did.
"""

import json
import math
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any

from promkit.errors import Unavailable
from promkit.exposition import Family, counter, gauge
from promkit.instant import format_instant
from ruler.events.kind import EventType

__all__ = ["Batch", "Event", "Events", "Json"]

Json = Any  # what JSON can say
KEPT_MAX = 10_000
RECORDED_MAX = 1_000
BYTES_MAX = 16 << 20
TEXT_LENGTH_MAX = 2_000  # of one text in an event; what is longer is cut
LISTENERS_MAX = 100
ITEMS_MAX = 100  # of one list or object in an event


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, with its data as JSON text."""

    id: int
    at_ms: int
    kind: EventType
    data: str

    def json(self) -> str:
        """As it goes out, on one line: id, at, at_ms, type, data."""
        head = {
            "id": self.id,
            "at": format_instant(self.at_ms),
            "at_ms": self.at_ms,
            "type": self.kind.value,
        }
        return f'{json.dumps(head, separators=(",", ":"))[:-1]},"data":{self.data}}}'


@dataclass(frozen=True, slots=True)
class Batch:
    """What there is after a number, oldest first."""

    events: tuple[Event, ...]
    missed: bool  # some that came before these are forgotten
    last_id: int  # of the log, when this was read


Listener = Callable[[Event | None], None]


class Events:
    """The log. Every method may be called from any thread; `publish` never waits for who listens."""

    def __init__(self, now_ms: int) -> None:
        self._lock = threading.Lock()
        self._first_id = self._last_id = now_ms * 1000
        self._recorded: deque[Event] = deque()
        self._others: deque[Event] = deque()
        self._bytes = 0
        self._forgotten: dict[EventType, int] = {}  # the newest number of each type that is kept no more
        self._counts: dict[EventType, int] = {}
        self._listeners: dict[int, tuple[frozenset[EventType], Listener]] = {}
        self._closed = False

    def publish(self, kind: EventType, data: Mapping[str, Json], now_ms: int) -> None:
        """Tell that something happened at `now_ms`. Too long texts and lists are cut; NaN becomes null."""
        text = json.dumps(_bounded(data), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        with self._lock:
            self._last_id += 1
            event = Event(self._last_id, now_ms, kind, text)
            kept = self._recorded if kind is EventType.METRIC_RECORDED else self._others
            kept.append(event)
            self._bytes += len(text)
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._forget()
            for kinds, hear in self._listeners.values():
                if kind in kinds:
                    hear(event)

    def after(self, number: int, kinds: Collection[EventType], limit: int) -> Batch:
        """The events of these types after a number, at most so many.

        A number from before this start misses what came in between; one that is yet to come counts as 0.
        """
        with self._lock:
            if number > self._last_id:
                number = 0
            newer = merge(
                _newer(self._recorded, number), _newer(self._others, number), key=lambda event: event.id
            )
            found = tuple(islice((event for event in newer if event.kind in kinds), limit))
            forgotten = max((self._forgotten.get(kind, 0) for kind in kinds), default=0)
            missed = 0 < number < max(self._first_id, forgotten)
        return Batch(found, missed, self._last_id)

    @property
    def last_id(self) -> int:
        """The number of the newest event."""
        return self._last_id

    def listen(self, kinds: Collection[EventType], hear: Listener) -> Callable[[], None]:
        """Have `hear` called with each event of these types, in order, and with None at the end → stop.

        It is called under the log's lock: it must neither wait nor ask here.
        """
        with self._lock:
            key = max(self._listeners, default=0) + 1
            self._listeners[key] = (frozenset(kinds), hear)

        def stop() -> None:
            with self._lock:
                self._listeners.pop(key, None)

        return stop

    def check_room(self) -> None:
        """Unavailable: so many listen that one more stream may not."""
        if len(self._listeners) >= LISTENERS_MAX:
            raise Unavailable(f"{LISTENERS_MAX} streams of events are open already")

    def close(self) -> None:
        """Say that nothing will come any more."""
        with self._lock:
            self._closed = True
            for _, hear in self._listeners.values():
                hear(None)

    @property
    def closed(self) -> bool:
        """Whether nothing will come any more."""
        return self._closed

    def families(self) -> list[Family]:
        """What the log tells of itself."""
        with self._lock:
            counts = [({"type": kind.value}, count) for kind, count in sorted(self._counts.items())]
            kept, listeners = len(self._recorded) + len(self._others), len(self._listeners)
        return [
            counter("ruler_events_total", "Events by type.", *counts),
            gauge("ruler_events_kept", "Events that can be replayed.", ({}, kept)),
            gauge("ruler_event_listeners", "Streams and webhooks that hear of events.", ({}, listeners)),
        ]

    def _forget(self) -> None:
        while len(self._recorded) > RECORDED_MAX:
            self._drop(self._recorded)
        while len(self._recorded) + len(self._others) > KEPT_MAX or self._bytes > BYTES_MAX:
            self._drop(self._others or self._recorded)

    def _drop(self, kept: deque[Event]) -> None:
        event = kept.popleft()
        self._bytes -= len(event.data)
        self._forgotten[event.kind] = event.id


def _newer(kept: deque[Event], number: int) -> list[Event]:
    """From the right, where the new ones are: mostly there are few."""
    found = []
    for event in reversed(kept):
        if event.id <= number:
            break
        found.append(event)
    return found[::-1]


def _bounded(value: Json) -> Json:
    """As JSON can say it, and in bounds."""
    if isinstance(value, str):
        return value if len(value) <= TEXT_LENGTH_MAX else value[: TEXT_LENGTH_MAX - 1] + "…"
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _bounded(item) for key, item in list(value.items())[:ITEMS_MAX]}
    if isinstance(value, list | tuple):
        return [_bounded(item) for item in value[:ITEMS_MAX]]
    return value
