"""What is owed and what was told, on disk and in memory alike.

Two of the house's three transactions are here (DESIGN 5.5): `store` writes what a flush decided, `settle` the
outcome of a send. What memory holds is what the last committed transaction wrote; a crash between any two of
them leaves a state from which everything owed is still sent.

    pending ──claim──▶ leased ──settle──▶ gone (accepted) | pending (later) | dead (refused, or too late)
"""

import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from promkit.errors import NotFound
from promkit.labels import Labels
from ruler.database import Database, groups, notifications, outbox, told
from ruler.delivery.dispatch import Group
from ruler.delivery.message import Fact, Message, Status, Target, Told
from ruler.delivery.notification import Letter

__all__ = ["DEADLINE_MS", "GroupWrite", "Outbox", "Outcome", "Put", "Row"]

DEADLINE_MS = 86_400_000
DEAD_MAX = 1_000
NOTIFICATIONS_MAX = 100_000
KEPT_MS = 400 * 86_400_000  # records, as long as the timeline
RESOLVED_KEPT_MS = 5 * 86_400_000  # what was told and is over: as long as Alertmanager's log

TargetGroup = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the outbox."""

    id: int
    key: str
    target: str
    group_key: str
    kind: str
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


@dataclass(frozen=True, slots=True)
class Put:
    """A message for a target: a new row, or the new content of the one that waits."""

    target: Target
    message: Message
    replaces: Row | None = None


@dataclass(frozen=True, slots=True)
class GroupWrite:
    """What a flush of a group decided."""

    group: Group
    puts: tuple[Put, ...] = ()
    drops: tuple[Row, ...] = ()
    silent: Mapping[str, Sequence[str]] = field(default_factory=dict)  # target key → fingerprints


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt: exactly one of the first four."""

    accepted: bool = False
    retry_ms: int | None = None  # how long to wait
    refused: bool = False
    not_set_up: bool = False
    paced: bool = False  # not tried: the destination's pace asks to wait (with retry_ms)
    error: str = ""
    took_ms: int = 0


