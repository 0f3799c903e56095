"""The outbox → the world. Receivers never wait for one another.

Each target has a few threads of its own, made when first needed, so one that hangs holds up nobody else; what
it gets is leased row by row. Per group there is one row at a time, so the order in a group is the outbox's.
"""

import random
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from promkit.errors import ConfigError
from promkit.fetch import Fetcher
from promkit.log import get
from promkit.own import Registry
from promkit.process import Clock, Stop
from ruler.delivery.http_config import HttpConfig, fetcher
from ruler.delivery.message import Message
from ruler.delivery.notification import Letter, Notification
from ruler.delivery.outbox import Outbox, Outcome, Row
from ruler.delivery.pace import Buckets, backoff_ms
from ruler.delivery.receiver import HttpRequest, Verdict
from ruler.delivery.receivers.common import TIMEOUT_MS
from ruler.delivery.setup import Integration, Setup
from ruler.delivery.transport import send_http, send_mail
from ruler.template import TemplateError

__all__ = ["Health", "Sender"]

THREADS_PER_TARGET = 4
LEASED_PER_TARGET = 16
LEASE_MS = 120_000
LATE_MS = 60_000  # a message that was sent so much after it was owed says so
LONGEST_WAIT_MS = 1_000

log = get("ruler.delivery")


@dataclass(frozen=True, slots=True)
class Health:
    """How a target fares."""

    sent: int = 0
    failed: int = 0  # attempts in a row
    last_sent_ms: int | None = None
    last_error: str = ""
    last_error_ms: int | None = None


