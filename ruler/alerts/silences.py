"""The silences in force: on the disk before anybody hears that they hold."""

import uuid
from collections.abc import Mapping

from sqlalchemy import delete

from promkit.errors import LimitError, NotFound
from promkit.labels import Labels
from ruler.alerts import rows
from ruler.alerts.silence import RETENTION_MS, Silence, SilenceState, changed, expired
from ruler.database import Database, silences

__all__ = ["Silences"]

SILENCES_MAX = 10_000


class Silences:
    """All silences. The mapping is swapped whole, so that readers need no lock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.read() as connection:
            self._all: Mapping[str, Silence] = rows.load_silences(connection)

    def put(self, silence: Silence, now_ms: int) -> str:
        """Make or change a silence; gives its id.

        ConfigError: it says nothing sensible. NotFound: its id is unknown. LimitError: too many.
        """
        with self._database.exclusive():
            if len(self._all) >= SILENCES_MAX:
                raise LimitError(f"there are {SILENCES_MAX} silences already", remedy="expire some")
            stored = changed(self._all, silence, str(uuid.uuid4()), now_ms)
            self._store(stored)
            return stored[-1].id

    def expire(self, id_: str, now_ms: int) -> None:
        """End a silence now. NotFound, Conflict: unknown, or over already."""
        with self._database.exclusive():
            self._store([expired(self._all, id_, now_ms)])

    def get(self, id_: str) -> Silence:
        """One silence. NotFound: its id is unknown."""
        silence = self._all.get(id_)
        if silence is None:
            raise NotFound(f"no silence {id_}")
        return silence

    def all(self, now_ms: int) -> list[Silence]:
        """Active (the soonest end first), then pending, then expired ones (the latest first)."""

        def order(silence: Silence) -> tuple[int, int]:
            match silence.state(now_ms):
                case SilenceState.ACTIVE:
                    return 0, silence.ends_ms
                case SilenceState.PENDING:
                    return 1, silence.starts_ms
                case SilenceState.EXPIRED:
                    return 2, -silence.ends_ms

        return sorted(self._all.values(), key=order)

    def matching(self, labels: Labels, now_ms: int) -> list[str]:
        """Ids of the active silences that match."""
        return sorted(
            silence.id
            for silence in self._all.values()
            if silence.starts_ms <= now_ms < silence.ends_ms and silence.matches(labels)
        )

    def prune(self, now_ms: int) -> None:
        """Forget those that expired long ago."""
        old = [id_ for id_, silence in self._all.items() if silence.ends_ms < now_ms - RETENTION_MS]
        if not old:
            return
        with self._database.exclusive():
            with self._database.write() as connection:
                connection.execute(delete(silences).where(silences.c.id.in_(old)))
            self._all = {id_: silence for id_, silence in self._all.items() if id_ not in old}

    def _store(self, stored: list[Silence]) -> None:
        with self._database.write() as connection:
            rows.save_silences(connection, stored)
        self._all = {**self._all, **{silence.id: silence for silence in stored}}
