"""What is owed and what was told, on disk and in memory alike.

Two of the house's three transactions are here (DESIGN 5.5): `store` writes what a flush decided, `settle` the
outcome of a send. What memory holds is what the last committed transaction wrote; a crash between any two of
them leaves a state from which everything owed is still sent.

    pending ──claim──▶ leased ──settle──▶ gone (accepted) | pending (later) | dead (refused, or too late)
"""

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import String, cast, delete, func, select, update

from promkit.errors import NotFound
from ruler.database import Database, groups, notifications, outbox, told
from ruler.delivery import rows as table
from ruler.delivery.dispatch import Group
from ruler.delivery.message import Message, Status, Target, Told
from ruler.delivery.notification import Letter
from ruler.delivery.rows import DEADLINE_MS, Row

__all__ = ["GroupWrite", "Outbox", "Outcome", "Put", "Row"]

DEAD_MAX = 1_000
NOTIFICATIONS_MAX = 100_000
KEPT_MS = 400 * 86_400_000  # records, as long as the timeline
RESOLVED_KEPT_MS = 5 * 86_400_000  # what was told and is over: as long as Alertmanager's log

TargetGroup = tuple[str, str]


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
            self._last_id = table.last_id(connection)
        with database.read() as connection:
            for row in connection.execute(select(told)).mappings():
                known = self._told.setdefault((row["target"], row["group_key"]), {})
                known[row["fingerprint"]] = table.told_of(row)
            for row in connection.execute(select(outbox).where(outbox.c.status == "pending")).mappings():
                self._keep(table.row_of(row))

    # What is known.

    def groups(self) -> list[Group]:
        """Give the groups that were flushed before, without members."""
        with self._database.read() as connection:
            return [table.group_of(row) for row in connection.execute(select(groups)).mappings()]

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
            silent = [entry for write in standing for entry in self._over(write)]
            drops = [row for write in standing for row in write.drops]
            puts = [(put, write.group.key) for write in standing for put in write.puts]
            changed = [_changed(put.replaces, put.message) for put, _ in puts if put.replaces is not None]
            new = [self._new(put, key, now_ms) for put, key in puts if put.replaces is None]
            with self._database.write() as connection:
                table.store_groups(connection, [write.group for write in writes])
                table.delete_rows(connection, drops)
                for row in drops:
                    table.record(connection, row, "failed", "no longer wanted when it could be sent", now_ms)
                for target, group_key, entries in silent:
                    table.store_told(connection, target, group_key, entries)
                table.change_rows(connection, changed)
                table.insert_rows(connection, new)
            for row in drops:
                self._forget(row)
            for target, group_key, entries in silent:
                self._told.setdefault((target, group_key), {}).update(entries)
            for row in (*changed, *new):
                self._keep(row)
            stands = {write.group.id for write in standing}
            return [write for write in writes if write.group.id not in stands]

    def _new(self, put: Put, group_key: str, now_ms: int) -> Row:
        self._last_id += 1
        return table.new_row(self._last_id, put.target.key, group_key, put.message, now_ms)

    def end(self, ended: Sequence[Group]) -> None:
        """Forget groups that have no member left; what their targets were told stays known for a while."""
        if ended:
            with self._database.write() as connection:
                table.delete_groups(connection, ended)

    def _stands(self, write: GroupWrite) -> bool:
        """Tell whether what waits is still what the flush saw, and nobody is sending it."""
        for put in write.puts:
            held = self._waiting.get((put.target.key, write.group.key))
            if held is not put.replaces or (held is not None and held.leased):
                return False
        return all(self._held(row) is row and not row.leased for row in write.drops)

    def _over(self, write: GroupWrite) -> list[tuple[str, str, dict[str, Told]]]:
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
                found.append((target, write.group.key, entries))
        return found

    def put_letter(self, target: Target, letter: Letter, now_ms: int) -> int:
        """Put a message that is no alert into the outbox → its id."""
        with self._lock:
            self._last_id += 1
            row = table.new_row(self._last_id, target.key, "", letter, now_ms)
            with self._database.write() as connection:
                table.insert_rows(connection, [row])
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
                table.lease(connection, mine, until_ms)
            for row in mine:
                self._keep(row)
            return mine

    def settle(
        self,
        row: Row,
        outcome: Outcome,
        target: Target | None,
        now_ms: int,
        also: Callable[[Row], None] = lambda _row: None,
    ) -> Row:
        """Write what became of an attempt → the row as it was at the end, with what was added meanwhile.

        `also` writes what belongs into the same transaction.
        """
        with self._lock:
            row = self._held(row)
            gone = outcome.accepted or outcome.not_set_up
            dead = outcome.refused or (not gone and now_ms + (outcome.retry_ms or 0) > row.deadline_ms)
            entries = self._accepted(row, target, now_ms, outcome) if gone else {}
            with self._database.write() as connection:
                if gone:
                    table.delete_rows(connection, [row])
                    table.store_told(connection, row.target, row.group_key, entries)
                    status = "sent" if outcome.accepted else "failed"
                elif dead:
                    table.bury(connection, replace(row, error=outcome.error or row.error))
                    status = "failed"
                else:
                    row, status = _later(row, outcome, now_ms), "pending"
                    table.postpone(connection, row)
                if not outcome.paced:
                    table.record(connection, row, status, outcome.error, now_ms, outcome.took_ms)
                also(row)
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
            return [table.row_of(row) for row in connection.execute(query).mappings()]

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
                row = replace(table.row_of(found), due_ms=now_ms, deadline_ms=now_ms + DEADLINE_MS, error="")
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
            query = query.where(cast(notifications.c.fingerprints, String).contains(fingerprint))
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


def _changed(row: Row, message: Message) -> Row:
    # A receiver that took the old content and could not say so must not take the new one for a repeat.
    return replace(row, key=str(uuid.uuid4()), kind=message.status.value, content=message)


def _later(row: Row, outcome: Outcome, now_ms: int) -> Row:
    due_ms = now_ms + (outcome.retry_ms or 0)
    if outcome.paced:
        return replace(row, leased=False, due_ms=due_ms, attempts=row.attempts - 1)
    return replace(row, leased=False, due_ms=due_ms, error=outcome.error)
