"""When a group is looked at, and what each target is then told. Pure.

             joins                    wait over               interval over
    alert ──────────▶ group: waiting ──────────▶ flush ──┬─────────────────▶ flush …
                                                         └▶ no member left: the group ends

A flush compares what stands (members, less what is silenced, inhibited or muted) with what a target has
accepted (`Told`) and with the message that still waits for it, and says what that target is owed now. As in
Alertmanager, except where the specification asks for more:

- An alert with a cooldown is told at most once a cooldown, to the millisecond, whatever else the group does.
- What was accepted as firing owes one resolved. If it is muted meanwhile, it is told when the mute ends.
- While a message waits, it is brought up to date in place; what came and went in that time is still told,
  firing first and then resolved.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from promkit.labels import Labels
from ruler.alerts import Alert
from ruler.delivery.message import Fact, Message, Reason, Status, Target, Told
from ruler.delivery.order import by_alert

__all__ = [
    "DEFAULT_TIMING",
    "ESCALATION_KEY",
    "Due",
    "Group",
    "Member",
    "Rank",
    "Timing",
    "after_flush",
    "cooldown_ends_ms",
    "due",
    "joined",
    "pruned",
]

Rank = Callable[[str], int | None]
ESCALATION_KEY = "{}/escalation"  # the route key of what a step of an escalation names in `notify`


@dataclass(frozen=True, slots=True)
class Timing:
    """A route's clocks, in milliseconds."""

    wait_ms: int = 30_000
    interval_ms: int = 300_000
    repeat_ms: int = 14_400_000


DEFAULT_TIMING = Timing()


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts of one route with equal group labels."""

    receiver: str
    key: str
    labels: Labels
    route: str  # the key of its route
    next_flush_ms: int
    flushed: bool = False
    dormant: bool = False  # nothing left but debts that a mute holds back
    members: Mapping[str, Alert] = field(default_factory=dict)

    @property
    def id(self) -> tuple[str, str]:
        """What tells groups apart."""
        return (self.receiver, self.key)

    @property
    def escalates(self) -> bool:
        """Whether it is of an escalation's receiver: one alert, told when a step asks for it."""
        return self.route == ESCALATION_KEY


@dataclass(frozen=True, slots=True)
class Member:
    """An alert of the group, and whether something keeps it from being told."""

    alert: Alert
    suppressed: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """What a target is owed at a flush."""

    message: Message | None  # to be put into the outbox, or to stand there instead of the waiting one
    silent: tuple[str, ...] = ()  # fingerprints that count as resolved from now on, without a message


# The group's clock.


def joined(group: Group, timing: Timing, alerts: Iterable[Alert], now_ms: int) -> Group:
    """Take alerts in, or their news. A new group has `next_flush_ms` 0 and no member."""
    news = tuple(alerts)
    members = dict(group.members)
    woken = group.dormant and any(alert.firing for alert in news)
    fresh = (not members and not group.flushed) or woken
    next_flush_ms = now_ms + timing.wait_ms if fresh else group.next_flush_ms
    flushed = group.flushed and not woken
    for alert in news:
        members[alert.fingerprint] = alert
        # What has fired for longer than the wait (a restart, a new route) need not wait again.
        if not flushed and alert.firing and alert.starts_ms + timing.wait_ms < now_ms:
            next_flush_ms = now_ms
    dormant = group.dormant and not woken
    return replace(group, members=members, next_flush_ms=next_flush_ms, flushed=flushed, dormant=dormant)


def after_flush(group: Group, timing: Timing, now_ms: int) -> Group:
    """Turn the clock on: the next flush is an interval away."""
    return replace(group, next_flush_ms=now_ms + timing.interval_ms, flushed=True)


def pruned(group: Group, owed: frozenset[str], *, waiting: bool) -> Group:
    """Let go of what is over and told. A group without members is over itself."""
    if waiting or not group.flushed:
        return group
    members = {
        fingerprint: alert
        for fingerprint, alert in group.members.items()
        if alert.firing or fingerprint in owed
    }
    dormant = bool(members) and not any(alert.firing for alert in members.values())
    return replace(group, members=members, dormant=dormant)


# What a target is owed.


def due(
    target: Target,
    timing: Timing,
    members: Sequence[Member],
    told: Mapping[str, Told],
    waiting: Message | None,
    now_ms: int,
    rank: Rank,
    group_labels: Labels,
    *,
    tried: bool = False,
) -> Due:
    """Compare what stands with what `target` knows. `rank` orders severities (None: unordered).

    `tried`: the waiting message may have been taken, and we do not know it: nothing in it may be dropped.
    """
    view = _View(target, timing, members, told, now_ms, rank)
    fresh = view.message(group_labels)
    if waiting is not None:
        fresh = _folded(waiting, fresh, view.firing, told, tried=tried)
    return Due(fresh, silent=view.silent())


def cooldown_ends_ms(
    target: Target,
    timing: Timing,
    members: Sequence[Member],
    told: Mapping[str, Told],
    now_ms: int,
    rank: Rank,
) -> int | None:
    """Say when the next cooldown in the group ends: then, not at its clock's next turn, it is looked at."""
    return _View(target, timing, members, told, now_ms, rank).cooldown_ends_ms()


