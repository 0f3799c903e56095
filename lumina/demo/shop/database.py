"""What the shop remembers, in SQLite: sessions and compliance scans; and its pool of connections.

queued ─▶ running ─▶ done | failed        a scan; one that a restart interrupts is queued again
"""

import queue
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = [
    "POOL_SIZE",
    "Pool",
    "finish_scan",
    "log_in",
    "log_out",
    "optimize",
    "prepare",
    "queue_scan",
    "scan",
    "take_scan",
    "touch",
]

POOL_SIZE = 8
POOL_SIZE_MAX = 32
WAIT_S = 10.0  # for a connection of the pool, or a lock
KEPT_MS = 600_000

_SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS sessions (
    user TEXT PRIMARY KEY, began_ms INTEGER, seen_ms INTEGER, ended_ms INTEGER
);
CREATE TABLE IF NOT EXISTS scans (
    id INTEGER PRIMARY KEY, type TEXT, state TEXT, queued_ms INTEGER, started_ms INTEGER, finished_ms INTEGER,
    findings INTEGER
);
CREATE INDEX IF NOT EXISTS scans_by_state ON scans (state, queued_ms);
UPDATE scans SET state = 'queued', started_ms = NULL WHERE state = 'running';
"""


def prepare(path: Path) -> None:
    """Make the tables where there are none, and take up what an earlier process left."""
    with _connection(path) as connection:
        connection.executescript(_SCHEMA)
    connection.close()


class Pool:
    """So many connections and no more: who finds none waits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._free: queue.Queue[sqlite3.Connection] = queue.Queue()
        self._resizing = threading.Lock()
        self.size = 0
        self.resize(POOL_SIZE)

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """A connection for a while. queue.Empty: none came free in time."""
        taken = self._free.get(timeout=WAIT_S)
        try:
            yield taken
        finally:
            self._free.put(taken)

    @property
    def in_use(self) -> int:
        return self.size - self._free.qsize()

    def resize(self, by: int) -> bool:
        """Open more connections, or close some (below 0) as they come free; False: out of bounds.

        queue.Empty: none came free in time.
        """
        with self._resizing:
            if not 1 <= self.size + by <= POOL_SIZE_MAX:
                return False
            for _ in range(by):
                self._free.put(_connection(self._path))
                self.size += 1
            for _ in range(-by):
                self._free.get(timeout=WAIT_S).close()
                self.size -= 1
        return True

    def shed(self) -> None:
        """Have each free connection give back the memory of its cache."""
        for _ in range(self._free.qsize()):
            with self.connection() as connection:
                connection.execute("PRAGMA shrink_memory")

    def close(self) -> None:
        """Close those that are free; the others end with the process."""
        while not self._free.empty():
            self._free.get_nowait().close()


def log_in(connection: sqlite3.Connection, user: str, now_ms: int) -> None:
    """A session begins, or goes on."""
    connection.execute(
        "INSERT INTO sessions VALUES (?1, ?2, ?2, NULL)"
        " ON CONFLICT (user) DO UPDATE SET seen_ms = ?2, ended_ms = NULL",
        (user, now_ms),
    )


def touch(connection: sqlite3.Connection, user: str, now_ms: int) -> None:
    """The user of a session was seen."""
    connection.execute("UPDATE sessions SET seen_ms = ? WHERE user = ? AND ended_ms IS NULL", (now_ms, user))


def log_out(connection: sqlite3.Connection, user: str, now_ms: int) -> None:
    """A session ends."""
    connection.execute("UPDATE sessions SET ended_ms = ? WHERE user = ?", (now_ms, user))


def queue_scan(connection: sqlite3.Connection, kind: str, now_ms: int) -> None:
    """A scan is asked for: automated or requested."""
    connection.execute("INSERT INTO scans (type, state, queued_ms) VALUES (?, 'queued', ?)", (kind, now_ms))


def take_scan(connection: sqlite3.Connection, now_ms: int) -> int | None:
    """Begin the scan that has waited longest → its number; None: none waits."""
    row = connection.execute(
        "UPDATE scans SET state = 'running', started_ms = ? WHERE id ="
        " (SELECT id FROM scans WHERE state = 'queued' ORDER BY queued_ms, id LIMIT 1) RETURNING id",
        (now_ms,),
    ).fetchone()
    return None if row is None else int(row[0])


def scan(connection: sqlite3.Connection, now_ms: int) -> int:
    """Look for what must not be → how often it is: sessions kept longer than the retention allows."""
    old_ms = now_ms - KEPT_MS
    (findings,) = connection.execute("SELECT count(*) FROM sessions WHERE seen_ms < ?", (old_ms,)).fetchone()
    return int(findings)


def finish_scan(connection: sqlite3.Connection, number: int, findings: int | None, now_ms: int) -> None:
    """Write down how a scan went (None: it failed), and forget what is past the retention."""
    state = "failed" if findings is None else "done"
    connection.execute(
        "UPDATE scans SET state = ?, findings = ?, finished_ms = ? WHERE id = ?",
        (state, findings, now_ms, number),
    )
    connection.execute("DELETE FROM scans WHERE finished_ms < ?", (now_ms - KEPT_MS,))
    connection.execute("DELETE FROM sessions WHERE seen_ms < ?", (now_ms - KEPT_MS,))


def optimize(connection: sqlite3.Connection) -> None:
    """Give back the room of deleted rows, and measure anew what queries are planned by."""
    connection.execute("VACUUM")
    connection.execute("ANALYZE")


def _connection(path: Path) -> sqlite3.Connection:
    # Used by one thread at a time, not always the same; each statement is a transaction of its own.
    connection = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = OFF")  # a demo's data need not outlive a power cut
    return connection
