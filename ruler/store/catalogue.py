"""What is on the disk, in SQLite: every series that was ever written, and the chunk files.

The rows of the log and the columns of chunks know series by number; here stand their labels. Series are
written before the first row that names them.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from pydantic_core import to_json

from promkit.errors import LuminaError, Unavailable
from promkit.labels import METRIC_NAME, Labels
from promkit.matchers import Matcher, MatchOp
from ruler.store.index import Sids

__all__ = ["Catalogue", "ChunkRow", "SeriesRow", "series_row"]

_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS series (
  sid INTEGER PRIMARY KEY, metric TEXT NOT NULL, labels TEXT NOT NULL, last_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS series_by_metric ON series (metric);
CREATE TABLE IF NOT EXISTS chunks (
  file TEXT PRIMARY KEY, level INTEGER NOT NULL, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,
  series INTEGER NOT NULL, samples INTEGER NOT NULL, bytes INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS metadata (metric TEXT PRIMARY KEY, texts TEXT NOT NULL);
"""
SeriesRow = tuple[int, str, str, int]
_VARIABLES_MAX = 500
_CHECKPOINT_ROWS = 1_000
FOLDED = "folded"  # the number of the last segment whose rows are in chunks


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A chunk file."""

    file: str
    level: int  # 0: folded from the log, 1: merged
    first_ms: int
    last_ms: int
    series: int
    samples: int
    bytes: int


def series_row(sid: int, labels: Labels) -> SeriesRow:
    """A series as it is kept: number, metric, labels as JSON, its last folded sample."""
    return (sid, labels.metric, to_json(dict(labels.items())).decode(), 0)


class Catalogue:
    """One connection, used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > _VERSION:
                raise LuminaError("written by a newer version", str(path), "update, or use another directory")
            self._db.executescript(_SCHEMA)
            self._db.execute(f"PRAGMA user_version={_VERSION}")
        except sqlite3.Error as error:
            raise Unavailable(f"catalogue cannot be read: {error}", str(path)) from None

    def next_sid(self) -> int:
        """The number after the highest that was given."""
        with self._lock:
            highest = self._db.execute("SELECT max(sid) FROM series").fetchone()[0]
        return 0 if highest is None else int(highest) + 1

    def add_series(self, rows: Sequence[SeriesRow]) -> None:
        """Remember labels. OSError: the disk does not take it."""
        with self._lock:
            try:
                with self._transaction():
                    self._db.executemany("INSERT OR IGNORE INTO series VALUES (?, ?, ?, ?)", rows)
                if len(rows) > _CHECKPOINT_ROWS:  # or SQLite's own log stays as large as the table
                    self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.OperationalError as error:
                raise OSError(str(error)) from None

    def labels(self, sids: Sequence[int]) -> dict[int, Labels]:
        """Labels by number."""
        found = {}
        with self._lock:
            for start in range(0, len(sids), _VARIABLES_MAX):
                some = sids[start : start + _VARIABLES_MAX]
                marks = ",".join("?" * len(some))
                rows = self._db.execute(f"SELECT sid, labels FROM series WHERE sid IN ({marks})", some)  # noqa: S608 - marks
                for sid, text in rows:
                    found[sid] = Labels.of_sorted(json.loads(text))
        return found

    def match(self, matchers: Sequence[Matcher]) -> dict[int, Labels]:
        """All series that ever were and fit."""
        metric = next(
            (m.value for m in matchers if m.name == METRIC_NAME and m.op is MatchOp.EQUAL and m.value), None
        )
        with self._lock:
            if metric is None:
                rows = self._db.execute("SELECT sid, labels FROM series").fetchall()
            else:
                rows = self._db.execute(
                    "SELECT sid, labels FROM series WHERE metric = ?", (metric,)
                ).fetchall()
        found = {}
        for sid, text in rows:
            labels = Labels.of_sorted(json.loads(text))
            if all(matcher.matches_labels(labels) for matcher in matchers):
                found[sid] = labels
        return found

    def chunks(self) -> list[ChunkRow]:
        """All chunk files, the earliest first."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM chunks ORDER BY first_ms, file").fetchall()
        return [ChunkRow(*row) for row in rows]

    def replace(
        self,
        added: Sequence[ChunkRow],
        removed: Sequence[str],
        seen: Iterable[tuple[int, int]] = (),
        folded: int | None = None,
    ) -> None:
        """One change of what counts: chunk files, the last sample of series (sid, ms), the folded segment."""
        with self._lock, self._transaction():
            self._db.executemany("DELETE FROM chunks WHERE file = ?", [(file,) for file in removed])
            rows = [
                (row.file, row.level, row.first_ms, row.last_ms, row.series, row.samples, row.bytes)
                for row in added
            ]
            self._db.executemany("INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            self._db.executemany(
                "UPDATE series SET last_ms = max(last_ms, ?) WHERE sid = ?", ((ms, sid) for sid, ms in seen)
            )
            if folded is not None:
                self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (FOLDED, folded))

    def folded(self) -> int:
        """The last segment whose rows are in chunks."""
        with self._lock:
            row = self._db.execute("SELECT value FROM facts WHERE name = ?", (FOLDED,)).fetchone()
        return 0 if row is None else int(row[0])

    def forget_before(self, horizon_ms: int, kept: Sids) -> int:
        """Drop series whose last folded sample is older, but for those in `kept`; → how many."""
        with self._lock:
            old = {
                row[0] for row in self._db.execute("SELECT sid FROM series WHERE last_ms < ?", (horizon_ms,))
            }
            old -= set(kept.tolist())
            with self._transaction():
                self._db.executemany("DELETE FROM series WHERE sid = ?", [(sid,) for sid in old])
        return len(old)

    def describe(self, metadata: dict[str, tuple[str, str, str]]) -> None:
        """Keep types and helps of metrics."""
        rows = [(metric, json.dumps(texts)) for metric, texts in metadata.items()]
        with self._lock, self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO metadata VALUES (?, ?)", rows)

    def metadata(self) -> dict[str, tuple[str, str, str]]:
        """Types and helps of metrics."""
        with self._lock:
            rows = self._db.execute("SELECT metric, texts FROM metadata").fetchall()
        return {metric: tuple(json.loads(texts)) for metric, texts in rows}

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._db)


class _Transaction:
    """All of it, or nothing."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")
