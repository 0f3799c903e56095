"""The dashboards in force, who made them and who looked at them, and the files that the API keeps.

    files of people ─┐
    dashboards/api/ ─┴▶ load ─▶ adopt ─▶ in force ─▶ pages, API
                                  └────▶ rows: since when, by whom, last viewed

A dashboard of the API is a file of its own, `dashboards/api/ID.yml` beside ruler.yml. Those of people's files
are changed there. One lock over file and what is in force; the rows are part of state.db.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import delete, insert, select, update

from promkit import log
from promkit.errors import ConfigError, Conflict, NotFound, Unavailable
from promkit.files import remove, write_whole
from ruler.dashboards.dashboard import Dashboard
from ruler.dashboards.load import DASHBOARDS_MAX, DashboardSet, load_dashboards, parse_dashboard
from ruler.dashboards.write import as_text
from ruler.database import Database
from ruler.database import dashboards as rows

__all__ = ["API_FILES", "Change", "Dashboards", "Facts", "Kept"]

_LOG = log.get(__name__)
API_FOLDER = "dashboards/api"
API_FILES = f"{API_FOLDER}/*.yml"
HEADER = (
    "# Written by the API, which keeps no comments. Dashboards to be edited by hand go into other files.\n"
)
VIEWED_EVERY_MS = 60_000  # a page that draws itself anew is one look, not many


@dataclass(frozen=True, slots=True)
class Facts:
    """What no file says of a dashboard."""

    digest: str  # of its file
    created_by: str
    created_ms: int
    updated_by: str
    updated_ms: int
    viewed_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A dashboard, what is known of it, and whether the API may change it."""

    dashboard: Dashboard
    facts: Facts
    editable: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a dashboard: created, updated or deleted."""

    deed: str
    id: str
    name: str
    by: str  # "" where a file changed
    at_ms: int


class Dashboards:
    """All dashboards. `folder` is that of ruler.yml; without one nothing can be kept.

    What is in force is swapped whole, so that readers need no lock.
    """

    def __init__(self, database: Database, folder: Path | None) -> None:
        self._database = database
        self._folder = folder
        self._lock = threading.RLock()
        with database.read() as connection:
            known = connection.execute(select(rows)).all()
        self._earlier = {row.id: _facts(row) for row in known}  # of before the start
        self._all: Mapping[str, Kept] = {}
        self._listeners: list[Callable[[Change], None]] = []

    def listen(self, listener: Callable[[Change], None]) -> None:
        """Hear of every change, of files too."""
        self._listeners.append(listener)

    def all(self) -> list[Kept]:
        """In the order of their ids."""
        return list(self._all.values())

    def get(self, id_: str) -> Kept:
        """One. NotFound: there is none."""
        kept = self._all.get(id_)
        if kept is None:
            raise NotFound(f"no dashboard has the id {id_!r}")
        return kept

    def viewed(self, id_: str, now_ms: int) -> None:
        """Somebody looks at it. Where that cannot be stored now, looking goes on."""
        with self._lock:
            kept = self.get(id_)
            last_ms = kept.facts.viewed_ms
            if last_ms is not None and 0 <= now_ms - last_ms < VIEWED_EVERY_MS:
                return
            self._all = {**self._all, id_: replace(kept, facts=replace(kept.facts, viewed_ms=now_ms))}
        try:
            with self._database.write() as connection:
                connection.execute(update(rows).where(rows.c.id == id_).values(viewed_ms=now_ms))
        except Unavailable as error:
            _LOG.debug("a view is not stored", dashboard=id_, error=error)

    def adopt(self, found: DashboardSet, now_ms: int) -> None:
        """Put these in force, as files say; those of the API as they are now, for it may have written since.

        ConfigError, ConfigErrors, Unavailable: a file is faulty, state cannot be written; the old stay.
        """
        with self._lock:
            every = {one.id: one for one in found.dashboards if not _is_in_folder(one)}
            for own in self._read_own():
                if own.id in every:
                    taken = f"dashboard id {own.id!r} is taken already at {every[own.id].where}"
                    raise ConfigError(taken, own.where, "rename one")
                every[own.id] = own
            changes = self._take(every, "", now_ms)
        self._tell(changes)

    def create(self, written: Mapping[str, Any], by: str, now_ms: int) -> Kept:
        """Add one, in a file of its own.

        ConfigError, ConfigErrors: it is faulty. Conflict: its id is taken, or there is nowhere to keep it.
        """
        with self._lock:
            dashboard = self._made({**written, "created_by": by})
            if dashboard.id in self._all:
                at = self._all[dashboard.id].dashboard.where
                raise Conflict(f"there is a dashboard {dashboard.id!r} already", at)
            if len(self._all) >= DASHBOARDS_MAX:
                raise Conflict(f"there are {DASHBOARDS_MAX} dashboards already")
            changes = self._put(dashboard, by, now_ms)
        self._tell(changes)
        return self.get(dashboard.id)

    def update(
        self, id_: str, written: Mapping[str, Any], by: str, now_ms: int, check: Callable[[str], None]
    ) -> Kept:
        """Change one of the API's. `check` is given the text there is, and raises where that is not meant.

        NotFound: there is none. Conflict: it is another file's. ConfigError, ConfigErrors: it is faulty.
        """
        with self._lock:
            kept = self._own(id_)
            check(kept.dashboard.text)
            maker = kept.dashboard.created_by
            dashboard = self._made({"id": id_, **written, **({"created_by": maker} if maker else {})})
            if dashboard.id != id_:
                raise ConfigError(f"the id is {id_!r}, and cannot become {dashboard.id!r}")
            changes = self._put(dashboard, by, now_ms)
        self._tell(changes)
        return self.get(id_)

    def delete(self, id_: str, by: str, now_ms: int, check: Callable[[str], None]) -> None:
        """Remove one of the API's. NotFound: there is none. Conflict: it is another file's."""
        with self._lock:
            check(self._own(id_).dashboard.text)
            path = self._path(id_)
            kept = {key: one.dashboard for key, one in self._all.items() if key != id_}
            changes = self._take(kept, by, now_ms, lambda: remove(path))
        self._tell(changes)

    def _read_own(self) -> Sequence[Dashboard]:
        if self._folder is None:
            return ()
        return load_dashboards([], self._folder, optional=[API_FILES]).dashboards

    def _made(self, written: Mapping[str, Any]) -> Dashboard:
        """As it would be read from its file, so that faults are told of that."""
        id_ = written.get("id")
        if not isinstance(id_, str):
            raise ConfigError("a dashboard needs an id, a text")
        return parse_dashboard(as_text(written, HEADER), f"{API_FOLDER}/{id_}.yml")

    def _put(self, dashboard: Dashboard, by: str, now_ms: int) -> list[Change]:
        path = self._path(dashboard.id)
        found = {**{key: one.dashboard for key, one in self._all.items()}, dashboard.id: dashboard}
        return self._take(found, by, now_ms, lambda: write_whole(path, dashboard.text))

    def _path(self, id_: str) -> Path:
        if self._folder is None:
            raise Conflict(
                "there is no ruler.yml to keep dashboards beside", remedy="start the ruler with --config"
            )
        return self._folder / API_FOLDER / f"{id_}.yml"

    def _own(self, id_: str) -> Kept:
        kept = self.get(id_)
        if not kept.editable:
            problem = f"dashboard {id_!r} belongs to a file of its own"
            raise Conflict(problem, kept.dashboard.where, "change it there")
        return kept

    def _take(
        self,
        found: Mapping[str, Dashboard],
        by: str,
        now_ms: int,
        deed: Callable[[], None] = lambda: None,
    ) -> list[Change]:
        """Note what is new, changed and gone since the last time, the deed in the same transaction; swap."""
        before = {**self._earlier, **{key: one.facts for key, one in self._all.items()}}
        after = {id_: _noted(one, before.get(id_), by, now_ms) for id_, one in sorted(found.items())}
        changes = [
            Change("updated" if id_ in before else "created", id_, found[id_].name, by, now_ms)
            for id_, facts in after.items()
            if facts is not before.get(id_)
        ]
        changes += [
            Change("deleted", id_, self._all[id_].dashboard.name if id_ in self._all else id_, by, now_ms)
            for id_ in sorted(before.keys() - after.keys())
        ]
        if changes:
            with self._database.write() as connection:
                connection.execute(delete(rows).where(rows.c.id.in_([change.id for change in changes])))
                for change in changes:
                    if change.id in after:
                        connection.execute(insert(rows).values(id=change.id, **asdict(after[change.id])))
                deed()
        self._earlier = {}
        self._all = {id_: Kept(found[id_], facts, _is_own(found[id_])) for id_, facts in after.items()}
        return changes

    def _tell(self, changes: Sequence[Change]) -> None:
        for change in changes:
            for listener in self._listeners:
                listener(change)


def _is_in_folder(dashboard: Dashboard) -> bool:
    return dashboard.where.source.startswith(f"{API_FOLDER}/")


def _is_own(dashboard: Dashboard) -> bool:
    return dashboard.where.source == f"{API_FOLDER}/{dashboard.id}.yml"


def _noted(dashboard: Dashboard, known: Facts | None, by: str, now_ms: int) -> Facts:
    """The facts there are, where the file is the one that they are of."""
    digest = hashlib.sha256(dashboard.text.encode()).hexdigest()
    if known is None:
        return Facts(digest, dashboard.created_by or by, now_ms, by, now_ms)
    return (
        known if known.digest == digest else replace(known, digest=digest, updated_by=by, updated_ms=now_ms)
    )


def _facts(row: Any) -> Facts:  # noqa: ANN401 - a row
    return Facts(row.digest, row.created_by, row.created_ms, row.updated_by, row.updated_ms, row.viewed_ms)