class Outbox:
    """The tables groups, told, outbox and notifications: this is their one owner."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.RLock()  # memory follows the transaction; both are under it
        self._told: dict[TargetGroup, dict[str, Told]] = {}
        self._waiting: dict[TargetGroup, Row] = {}
        self._letters: dict[int, Row] = {}
        with database.write() as connection:
            # This process owns the database alone: a lease is from one that is gone.
            connection.execute(update(outbox).values(leased_until_ms=None))
        with database.read() as connection:
            for row in connection.execute(select(told)).mappings():
                self._told.setdefault((row["target"], row["group_key"]), {})[row["fingerprint"]] = _told(row)
            for row in connection.execute(select(outbox).where(outbox.c.status == "pending")).mappings():
                self._keep(_row(row))

    # What is known.

    def groups(self) -> list[Group]:
        """Give the groups that were flushed before, without members."""
        with self._database.read() as connection:
            rows = connection.execute(select(groups)).mappings().all()
        return [
            Group(
                row["receiver"],
                row["group_key"],
                Labels(row["labels"]),
                row["route"],
                row["next_flush_ms"],
                flushed=True,
            )
            for row in rows
        ]

    def told(self, target: str, group_key: str) -> Mapping[str, Told]:
        """Give what a target has accepted about a group's alerts."""
        with self._lock:
            return dict(self._told.get((target, group_key), {}))

    def waiting(self, target: str, group_key: str) -> Row | None:
        """Give the message about the group that the target has not accepted yet."""
        with self._lock:
            return self._waiting.get((target, group_key))

    def firing_told(self) -> list[tuple[str, str, Told]]:
        """Everything some target takes to be firing: target, group key, what it was told."""
        with self._lock:
            return [
                (target, group_key, entry)
                for (target, group_key), entries in self._told.items()
                for entry in entries.values()
                if entry.status is Status.FIRING
            ]

    def pending(self) -> list[Row]:
        """Every message that waits."""
        with self._lock:
            return [*self._waiting.values(), *self._letters.values()]

    # A flush: transaction (2).

    def store(self, writes: Sequence[GroupWrite], now_ms: int) -> list[GroupWrite]:
        """Write what flushes decided, all of it or nothing → those whose waiting message changed meanwhile.

        Of these the group's clock alone is written; a flush must look at them again.
        """
        with self._lock:
            standing = [write for write in writes if self._stands(write)]
            kept: list[Row] = []
            with self._database.write() as connection:
                for write in writes:
                    _store_group(connection, write.group)
                for write in standing:
                    kept.extend(self._write(connection, write, now_ms))
            for write in standing:
                for row in write.drops:
                    self._waiting.pop((row.target, row.group_key), None)
                for target, entries in self._over(write):
                    self._told.setdefault((target, write.group.key), {}).update(entries)
            for row in kept:
                self._keep(row)
            stands = {write.group.id for write in standing}
            return [write for write in writes if write.group.id not in stands]

    def _write(self, connection: Connection, write: GroupWrite, now_ms: int) -> list[Row]:
        for row in write.drops:
            _delete(connection, row.id)
            _record(connection, row, "failed", "no longer wanted when it could be sent")
        for target, entries in self._over(write):
            self._write_told(connection, (target, write.group.key), entries)
        return [_put(connection, put, write.group.key, now_ms) for put in write.puts]

    def end(self, ended: Sequence[Group]) -> None:
        """Forget groups that have no member left; what their targets were told stays known for a while."""
        if not ended:
            return
        with self._database.write() as connection:
            for group in ended:
                mine = (groups.c.receiver == group.receiver) & (groups.c.group_key == group.key)
                connection.execute(delete(groups).where(mine))

    def _stands(self, write: GroupWrite) -> bool:
        """Tell whether what waits is still what the flush saw, and nobody is sending it."""
        for put in write.puts:
            held = self._waiting.get((put.target.key, write.group.key))
            if held is not put.replaces or (held is not None and held.leased):
                return False
        return all(self._held(row) is row and not row.leased for row in write.drops)

    def _over(self, write: GroupWrite) -> list[tuple[str, dict[str, Told]]]:
        """Give the entries that are over without a message."""
        found = []
        for target, fingerprints in write.silent.items():
            known = self._told.get((target, write.group.key), {})
            entries = {
                fingerprint: replace(known[fingerprint], status=Status.RESOLVED, owes=False)
                for fingerprint in fingerprints
                if fingerprint in known
            }
            if entries:
                found.append((target, entries))
        return found

    def put_letter(self, target: Target, letter: Letter, now_ms: int) -> int:
        """Put a message that is no alert into the outbox → its id."""
        with self._lock:
            with self._database.write() as connection:
                row = _insert(connection, target.key, "", "message", letter, now_ms)
            self._keep(row)
        return row.id

    # A send: claim, and transaction (3).

    def due(self, now_ms: int) -> tuple[list[Row], int | None]:
        """Give the rows to send now, the longest due first, and when the next is due."""
        with self._lock:
            free = [row for row in (*self._waiting.values(), *self._letters.values()) if not row.leased]
        now = sorted((row for row in free if row.due_ms <= now_ms), key=lambda row: (row.due_ms, row.id))
        return now, min((row.due_ms for row in free if row.due_ms > now_ms), default=None)

    def claim(self, rows: Sequence[Row], until_ms: int) -> list[Row]:
        """Lease rows for sending; those that changed meanwhile are left out."""
        with self._lock:
            mine = [replace(row, leased=True, attempts=row.attempts + 1) for row in rows if self._holds(row)]
            if not mine:
                return []
            with self._database.write() as connection:
                connection.execute(
                    update(outbox)
                    .where(outbox.c.id.in_([row.id for row in mine]))
                    .values(leased_until_ms=until_ms, attempts=outbox.c.attempts + 1)
                )
            for row in mine:
                self._keep(row)
            return mine

    def settle(self, row: Row, outcome: Outcome, target: Target | None, now_ms: int) -> Row:
        """Write what became of an attempt → the row as it was at the end, with what was added meanwhile."""
        with self._lock:
            row = self._held(row)
            gone = outcome.accepted or outcome.not_set_up
            dead = outcome.refused or (not gone and now_ms + (outcome.retry_ms or 0) > row.deadline_ms)
            entries = self._accepted(row, target, now_ms, outcome) if gone else {}
            with self._database.write() as connection:
                if gone:
                    _delete(connection, row.id)
                    self._write_told(connection, (row.target, row.group_key), entries)
                    status = "sent" if outcome.accepted else "failed"
                    _record(connection, row, status, outcome.error, now_ms, outcome.took_ms)
                elif dead:
                    _bury(connection, row, outcome.error)
                    _record(connection, row, "failed", outcome.error, now_ms, outcome.took_ms)
                else:
                    row = _later(row, outcome, now_ms)
                    _postpone(connection, row)
                    if not outcome.paced:
                        _record(connection, row, "pending", outcome.error, now_ms, outcome.took_ms)
            self._forget(row)
            if gone:
                self._told.setdefault((row.target, row.group_key), {}).update(entries)
            elif not dead:
                self._keep(row)
            return row

    def follow(self, row: Row) -> None:
        """Note that something is due right behind a row that is being sent."""
        with self._lock:
            held = self._held(row)
            if isinstance(held.content, Message):
                self._keep(replace(held, content=replace(held.content, follow=True)))

    def _accepted(self, row: Row, target: Target | None, now_ms: int, outcome: Outcome) -> dict[str, Told]:
        if not isinstance(row.content, Message):
            return {}
        before = self._told.get((row.target, row.group_key), {})
        owes = outcome.accepted and target is not None and target.send_resolved
        entries = {}
        for fact in row.content.facts:
            known = before.get(fact.fingerprint)
            if fact.status is Status.FIRING:
                entries[fact.fingerprint] = Told(Status.FIRING, now_ms, fact, owes=owes)
            else:
                told_ms = known.told_ms if known else now_ms
                entries[fact.fingerprint] = Told(Status.RESOLVED, told_ms, fact)
        for fingerprint in row.content.forgets:
            if fingerprint in before:
                entries[fingerprint] = replace(before[fingerprint], status=Status.RESOLVED, owes=False)
        return entries

    @staticmethod
    def _write_told(connection: Connection, key: TargetGroup, entries: Mapping[str, Told]) -> None:
        if not entries:
            return
        rows = [
            {
                "target": key[0],
                "group_key": key[1],
                "fingerprint": fingerprint,
                "status": entry.status.value,
                "owes": entry.owes,
                "told_ms": entry.told_ms,
                "fact": entry.fact.to_json(),
            }
            for fingerprint, entry in entries.items()
        ]
        statement = upsert(told)
        changed = {name: statement.excluded[name] for name in ("status", "owes", "told_ms", "fact")}
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[told.c.target, told.c.group_key, told.c.fingerprint], set_=changed
            ),
            rows,
        )

    # Memory.

    def _keep(self, row: Row) -> None:
        if row.kind == "message":
            self._letters[row.id] = row
        else:
            self._waiting[(row.target, row.group_key)] = row

    def _held(self, row: Row) -> Row:
        if row.kind == "message":
            return self._letters.get(row.id, row)
        held = self._waiting.get((row.target, row.group_key))
        return held if held is not None and held.id == row.id else row

    def _holds(self, row: Row) -> bool:
        held = self._held(row)
        return held is row

    def _forget(self, row: Row) -> None:
        if row.kind == "message":
            self._letters.pop(row.id, None)
        else:
            self._waiting.pop((row.target, row.group_key), None)

    # Dead letters, records, upkeep.

    def dead(self, limit: int = DEAD_MAX) -> list[Row]:
        """Give the messages that were given up, the latest first."""
        query = select(outbox).where(outbox.c.status == "dead").order_by(outbox.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [_row(row) for row in connection.execute(query).mappings()]

    def revive(self, identifier: int, now_ms: int) -> Row:
        """Send a dead letter again, under its old key.

        NotFound: there is no such letter, or a newer message about its group waits already.
        """
        with self._lock:
            with self._database.write() as connection:
                query = select(outbox).where(outbox.c.id == identifier, outbox.c.status == "dead")
                found = connection.execute(query).mappings().first()
                if found is None:
                    raise NotFound(f"no dead letter {identifier}")
                row = replace(_row(found), due_ms=now_ms, deadline_ms=now_ms + DEADLINE_MS, error="")
                if row.kind != "message" and (row.target, row.group_key) in self._waiting:
                    raise NotFound(
                        f"dead letter {identifier} is overtaken", remedy="a newer message of its group waits"
                    )
                values = {"status": "pending", "due_ms": row.due_ms, "deadline_ms": row.deadline_ms}
                connection.execute(update(outbox).where(outbox.c.id == row.id).values(**values, error=""))
            self._keep(row)
            return row

    def records(self, limit: int, fingerprint: str = "") -> list[Mapping[str, Any]]:
        """Give notification records, the latest first."""
        query = select(notifications).order_by(notifications.c.id.desc()).limit(limit)
        if fingerprint:
            query = query.where(notifications.c.fingerprints.contains(fingerprint))
        with self._database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def shift(self, step_ms: int) -> None:
        """Move what waits along with a wall clock that was set."""
        with self._lock:
            with self._database.write() as connection:
                pending = outbox.c.status == "pending"
                connection.execute(
                    update(outbox)
                    .where(pending)
                    .values(due_ms=outbox.c.due_ms + step_ms, deadline_ms=outbox.c.deadline_ms + step_ms)
                )
            for row in self.pending():
                self._keep(replace(row, due_ms=row.due_ms + step_ms, deadline_ms=row.deadline_ms + step_ms))

    def maintain(self, now_ms: int) -> None:
        """Let go of what is old or too many."""
        with self._lock:
            over_ms = now_ms - RESOLVED_KEPT_MS
            with self._database.write() as connection:
                old = (told.c.status == Status.RESOLVED.value) & (told.c.told_ms < over_ms)
                connection.execute(delete(told).where(old))
                dead = select(outbox.c.id).where(outbox.c.status == "dead").order_by(outbox.c.id.desc())
                connection.execute(delete(outbox).where(outbox.c.id.in_(dead.offset(DEAD_MAX).limit(-1))))
                connection.execute(delete(notifications).where(notifications.c.at_ms < now_ms - KEPT_MS))
                newest = connection.execute(select(func.max(notifications.c.id))).scalar() or 0
                connection.execute(
                    delete(notifications).where(notifications.c.id <= newest - NOTIFICATIONS_MAX)
                )
            for key, entries in list(self._told.items()):
                kept = {f: e for f, e in entries.items() if e.status is Status.FIRING or e.told_ms >= over_ms}
                if kept:
                    self._told[key] = kept
                else:
                    del self._told[key]


# Rows.


def _store_group(connection: Connection, group: Group) -> None:
    values = {
        "receiver": group.receiver,
        "group_key": group.key,
        "route": group.route,
        "labels": dict(group.labels),
        "next_flush_ms": group.next_flush_ms,
    }
    connection.execute(
        upsert(groups)
        .values(**values)
        .on_conflict_do_update(
            index_elements=[groups.c.receiver, groups.c.group_key],
            set_={"next_flush_ms": group.next_flush_ms, "route": group.route},
        )
    )


def _put(connection: Connection, put: Put, group_key: str, now_ms: int) -> Row:
    kind = put.message.status.value
    row = put.replaces
    if row is None:
        return _insert(connection, put.target.key, group_key, kind, put.message, now_ms)
    # A receiver that took the old content and could not say so must not take the new one for a repeat.
    new = replace(row, key=str(uuid.uuid4()), kind=kind, content=put.message)
    connection.execute(
        update(outbox)
        .where(outbox.c.id == row.id)
        .values(key=new.key, kind=kind, content=put.message.to_json())
    )
    connection.execute(
        update(notifications)
        .where(notifications.c.outbox == row.id)
        .values(kind=kind, fingerprints=[fact.fingerprint for fact in new.facts])
    )
    return new


def _insert(
    connection: Connection, target: str, group_key: str, kind: str, content: Message | Letter, now_ms: int
) -> Row:
    row = Row(
        id=0,
        key=str(uuid.uuid4()),
        target=target,
        group_key=group_key,
        kind=kind,
        content=content,
        created_ms=now_ms,
        due_ms=now_ms,
        deadline_ms=now_ms + DEADLINE_MS,
    )
    values = {
        "key": row.key,
        "target": target,
        "group_key": group_key,
        "kind": kind,
        "status": "pending",
        "content": _content(content),
        "created_ms": now_ms,
        "due_ms": now_ms,
        "deadline_ms": row.deadline_ms,
        "attempts": 0,
        "error": "",
    }
    result = connection.execute(insert(outbox).values(**values))
    key = result.inserted_primary_key
    assert key is not None, "a row that was inserted has a key"  # noqa: S101 - a bug otherwise
    row = replace(row, id=key[0])
    receiver, _, integration = target.rpartition("/")
    connection.execute(
        insert(notifications).values(
            outbox=row.id,
            channel=receiver,
            integration=integration,
            group_key=group_key,
            kind=kind,
            at_ms=now_ms,
            status="pending",
            error="",
            attempts=0,
            fingerprints=[fact.fingerprint for fact in row.facts],
            took_ms=0,
        )
    )
    return row


def _delete(connection: Connection, identifier: int) -> None:
    connection.execute(delete(outbox).where(outbox.c.id == identifier))


def _later(row: Row, outcome: Outcome, now_ms: int) -> Row:
    due_ms = now_ms + (outcome.retry_ms or 0)
    if outcome.paced:
        return replace(row, leased=False, due_ms=due_ms, attempts=row.attempts - 1)
    return replace(row, leased=False, due_ms=due_ms, error=outcome.error)


def _postpone(connection: Connection, row: Row) -> None:
    values = {"due_ms": row.due_ms, "leased_until_ms": None, "error": row.error, "attempts": row.attempts}
    connection.execute(update(outbox).where(outbox.c.id == row.id).values(**values))


def _bury(connection: Connection, row: Row, error: str) -> None:
    """Keep one dead letter for what is refused again and again."""
    same = (
        (outbox.c.target == row.target) & (outbox.c.group_key == row.group_key) & (outbox.c.kind == row.kind)
    )
    if row.kind != "message":
        connection.execute(delete(outbox).where(same & (outbox.c.status == "dead")))
    values = {"status": "dead", "error": error, "leased_until_ms": None, "attempts": row.attempts}
    connection.execute(update(outbox).where(outbox.c.id == row.id).values(**values))


def _record(
    connection: Connection, row: Row, status: str, error: str, at_ms: int | None = None, took_ms: int = 0
) -> None:
    values: dict[str, object] = {
        "status": status,
        "error": error,
        "attempts": row.attempts,
        "took_ms": took_ms,
    }
    if at_ms is not None:
        values["at_ms"] = at_ms
    connection.execute(update(notifications).where(notifications.c.outbox == row.id).values(**values))


def _content(content: Message | Letter) -> dict[str, Any]:
    if isinstance(content, Message):
        return content.to_json()
    return {"subject": content.subject, "text": content.text, "html": content.html}


def _row(row: Mapping[Any, Any]) -> Row:
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


def _told(row: Mapping[Any, Any]) -> Told:
    return Told(Status(row["status"]), row["told_ms"], Fact.of_json(row["fact"]), row["owes"])
