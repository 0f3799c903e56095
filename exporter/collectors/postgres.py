"""A PostgreSQL server: its connections, transactions, cache, locks, size and replication.

resource_pool_in_use, _size, _utilization_ratio{pool,type="connections"}   gauge  clients by max_connections
Label server, the source's name, which also is the pool's:
postgres_connections{state}                          gauge    clients: active, idle, idle in transaction, …
postgres_longest_transaction_seconds                 gauge    0 where none is open
postgres_locks_waiting                               gauge    locks that somebody waits for
postgres_transactions_total{database,outcome}        counter  committed, rolled back
postgres_deadlocks_total{database}                   counter
postgres_blocks_total{database,found}                counter  blocks that were needed: in the cache, on disk
postgres_cache_hit_ratio{database}                   gauge    0–1, those in the cache, since the last run
postgres_database_size_bytes{database}               gauge
postgres_replication_lag_seconds, _bytes{standby}    gauge    on a primary, of each standby; on a standby its
                                                              own seconds, with itself as `standby`

Works with PostgreSQL 10 and later; the user needs the role pg_monitor. A database must not be larger than its
size can be read within `timeout`. Fails where the server cannot be asked, or the role is missing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from exporter.collector import APP_EVERY_MS, Context
from exporter.collector import Settings as Common
from exporter.settings import DurationMs, Name, Option, revealed
from promkit.errors import Unavailable
from promkit.exposition import Family, counter, gauge
from promkit.secret import Secret

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["Postgres", "Reading", "Settings", "families"]

DEADLINE_SHARE = 0.9  # of the timeout, so that it is the server that gives up
_DSN = re.compile(r"postgres(ql)?://.*|(\w+ *= *.*)", re.DOTALL)

_MAY = "SELECT pg_has_role('pg_read_all_stats', 'usage')"
_SERVER = """
SELECT current_setting('max_connections')::int,
    (SELECT count(*) FROM pg_locks WHERE NOT granted),
    (SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)
        FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
    CASE WHEN NOT pg_is_in_recovery() THEN NULL
        WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
        ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END
"""
_CONNECTIONS = """
SELECT coalesce(state, 'unknown'), count(*)
FROM pg_stat_activity WHERE backend_type = 'client backend' GROUP BY 1
"""
_DATABASES = """
SELECT stat.datname, xact_commit, xact_rollback, deadlocks, blks_hit, blks_read, pg_database_size(stat.datid)
FROM pg_stat_database AS stat JOIN pg_database AS base ON base.oid = stat.datid
WHERE NOT datistemplate AND datallowconn ORDER BY 1
"""
_STANDBYS = """
WITH here AS (
    SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS lsn
)
SELECT application_name, coalesce(host(client_addr), 'local'),
    max(pg_wal_lsn_diff(lsn, replay_lsn)), coalesce(extract(epoch FROM max(replay_lag)), 0)
FROM pg_stat_replication, here WHERE state = 'streaming' GROUP BY 1, 2 ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Common):
    """One server."""

    name: Annotated[Name, Option("Name of the source, of the label `server` and of the pool.")]
    dsn: Annotated[
        Secret | None, Option("Address as libpq reads it: postgresql://user:password@host/database.")
    ] = None
    dsn_file: Annotated[Path | None, Option("File with the address.")] = None
    every: Annotated[DurationMs, Option("How often the server is asked.", ge=100)] = APP_EVERY_MS

    def __post_init__(self) -> None:
        """ValueError: what does not fit."""
        if (self.dsn is None) == (self.dsn_file is None):
            raise ValueError("needs `dsn` or `dsn_file`, one of the two")
        if self.dsn is not None and not _DSN.fullmatch(self.dsn.reveal()):
            raise ValueError("a `dsn` is written postgresql://user:password@host/database")