class Sender:
    """Sends what is due, and writes what became of it."""

    def __init__(
        self,
        outbox: Outbox,
        clock: Clock,
        setup: Callable[[], Setup],
        external_url: Callable[[], str],
        timeline: Callable[[Row, Outcome], None],
        settled: Callable[[Row, Outcome], None],
        own: Registry,
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._setup = setup
        self._external_url = external_url
        self._timeline = timeline  # within the transaction of the outcome
        self._settled = settled  # after it
        self._buckets = Buckets()
        self._jitter: Callable[[float, float], float] = random.uniform
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._clients: dict[str, tuple[Any, Fetcher]] = {}
        self._busy: dict[str, int] = {}
        self._health: dict[str, Health] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._sent = own.counter(
            "ruler_notifications_total", "Messages by what became of them.", ("receiver", "outcome")
        )
        self._attempts = own.counter("ruler_notification_attempts_total", "Attempts to send.", ("receiver",))
        self._templates_failed = own.counter(
            "ruler_notification_templates_failed_total",
            "Texts that were sent plain, as their template failed.",
            ("receiver",),
        )

    # The worker.

    def wake(self) -> None:
        """Look at the outbox now."""
        self._wake.set()

    def run(self, stop: Stop) -> None:
        """Send until told to stop, then wait for what is on its way."""
        while not stop.is_set():
            self._wake.clear()
            next_ms = self.turn()
            wait_ms = LONGEST_WAIT_MS if next_ms is None else next_ms - self._clock.now_ms()
            self._wake.wait(min(max(wait_ms, 0), LONGEST_WAIT_MS) / 1000)
        self.finish(cancel=True)

    def finish(self, *, cancel: bool = False) -> None:
        """Wait for what was handed out; `cancel`: what is not yet on its way stays in the outbox."""
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.shutdown(wait=True, cancel_futures=cancel)

    def turn(self) -> int | None:
        """Hand out what is due → when more will be."""
        now_ms = self._clock.now_ms()
        rows, next_ms = self._outbox.due(now_ms)
        chosen: list[Row] = []
        with self._lock:
            for row in rows:
                if self._busy.get(row.target, 0) < LEASED_PER_TARGET:
                    self._busy[row.target] = self._busy.get(row.target, 0) + 1
                    chosen.append(row)
        claimed = self._outbox.claim(chosen, now_ms + LEASE_MS)
        mine = {row.id for row in claimed}
        for row in chosen:
            if row.id not in mine:
                self._done(row.target)
        for row in claimed:
            self._pool(row.target).submit(self._deliver, row)
        return next_ms

    def _pool(self, target: str) -> ThreadPoolExecutor:
        with self._lock:
            pool = self._pools.get(target)
            if pool is None:
                pool = ThreadPoolExecutor(THREADS_PER_TARGET, thread_name_prefix=f"send {target}")
                self._pools[target] = pool
            return pool

    def _done(self, target: str) -> None:
        with self._lock:
            left = self._busy.get(target, 0) - 1
            if left > 0:
                self._busy[target] = left
            else:
                self._busy.pop(target, None)

    def _deliver(self, row: Row) -> None:
        """Send one row. A bug in it is this row's failure, and nobody else's."""
        try:
            self.deliver(row)
        except Exception:
            log.exception("sending failed by a bug", target=row.target)
        finally:
            self._done(row.target)
            self.wake()

    # One message.

    def deliver(self, row: Row) -> Outcome:
        """Send one leased row and write what became of it."""
        setup = self._setup()
        integration = setup.integration(row.target)
        started_ms = self._clock.monotonic_ms()
        try:
            outcome = self._attempt(row, integration, setup)
        except Exception as error:
            log.exception("message could not be made, by a bug", target=row.target)
            outcome = Outcome(retry_ms=self._backoff(row), error=f"bug: {type(error).__name__}")
        outcome = replace(outcome, took_ms=self._clock.monotonic_ms() - started_ms)
        now_ms = self._clock.now_ms()
        target = integration.target if integration is not None else None
        row = self._outbox.settle(
            row, outcome, target, now_ms, lambda settled: self._timeline(settled, outcome)
        )
        self._tell(row, outcome, now_ms)
        self._settled(row, outcome)
        return outcome

    def _attempt(self, row: Row, integration: Integration | None, setup: Setup) -> Outcome:
        if integration is None:
            return Outcome(refused=True, error="the receiver is gone from the configuration")
        if integration.missing:
            return Outcome(not_set_up=True, error=integration.missing)
        notification = self._notification(row, integration, setup)
        kind = integration.kind
        try:
            request = kind.request(integration.config, notification)
        except TemplateError as error:
            return Outcome(refused=True, error=str(error))
        except ConfigError as error:  # a secret's file that cannot be read now may be readable later
            return Outcome(retry_ms=self._backoff(row), error=str(error))
        wait_ms = self._buckets.take(request.destination, kind.pace, self._clock.monotonic_ms())
        if wait_ms:
            return Outcome(retry_ms=wait_ms, paced=True)
        receiver = integration.target.receiver
        self._attempts.inc(receiver)
        if notification.failures:
            self._templates_failed.inc(receiver, by=len(notification.failures))
            log.error("template failed, sent plain", target=row.target, error=notification.failures[0])
        if isinstance(request, HttpRequest):
            verdict = send_http(self._client(integration), request, self._clock.now_ms(), kind.verdict)
        else:
            verdict = send_mail(request)
        if verdict.retry_after_ms and not verdict.accepted:
            monotonic_ms = self._clock.monotonic_ms()
            self._buckets.pause(request.destination, verdict.retry_after_ms, monotonic_ms)
        return self._outcome(row, verdict, notification)

    def _outcome(self, row: Row, verdict: Verdict, notification: Notification) -> Outcome:
        error = verdict.error
        if verdict.accepted:
            if notification.failures:
                error = f"sent with plain text: {notification.failures[0]}"
            return Outcome(accepted=True, error=error)
        if verdict.retry:
            wait_ms = self._backoff(row) if verdict.retry_after_ms is None else verdict.retry_after_ms
            return Outcome(retry_ms=wait_ms, error=error)
        return Outcome(refused=True, error=error)

    def _backoff(self, row: Row) -> int:
        return backoff_ms(self._clock.now_ms() - row.created_ms, self._jitter)

    def _notification(self, row: Row, integration: Integration, setup: Setup) -> Notification:
        now_ms = self._clock.now_ms()
        content = row.content
        common: Mapping[str, Any] = {
            "receiver": integration.target.receiver,
            "integration": integration.target.integration,
            "key": row.key,
            "external_url": self._external_url(),
            "texts": setup.texts,
            "now_ms": now_ms,
            "created_ms": row.created_ms,
            "attempt": row.attempts,
        }
        if isinstance(content, Letter):
            return Notification(**common, letter=content)
        assert isinstance(content, Message), "a row is one or the other"  # noqa: S101 - a bug otherwise
        return Notification(
            **common,
            facts=content.facts,
            group_key=row.group_key,
            group_labels=content.group_labels,
            reason=content.reason.value,
            late=content.late or now_ms - row.created_ms > LATE_MS,
        )

    def _client(self, integration: Integration) -> Fetcher:
        """Keep one client a target, as long as its configuration is the same."""
        key, config = integration.target.key, integration.config
        with self._lock:
            kept = self._clients.get(key)
            if kept is None or kept[0] is not config:
                client = fetcher(config.http_config or HttpConfig(), config.timeout or TIMEOUT_MS)
                self._clients[key] = kept = (config, client)
            return kept[1]

    # What is known of it.

    def _tell(self, row: Row, outcome: Outcome, now_ms: int) -> None:
        if outcome.paced:
            return
        receiver = row.target.rpartition("/")[0]
        before = self._health.get(row.target, Health())
        if outcome.accepted:
            self._sent.inc(receiver, "sent")
            self._health[row.target] = replace(before, sent=before.sent + 1, failed=0, last_sent_ms=now_ms)
            if before.failed:
                log.info("receiver takes messages again", target=row.target, failed=before.failed)
            return
        if outcome.not_set_up:
            self._sent.inc(receiver, "not set up")
        elif outcome.refused:
            self._sent.inc(receiver, "refused")
        elif not before.failed:
            log.warning("message not taken, will be tried again", target=row.target, error=outcome.error)
        if outcome.refused:
            log.error("message refused", target=row.target, error=outcome.error)
        self._health[row.target] = replace(
            before, failed=before.failed + 1, last_error=outcome.error, last_error_ms=now_ms
        )

    def health(self, target: str) -> Health:
        """How a target fares since the start."""
        return self._health.get(target, Health())
