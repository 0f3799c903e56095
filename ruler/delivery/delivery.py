"""The running room: one thread keeps the groups, others send; everybody else asks here."""

import threading
from collections.abc import Iterable, Sequence
from typing import Any

from promkit.errors import ConfigError, NotFound
from promkit.exposition import Family, gauge
from promkit.log import get
from promkit.own import Registry
from promkit.process import Clock, ClockWatch, Stop, Supervisor
from ruler.alerts import Alert, Book, Happening, Transition
from ruler.database import Database
from ruler.delivery.dispatcher import Dispatcher
from ruler.delivery.explain import escalation, explain
from ruler.delivery.gate import Gate
from ruler.delivery.message import Message
from ruler.delivery.mute import Suppression, muted_by
from ruler.delivery.notification import Letter
from ruler.delivery.order import by_alert, by_labels
from ruler.delivery.outbox import Outbox, Outcome, Row
from ruler.delivery.sender import Sender
from ruler.delivery.setup import Setup
from ruler.delivery.views import DeadLetter, GroupView, NotificationRecord, ReceiverView, receiver_view
from ruler.rules import Severities

__all__ = ["Delivery"]

LONGEST_WAIT_MS = 500  # so that a stop is noticed
TIMELINE_ALERTS_MAX = 100  # of one message that get a row in the timeline
LETTER_LENGTH_MAX = 10 << 20

log = get("ruler.delivery")


