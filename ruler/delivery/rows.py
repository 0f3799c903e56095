"""The tables groups, told, outbox and notifications: statements, written once, and rows ↔ what they mean.

Statements are made when this is imported and executed with many rows at once: building one costs as much as
SQLite takes for ten.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from promkit.labels import Labels
from ruler.database import groups, notifications, outbox, told
from ruler.delivery.dispatch import Group
from ruler.delivery.message import Fact, Message, Status, Told
from ruler.delivery.notification import Letter

__all__ = [
    "DEADLINE_MS",
    "Row",
    "bury",
    "change_rows",
    "delete_groups",
    "delete_rows",
    "group_of",
    "insert_rows",
    "last_id",
    "lease",
    "new_row",
    "postpone",
    "record",
    "row_of",
    "store_groups",
    "store_told",
    "told_of",
]

DEADLINE_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the outbox."""

    id: int
    key: str
    target: str
    group_key: str
    kind: str  # firing | resolved | message
    content: Message | Letter
    created_ms: int
    due_ms: int
    deadline_ms: int
    attempts: int = 0
    leased: bool = False
    error: str = ""

    @property
    def facts(self) -> tuple[Fact, ...]:
        """The alerts it is about; none for a letter."""
        return self.content.facts if isinstance(self.content, Message) else ()

    @property
    def group_id(self) -> tuple[str, str]:
        """Receiver and key of its group."""
        return (self.target.rpartition("/")[0], self.group_key)


def new_row(identifier: int, target: str, group_key: str, content: Message | Letter, now_ms: int) -> Row:
    """Make a row with a key of its own."""
    return Row(
        id=identifier,
        key=str(uuid.uuid4()),
        target=target,
        group_key=group_key,
        kind=content.status.value if isinstance(content, Message) else "message",
        content=content,
        created_ms=now_ms,
        due_ms=now_ms,
        deadline_ms=now_ms + DEADLINE_MS,
    )


# groups

_groups = upsert(groups)
_STORE_GROUP = _groups.on_conflict_do_update(
    index_elements=[groups.c.receiver, groups.c.group_key],
    set_={"next_flush_ms": _groups.excluded.next_flush_ms, "route": _groups.excluded.route},
)
_DELETE_GROUP = delete(groups).where(
    groups.c.receiver == bindparam("of_receiver"), groups.c.group_key == bindparam("of_key")
)


def store_groups(connection: Connection, stored: Sequence[Group]) -> None:
    """Write groups and their clocks."""
    rows = [
        {
            "receiver": group.receiver,
            "group_key": group.key,
            "route": group.route,
            "labels": dict(group.labels),
            "next_flush_ms": group.next_flush_ms,
        }
        for group in stored
    ]
    if rows:
        connection.execute(_STORE_GROUP, rows)


def delete_groups(connection: Connection, ended: Sequence[Group]) -> None:
    """Forget groups."""
    if ended:
        rows = [{"of_receiver": group.receiver, "of_key": group.key} for group in ended]
        connection.execute(_DELETE_GROUP, rows)


def group_of(row: Mapping[Any, Any]) -> Group:
    """Read a group, without its members."""
    return Group(
        receiver=row["receiver"],
        key=row["group_key"],
        labels=Labels(row["labels"]),
        route=row["route"],
        next_flush_ms=row["next_flush_ms"],
        flushed=True,
    )


# told

_told = upsert(told)
_STORE_TOLD = _told.on_conflict_do_update(
    index_elements=[told.c.target, told.c.group_key, told.c.fingerprint],
    set_={name: _told.excluded[name] for name in ("status", "owes", "told_ms", "fact")},
)


def store_told(connection: Connection, target: str, group_key: str, entries: Mapping[str, Told]) -> None:
    """Write what a target knows."""
    rows = [
        {
            "target": target,
            "group_key": group_key,
            "fingerprint": fingerprint,
            "status": entry.status.value,
            "owes": entry.owes,
            "told_ms": entry.told_ms,
            "fact": entry.fact.to_json(),
        }
        for fingerprint, entry in entries.items()
    ]
    if rows:
        connection.execute(_STORE_TOLD, rows)


def told_of(row: Mapping[Any, Any]) -> Told:
    """Read what a target knows of an alert."""
    return Told(Status(row["status"]), row["told_ms"], Fact.of_json(row["fact"]), row["owes"])


# outbox and notifications

