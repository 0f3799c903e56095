"""The timeline: everything that happened to an alert, in order, and who hears of it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Select, delete, func, select

from ruler.alerts import rows
from ruler.alerts.alert import Happening, Transition
from ruler.database import Database, timeline

__all__ = ["History", "Listener"]

Listener = Callable[[Sequence[Transition]], None]
AGE_MS_MAX = 400 * 86_400_000
ROWS_MAX = 500_000
RESOLVED_MAX = 10_000
_FIRES = (Happening.FIRING.value, Happening.SEVERITY.value)
_CLIMBS = (Happening.ESCALATED.value, Happening.REMEDY_FAILED.value, Happening.BREAKER_OPENED.value)
_IN_ONE_QUERY = 500  # SQLite takes a bounded number of parameters


class History:
    """Rows of the timeline. Whoever writes holds the database's writers' lock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Have `listener` called with what was stored, after the commit and outside any lock."""
        self._listeners.append(listener)

    def append(self, connection: Connection, transitions: Sequence[Transition]) -> list[Transition]:
        """Write, and tell once the transaction is stored."""
        stored = rows.append(connection, transitions)
        if stored:
            self._database.after_commit(lambda: self._tell(stored))
        return stored

    def of(self, fingerprint: str, limit: int = 10_000) -> list[Transition]:
        """The newest transitions of an alert, oldest first."""
        query = select(timeline).where(timeline.c.fingerprint == fingerprint)
        return self._read(query.order_by(timeline.c.seq.desc()).limit(limit))[::-1]

    def after(self, seq: int, limit: int) -> list[Transition]:
        """What came after the transition of this number, oldest first."""
        return self._read(select(timeline).where(timeline.c.seq > seq).order_by(timeline.c.seq).limit(limit))

    def resolved(self, since_ms: int, limit: int) -> list[Transition]:
        """The ends of firing alerts since then, newest first."""
        query = select(timeline).where(
            timeline.c.happening == Happening.RESOLVED.value, timeline.c.at_ms >= since_ms
        )
        return self._read(query.order_by(timeline.c.seq.desc()).limit(min(limit, RESOLVED_MAX)))

    def last_of_rules(self, rules: Iterable[str]) -> dict[str, Transition]:
        """The newest transition of each of these rules that has one."""
        found = {}
        for some in _slices(list(rules)):
            newest = (
                select(func.max(timeline.c.seq)).where(timeline.c.rule.in_(some)).group_by(timeline.c.rule)
            )
            for transition in self._read(select(timeline).where(timeline.c.seq.in_(newest))):
                found[transition.alert.rule] = transition
        return found

    def escalations(self, fingerprints: Iterable[str]) -> list[Transition]:
        """What moved the escalations of these alerts since they last fired, in order."""
        found = []
        for some in _slices(list(fingerprints)):
            about = timeline.c.fingerprint.in_(some)
            fired = (
                select(timeline.c.fingerprint, func.max(timeline.c.seq).label("seq"))
                .where(about, timeline.c.happening.in_(_FIRES))
                .group_by(timeline.c.fingerprint)
                .subquery()
            )
            query = (
                select(timeline)
                .join(fired, fired.c.fingerprint == timeline.c.fingerprint)
                .where(timeline.c.happening.in_(_CLIMBS), timeline.c.seq > fired.c.seq)
                .order_by(timeline.c.seq)
            )
            found += self._read(query)
        return found

    def prune(self, connection: Connection, now_ms: int) -> None:
        """Forget what is too old or too much; the newest row stays, so that numbers never come twice."""
        newest = connection.execute(select(func.max(timeline.c.seq))).scalar()
        if newest is None:
            return
        old = (timeline.c.at_ms < now_ms - AGE_MS_MAX) | (timeline.c.seq <= newest - ROWS_MAX)
        connection.execute(delete(timeline).where(old, timeline.c.seq < newest))

    def _read(self, query: Select[Any]) -> list[Transition]:
        with self._database.read() as connection:
            return rows.read_timeline(connection, query)

    def _tell(self, stored: Sequence[Transition]) -> None:
        for listener in self._listeners:
            listener(stored)


def _slices(items: list[str]) -> Iterable[list[str]]:
    return (items[start : start + _IN_ONE_QUERY] for start in range(0, len(items), _IN_ONE_QUERY))