class _View:
    """One target's sight of a group at one instant."""

    def __init__(
        self,
        target: Target,
        timing: Timing,
        members: Sequence[Member],
        told: Mapping[str, Told],
        now_ms: int,
        rank: Rank,
    ) -> None:
        self.target = target
        self.told = told
        self.now_ms = now_ms
        visible = [member.alert for member in members if not member.suppressed and not _untold(member.alert)]
        self.firing = {member.alert.fingerprint for member in members if member.alert.firing}
        self.up = [alert for alert in visible if alert.firing]
        self.down = [alert for alert in visible if not alert.firing]
        # From when each firing alert is to be told (again); None: not at all.
        self.from_ms = {
            alert.fingerprint: _told_from_ms(alert, told.get(alert.fingerprint), timing, rank)
            for alert in self.up
        }

    def message(self, group_labels: Labels) -> Message | None:
        ended = self._ended() if self.target.send_resolved else []
        reason = self._reason(ended)
        if reason is None:
            return None
        alerts = [a for a in self.up if a.cooldown_ms is None or self._is_due(a)] + ended
        facts = tuple(sorted((Fact.of(alert) for alert in alerts), key=by_alert))
        return Message(facts, reason, group_labels, forgets=self._forgets()) if facts else None

    def _is_due(self, alert: Alert) -> bool:
        from_ms = self.from_ms[alert.fingerprint]
        return from_ms is not None and from_ms <= self.now_ms

    def _knows(self, alert: Alert) -> Status | None:
        told = self.told.get(alert.fingerprint)
        return None if told is None else told.status

    def _ended(self) -> list[Alert]:
        """What is over and worth telling. Under a cooldown, what was never told owes nothing."""
        return [
            alert
            for alert in self.down
            if self._owed(alert) or (self._knows(alert) is None and alert.cooldown_ms is None)
        ]

    def _owed(self, alert: Alert) -> bool:
        told = self.told.get(alert.fingerprint)
        return told is not None and told.owes and told.status is Status.FIRING

    def _reason(self, ended: list[Alert]) -> Reason | None:
        knows_firing = any(told.status is Status.FIRING for told in self.told.values())
        due_now = [alert for alert in self.up if self._is_due(alert)]
        if any(self._knows(alert) is not Status.FIRING for alert in due_now):
            return Reason.ADDED if knows_firing else Reason.FIRST
        owed = any(self._owed(alert) for alert in ended)
        if not self.up:
            return Reason.ALL_RESOLVED if owed or (ended and knows_firing) else None
        if owed or (ended and self.told):
            return Reason.SOME_RESOLVED
        return Reason.REPEAT if due_now else None

    def _forgets(self) -> tuple[str, ...]:
        """Told alerts that are over, where a target does not want to hear of that."""
        if self.target.send_resolved:
            return ()
        over = {alert.fingerprint for alert in self.down}
        return tuple(sorted(f for f in over if f in self.told and self.told[f].status is Status.FIRING))

    def silent(self) -> tuple[str, ...]:
        """What is over for this target, and no message will say so."""
        if not self.target.send_resolved and self.up:
            return ()  # as in Alertmanager: with the next message, in `_forgets`
        over = (f for f, told in self.told.items() if told.status is Status.FIRING and f not in self.firing)
        return tuple(sorted(f for f in over if not (self.target.send_resolved and self.told[f].owes)))

    def cooldown_ends_ms(self) -> int | None:
        ends = [
            from_ms
            for alert in self.up
            if alert.cooldown_ms is not None
            and (from_ms := self.from_ms[alert.fingerprint]) is not None
            and from_ms > self.now_ms
        ]
        return min(ends, default=None)


def _untold(alert: Alert) -> bool:
    """No data is normal for an optional rule: shown, never told."""
    return alert.optional and alert.no_data


def _told_from_ms(alert: Alert, told: Told | None, timing: Timing, rank: Rank) -> int | None:
    """From which instant a firing alert is to be told; None: it was, and is not to be again."""
    if told is None or _worse(alert, told, rank):
        return 0
    if told.status is Status.RESOLVED:
        return 0 if alert.cooldown_ms is None else told.told_ms + alert.cooldown_ms
    if alert.acknowledged is not None:
        return None
    again_ms = alert.repeat_ms
    if again_ms is None:
        again_ms = timing.repeat_ms if alert.cooldown_ms is None else alert.cooldown_ms
    return told.told_ms + again_ms if again_ms else None


def _worse(alert: Alert, told: Told, rank: Rank) -> bool:
    """A rise in severity breaks the cooldown; so does the loss of its data, once."""
    if alert.no_data and not told.fact.no_data:
        return True
    now, before = rank(alert.severity), rank(told.fact.severity)
    return now is not None and before is not None and now > before


def _folded(
    waiting: Message,
    fresh: Message | None,
    firing: set[str],
    told: Mapping[str, Told],
    *,
    tried: bool,
) -> Message | None:
    """Bring a waiting message up to date. What in it came or went meanwhile stays, and more follows."""
    overtaken = [fact for fact in waiting.facts if _overtaken(fact, firing, told.get(fact.fingerprint))]
    kept = {fact.fingerprint: fact for fact in overtaken}
    wanted = {fact.fingerprint: fact for fact in (fresh.facts if fresh else ())}
    if tried:
        kept.update({f.fingerprint: f for f in waiting.facts if f.fingerprint not in wanted})
    if not kept:
        return fresh
    facts = tuple(sorted({**wanted, **kept}.values(), key=by_alert))
    if not overtaken:
        return replace(fresh or waiting, facts=facts)
    return replace(waiting, facts=facts, late=True, follow=True)


def _overtaken(fact: Fact, firing: set[str], told: Told | None) -> bool:
    known = told.status if told else None
    if fact.status is Status.FIRING:
        return fact.fingerprint not in firing and known is not Status.FIRING
    return fact.fingerprint in firing and known is Status.FIRING