class Delivery:
    """Who hears of an alert, and when."""

    def __init__(
        self,
        setup: Setup,
        book: Book,
        database: Database,
        clock: Clock,
        *,
        severities: Severities | None = None,
        external_url: str = "",
    ) -> None:
        self._book = book
        self._clock = clock
        self._external_url = external_url.rstrip("/")
        self._own = Registry("ruler_delivery")
        self._outbox = Outbox(database)
        self._gate = Gate(clock.now_ms())
        self._wake = threading.Event()
        self._sender = Sender(
            self._outbox,
            clock,
            lambda: self._dispatcher.setup,
            lambda: self._external_url,
            self._timeline,
            self._sent,
            self._own,
        )
        rank = (severities or Severities()).rank
        self._dispatcher = Dispatcher(
            setup, book, self._outbox, rank, self._gate, self._sender.wake, self._own
        )
        self._watch = ClockWatch(clock)

    # Joined by main.

    def start(self, supervisor: Supervisor) -> None:
        """Start dispatcher and sender."""
        supervisor.start("dispatch", self._dispatch)
        supervisor.start("send", self._sender.run)

    def hear(self, transitions: Sequence[Transition]) -> None:
        """Take note of what happened; called by the book after each commit."""
        self._dispatcher.hear(transitions)
        self._wake.set()

    def expect(self, rules: Iterable[str]) -> None:
        """Say which rules will be evaluated, before any was: inhibition waits for all of them."""
        self._gate.expect(rules)

    def settled(self, rules: Iterable[str]) -> None:
        """Take note that these rules were evaluated: their alerts need not wait any longer."""
        new = self._gate.evaluated(rules)
        if new:
            self._dispatcher.opened(new)
            self._wake.set()

    def reload(self, setup: Setup, now_ms: int) -> None:
        """Put a new configuration in force."""
        del now_ms
        self._dispatcher.regroup(setup)
        self._wake.set()
        self._sender.wake()

    def families(self) -> list[Family]:
        """Give the room's own metrics."""
        pending = self._outbox.pending()
        now_ms = self._clock.now_ms()
        oldest_ms = min((row.created_ms for row in pending), default=now_ms)
        return [
            *self._own.collect(),
            gauge("ruler_notifications_pending", "Messages that wait in the outbox.", ({}, len(pending))),
            gauge(
                "ruler_notifications_oldest_pending_seconds",
                "How long the oldest message has waited.",
                ({}, max(now_ms - oldest_ms, 0) / 1000),
            ),
            gauge("ruler_notification_groups", "Groups of alerts.", ({}, len(self._dispatcher.groups()))),
        ]

    # The dispatcher's thread.

    def _dispatch(self, stop: Stop) -> None:
        while not stop.is_set():
            self._wake.clear()
            next_ms = self.turn()
            wait_ms = LONGEST_WAIT_MS if next_ms is None else next_ms - self._clock.now_ms()
            self._wake.wait(min(max(wait_ms, 0), LONGEST_WAIT_MS) / 1000)

    def turn(self) -> int | None:
        """Let the dispatcher work once → when it wants to again."""
        step_ms = self._watch.step_ms()
        if step_ms:
            self._dispatcher.shift(step_ms)
            self._outbox.shift(step_ms)
        return self._dispatcher.turn(self._clock.now_ms())

    def send_due(self) -> None:
        """Send what is due and wait for it: for who drives the room without threads of its own."""
        self._sender.turn()
        self._sender.finish()

    def _sent(self, row: Row, outcome: Outcome) -> None:
        """Look at the group of a message of which something became."""
        if row.kind != "message" and not outcome.paced:
            follow = outcome.accepted and isinstance(row.content, Message) and row.content.follow
            self._dispatcher.look(row.group_id, follow=follow)
            self._wake.set()

    def _timeline(self, row: Row, outcome: Outcome) -> None:
        """Write what became of a message into the timelines of its alerts."""
        if outcome.accepted or outcome.refused or outcome.not_set_up:
            happening = Happening.NOTIFIED if outcome.accepted else Happening.NOTIFICATION_FAILED
            self._record(row, happening, outcome.error)

    def _record(self, row: Row, happening: Happening, error: str) -> None:
        receiver, _, integration = row.target.rpartition("/")
        detail = {"channel": receiver, "integration": integration, "kind": row.kind, "error": error}
        now_ms = self._clock.now_ms()
        transitions = []
        for fact in row.facts[:TIMELINE_ALERTS_MAX]:
            try:
                alert = self._book.alert(fact.fingerprint)
            except NotFound:
                continue
            transitions.append(Transition(now_ms, happening, alert, {k: v for k, v in detail.items() if v}))
        self._book.record(transitions)

    # Asked by API and pages.

    @property
    def resolve_timeout_ms(self) -> int:
        """When a posted alert without an end counts as over."""
        return self._dispatcher.setup.resolve_timeout_ms

    def groups(self, now_ms: int) -> list[GroupView]:
        """Give the groups with what fires in them, sorted as API v2 sorts."""
        setup = self._dispatcher.setup
        views = []
        for group in self._dispatcher.groups().values():
            alerts = tuple(alert for alert in group.members.values() if alert.firing)
            route = setup.router.route(group.receiver, group.route)
            if alerts and route is not None:
                muting = muted_by(route, setup.intervals, now_ms)
                shown = tuple(sorted(alerts, key=by_alert))
                view = GroupView(group.receiver, group.labels, group.key, shown, muting, group.next_flush_ms)
                views.append(view)
        return sorted(views, key=lambda view: (by_labels(view.labels), view.receiver))

    def receivers(self) -> list[ReceiverView]:
        """Give all receivers, as they are written."""
        found = []
        setup = self._dispatcher.setup
        for name, ways in setup.integrations.items():
            health = {way.target.key: self._sender.health(way.target.key) for way in ways}
            found.append(receiver_view(name, ways, health, setup.labels.get(name, {})))
        return found

    def receivers_of(self, alert: Alert) -> list[str]:
        """Name the receivers that hear of an alert."""
        return self._dispatcher.routed(alert)

    def suppression(self, alert: Alert, now_ms: int) -> Suppression:
        """Say by what an alert is kept back."""
        return self._dispatcher.suppression(alert.labels, now_ms)

    def explain(self, fingerprint: str, now_ms: int) -> dict[str, Any]:
        """Say what was or will be sent about an alert, to whom, when and why, or why not.

        NotFound: there never was such an alert.
        """
        alert = self._book.alert(fingerprint)
        records = self.notifications(limit=100, fingerprint=fingerprint)
        return explain(alert, self._dispatcher, self._outbox, self._gate, records, now_ms)

    def escalate(self, fingerprint: str, level: int | None, by: str, now_ms: int) -> Alert:
        """Climb to an alert's next escalation level, or to that one, whatever holds it back.

        NotFound: unknown. Conflict: not firing, without a policy, at the top. ConfigError: no such level.
        """
        return self._dispatcher.climber.by_hand(fingerprint, level, by, now_ms)

    def escalation(self, alert: Alert, now_ms: int) -> dict[str, Any] | None:
        """Say how far an alert's escalation has come, and who is told next and when; None: it has none."""
        return escalation(alert, self._dispatcher, now_ms)

    def notifications(self, limit: int = 200, fingerprint: str = "") -> list[NotificationRecord]:
        """Give the records of messages, the latest first."""
        return [NotificationRecord.of(row) for row in self._outbox.records(limit, fingerprint)]

    def dead_letters(self) -> list[DeadLetter]:
        """Give the messages that were given up, the latest first."""
        return [DeadLetter.of(row) for row in self._outbox.dead()]

    def retry(self, identifier: int, now_ms: int) -> None:
        """Send a dead letter again.

        NotFound: there is no such letter.
        """
        self._dispatcher.adopt(self._outbox.revive(identifier, now_ms))
        self._wake.set()
        self._sender.wake()

    def send_message(self, receiver: str, subject: str, text: str, html: str, now_ms: int) -> int:
        """Put a message that is no alert into the outbox of every way to a receiver → the first one's id.

        NotFound: there is no such receiver. ConfigError: it is not set up, or has no way.
        """
        ways = self._dispatcher.setup.integrations.get(receiver)
        if ways is None:
            known = ", ".join(sorted(self._dispatcher.setup.integrations))
            raise NotFound(f"no receiver {receiver!r}", remedy=f"there are {known}")
        missing = next((way.missing for way in ways if way.missing), "")
        if missing or not ways:
            raise ConfigError(missing or f"receiver {receiver!r} reaches nobody")
        if len(text) + len(html) > LETTER_LENGTH_MAX:
            raise ConfigError(f"a message may have {LETTER_LENGTH_MAX} characters")
        letter = Letter(subject, text, html)
        identifiers = [self._outbox.put_letter(way.target, letter, now_ms) for way in ways]
        self._sender.wake()
        return identifiers[0]
