"""The owner of all alert state: what every rule remembers, what was posted, who has it in hand.

Each deed is one transaction, on the disk before it returns; then memory follows, then listeners hear of it,
outside the lock. Writers hold the database's writers' lock from first look to last write; what readers see
is swapped under the book's own lock, which is never held while waiting for the other. No deed but `record`
may be part of a larger transaction.

    states    rule → label set → State      moved by `step` alone
    posted    label set → Posted
    alerts    label set → Alert             made of the two, with acknowledgement and escalation level
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from promkit.errors import ConfigError, ConfigErrors, Conflict, LimitError, NotFound
from promkit.labels import Labels
from ruler.alerts.alert import Acknowledgement, Alert, Happening, Phase, State, Transition
from ruler.alerts.change import BY_HAND, Change
from ruler.alerts.history import History
from ruler.alerts.overrides import Override, Overrides
from ruler.alerts.posted import RESOLVE_TIMEOUT_MS, PostedAlert, accepted
from ruler.alerts.shelf import ACTIVE, Shelf
from ruler.alerts.silence import Silence
from ruler.alerts.silences import Silences
from ruler.alerts.step import closed_by_hand, ended, moved_by, step
from ruler.database import Database
from ruler.rules import Evaluation, Rule, RuleKind, Severities

__all__ = ["Book"]

POSTED_MAX = 100_000
OUTAGE_MS_MAX = 3_600_000  # as Prometheus' --rules.alert.for-outage-tolerance
PRUNE_EVERY_MS = 3_600_000


class Book:
    """All alerts. Every method may be called from any thread."""

    def __init__(
        self,
        database: Database,
        severities: Severities | None = None,
        external_url: str = "",
        *,
        resolve_timeout_ms: int = RESOLVE_TIMEOUT_MS,
    ) -> None:
        self._database = database
        self._resolve_timeout_ms = resolve_timeout_ms
        self._history = History(database)
        self._silences = Silences(database)
        self._overrides = Overrides(database)
        self._shelf = Shelf(database, self._history, severities or Severities(), external_url)
        self._lock = threading.Lock()
        self._adopted = False
        self._pruned_ms = 0

    # Rules

    def adopt(self, rules: Iterable[Rule], now_ms: int) -> list[Transition]:
        """Take over the rules in force, at the start and after each reload: alerts of all others end.

        After an outage of more than an hour, pending alerts start anew: nobody knows what was in between.
        """
        with self._database.exclusive():
            kept = {rule.id: rule for rule in rules if rule.kind is RuleKind.ALERT}
            change = Change(now_ms)
            for rule_id, states in self._shelf.states.items():
                rule = kept.get(rule_id)
                if rule is None or not self._overrides.enabled(rule):
                    reason = "rule removed" if rule is None else "rule disabled"
                    was = self._shelf.rules[rule_id]
                    change.move(rule_id, states, {}, ended(was, states, now_ms, reason))
                elif not self._adopted and self._outage_ms(now_ms) > OUTAGE_MS_MAX:
                    pending = {k: v for k, v in states.items() if v.phase is Phase.PENDING}
                    others = {k: v for k, v in states.items() if k not in pending}
                    change.move(rule_id, states, others, ended(rule, pending, now_ms, "not watched"))
            self._adopted = True
            stored = self._commit(change)
            with self._lock:
                self._shelf.adopt(kept)
            return stored

    def advance(self, evaluation: Evaluation, now_ms: int) -> list[Transition]:
        """Move a rule's alerts over one evaluation.

        Unavailable: it cannot be stored; then nothing has moved.
        """
        rule = evaluation.rule
        with self._database.exclusive():
            if self._adopted and not (rule.id in self._shelf.rules and self._overrides.enabled(rule)):
                return []  # it was taken out or switched off while it was evaluated
            before = self._shelf.states.get(rule.id, {})
            after, transitions = step(rule, evaluation, before, now_ms)
            if after is before and not transitions:
                return []
            change = Change(now_ms, rule=rule)
            change.move(rule.id, before, after, transitions)
            return self._commit(change)

    def clock_stepped(self, delta_ms: int, now_ms: int) -> None:
        """The wall clock was put forward (or back, below 0) by that much: waits go on as they were."""
        with self._database.exclusive():
            change = Change(now_ms)
            for rule_id, states in self._shelf.states.items():
                later = {labels: moved_by(state, delta_ms) for labels, state in states.items()}
                change.move(rule_id, states, later, [])
            self._commit(change)

    def states(self, rule_id: str) -> Mapping[Labels, State]:
        """What a rule remembers; never changed, but replaced."""
        return self._shelf.states.get(rule_id, {})

    def override(
        self,
        rule_id: str,
        enabled: bool,  # noqa: FBT001 - the word itself
        by: str,
        now_ms: int,
        until_ms: int | None = None,
    ) -> list[Transition]:
        """Switch a rule on or off, whatever its file says; alerts of one switched off end."""
        with self._database.exclusive():
            self._overrides.put(rule_id, Override(enabled, by, now_ms, until_ms))
            states = self._shelf.states.get(rule_id)
            if enabled or not states:
                return []
            change = Change(now_ms)
            rule = self._shelf.rules[rule_id]
            change.move(rule_id, states, {}, ended(rule, states, now_ms, "rule disabled"))
            return self._commit(change)

    def overrides(self) -> Mapping[str, Override]:
        """What people said of rules, by rule."""
        return self._overrides.all()

    def enabled(self, rule: Rule) -> bool:
        """Whether the rule is to be evaluated."""
        return self._overrides.enabled(rule)

    # Alerts from outside

    def post(self, alerts: Sequence[PostedAlert], now_ms: int) -> list[Transition]:
        """Take alerts as API v2 does.

        ConfigErrors: some are faulty; the others are stored nevertheless. LimitError: too many in all.
        """
        faults = [ConfigError(fault) for alert in alerts if (fault := alert.fault())]
        with self._database.exclusive():
            change = Change(now_ms)
            for alert in alerts:
                if not alert.fault():
                    self._take(alert, change)
            new = sum(1 for labels in change.posted if labels not in self._shelf.posted)
            if new and len(self._shelf.posted) + new > POSTED_MAX:
                raise LimitError(f"more than {POSTED_MAX} posted alerts", remedy="resolve some")
            stored = self._commit(change)
        if faults:
            raise ConfigErrors(faults)
        return stored

    def expire(self, now_ms: int) -> list[Transition]:
        """End what ends by itself: posted alerts, acknowledgements, overrides, old silences and history."""
        self._silences.prune(now_ms)
        with self._database.exclusive():
            change = Change(now_ms)
            if self._overrides.expire(now_ms) and self._adopted:
                for rule_id, states in self._shelf.states.items():
                    rule = self._shelf.rules[rule_id]
                    if not self._overrides.enabled(rule):
                        change.move(rule_id, states, {}, ended(rule, states, now_ms, "rule disabled"))
            for labels, posted in self._shelf.posted.items():
                if posted.alert.ends_ms is not None and posted.alert.ends_ms <= now_ms:
                    change.post(labels, posted, None)
            for labels, ack in self._shelf.acknowledged.items():
                if ack.until_ms is not None and ack.until_ms <= now_ms and labels in self._shelf.alerts:
                    alert = replace(self._shelf.alerts[labels], acknowledged=None)
                    change.acknowledge(labels, None)
                    change.say(Happening.UNACKNOWLEDGED, alert, {"reason": "its time is up"})
            stored = self._commit(change)
            if now_ms - self._pruned_ms >= PRUNE_EVERY_MS:
                self._pruned_ms = now_ms
                with self._database.write() as connection:
                    self._history.prune(connection, now_ms)
        return stored

    # What people do

    def acknowledge(
        self, fingerprint: str, by: str, comment: str, now_ms: int, until_ms: int | None = None
    ) -> Alert:
        """Somebody has it, until it ends or `until_ms`.

        NotFound: unknown. Conflict: not firing. ConfigError: `until_ms` is over.
        """
        if until_ms is not None and until_ms <= now_ms:
            raise ConfigError("an acknowledgement cannot end in the past")
        with self._database.exclusive():
            labels, alert = self._firing(fingerprint)
            ack = Acknowledgement(by, now_ms, comment, until_ms)
            alert = replace(alert, acknowledged=ack)
            change = Change(now_ms)
            change.acknowledge(labels, ack)
            change.say(Happening.ACKNOWLEDGED, alert, {"by": by, "comment": comment})
            self._commit(change)
            return alert

    def unacknowledge(self, fingerprint: str, by: str, now_ms: int) -> Alert:
        """Nobody has it any more. NotFound: unknown. Conflict: not firing, or not acknowledged."""
        with self._database.exclusive():
            labels, alert = self._firing(fingerprint)
            if alert.acknowledged is None:
                raise Conflict(f"alert {fingerprint} is not acknowledged")
            alert = replace(alert, acknowledged=None)
            change = Change(now_ms)
            change.acknowledge(labels, None)
            change.say(Happening.UNACKNOWLEDGED, alert, {"by": by})
            self._commit(change)
            return alert

    def resolve(self, fingerprint: str, by: str, now_ms: int) -> Alert:
        """Close a firing alert; it fires again only after its condition was false once, or its cooldown.

        NotFound: unknown. Conflict: not firing.
        """
        with self._database.exclusive():
            labels, alert = self._firing(fingerprint)
            change = Change(now_ms)
            for rule_id in self._shelf.owners.get(labels, ()):
                states = self._shelf.states[rule_id]
                if states[labels].phase in ACTIVE:
                    closed = closed_by_hand(states[labels], now_ms)
                    change.move(rule_id, states, {**states, labels: closed}, [])
            posted = self._shelf.posted.get(labels)
            if posted is not None and posted.alert.firing:
                change.close(labels, posted)
            alert = replace(alert, phase=Phase.RESOLVED, ends_ms=now_ms, updated_ms=now_ms, reason=BY_HAND)
            change.say(Happening.RESOLVED, alert, {"by": by})
            self._commit(change)
            return alert

    def silence(self, silence: Silence, now_ms: int) -> str:
        """Make or change a silence; gives its id. ConfigError, NotFound, LimitError."""
        return self._silences.put(silence, now_ms)

    def expire_silence(self, id_: str, now_ms: int) -> None:
        """End a silence now. NotFound, Conflict: unknown, or over already."""
        self._silences.expire(id_, now_ms)

    def silences(self, now_ms: int) -> list[Silence]:
        """All silences: active, pending, expired."""
        return self._silences.all(now_ms)

    def silenced_by(self, labels: Labels, now_ms: int) -> list[str]:
        """Ids of the active silences that match."""
        return self._silences.matching(labels, now_ms)

    # Timeline

    def record(self, transitions: Sequence[Transition]) -> list[Transition]:
        """Write rows of delivery and remediation, in the caller's transaction where it has one open.

        An ESCALATED row whose detail has `level` sets the alert's escalation level.
        """
        if not transitions:
            return []
        with self._database.write() as connection:
            stored = self._history.append(connection, transitions)
            levels = [one for one in stored if one.happening is Happening.ESCALATED]
            if levels:
                self._database.after_commit(lambda: self._escalated(levels))
            return stored

    def listen(self, listener: Callable[[Sequence[Transition]], None]) -> None:
        """Have `listener` called with what was stored, after the commit and outside any lock."""
        self._history.listen(listener)

    def alerts(self) -> list[Alert]:
        """All that is pending, firing or recovering, posted ones too."""
        with self._lock:
            return list(self._shelf.alerts.values())

    def alert(self, fingerprint: str) -> Alert:
        """One alert, or how it was when it last ended. NotFound: there never was one."""
        with self._lock:
            labels = self._shelf.by_fingerprint.get(fingerprint)
            if labels is not None:
                return self._shelf.alerts[labels]
        last = self._history.of(fingerprint, 1)
        if not last:
            raise NotFound(f"no alert {fingerprint}")
        return last[0].alert

    def resolved(self, since_ms: int, limit: int = 10_000) -> list[Alert]:
        """Firing alerts that ended since then, the newest first."""
        return [transition.alert for transition in self._history.resolved(since_ms, limit)]

    def timeline(self, fingerprint: str) -> list[Transition]:
        """Everything that happened to an alert, oldest first."""
        return self._history.of(fingerprint)

    def transitions(self, after_seq: int, limit: int) -> list[Transition]:
        """What happened after the transition of that number, oldest first."""
        return self._history.after(after_seq, limit)

    def escalations(self) -> list[Transition]:
        """What moved the escalations of the present alerts since they fired, oldest first for each alert."""
        with self._lock:
            present = list(self._shelf.by_fingerprint)
        return self._history.escalations(present)

    def _take(self, posted: PostedAlert, change: Change) -> None:
        labels = Labels(posted.labels)
        earlier = change.posted[labels] if labels in change.posted else self._shelf.posted.get(labels)
        new = accepted(posted, earlier, labels["severity"], change.now_ms, self._resolve_timeout_ms)
        if earlier is not None or new.alert.phase is Phase.FIRING:
            change.post(labels, earlier, new)

    def _firing(self, fingerprint: str) -> tuple[Labels, Alert]:
        labels = self._shelf.by_fingerprint.get(fingerprint)
        if labels is None or not self._shelf.alerts[labels].firing:
            alert = self.alert(fingerprint)
            raise Conflict(f"alert {fingerprint} is not firing, but {alert.phase.value}")
        return labels, self._shelf.alerts[labels]

    def _commit(self, change: Change) -> list[Transition]:
        """Store a change, then let readers see it."""
        view = self._shelf.seen(change)
        stored = self._shelf.store(change, view)
        with self._lock:
            self._shelf.swap(change, view)
        return stored

    def _escalated(self, transitions: Sequence[Transition]) -> None:
        with self._database.exclusive(), self._lock:
            self._shelf.escalated(transitions)

    def _outage_ms(self, now_ms: int) -> int:
        return 0 if self._shelf.beat_ms is None else now_ms - self._shelf.beat_ms
