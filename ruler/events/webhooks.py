"""Events to addresses of the operator's, each address in order, one after another.

    Events ─hear─▶ queue (10,000) ─▶ worker ─▶ POST ─▶ accepted | refused: the next | later: the same again

A queue is in memory: what waits in it when the ruler ends is not sent. One that is full forgets its oldest.
"""

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import count

from promkit.config import field
from promkit.log import get
from promkit.own import Counter, Gauge, Registry
from promkit.process import Clock, Stop, Supervisor, Worker
from ruler.delivery import Outlet, OutletConfig
from ruler.events.kind import EventType
from ruler.events.log import Event, Events

__all__ = ["WebhookConfig", "Webhooks"]

QUEUE_MAX = 10_000
GIVE_UP_MS = 3_600_000
_WAKE_S = 0.5  # so that a stop is noticed

log = get("ruler.events")


class WebhookConfig(OutletConfig):
    """One address, and what it is told."""

    name: str = field("", description="What metrics and log call it; else its place in the list.")
    types: tuple[EventType, ...] = field(
        (), description="Types of events; empty: all but metric_recorded, which must be named."
    )

    def kinds(self) -> frozenset[EventType]:
        """The types, whether they were named or not."""
        return frozenset(self.types) or frozenset(EventType) - {EventType.METRIC_RECORDED}


class Webhooks:
    """All of them; a reload leaves those that are the same as they were."""

    def __init__(self, events: Events, clock: Clock, own: Registry) -> None:
        self._events, self._clock = events, clock
        self._told = own.counter(
            "ruler_event_webhook_events_total", "Events by what became of them.", ("webhook", "outcome")
        )
        self._waiting = own.gauge(
            "ruler_event_webhook_pending", "Events that wait for a webhook.", ("webhook",)
        )
        self._hooks: dict[str, _Hook] = {}
        self._supervisor: Supervisor | None = None

    def apply(self, configs: Sequence[WebhookConfig]) -> None:
        """Take over a configuration. What waits for one that changed goes to its new address."""
        named = {config.name or str(place): config for place, config in zip(count(1), configs, strict=False)}
        for name, hook in list(self._hooks.items()):
            if hook.config != named.get(name):
                self._hooks.pop(name).end()
                if name not in named:
                    self._waiting.remove(name)
                    continue
                self._add(name, named[name], hook.pending())
        for name, config in named.items():
            if name not in self._hooks:
                self._add(name, config, ())

    def start(self, supervisor: Supervisor) -> None:
        """Begin to send."""
        self._supervisor = supervisor
        for hook in self._hooks.values():
            hook.start(supervisor)

    def _add(self, name: str, config: WebhookConfig, pending: Iterable[Event]) -> None:
        hook = _Hook(name, config, self._events, self._clock, self._told, self._waiting, pending)
        self._hooks[name] = hook
        if self._supervisor is not None:
            hook.start(self._supervisor)


class _Hook:
    """One address: its queue, and the worker that empties it."""

    def __init__(
        self,
        name: str,
        config: WebhookConfig,
        events: Events,
        clock: Clock,
        told: Counter,
        waiting: Gauge,
        pending: Iterable[Event],
    ) -> None:
        self.config = config
        self._name, self._clock, self._told, self._waiting = name, clock, told, waiting
        self._outlet = Outlet(config)
        self._queue = deque(pending, QUEUE_MAX)
        self._changed = threading.Condition()
        self._worker: Worker | None = None
        self._failing = False
        waiting.set(len(self._queue), name)
        self._unlisten = events.listen(config.kinds(), self._hear)

    def start(self, supervisor: Supervisor) -> None:
        self._worker = supervisor.start(f"webhook {self._name}", self._run)

    def end(self) -> None:
        """Hear and send no more; what is on its way may still arrive."""
        self._unlisten()
        if self._worker is not None:
            self._worker.stop()

    def pending(self) -> list[Event]:
        with self._changed:
            return list(self._queue)

    def _hear(self, event: Event | None) -> None:
        with self._changed:
            if event is not None:
                if len(self._queue) == QUEUE_MAX:
                    self._told.inc(self._name, "dropped")
                self._queue.append(event)
                self._waiting.set(len(self._queue), self._name)
            self._changed.notify()

    def _run(self, stop: Stop) -> None:
        while not stop.is_set():
            with self._changed:
                if not self._queue:
                    self._changed.wait(_WAKE_S)
                    continue
                event = self._queue[0]
            if self._send(event, stop):
                with self._changed:
                    if self._queue and self._queue[0] is event:  # else a full queue forgot it meanwhile
                        self._queue.popleft()
                    self._waiting.set(len(self._queue), self._name)

    def _send(self, event: Event, stop: Stop) -> bool:
        """Whether something became of it before the stop."""
        begun_ms = self._clock.monotonic_ms()
        headers = {"Idempotency-Key": str(event.id)}
        while not stop.is_set():
            verdict = self._outlet.post(event.json().encode(), headers, self._clock.now_ms())
            tried_ms = self._clock.monotonic_ms() - begun_ms
            if verdict.accepted:
                self._say("sent", event, "")
                return True
            if not verdict.retry or tried_ms > GIVE_UP_MS:
                self._say("given up" if verdict.retry else "refused", event, verdict.error)
                return True
            if not self._failing:
                self._failing = True
                log.warning("webhook does not answer, tried again", webhook=self._name, error=verdict.error)
            stop.wait(self._outlet.pause_ms(verdict, tried_ms))
        return False

    def _say(self, outcome: str, event: Event, error: str) -> None:
        self._told.inc(self._name, outcome)
        if outcome != "sent":
            log.error("event not taken", webhook=self._name, event=event.id, outcome=outcome, error=error)
        elif self._failing:
            log.info("webhook takes events again", webhook=self._name)
        self._failing = outcome == "given up"
