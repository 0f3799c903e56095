"""What was or will be sent about an alert, to whom, when and why, or why not. Read only."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from promkit.duration import format_duration
from ruler.alerts import Alert
from ruler.delivery.dispatch import ESCALATION_KEY, Group, Timing
from ruler.delivery.dispatcher import Dispatcher
from ruler.delivery.gate import Gate
from ruler.delivery.message import Escalated, Status, Told
from ruler.delivery.mute import muted_by
from ruler.delivery.outbox import Outbox, Row
from ruler.delivery.route import Place
from ruler.delivery.setup import Integration
from ruler.delivery.views import NotificationRecord

__all__ = ["escalation", "explain"]


def explain(
    alert: Alert,
    dispatcher: Dispatcher,
    outbox: Outbox,
    gate: Gate,
    records: Sequence[NotificationRecord],
    now_ms: int,
) -> dict[str, Any]:
    """Put it together, as JSON values."""
    suppression = dispatcher.suppression(alert.labels, now_ms)
    setup, groups = dispatcher.setup, dispatcher.groups()
    receivers = []
    for place in dispatcher.places(alert):
        group = groups.get(place.id)
        muting = muted_by(place.route, setup.intervals, now_ms)
        for way in setup.integrations.get(place.route.receiver, ()):
            told = outbox.told(way.target.key, place.key).get(alert.fingerprint)
            row = outbox.waiting(way.target.key, place.key)
            because = replace(suppression, muted_by=muting).text
            next_ms, why = _next(alert, place.route.timing, group, told, row, because, now_ms)
            asked = dispatcher.climber.asked(alert.fingerprint).get(place.route.receiver)
            if place.route.key == ESCALATION_KEY and asked is not None and alert.firing and row is None:
                held = "" if asked.by else dispatcher.held(alert, now_ms)
                next_ms, why = _escalated(asked, told, held)
            receivers.append(_receiver(place, way, group, told, row, next_ms, why))
        if not setup.integrations.get(place.route.receiver):
            receivers.append({"receiver": place.route.receiver, "why": "it reaches nobody: shown and logged"})
    return {
        "fingerprint": alert.fingerprint,
        "labels": dict(alert.labels),
        "phase": alert.phase.value,
        "acknowledged_by": alert.acknowledged.by if alert.acknowledged else None,
        "silenced_by": list(suppression.silenced_by),
        "inhibited_by": list(suppression.inhibited_by),
        "starting_up": gate.opens_ms(now_ms) is not None,
        "escalation": escalation(alert, dispatcher, now_ms),
        "receivers": receivers,
        "notifications": [record.json() for record in records],
    }


def escalation(alert: Alert, dispatcher: Dispatcher, now_ms: int) -> dict[str, Any] | None:
    """Say where an alert's escalation stands, as JSON values; None: it has none."""
    standing = dispatcher.climber.standing(alert)
    if standing.policy is None:
        return None
    following = standing.following
    held = dispatcher.held(alert, now_ms) if alert.firing else ""
    return {
        "policy": standing.policy.name,
        "until": standing.policy.until,
        "level": alert.escalation_level,
        "levels": len(standing.policy.steps),
        "told_ms": standing.climb.told_ms,
        "held": held,
        "next": None
        if following is None
        else {
            "level": following.level,
            "number": following.number,
            "at_ms": max(following.due_ms, now_ms),
            "to": list(following.notify),
        },
        "why": _climbing(alert, held, following is not None),
    }


def _climbing(alert: Alert, held: str, more: bool) -> str:  # noqa: FBT001 - a fact, not a switch
    if not alert.firing:
        return "it climbs while the alert fires"
    if not more:
        return "at the top: nobody is left to be told"
    return f"held back: {held}; a step that is due is told once that is over" if held else ""


def _escalated(asked: Escalated, told: Told | None, held: str) -> tuple[int | None, str]:
    if told is not None and told.status is Status.FIRING and told.fact.escalated == asked:
        return None, f"told: {asked.text}"
    return None, held or f"to be told: {asked.text}"


def _receiver(
    place: Place,
    way: Integration,
    group: Group | None,
    told: Told | None,
    row: Row | None,
    next_ms: int | None,
    why: str,
) -> dict[str, Any]:
    return {
        "receiver": way.target.receiver,
        "integration": way.target.integration,
        "group_key": place.key,
        "group_wait_ms": place.route.timing.wait_ms,
        "group_interval_ms": place.route.timing.interval_ms,
        "repeat_interval_ms": place.route.timing.repeat_ms,
        "next_flush_ms": group.next_flush_ms if group else None,
        "told": told.status.value if told else None,
        "told_ms": told.told_ms if told else None,
        "owes_resolved": bool(told and told.owes),
        "waiting": None
        if row is None
        else {"id": row.id, "attempts": row.attempts, "due_ms": row.due_ms, "error": row.error},
        "next_ms": next_ms,
        "why": way.missing or why,
    }


def _next(  # noqa: PLR0911 - a reason a return
    alert: Alert,
    timing: Timing,
    group: Group | None,
    told: Told | None,
    row: Row | None,
    because: str,
    now_ms: int,
) -> tuple[int | None, str]:
    """Say when the next message about it is due, and why then."""
    flush_ms = group.next_flush_ms if group else None
    knows = told.status if told else None
    if row is not None and any(fact.fingerprint == alert.fingerprint for fact in row.facts):
        tried = f"tried {row.attempts} times: {row.error}" if row.error else "on its way"
        return max(row.due_ms, now_ms), f"a message waits, {tried}"
    if because:
        return None, because
    if not alert.firing:
        if told is not None and told.owes:
            return flush_ms, "its end is owed, and told at the group's next turn"
        return None, "it is over, and nothing is owed" if knows else "it was over before it was told"
    if told is None or knows is Status.RESOLVED:
        return _first(alert, timing, group, told)
    if alert.acknowledged is not None:
        return None, f"acknowledged by {alert.acknowledged.by}: not told again"
    again_ms = alert.repeat_ms
    if again_ms is None:
        again_ms = timing.repeat_ms if alert.cooldown_ms is None else alert.cooldown_ms
    if not again_ms:
        return None, "told, and its rule says repeat: never"
    due_ms = told.told_ms + again_ms
    if alert.cooldown_ms is None and flush_ms is not None:
        # repeat_interval turns with the group's clock.
        turns = max(0, -(-(due_ms - flush_ms) // timing.interval_ms))
        return flush_ms + turns * timing.interval_ms, f"told; again after {format_duration(again_ms)}"
    return due_ms, f"told; again when {format_duration(again_ms)} are over, if it still fires"


def _first(alert: Alert, timing: Timing, group: Group | None, told: Told | None) -> tuple[int | None, str]:
    flush_ms = group.next_flush_ms if group else None
    if told is not None and alert.cooldown_ms is not None:
        due_ms = told.told_ms + alert.cooldown_ms
        if flush_ms is None or due_ms > flush_ms - timing.interval_ms:
            return due_ms, f"it fires again within its cooldown of {format_duration(alert.cooldown_ms)}"
    waits = "group_interval" if group is not None and group.flushed else "group_wait"
    return flush_ms, f"new; its group is told after {waits}"
