"""What the book has in memory, and how it gets to the disk and back. The book holds the locks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from promkit.errors import Where
from promkit.labels import Labels
from ruler.alerts import rows
from ruler.alerts.alert import Acknowledgement, Alert, Happening, Phase, State, Transition
from ruler.alerts.change import Change, States
from ruler.alerts.history import History
from ruler.alerts.step import alert_of
from ruler.alerts.view import between, generator_url, merged
from ruler.database import Database, acknowledgements, beats
from ruler.rules import Rule, RuleKind, Severities

__all__ = ["ACTIVE", "Shelf"]

T = TypeVar("T")
View = Mapping[Labels, Alert | None]  # None: there is no such alert any more
BEAT_EVERY_MS = 60_000
_BEAT = "book"
ACTIVE = {Phase.PENDING, Phase.FIRING, Phase.RECOVERING}
# These tell where an alert stands; of several that make one alert, only what moves the whole is told.
_PHASES = {
    Happening.PENDING,
    Happening.FIRING,
    Happening.RECOVERING,
    Happening.RELAPSED,
    Happening.RESOLVED,
    Happening.INACTIVE,
}


class Shelf:
    """States, posted alerts, acknowledgements, and the alerts they make."""

    def __init__(
        self, database: Database, history: History, severities: Severities, external_url: str
    ) -> None:
        self._database, self._history = database, history
        self._severities, self._external_url = severities, external_url
        with database.read() as connection:
            self.states: dict[str, States] = dict(rows.load_states(connection))
            self.posted = {posted.alert.labels: posted for posted in rows.load_posted(connection)}
            taken = {row.fingerprint: row for row in connection.execute(select(acknowledgements))}
            self.beat_ms: int | None = connection.execute(
                select(beats.c.at_ms).where(beats.c.name == _BEAT)
            ).scalar()
        self._urls: dict[str, str] = {}
        self.rules = self._stand_ins()
        self.owners: dict[Labels, set[str]] = {}
        self.acknowledged: dict[Labels, Acknowledgement] = {}
        self._levels: dict[Labels, int] = {}
        self.alerts: dict[Labels, Alert] = {}
        self.by_fingerprint: dict[str, Labels] = {}
        for rule_id, states in self.states.items():
            self._own(rule_id, {}, states)
        self._see_all()
        for fingerprint, row in taken.items():
            if fingerprint in self.by_fingerprint:
                ack = Acknowledgement(row.by, row.at_ms, row.comment, row.until_ms)
                self.acknowledged[self.by_fingerprint[fingerprint]] = ack
        self._climb(history.escalations(self.by_fingerprint))
        self._see_all()

    def adopt(self, rules: Mapping[str, Rule]) -> None:
        """Take over the rules in force: channels and the like of present alerts are now theirs."""
        self.rules = dict(rules)
        self._urls = {}
        self._see_all()

    def seen(self, change: Change) -> View:
        """How the alerts look that a change touches, once it is done."""
        if change.rule is not None and self.rules.get(change.rule.id) is not change.rule:
            self.rules[change.rule.id] = change.rule
            self._urls.pop(change.rule.id, None)
        return {labels: self._see(labels, change) for labels in change.touched()}

    def store(self, change: Change, view: View) -> list[Transition]:
        """Write a change; gives the rows of the timeline."""
        for labels, alert in view.items():
            if labels in self.acknowledged and (alert is None or not alert.firing):
                change.acknowledge(labels, None)
        told = [*self._news(change, view), *change.said]
        lasting = [
            (rule_id, _changed(before, after), [labels for labels in before if labels not in after])
            for rule_id, (before, after) in change.states.items()
        ]
        beats_now = self.beat_ms is None or not 0 <= change.now_ms - self.beat_ms < BEAT_EVERY_MS
        lasts = any(changed or dropped for _, changed, dropped in lasting)
        if not (told or lasts or change.posted or change.acknowledged or beats_now):
            return []
        with self._database.write() as connection:
            for rule_id, changed, dropped in lasting:
                rows.save_states(connection, rule_id, changed)
                rows.drop_states(connection, rule_id, dropped)
            rows.save_posted(connection, [posted for posted in change.posted.values() if posted is not None])
            gone = [labels for labels, posted in change.posted.items() if posted is None]
            rows.drop_posted(connection, gone)
            for labels, acknowledgement in change.acknowledged.items():
                _save_acknowledgement(connection, labels, acknowledgement)
            _save_beat(connection, change.now_ms)
            stored = self._history.append(connection, told)
        self.beat_ms = change.now_ms
        return stored

    def swap(self, change: Change, view: View) -> None:
        """Let a stored change be seen."""
        for rule_id, (before, after) in change.states.items():
            self._own(rule_id, before, after)
            if after:
                self.states[rule_id] = after
            else:
                self.states.pop(rule_id, None)
        _put(self.posted, change.posted)
        _put(self.acknowledged, change.acknowledged)
        for labels, alert in view.items():
            if alert is None or not alert.firing:
                self._levels.pop(labels, None)
            self._show(labels, alert)

    def escalated(self, transitions: Sequence[Transition]) -> None:
        """Set the levels that delivery has climbed to."""
        self._climb(transitions)
        for transition in transitions:
            labels = transition.alert.labels
            if labels in self.alerts:
                self._show(labels, self._see(labels, Change(transition.at_ms)))

    def _see(self, labels: Labels, change: Change) -> Alert | None:
        """The one alert of a label set, after a change."""
        alerts = []
        for rule_id in sorted(self.owners.get(labels, set()).union(change.holders(labels))):
            states = change.states[rule_id][1] if rule_id in change.states else self.states[rule_id]
            state = states.get(labels)
            if state is not None and state.phase in ACTIVE:
                rule = self.rules[rule_id]
                alerts.append(alert_of(rule, labels, state, self._url(rule)))
        posted = change.posted[labels] if labels in change.posted else self.posted.get(labels)
        if posted is not None and posted.alert.phase is Phase.FIRING:
            alerts.append(posted.alert)
        if not alerts:
            return None
        alert = merged(alerts, self._severities.rank)
        # Acknowledgement and level end where firing ends.
        return self._decorated(alert, labels, change) if alert.firing else alert

    def _decorated(self, alert: Alert, labels: Labels, change: Change) -> Alert:
        taken, level = self.acknowledged, self._levels.get(labels, 0)
        acknowledged = change.acknowledged[labels] if labels in change.acknowledged else taken.get(labels)
        if acknowledged is None and not level:
            return alert
        return replace(alert, acknowledged=acknowledged, escalation_level=level)

    def _news(self, change: Change, view: View) -> list[Transition]:
        """What the moves of rules and posts come to, once alerts of several sources are seen as one."""
        told: list[Transition] = []
        moved: set[Labels] = set()
        for rule_id, transition in change.moves:
            labels = transition.alert.labels
            alert = transition.alert
            if rule_id:
                alert = replace(alert, generator_url=self._url(self.rules[rule_id]))
            now = view.get(labels)
            happening: Happening | None = transition.happening
            if happening in _PHASES and self._sources(labels, change) > 1:
                happening = None if labels in moved else between(_phase(self.alerts.get(labels)), _phase(now))
                if now is not None and happening not in {Happening.RESOLVED, Happening.INACTIVE}:
                    alert = now
                moved.add(labels)
            if happening is None:
                continue
            # An acknowledgement ends with the alert, but its last message still says who had it.
            alert = self._decorated(alert, labels, Change(change.now_ms))
            told.append(replace(transition, happening=happening, alert=alert))
        return told

    def _sources(self, labels: Labels, change: Change) -> int:
        posted = labels in self.posted or labels in change.posted
        return len(self.owners.get(labels, set()).union(change.holders(labels))) + posted

    def _show(self, labels: Labels, alert: Alert | None) -> None:
        if alert is not None:
            if labels not in self.alerts:
                self.by_fingerprint[alert.fingerprint] = labels
            self.alerts[labels] = alert
        elif labels in self.alerts:
            del self.by_fingerprint[self.alerts.pop(labels).fingerprint]

    def _see_all(self) -> None:
        nothing = Change(0)
        for labels in {*self.owners, *self.posted, *self.alerts}:
            self._show(labels, self._see(labels, nothing))

    def _own(self, rule_id: str, before: States, after: States) -> None:
        for labels in after:
            if labels not in before:
                self.owners.setdefault(labels, set()).add(rule_id)
        for labels in before:
            if labels not in after:
                owners = self.owners[labels]
                owners.discard(rule_id)
                if not owners:
                    del self.owners[labels]

    def _climb(self, transitions: Iterable[Transition]) -> None:
        for transition in transitions:
            level = transition.detail.get("level", "")
            if level.isdecimal() and transition.alert.labels in self.alerts:
                self._levels[transition.alert.labels] = int(level)

    def _url(self, rule: Rule) -> str:
        if rule.id not in self._urls:
            self._urls[rule.id] = generator_url(self._external_url, rule)
        return self._urls[rule.id]

    def _stand_ins(self) -> dict[str, Rule]:
        """Rules for the states of a run that is over, until the files are read: as their last alert was."""
        last = self._history.last_of_rules(self.states)
        stand_ins = {}
        for rule_id, states in self.states.items():
            labels = next(iter(states))
            rule = Rule(rule_id, RuleKind.ALERT, labels["alertname"], "", Where("state"))
            if rule_id in last:
                alert = last[rule_id].alert
                self._urls[rule_id] = alert.generator_url
                rule = replace(
                    rule,
                    severity=alert.severity,
                    optional=alert.optional,
                    channels=alert.channels,
                    channels_only=alert.channels_only,
                    cooldown_ms=alert.cooldown_ms,
                    repeat_ms=alert.repeat_ms,
                    escalation=alert.escalation,
                )
            stand_ins[rule_id] = rule
        return stand_ins


def _phase(alert: Alert | None) -> Phase:
    return Phase.INACTIVE if alert is None else alert.phase


def _changed(before: States, after: States) -> dict[Labels, State]:
    """The states whose rows have to be written."""
    return {
        labels: state
        for labels, state in after.items()
        if (earlier := before.get(labels)) is None
        or (earlier is not state and rows.lasting(earlier) != rows.lasting(state))
    }


def _save_acknowledgement(connection: Connection, labels: Labels, said: Acknowledgement | None) -> None:
    fingerprint = labels.fingerprint_hex()
    connection.execute(delete(acknowledgements).where(acknowledgements.c.fingerprint == fingerprint))
    if said is not None:
        row = {"by": said.by, "comment": said.comment, "at_ms": said.at_ms, "until_ms": said.until_ms}
        connection.execute(upsert(acknowledgements).values(fingerprint=fingerprint, **row))


def _save_beat(connection: Connection, now_ms: int) -> None:
    statement = upsert(beats).values(name=_BEAT, at_ms=now_ms)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"at_ms": now_ms}))


def _put(mapping: dict[Labels, T], changed: Mapping[Labels, T | None]) -> None:
    for key, value in changed.items():
        if value is None:
            mapping.pop(key, None)
        else:
            mapping[key] = value
