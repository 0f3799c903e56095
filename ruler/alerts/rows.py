"""Alert state as rows of state.db, and back: the only place that knows the JSON of states and alerts.

A state's value, annotations and time of evaluation change with every evaluation and come again with the next;
a row is written only when something else of it changes (`lasting`).
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from promkit.labels import Labels
from promkit.matchers import Matcher, MatchOp
from ruler.alerts.alert import Acknowledgement, Alert, Happening, Phase, State, Transition
from ruler.alerts.posted import Posted
from ruler.alerts.silence import Silence
from ruler.database import posted, silences, states, timeline
from ruler.rules import Escalation, EscalationStep

__all__ = [
    "alert_json",
    "append",
    "drop_posted",
    "drop_states",
    "lasting",
    "load_posted",
    "load_silences",
    "load_states",
    "read_timeline",
    "save_posted",
    "save_silences",
    "save_states",
]

_PASSING = {"value", "annotations", "evaluated_ms"}
_STATE_FIELDS = tuple(field.name for field in fields(State))
_LASTING_FIELDS = tuple(name for name in _STATE_FIELDS if name not in _PASSING)


def lasting(state: State) -> tuple[object, ...]:
    """What must survive a crash of a state; two states with equal ones need no write."""
    return tuple([getattr(state, name) for name in _LASTING_FIELDS])


def save_states(connection: Connection, rule: str, changed: Mapping[Labels, State]) -> None:
    """Write these states of a rule over what was there."""
    if not changed:
        return
    rows = [
        {"rule": rule, "labels": labels_text(labels), "phase": state.phase.value, "state": state_json(state)}
        for labels, state in changed.items()
    ]
    statement = upsert(states)
    update = {"phase": statement.excluded.phase, "state": statement.excluded.state}
    connection.execute(statement.on_conflict_do_update(index_elements=["rule", "labels"], set_=update), rows)


def drop_states(connection: Connection, rule: str, dropped: Iterable[Labels]) -> None:
    """Forget these states of a rule."""
    rows = [{"gone": labels_text(labels)} for labels in dropped]
    if rows:
        statement = delete(states).where(states.c.rule == rule, states.c.labels == bindparam("gone"))
        connection.execute(statement, rows)


def load_states(connection: Connection) -> dict[str, dict[Labels, State]]:
    """All states, by rule."""
    loaded: dict[str, dict[Labels, State]] = {}
    for row in connection.execute(select(states)):
        loaded.setdefault(row.rule, {})[Labels(json.loads(row.labels))] = _state(row.state)
    return loaded


def append(connection: Connection, transitions: Sequence[Transition]) -> list[Transition]:
    """Write transitions to the timeline, and give them back with their numbers. The caller alone writes."""
    if not transitions:
        return []
    last = connection.execute(select(func.max(timeline.c.seq))).scalar() or 0
    stored = [replace(transition, seq=last + place) for place, transition in enumerate(transitions, 1)]
    rows = [
        {
            "seq": transition.seq,
            "at_ms": transition.at_ms,
            "happening": transition.happening.value,
            "fingerprint": transition.alert.fingerprint,
            "rule": transition.alert.rule,
            "severity": transition.alert.severity,
            "alert": alert_json(transition.alert),
            "detail": dict(transition.detail),
        }
        for transition in stored
    ]
    connection.execute(insert(timeline), rows)
    return stored


def read_timeline(connection: Connection, query: Select[Any]) -> list[Transition]:
    """The transitions that a query on the timeline selects."""
    return [_transition(row) for row in connection.execute(query)]


def save_posted(connection: Connection, changed: Iterable[Posted]) -> None:
    """Write posted alerts over what was there."""
    rows = [
        {
            "fingerprint": one.alert.fingerprint,
            "alert": {**alert_json(one.alert), "has_end": one.has_end},
            "ends_ms": one.alert.ends_ms or 0,
        }
        for one in changed
    ]
    if rows:
        statement = upsert(posted)
        update = {"alert": statement.excluded.alert, "ends_ms": statement.excluded.ends_ms}
        connection.execute(statement.on_conflict_do_update(index_elements=["fingerprint"], set_=update), rows)


def drop_posted(connection: Connection, dropped: Iterable[Labels]) -> None:
    """Forget these posted alerts."""
    gone = [{"gone": labels.fingerprint_hex()} for labels in dropped]
    if gone:
        connection.execute(delete(posted).where(posted.c.fingerprint == bindparam("gone")), gone)


def load_posted(connection: Connection) -> list[Posted]:
    """All posted alerts."""
    rows = connection.execute(select(posted.c.alert)).scalars()
    return [Posted(_alert(row), bool(row["has_end"])) for row in rows]


def save_silences(connection: Connection, changed: Iterable[Silence]) -> None:
    """Write silences over what was there."""
    rows = [
        {
            "id": one.id,
            "silence": {
                "matchers": [[matcher.name, matcher.op.value, matcher.value] for matcher in one.matchers],
                "by": one.by,
                "comment": one.comment,
                "annotations": dict(one.annotations),
            },
            "starts_ms": one.starts_ms,
            "ends_ms": one.ends_ms,
            "updated_ms": one.updated_ms,
        }
        for one in changed
    ]
    statement = upsert(silences)
    update = {name: statement.excluded[name] for name in ("silence", "starts_ms", "ends_ms", "updated_ms")}
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=update), rows)


def load_silences(connection: Connection) -> dict[str, Silence]:
    """All silences, by id."""
    loaded = {}
    for row in connection.execute(select(silences)):
        said = dict(row.silence)
        said["matchers"] = tuple(Matcher(name, MatchOp(op), value) for name, op, value in said["matchers"])
        loaded[row.id] = Silence(
            id=row.id, starts_ms=row.starts_ms, ends_ms=row.ends_ms, updated_ms=row.updated_ms, **said
        )
    return loaded


def labels_text(labels: Labels) -> str:
    """Label sets as keys: JSON, sorted by name."""
    return json.dumps(dict(labels), ensure_ascii=False, separators=(",", ":"))


def state_json(state: State) -> dict[str, object]:
    """A state as JSON."""
    said = {name: getattr(state, name) for name in _STATE_FIELDS}
    return {
        **said,
        "phase": state.phase.value,
        "value": _number(state.value),
        "annotations": dict(state.annotations),
    }


def alert_json(alert: Alert) -> dict[str, object]:
    """An alert as JSON, whole."""
    said = {field.name: getattr(alert, field.name) for field in fields(alert)}
    return {
        **said,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "phase": alert.phase.value,
        "value": None if alert.value is None else _number(alert.value),
        "acknowledged": None if alert.acknowledged is None else asdict(alert.acknowledged),
        "escalation": None if alert.escalation is None else asdict(alert.escalation),
    }


def _number(value: float) -> float | str:
    """JSON has no word for NaN and the infinities."""
    return value if math.isfinite(value) else str(value)


def _state(said: Mapping[str, Any]) -> State:
    known = {name: said[name] for name in _STATE_FIELDS if name in said}
    return State(**{**known, "phase": Phase(said["phase"]), "value": float(said["value"])})


def _alert(said: Mapping[str, Any]) -> Alert:
    known = {field.name: said[field.name] for field in fields(Alert) if field.name in said}
    acknowledged, escalation, value = said["acknowledged"], said["escalation"], said["value"]
    known["labels"] = Labels(said["labels"])
    known["phase"] = Phase(said["phase"])
    known["channels"] = tuple(said["channels"])
    known["value"] = None if value is None else float(value)
    known["acknowledged"] = None if acknowledged is None else Acknowledgement(**acknowledged)
    known["escalation"] = None if escalation is None else _escalation(escalation)
    return Alert(**known)


def _escalation(said: Mapping[str, Any]) -> Escalation:
    steps = tuple(
        EscalationStep(step["after_ms"], tuple(step["notify"]), step["repeat"]) for step in said["steps"]
    )
    return Escalation(said["name"], said["until"], steps)


def _transition(row: Row[Any]) -> Transition:
    return Transition(row.at_ms, Happening(row.happening), _alert(row.alert), row.detail, row.seq)
