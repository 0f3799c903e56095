"""Who is told next about an alert that nobody takes on. Pure.

    {until: ack, steps: [{after: 0m, notify: [slack]}, {after: 10m, notify: [sms], repeat: 2}]}

    fires ──0m──▶ level 1: slack ──10m──▶ level 2: sms ──10m──▶ level 2 again ──▶ at the top

Level n: step n was told; 0: none so far. `after` counts from when the alert fired, then from the last telling
of the step before; repeats of a step are `after` apart. The clock never stands still: what comes due while
something holds the alert back (acknowledged, silenced, inhibited, muted) is told as soon as nothing does, one
step, and the next `after` counts from there. A remedy that failed and a person climb out of turn.

State is made of the timeline's rows by `heard`, while it runs and after a crash alike. The row `escalated` is
the step; what its receivers are owed follows from it (`owed`), so it is neither lost nor told twice.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from promkit.labels import Labels
from ruler.alerts import Happening, Transition
from ruler.delivery.dispatch import Due, Member, Rank, Timing, due
from ruler.delivery.message import Escalated, Message, Reason, Status, Target, Told
from ruler.rules import Escalation, EscalationStep

__all__ = [
    "Climb",
    "Telling",
    "detail_of",
    "foreseen",
    "heard",
    "next_step",
    "one_step",
    "out_of_turn",
    "owed",
    "receivers_of",
]


@dataclass(frozen=True, slots=True)
class Climb:
    """How far an alert's escalation has come since the alert fired."""

    level: int = 0
    number: int = 0  # how often this level was told
    told_ms: int | None = None  # when, the last time
    hurried_ms: int | None = None  # something wants the next step now, since then
    why: str = ""  # what
    asked: Mapping[str, Escalated] = field(default_factory=dict)  # receiver → what it was last to be told


@dataclass(frozen=True, slots=True)
class Telling:
    """A step that is to be told, and when."""

    level: int
    number: int  # the how many-eth time, from 1
    due_ms: int
    notify: tuple[str, ...]
    why: str = ""  # of one that is out of turn


def next_step(policy: Escalation, climb: Climb, fired_ms: int) -> Telling | None:
    """Say what is told next, and when unless something holds the alert back. None: at the top."""
    if climb.hurried_ms is not None:
        return out_of_turn(policy, climb, min(climb.level + 1, len(policy.steps)), climb.hurried_ms)
    since_ms = fired_ms if climb.told_ms is None else climb.told_ms
    if 0 < climb.level <= len(policy.steps):
        step = policy.steps[climb.level - 1]
        if climb.number < step.repeat:
            return Telling(climb.level, climb.number + 1, since_ms + step.after_ms, step.notify)
    if climb.level < len(policy.steps):
        step = policy.steps[climb.level]
        return Telling(climb.level + 1, 1, since_ms + step.after_ms, step.notify)
    return None


def out_of_turn(policy: Escalation, climb: Climb, level: int, now_ms: int) -> Telling:
    """Tell a level now, whatever the clock says; one that was told already is told once more."""
    number = climb.number + 1 if level == climb.level else 1
    return Telling(level, number, now_ms, policy.steps[level - 1].notify, climb.why)


def receivers_of(policy: Escalation, telling: Telling, routed: Collection[str]) -> tuple[str, ...]:
    """Name whom a telling asks for: whom the alert's routes tell when it fires need not hear it twice."""
    opens = telling.level == telling.number == 1 and not policy.steps[0].after_ms and not telling.why
    return tuple(name for name in dict.fromkeys(telling.notify) if not (opens and name in routed))


def one_step(notify: Sequence[str]) -> Escalation:
    """Make the policy of an alert that has none, of which a person must hear nevertheless."""
    return Escalation("", "ack", (EscalationStep(0, tuple(notify)),))


def foreseen(policy: Escalation, acknowledged_ms: int | None = None) -> list[Telling]:
    """Say whom it tells when, from the moment an alert fires (0), until it is acknowledged or at the top."""
    climb, told = Climb(), list[Telling]()
    while (telling := next_step(policy, climb, 0)) is not None:
        if policy.until == "ack" and acknowledged_ms is not None and telling.due_ms >= acknowledged_ms:
            break
        told.append(telling)
        climb = Climb(telling.level, telling.number, telling.due_ms)
    return told


# State and rows.


def heard(climb: Climb, row: Transition) -> Climb:
    """Take in a row of the timeline."""
    action = row.detail.get("action", "")
    match row.happening:
        case Happening.FIRING | Happening.SEVERITY:
            return Climb()
        case Happening.ESCALATED:
            return _told(climb, row)
        case Happening.REMEDY_FAILED if row.detail.get("escalate") == "true" and climb.hurried_ms is None:
            return replace(climb, hurried_ms=row.at_ms, why=f"{action} did not help")
        case Happening.BREAKER_OPENED:
            return replace(climb, hurried_ms=row.at_ms, why=f"{action} failed too often: a person is needed")
        case _:
            return climb


def detail_of(
    policy: Escalation, telling: Telling, receivers: Sequence[str], by: str = ""
) -> Mapping[str, str]:
    """Write a telling as the detail of its row; `heard` reads it."""
    detail = {
        "level": str(telling.level),
        "levels": str(len(policy.steps)),
        "number": str(telling.number),
        "policy": policy.name,
        "to": ", ".join(receivers),
        "receivers": json.dumps(list(receivers)),
        "reason": telling.why,
        "by": by,
    }
    return {name: text for name, text in detail.items() if text}


def _told(climb: Climb, row: Transition) -> Climb:
    detail = row.detail
    escalated = Escalated(
        at_ms=row.at_ms,
        level=int(detail.get("level", 0)),
        levels=int(detail.get("levels", 0)),
        number=int(detail.get("number", 1)),
        policy=detail.get("policy", ""),
        why=detail.get("reason", ""),
        by=detail.get("by", ""),
    )
    receivers = json.loads(detail.get("receivers", "[]"))
    asked = {**climb.asked, **dict.fromkeys(receivers, escalated)}
    return Climb(escalated.level, escalated.number, row.at_ms, asked=asked)


# What a receiver is owed.


def owed(
    target: Target,
    timing: Timing,
    members: Sequence[Member],
    asked: Escalated | None,
    told: Mapping[str, Told],
    waiting: Message | None,
    now_ms: int,
    rank: Rank,
    group_labels: Labels,
    *,
    tried: bool = False,
) -> Due:
    """Compare what `target` was last to be told of an alert with what it knows; later it is owed the end.

    The group has the one alert. Repeats are the policy's, so the rule's do not count here; a cooldown does,
    for an alert that fires again within it, unless a person asks.
    """
    seen = [_once(member, asked, told.get(member.alert.fingerprint)) for member in members]
    news = {one.alert.fingerprint for one in seen if one.alert.firing and not one.suppressed}
    known = {f: one for f, one in told.items() if f not in news or one.status is not Status.FIRING}
    found = due(target, timing, seen, known, waiting, now_ms, rank, group_labels, tried=tried)
    if found.message is None or not news:
        return found
    facts = tuple(
        replace(fact, escalated=asked) if fact.status is Status.FIRING else fact
        for fact in found.message.facts
    )
    return replace(found, message=replace(found.message, facts=facts, reason=Reason.ESCALATED))


def _once(member: Member, asked: Escalated | None, told: Told | None) -> Member:
    if not member.alert.firing or asked is None:
        return member
    knows = told is not None and told.status is Status.FIRING and told.fact.escalated == asked
    alert = replace(member.alert, cooldown_ms=None) if asked.by else member.alert
    return Member(alert, member.suppressed or knows)
