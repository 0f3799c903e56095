"""Keeps the groups: takes in what happened to alerts, looks at groups that are due, stores what is owed.

One thread runs `turn`; everybody else only leaves notes (`hear`, `opened`, `look`) and wakes it. What a group
is owed is decided in `dispatch`, from what the book, the outbox and the configuration say at that moment.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from promkit.errors import NotFound
from promkit.labels import Labels
from promkit.log import get
from promkit.own import Registry
from ruler.alerts import Alert, Book, Happening, Phase, Transition
from ruler.delivery.climber import Climber
from ruler.delivery.dispatch import (
    DEFAULT_TIMING,
    Group,
    Member,
    Timing,
    after_flush,
    cooldown_ends_ms,
    due,
    joined,
    pruned,
)
from ruler.delivery.escalate import owed
from ruler.delivery.gate import Gate
from ruler.delivery.message import Escalated, Fact, Message, Status, Target
from ruler.delivery.mute import Inhibitor, Suppression, muted_by, muted_wholly
from ruler.delivery.outbox import GroupWrite, Outbox, Put, Row
from ruler.delivery.route import Place, labels_text
from ruler.delivery.setup import Setup

__all__ = ["Dispatcher", "GroupId"]

GroupId = tuple[str, str]
GROUPS_PER_TRANSACTION = 64
MAINTAIN_EVERY_MS = 60_000

log = get("ruler.delivery")

# What makes a group be looked at outside of its clock: a cooldown is broken by it.
_URGENT = {Happening.SEVERITY, Happening.NO_DATA}
_HEARD = {Happening.FIRING, Happening.RESOLVED, Happening.DATA, Happening.RECOVERING, *_URGENT}


@dataclass(slots=True)
class _Notes:
    """What others left for the dispatcher. One entry an alert or group, however often it was left."""

    alerts: dict[str, Alert] = field(default_factory=dict)
    urgent: set[str] = field(default_factory=set)  # fingerprints
    groups: set[GroupId] = field(default_factory=set)  # something was sent: let go, and see what follows
    follow: set[GroupId] = field(default_factory=set)
    regroup: bool = False
    opened: set[str] = field(default_factory=set)  # rules
    revived: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Decided:
    target: str
    put: Put | None
    drop: Row | None
    silent: tuple[str, ...]


class Dispatcher:
    """The groups of a running ruler."""

    def __init__(
        self,
        setup: Setup,
        book: Book,
        outbox: Outbox,
        rank: Callable[[str], int | None],
        gate: Gate,
        stored: Callable[[], None],
        own: Registry,
    ) -> None:
        self.setup = setup
        self._book = book
        self._outbox = outbox
        self._rank = rank
        self._gate = gate
        self._stored = stored  # the sender is woken
        self._inhibitor = Inhibitor(setup.inhibit_rules)
        self.climber = Climber(book, self.held, self.routed, own)
        self._groups: dict[GroupId, Group] = {}
        self._where: dict[str, set[GroupId]] = {}  # fingerprint → the groups it is a member of
        self._wakes: dict[GroupId, int] = {}  # when a cooldown ends before the group's clock
        self._notes = _Notes()
        self._lock = threading.Lock()  # over the notes alone
        self._maintained_ms = 0
        self._restored = False
        self._gate_passed = False

    # Notes, from any thread.

    def hear(self, transitions: Sequence[Transition]) -> None:
        """Note what happened to alerts."""
        self.climber.hear(transitions)
        with self._lock:
            for transition in transitions:
                if transition.happening not in _HEARD:
                    continue
                fingerprint = transition.alert.fingerprint
                self._notes.alerts[fingerprint] = transition.alert
                if transition.happening in _URGENT:
                    self._notes.urgent.add(fingerprint)

    def look(self, group: GroupId, *, follow: bool) -> None:
        """Note that something was sent about a group; `follow`: more is due right behind it."""
        with self._lock:
            self._notes.groups.add(group)
            if follow:
                self._notes.follow.add(group)

    def adopt(self, row: Row) -> None:
        """Note that a dead letter is to be sent again: its group must be there to tell what follows."""
        with self._lock:
            self._notes.revived.append(row)

    def opened(self, rules: Iterable[str]) -> None:
        """Note that alerts of these rules need not wait any longer."""
        with self._lock:
            self._notes.opened |= set(rules)

    def regroup(self, setup: Setup) -> None:
        """Take a new configuration: from the next turn on it decides."""
        with self._lock:
            self.setup = setup
            self._notes.regroup = True

    # The thread's own.

    def turn(self, now_ms: int) -> int | None:
        """Take the notes, flush what is due → when to come again."""
        with self._lock:
            notes, self._notes = self._notes, _Notes()
        if not self._restored:
            self.climber.restore()
            self._restore(now_ms)
            self._restored = True
        elif notes.regroup:
            self._regroup(now_ms)
        self._take(notes.alerts.values(), now_ms)
        for row in notes.revived:
            self._adopt(row, now_ms)
        urgent = set(notes.follow)
        for fingerprint in notes.urgent:
            urgent |= self._where.get(fingerprint, set())
        ended = [fingerprint for fingerprint, alert in notes.alerts.items() if not alert.firing]
        for fingerprint in (*self._climb(now_ms), *ended):
            urgent |= {one for one in self._where.get(fingerprint, set()) if self._groups[one].escalates}
        urgent |= self._opened(notes.opened, now_ms)
        self._let_go(notes.groups - urgent)
        self._flush(urgent, now_ms)
        self._set_wakes(notes.groups - urgent, now_ms)
        if now_ms - self._maintained_ms >= MAINTAIN_EVERY_MS:
            self._maintained_ms = now_ms
            self._outbox.maintain(now_ms)
        return self._next_ms()

    def shift(self, step_ms: int) -> None:
        """Move all that waits along with a wall clock that was set."""
        self._groups = {
            group_id: replace(group, next_flush_ms=group.next_flush_ms + step_ms)
            for group_id, group in self._groups.items()
        }
        self._wakes = {group_id: wake_ms + step_ms for group_id, wake_ms in self._wakes.items()}
        self.climber.shift(step_ms)

    def _next_ms(self) -> int | None:
        clocks = min((group.next_flush_ms for group in self._groups.values()), default=None)
        wakes = min(self._wakes.values(), default=None)
        steps = self.climber.next_ms()
        return min((at_ms for at_ms in (clocks, wakes, steps) if at_ms is not None), default=None)

    def _climb(self, now_ms: int) -> set[str]:
        """Take the steps of escalations that are due → the alerts of which somebody is to be told."""
        climbed = self.climber.turn(now_ms)
        self._take([alert for one in climbed if (alert := self._book.alert(one)).firing], now_ms)
        return climbed

    # Members.

    def _restore(self, now_ms: int) -> None:
        """Make the groups of what the rows say, as if nobody had been away."""
        known = {group.id: group for group in self._outbox.groups()}
        for group in known.values():
            self._put(group)
        told = [(target, key, entry.fact) for target, key, entry in self._outbox.firing_told()]
        waiting = [(row.target, row.group_key, fact) for row in self._outbox.pending() for fact in row.facts]
        debts: dict[GroupId, dict[str, Alert]] = {}
        for target, group_key, fact in (*told, *waiting):
            group_id = (target.rpartition("/")[0], group_key)
            if group_id in known:
                debts.setdefault(group_id, {})[fact.fingerprint] = self._standing(fact, now_ms)
        for group_id, alerts in debts.items():
            group = known[group_id]
            self._put(joined(group, self._timing(group), alerts.values(), now_ms))
        self._regroup(now_ms)

    def _regroup(self, now_ms: int) -> None:
        """Put all alerts where the configuration in force wants them; groups that owe something stay."""
        self._inhibitor = Inhibitor(self.setup.inhibit_rules, self._book.alerts())
        self._take([alert for alert in self._book.alerts() if alert.firing], now_ms)
        for group in list(self._groups.values()):
            owed = self._owed(group)
            members = {f: a for f, a in group.members.items() if f in owed or self._belongs(a, group)}
            self._put(replace(group, members=members))
        self._let_go(list(self._groups))

    def _adopt(self, row: Row, now_ms: int) -> None:
        """Have the group of a message that was given up, and the alerts in it."""
        if not isinstance(row.content, Message):
            return
        labels = row.content.group_labels
        route = row.group_key.removesuffix(f":{labels_text(labels)}")
        empty = Group(row.group_id[0], row.group_key, labels, route, now_ms, flushed=True)
        group = self._groups.get(row.group_id, empty)
        alerts = [self._standing(fact, now_ms) for fact in row.facts]
        unknown = [alert for alert in alerts if alert.fingerprint not in group.members]
        self._put(joined(group, self._timing(group), unknown, now_ms))

    def _belongs(self, alert: Alert, group: Group) -> bool:
        return any(place.id == group.id for place in self.places(alert))

    def _standing(self, fact: Fact, now_ms: int) -> Alert:
        """Give an alert as the book has it; as over, where the book knows it no more."""
        try:
            return self._book.alert(fact.fingerprint)
        except NotFound:
            return Alert(
                labels=fact.labels,
                annotations=fact.annotations,
                phase=Phase.RESOLVED,
                starts_ms=fact.starts_ms,
                updated_ms=now_ms,
                ends_ms=now_ms,
                severity=fact.severity,
                rule=fact.rule,
                generator_url=fact.generator_url,
                reason="forgotten",
            )

    def _take(self, alerts: Iterable[Alert], now_ms: int) -> None:
        """Let alerts join the groups they belong to, and news reach those they are in."""
        news: dict[GroupId, list[Alert]] = {}
        for alert in alerts:
            self._inhibitor.update(alert)
            inside = self._where.get(alert.fingerprint, set())
            for group_id in inside:
                news.setdefault(group_id, []).append(alert)
            if not alert.firing:
                continue
            for place in self.places(alert):
                if place.id not in inside:
                    news.setdefault(place.id, []).append(alert)
                if place.id not in self._groups:
                    self._groups[place.id] = Group(
                        place.route.receiver, place.key, place.labels, place.route.key, 0
                    )
        for group_id, members in news.items():
            group = self._groups[group_id]
            self._put(joined(group, self._timing(group), members, now_ms))

    def _put(self, group: Group) -> None:
        before = self._groups.get(group.id)
        for fingerprint in before.members if before is not None else ():
            if fingerprint not in group.members:
                self._leave(fingerprint, group.id)
        for fingerprint in group.members:
            self._where.setdefault(fingerprint, set()).add(group.id)
        self._groups[group.id] = group

    def _leave(self, fingerprint: str, group_id: GroupId) -> None:
        inside = self._where.get(fingerprint, set())
        inside.discard(group_id)
        if not inside:
            self._where.pop(fingerprint, None)

    def _timing(self, group: Group) -> Timing:
        route = self.setup.router.route(group.receiver, group.route)
        return route.timing if route is not None else DEFAULT_TIMING

    # Flushes.

    def _flush(self, urgent: set[GroupId], now_ms: int) -> None:
        """Look at the groups whose clock or cooldown has run out, and at the urgent ones."""
        chosen = [
            group.id
            for group in self._groups.values()
            if group.next_flush_ms <= now_ms
            or self._wakes.get(group.id, now_ms + 1) <= now_ms
            or (group.id in urgent and group.flushed)
        ]
        for start in range(0, len(chosen), GROUPS_PER_TRANSACTION):
            writes = [
                self._looked(self._groups[group_id], now_ms)
                for group_id in chosen[start : start + GROUPS_PER_TRANSACTION]
            ]
            overtaken = self._outbox.store(writes, now_ms)
            for write in writes:
                self._put(write.group)
            self._let_go([write.group.id for write in writes])
            self._set_wakes([write.group.id for write in writes], now_ms)
            for write in overtaken:
                self.look(write.group.id, follow=True)
            if any(write.puts for write in writes):
                self._stored()

    def _looked(self, group: Group, now_ms: int) -> GroupWrite:
        """Decide what a group's targets are owed."""
        timing = self._timing(group)
        group, members = self._members(group, now_ms)
        alerts = group.members.values()
        gated = not all(self._gate.is_open(alert, self._inhibitor, now_ms) for alert in alerts)
        decided = [
            self._decided(way.target, group, timing, members, now_ms, gated=gated)
            for way in self.setup.integrations.get(group.receiver, ())
        ]
        return GroupWrite(
            after_flush(group, timing, now_ms) if group.next_flush_ms <= now_ms else group,
            puts=tuple(one.put for one in decided if one.put is not None),
            drops=tuple(one.drop for one in decided if one.drop is not None),
            silent={one.target: one.silent for one in decided if one.silent},
        )

    def _members(self, group: Group, now_ms: int) -> tuple[Group, list[Member]]:
        """Bring a group's alerts up to date, and tell which of them are kept back."""
        alerts = {f: self._refreshed(alert, now_ms) for f, alert in group.members.items()}
        group = replace(group, members=alerts)
        return group, [Member(alert, self._kept_back(group, alert, now_ms)) for alert in alerts.values()]

    def _set_wakes(self, group_ids: Iterable[GroupId], now_ms: int) -> None:
        """Note when the next cooldown in these groups ends, for targets that wait for no message."""
        for group_id in group_ids:
            self._wakes.pop(group_id, None)
            group = self._groups.get(group_id)
            if group is None or all(alert.cooldown_ms is None for alert in group.members.values()):
                continue
            group, members = self._members(group, now_ms)
            ends = []
            for way in self.setup.integrations.get(group.receiver, ()):
                key = way.target.key
                if self._outbox.waiting(key, group.key) is None:
                    told, timing = self._outbox.told(key, group.key), self._timing(group)
                    at_ms = cooldown_ends_ms(way.target, timing, members, told, now_ms, self._rank)
                    ends.extend([] if at_ms is None else [at_ms])
            if ends:
                self._wakes[group_id] = min(ends)

    def _decided(
        self,
        target: Target,
        group: Group,
        timing: Timing,
        members: Sequence[Member],
        now_ms: int,
        *,
        gated: bool,
    ) -> "_Decided":
        """Decide what one target is owed, beside what waits for it."""
        row = self._outbox.waiting(target.key, group.key)
        waiting = row.content if row is not None and isinstance(row.content, Message) else None
        told = self._outbox.told(target.key, group.key)
        tried = row is not None and row.attempts > 0
        known = (told, waiting, now_ms, self._rank, group.labels)
        if group.escalates:
            asked = next((self._asked(group, member.alert) for member in members), None)
            found = owed(target, timing, members, asked, *known, tried=tried)
        else:
            found = due(target, timing, members, *known, tried=tried)
        message, put, drop = found.message, None, None
        if row is None:
            put = Put(target, message) if message is not None else None
        elif row.leased:
            if message is not None and message != waiting:
                self._outbox.follow(row)
        elif gated:
            pass  # what waits was decided when more was known than now
        elif message is None:
            drop = row
        elif message != waiting:
            put = Put(target, message, replaces=row)
        return _Decided(target.key, put, drop, found.silent)

    def _refreshed(self, alert: Alert, now_ms: int) -> Alert:
        """Give the alert as it stands: annotations and value change without anything having happened."""
        if not alert.firing:
            return alert
        try:
            return self._book.alert(alert.fingerprint)
        except NotFound:
            return replace(alert, phase=Phase.RESOLVED, ends_ms=now_ms, updated_ms=now_ms)

    def _asked(self, group: Group, alert: Alert) -> Escalated | None:
        """Give what the group's receiver was last to be told of an escalated alert."""
        return self.climber.asked(alert.fingerprint).get(group.receiver)

    def _kept_back(self, group: Group, alert: Alert, now_ms: int) -> bool:
        if group.escalates and alert.firing:
            asked = self._asked(group, alert)
            return asked is None or (not asked.by and bool(self.held(alert, now_ms)))
        places = {place.id: place.route for place in self.setup.router.places(alert)}
        route = places.get(group.id)
        if route is None and alert.firing:
            return True  # it belongs elsewhere now; this group only waits for its end
        if not self._gate.is_open(alert, self._inhibitor, now_ms):
            return True
        return bool(self.suppression(alert.labels, now_ms)) or bool(
            route is not None and muted_by(route, self.setup.intervals, now_ms)
        )

    def suppression(self, labels: Labels, now_ms: int) -> Suppression:
        """Say by which silences and alerts an alert is kept back."""
        return Suppression(
            silenced_by=tuple(self._book.silenced_by(labels, now_ms)),
            inhibited_by=self._inhibitor.inhibited_by(labels),
        )

    def places(self, alert: Alert) -> list[Place]:
        """Say which groups an alert belongs to."""
        return self.setup.router.places(alert, self.climber.asked(alert.fingerprint))

    def routed(self, alert: Alert) -> list[str]:
        """Name the receivers that an alert's routes and channels reach, whatever its escalation asks."""
        return list(dict.fromkeys(place.route.receiver for place in self.setup.router.places(alert)))

    def held(self, alert: Alert, now_ms: int) -> str:
        """Say what keeps an alert from being escalated; "": nothing."""
        taken = alert.escalation is None or alert.escalation.until == "ack"
        if taken and alert.acknowledged is not None:
            return f"acknowledged by {alert.acknowledged.by}"
        if alert.optional and alert.no_data:
            return "without data, which is normal for its rule"
        if not self._gate.is_open(alert, self._inhibitor, now_ms):
            return "starting up: its rule was not evaluated so far"
        routes = [place.route for place in self.setup.router.places(alert)]
        muted = muted_wholly(routes, self.setup.intervals, now_ms)
        return replace(self.suppression(alert.labels, now_ms), muted_by=muted).text

    def _owed(self, group: Group) -> frozenset[str]:
        """Give the fingerprints whose end some target is still owed."""
        return frozenset(
            fingerprint
            for one in self.setup.integrations.get(group.receiver, ())
            for fingerprint, told in self._outbox.told(one.target.key, group.key).items()
            if told.owes and told.status is Status.FIRING
        )

    def _let_go(self, group_ids: Iterable[GroupId]) -> None:
        """Let members go that are over and told; a group ends with its last."""
        ended = []
        for group_id in group_ids:
            group = self._groups.get(group_id)
            if group is None:
                continue
            ways = self.setup.integrations.get(group.receiver, ())
            waiting = any(self._outbox.waiting(way.target.key, group.key) is not None for way in ways)
            after = pruned(group, self._owed(group), waiting=waiting)
            self._put(after)
            if not after.members and not waiting and after.flushed:
                ended.append(after)
                self._groups.pop(group_id)
                self._wakes.pop(group_id, None)
        self._outbox.end(ended)

    def _opened(self, rules: set[str], now_ms: int) -> set[GroupId]:
        """Give the groups that waited for these rules; all of them once the gate is open for good."""
        if self._gate.opens_ms(now_ms) is None and not self._gate_passed:
            self._gate_passed = True
            return set(self._groups)
        if not rules:
            return set()
        everything = self._gate.is_complete()
        return {
            group.id
            for group in self._groups.values()
            if everything or any(alert.rule in rules for alert in group.members.values())
        }

    # For views; a copy, so that any thread may look.

    def groups(self) -> Mapping[GroupId, Group]:
        """Give the groups as they are."""
        return dict(self._groups)

    def wake_ms(self, group_id: GroupId) -> int | None:
        """When a cooldown in the group ends before its next flush."""
        return self._wakes.get(group_id)
