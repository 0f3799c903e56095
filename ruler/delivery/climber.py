"""Keeps the escalations: hears how far they have come, and writes the steps that are due.

A step is a row of the timeline, `escalated`; the dispatcher tells its receivers because of that row. Steps
are decided and written under one lock, so the clock and a person never take the same one.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from promkit.errors import ConfigError, Conflict, NotFound
from promkit.log import get
from promkit.own import Registry
from ruler.alerts import Alert, Book, Happening, Transition
from ruler.delivery.escalate import (
    Climb,
    Telling,
    detail_of,
    heard,
    next_step,
    one_step,
    out_of_turn,
    receivers_of,
)
from ruler.delivery.message import Escalated
from ruler.rules import Escalation

__all__ = ["Climber", "Standing"]

LOOK_EVERY_MS = 5_000  # at rules that have changed
HELD_LOOK_MS = 1_000  # at an alert that something holds back

log = get("ruler.delivery")

_MOVES = {
    Happening.FIRING,
    Happening.SEVERITY,
    Happening.RESOLVED,
    Happening.ESCALATED,
    Happening.REMEDY_FAILED,
    Happening.BREAKER_OPENED,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an alert's escalation stands, and what comes."""

    policy: Escalation | None
    climb: Climb
    following: Telling | None


class Climber:
    """The escalations of the alerts that fire."""

    def __init__(
        self,
        book: Book,
        held: Callable[[Alert, int], str],
        routed: Callable[[Alert], Sequence[str]],
        own: Registry,
    ) -> None:
        self._book = book
        self._held = held  # by what an alert is kept back; "" by nothing
        self._routed = routed  # the receivers that its routes and channels tell
        self._climbs: dict[str, Climb] = {}  # by fingerprint: at most one an alert
        self._due: dict[str, int] = {}  # when to look at which
        self._changed: set[str] = set()  # asked for something since the dispatcher last looked
        self._looked_ms: int | None = None
        self._notes: list[Transition] = []
        self._noting = threading.Lock()
        self._lock = threading.Lock()
        self._steps = own.counter(
            "ruler_escalation_steps_total", "Steps of escalations that were told, repeats too.", ("policy",)
        )

    # From any thread.

    def hear(self, transitions: Sequence[Transition]) -> None:
        """Note what happened to alerts; called after each commit, so it waits for nobody."""
        moves = [row for row in transitions if row.happening in _MOVES]
        if moves:
            with self._noting:
                self._notes += moves

    def asked(self, fingerprint: str) -> Mapping[str, Escalated]:
        """Give what receivers were to be told of an alert since it fired."""
        climb = self._climbs.get(fingerprint)
        return {} if climb is None else climb.asked

    def standing(self, alert: Alert) -> Standing:
        """Say where an alert's escalation stands."""
        climb = self._climbs.get(alert.fingerprint, Climb())
        policy = self._policy(alert, climb)
        coming = policy is not None and alert.firing
        return Standing(policy, climb, self._following(alert, climb, policy) if coming else None)

    def by_hand(self, fingerprint: str, level: int | None, by: str, now_ms: int) -> Alert:
        """Climb to a level now, or to the next, whatever holds the alert back.

        NotFound: unknown. Conflict: not firing, no policy, already there. ConfigError: no such level.
        """
        with self._lock:
            self._take_notes()
            alert = self._book.alert(fingerprint)
            if not alert.firing:
                raise Conflict(f"alert {fingerprint} is not firing, but {alert.phase.value}")
            if alert.escalation is None:
                raise Conflict(f"alert {fingerprint} has no escalation", remedy="name one in its rule")
            climb = self._climbs.get(fingerprint, Climb())
            top = len(alert.escalation.steps)
            wanted = climb.level + 1 if level is None else level
            if level is not None and not 1 <= level <= top:
                raise ConfigError(f"no level {level}", remedy=f"its escalation has levels 1 to {top}")
            if wanted > top or wanted <= climb.level:
                where = "at the top of its escalation" if climb.level >= top else "there already"
                raise Conflict(f"alert {fingerprint} is {where}: level {climb.level} of {top}")
            telling = replace(out_of_turn(alert.escalation, climb, wanted, now_ms), why="")
            self._write(alert, alert.escalation, telling, telling.notify, now_ms, by)
            self._take_notes()
        return self._book.alert(fingerprint)

    # The dispatcher's thread.

    def restore(self) -> None:
        """Be where the rows say, as if nobody had been away."""
        with self._lock:
            for row in self._book.escalations():
                fingerprint = row.alert.fingerprint
                self._climbs[fingerprint] = heard(self._climbs.get(fingerprint, Climb()), row)

    def turn(self, now_ms: int) -> set[str]:
        """Write the steps that are due → the alerts of which somebody is to be told something new."""
        with self._lock:
            self._take_notes()
            if self._looked_ms is None or not 0 <= now_ms - self._looked_ms < LOOK_EVERY_MS:
                self._looked_ms = now_ms
                self._look(self._book.alerts())
            for fingerprint in [one for one, due_ms in self._due.items() if due_ms <= now_ms]:
                self._climb(fingerprint, now_ms)
            self._take_notes()
            changed, self._changed = self._changed, set()
            return changed

    def next_ms(self) -> int | None:
        """When to come again."""
        return min(self._due.values(), default=None)

    def shift(self, step_ms: int) -> None:
        """Move what waits along with a wall clock that was set."""
        with self._lock:
            for fingerprint, climb in self._climbs.items():
                told_ms, hurried_ms = climb.told_ms, climb.hurried_ms
                self._climbs[fingerprint] = replace(
                    climb,
                    told_ms=None if told_ms is None else told_ms + step_ms,
                    hurried_ms=None if hurried_ms is None else hurried_ms + step_ms,
                )
            self._due = {fingerprint: due_ms + step_ms for fingerprint, due_ms in self._due.items()}

    def _take_notes(self) -> None:
        with self._noting:
            notes, self._notes = self._notes, []
        for row in notes:
            fingerprint = row.alert.fingerprint
            if row.happening is Happening.RESOLVED:
                self._climbs.pop(fingerprint, None)
                self._due.pop(fingerprint, None)
                continue
            fires = row.happening in {Happening.FIRING, Happening.SEVERITY}
            if fires and row.alert.escalation is None and fingerprint not in self._climbs:
                continue  # nothing climbs so far
            self._climbs[fingerprint] = heard(self._climbs.get(fingerprint, Climb()), row)
            self._due[fingerprint] = row.at_ms  # to be looked at
            if row.happening is Happening.ESCALATED:
                self._changed.add(fingerprint)

    def _look(self, alerts: Iterable[Alert]) -> None:
        """See all that climbs anew: rules may have changed, and alerts have ended unheard."""
        firing = {one.fingerprint: one for one in alerts if one.firing}
        self._climbs = {f: climb for f, climb in self._climbs.items() if f in firing}
        self._due = {}
        for fingerprint, alert in firing.items():
            if alert.escalation is not None:
                self._climbs.setdefault(fingerprint, Climb())
            if fingerprint in self._climbs:
                self._set_due(alert, self._climbs[fingerprint])

    def _climb(self, fingerprint: str, now_ms: int) -> None:
        """Take an alert's next step, if it is due and nothing holds it back."""
        self._due.pop(fingerprint, None)
        try:
            alert = self._book.alert(fingerprint)
        except NotFound:
            return
        climb = self._climbs[fingerprint]
        policy = self._policy(alert, climb)
        telling = self._following(alert, climb, policy) if policy is not None and alert.firing else None
        if policy is None or telling is None:
            return
        if telling.due_ms > now_ms:
            self._due[fingerprint] = telling.due_ms
        elif self._held(alert, now_ms):
            self._due[fingerprint] = now_ms + HELD_LOOK_MS
        else:
            receivers = receivers_of(policy, telling, self._routed(alert))
            self._write(alert, policy, telling, receivers, now_ms)

    def _write(
        self,
        alert: Alert,
        policy: Escalation,
        telling: Telling,
        receivers: Sequence[str],
        now_ms: int,
        by: str = "",
    ) -> None:
        """Write a step; the book's listeners, this room too, hear of it."""
        detail = detail_of(policy, telling, receivers, by)
        climbed = replace(alert, escalation_level=telling.level)
        self._book.record([Transition(now_ms, Happening.ESCALATED, climbed, detail)])
        self._steps.inc(policy.name)
        said = {
            "step": telling.level,
            "of": len(policy.steps),
            "to": ", ".join(receivers),
            "by": by or "ruler",
        }
        log.info("alert escalated", alert=alert.name, fingerprint=alert.fingerprint, **said)

    def _set_due(self, alert: Alert, climb: Climb) -> None:
        policy = self._policy(alert, climb)
        telling = None if policy is None else self._following(alert, climb, policy)
        if telling is not None:
            self._due[alert.fingerprint] = telling.due_ms

    def _policy(self, alert: Alert, climb: Climb) -> Escalation | None:
        """Give the rule's policy; of one without, a step to those who hear of it anyway, when one is due."""
        if alert.escalation is not None or climb.hurried_ms is None:
            return alert.escalation
        receivers = alert.channels or self._routed(alert)
        return one_step(receivers) if receivers else None

    def _following(self, alert: Alert, climb: Climb, policy: Escalation | None) -> Telling | None:
        return None if policy is None else next_step(policy, climb, alert.starts_ms)