_INSERT_ROW = insert(outbox)
_INSERT_RECORD = insert(notifications)
_ROW = outbox.c.id == bindparam("of_id")
_RECORD = notifications.c.outbox == bindparam("of_id")
_CHANGE_ROW = update(outbox).where(_ROW).values({n: bindparam(n) for n in ("key", "kind", "content")})
_CHANGE_RECORD = (
    update(notifications).where(_RECORD).values({name: bindparam(name) for name in ("kind", "fingerprints")})
)
_DELETE_ROW = delete(outbox).where(_ROW)
_WAITING = ("status", "due_ms", "leased_until_ms", "error", "attempts")
_POSTPONE = update(outbox).where(_ROW).values({name: bindparam(name) for name in _WAITING})
_OUTCOME = ("status", "error", "attempts", "took_ms", "at_ms")
_SET_RECORD = update(notifications).where(_RECORD).values({name: bindparam(name) for name in _OUTCOME})
_DELETE_SAME = delete(outbox).where(
    outbox.c.target == bindparam("of_target"),
    outbox.c.group_key == bindparam("of_key"),
    outbox.c.kind == bindparam("of_kind"),
    outbox.c.status == "dead",
)


def last_id(connection: Connection) -> int:
    """Give the highest id that a row ever had, as far as anything remembers."""
    highest = [
        connection.execute(select(func.max(outbox.c.id))).scalar(),
        connection.execute(select(func.max(notifications.c.outbox))).scalar(),
    ]
    return max((number for number in highest if number is not None), default=0)


def insert_rows(connection: Connection, rows: Sequence[Row]) -> None:
    """Write new rows, and the record of each."""
    if not rows:
        return
    connection.execute(_INSERT_ROW, [_values(row) for row in rows])
    connection.execute(_INSERT_RECORD, [_record_values(row) for row in rows])


def _values(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "key": row.key,
        "target": row.target,
        "group_key": row.group_key,
        "kind": row.kind,
        "status": "pending",
        "content": _content(row.content),
        "created_ms": row.created_ms,
        "due_ms": row.due_ms,
        "deadline_ms": row.deadline_ms,
        "attempts": row.attempts,
        "error": row.error,
    }


def _record_values(row: Row) -> dict[str, Any]:
    receiver, _, integration = row.target.rpartition("/")
    return {
        "outbox": row.id,
        "channel": receiver,
        "integration": integration,
        "group_key": row.group_key,
        "kind": row.kind,
        "at_ms": row.created_ms,
        "status": "pending",
        "error": "",
        "attempts": 0,
        "fingerprints": [fact.fingerprint for fact in row.facts],
        "took_ms": 0,
    }


def change_rows(connection: Connection, rows: Sequence[Row]) -> None:
    """Write new contents of rows."""
    if not rows:
        return
    changes = [
        {"of_id": row.id, "key": row.key, "kind": row.kind, "content": _content(row.content)} for row in rows
    ]
    connection.execute(_CHANGE_ROW, changes)
    records = [
        {"of_id": row.id, "kind": row.kind, "fingerprints": [fact.fingerprint for fact in row.facts]}
        for row in rows
    ]
    connection.execute(_CHANGE_RECORD, records)


def delete_rows(connection: Connection, rows: Sequence[Row]) -> None:
    """Forget rows."""
    if rows:
        connection.execute(_DELETE_ROW, [{"of_id": row.id} for row in rows])


def lease(connection: Connection, rows: Sequence[Row], until_ms: int) -> None:
    """Write that rows are being sent."""
    connection.execute(_POSTPONE, [_waiting(row, "pending", until_ms) for row in rows])


def postpone(connection: Connection, row: Row) -> None:
    """Write when a row is due again."""
    connection.execute(_POSTPONE, [_waiting(row, "pending", None)])


def bury(connection: Connection, row: Row) -> None:
    """Write that a row is given up; of what is refused again and again, one is kept."""
    if row.kind != "message":
        same = {"of_target": row.target, "of_key": row.group_key, "of_kind": row.kind}
        connection.execute(_DELETE_SAME, [same])
    connection.execute(_POSTPONE, [_waiting(row, "dead", None)])


def _waiting(row: Row, status: str, leased_until_ms: int | None) -> dict[str, Any]:
    return {
        "of_id": row.id,
        "status": status,
        "due_ms": row.due_ms,
        "leased_until_ms": leased_until_ms,
        "error": row.error,
        "attempts": row.attempts,
    }


def record(connection: Connection, row: Row, status: str, error: str, at_ms: int, took_ms: int = 0) -> None:
    """Write what became of a message."""
    values = {
        "of_id": row.id,
        "status": status,
        "error": error,
        "attempts": row.attempts,
        "took_ms": took_ms,
        "at_ms": at_ms,
    }
    connection.execute(_SET_RECORD, [values])


def row_of(row: Mapping[Any, Any]) -> Row:
    """Read a row of the outbox."""
    content = row["content"]
    return Row(
        id=row["id"],
        key=row["key"],
        target=row["target"],
        group_key=row["group_key"],
        kind=row["kind"],
        content=Letter(**content) if row["kind"] == "message" else Message.of_json(content),
        created_ms=row["created_ms"],
        due_ms=row["due_ms"],
        deadline_ms=row["deadline_ms"],
        attempts=row["attempts"],
        error=row["error"],
    )


def _content(content: Message | Letter) -> dict[str, Any]:
    if isinstance(content, Message):
        return content.to_json()
    return {"subject": content.subject, "text": content.text, "html": content.html}