@dataclass(frozen=True, slots=True)
class Database:
    """One database as the server counts it, since its statistics began."""

    name: str
    commits: int
    rollbacks: int
    deadlocks: int
    hits: int
    reads: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Standby:
    """A standby as its primary sees it; `lag_bytes` None: a standby as it sees itself."""

    name: str
    lag_seconds: float
    lag_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one run found."""

    connections_max: int
    connections: Mapping[str, int]
    locks_waiting: int
    longest_transaction_seconds: float
    databases: Sequence[Database] = field(default=())
    standbys: Sequence[Standby] = field(default=())


class Postgres:
    """Keeps the last reading; a connection is opened for each run and closed after it."""

    def __init__(self, settings: Settings, context: Context, name: str) -> None:
        del context, name
        # Only here: psycopg costs 10 MiB, which an exporter without such a server does not pay.
        import psycopg  # noqa: PLC0415

        self._psycopg = psycopg
        self._settings = settings
        self._before: Reading | None = None

    def collect(self, now_ms: int) -> list[Family]:
        del now_ms
        settings = self._settings
        dsn = revealed(settings.dsn, settings.dsn_file) or ""
        seconds = settings.timeout * DEADLINE_SHARE / 1_000
        try:
            with self._psycopg.connect(dsn, connect_timeout=max(2, int(seconds))) as connection:
                reading = _read(connection, settings.name, int(seconds * 1_000))
        except self._psycopg.Error as error:
            raise Unavailable(self._why(error, dsn)) from None
        before, self._before = self._before, reading
        return families(settings.name, reading, before)

    def _why(self, error: Exception, dsn: str) -> str:
        """What the server or the driver said, on one line, without the password."""
        said = str(error)
        try:
            password = self._psycopg.conninfo.conninfo_to_dict(dsn).get("password")
        except self._psycopg.Error:  # the driver would show the address that it cannot read
            return "the `dsn` is no address of a PostgreSQL server"
        if password:
            said = said.replace(str(password), "***")
        return said.strip().partition("\n")[0] or type(error).__name__


def _read(connection: "Connection[Any]", server: str, timeout_ms: int) -> Reading:
    """Ask all in one transaction that can write nothing. Unavailable: the user may not see it."""
    connection.read_only = True
    connection.execute(f"SET LOCAL statement_timeout = {timeout_ms}".encode())
    if not _rows(connection, _MAY)[0][0]:
        problem = "this user may not read the server's statistics"
        raise Unavailable(problem, remedy="run GRANT pg_monitor TO its name")
    connections_max, locks, longest, own_lag = _rows(connection, _SERVER)[0]
    standbys = [
        Standby(f"{name}@{address}", float(lag_seconds), max(0, int(lag_bytes)))
        for name, address, lag_bytes, lag_seconds in _rows(connection, _STANDBYS)
        if lag_bytes is not None
    ]
    if own_lag is not None:
        standbys.append(Standby(server, float(own_lag)))
    return Reading(
        int(connections_max),
        {str(state): int(count) for state, count in _rows(connection, _CONNECTIONS)},
        int(locks),
        float(longest),
        [Database(str(name), *map(int, counts)) for name, *counts in _rows(connection, _DATABASES)],
        standbys,
    )


def _rows(connection: "Connection[Any]", query: str) -> list[Any]:
    return connection.execute(query.encode()).fetchall()


def families(server: str, reading: Reading, before: Reading | None) -> list[Family]:
    """A reading, and the one before it for what is a share of the time between them → families. Pure."""
    pool = {"pool": server, "type": "connections"}
    at = {"server": server}
    return [
        gauge(
            "resource_pool_in_use",
            "How much of the pool is in use.",
            (pool, sum(reading.connections.values())),
        ),
        gauge("resource_pool_size", "How much the pool has.", (pool, reading.connections_max)),
        gauge(
            "postgres_connections",
            "Clients that are connected, by what they do.",
            *(({**at, "state": state}, count) for state, count in sorted(reading.connections.items())),
        ),
        gauge(
            "postgres_longest_transaction_seconds",
            "How long the oldest open transaction of a client is open.",
            (at, reading.longest_transaction_seconds),
        ),
        gauge("postgres_locks_waiting", "Locks that somebody waits for.", (at, reading.locks_waiting)),
        *_of_databases(at, reading, before),
        *_of_standbys(at, reading),
    ]


def _of_databases(at: Mapping[str, str], reading: Reading, before: Reading | None) -> list[Family]:
    rows = [({**at, "database": one.name}, one) for one in reading.databases]
    earlier = {one.name: one for one in before.databases} if before else {}
    return [
        counter(
            "postgres_transactions_total",
            "Transactions that ended, by outcome.",
            *(
                ({**labels, "outcome": outcome}, count)
                for labels, one in rows
                for outcome, count in (("commit", one.commits), ("rollback", one.rollbacks))
            ),
        ),
        counter("postgres_deadlocks_total", "Deadlocks.", *((labels, one.deadlocks) for labels, one in rows)),
        counter(
            "postgres_blocks_total",
            "Blocks that were needed, by where they were found.",
            *(
                ({**labels, "found": found}, count)
                for labels, one in rows
                for found, count in (("cache", one.hits), ("disk", one.reads))
            ),
        ),
        gauge(
            "postgres_cache_hit_ratio",
            "Share of the blocks needed since the last run that were in the cache, 0 to 1.",
            *(
                (labels, share)
                for labels, one in rows
                if one.name in earlier and (share := _hit_ratio(earlier[one.name], one)) is not None
            ),
        ),
        gauge(
            "postgres_database_size_bytes",
            "Size of the database on disk.",
            *((labels, one.size_bytes) for labels, one in rows),
        ),
    ]


def _of_standbys(at: Mapping[str, str], reading: Reading) -> list[Family]:
    rows = [({**at, "standby": one.name}, one) for one in reading.standbys]
    return [
        gauge(
            "postgres_replication_lag_seconds",
            "How far the standby is behind its primary.",
            *((labels, one.lag_seconds) for labels, one in rows),
        ),
        gauge(
            "postgres_replication_lag_bytes",
            "Bytes of the log that the standby has not replayed.",
            *((labels, one.lag_bytes) for labels, one in rows if one.lag_bytes is not None),
        ),
    ]


def _hit_ratio(before: Database, now: Database) -> float | None:
    """None: no block was needed, or the statistics began anew."""
    hits, reads = now.hits - before.hits, now.reads - before.reads
    if hits < 0 or reads < 0 or hits + reads == 0:
        return None
    return hits / (hits + reads)
