"""state.db: what must survive a crash, apart from the samples.

    written by            tables
    (1) alerts/book         states, posted, acknowledgements, silences, timeline, rule_overrides, beats
    (2) delivery/dispatch   groups, told, outbox
    (3) delivery/sender     outbox, told, notifications
        remediation         runs, audit, breakers (the limits are counted where the started row is written)
        dashboards          dashboards

Instants are Unix milliseconds. Structured values are JSON text. One connection writes, under one lock;
readers have their own, so nobody who reads waits for a writer (WAL). A commit is on the disk when it returns
(synchronous=FULL).
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.pool import StaticPool

from promkit.errors import ConfigError, Unavailable

__all__ = [
    "Database",
    "acknowledgements",
    "audit",
    "beats",
    "breakers",
    "dashboards",
    "groups",
    "notifications",
    "outbox",
    "posted",
    "rule_overrides",
    "runs",
    "silences",
    "states",
    "timeline",
    "told",
]

SCHEMA_VERSION = 1
TABLES = MetaData()

schema_version = Table("schema_version", TABLES, Column("version", Integer, primary_key=True))

# State of one rule for one label set (`ruler.alerts.State`, all fields but the key as JSON).
states = Table(
    "states",
    TABLES,
    Column("rule", String, primary_key=True),
    Column("labels", String, primary_key=True),  # canonical JSON, sorted by name
    Column("phase", String, nullable=False),
    Column("state", JSON, nullable=False),
)

# Alerts posted from outside, whole.
posted = Table(
    "posted",
    TABLES,
    Column("fingerprint", String, primary_key=True),
    Column("alert", JSON, nullable=False),
    Column("ends_ms", BigInteger, nullable=False),
)

acknowledgements = Table(
    "acknowledgements",
    TABLES,
    Column("fingerprint", String, primary_key=True),
    Column("by", String, nullable=False),
    Column("comment", String, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger),
)

silences = Table(
    "silences",
    TABLES,
    Column("id", String, primary_key=True),
    Column("silence", JSON, nullable=False),
    Column("starts_ms", BigInteger, nullable=False),
    Column("ends_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
)

# Everything that happened to an alert, in order: the source of the timeline, the events and S15's history.
timeline = Table(
    "timeline",
    TABLES,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("happening", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("rule", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("alert", JSON, nullable=False),
    Column("detail", JSON, nullable=False),
    Index("timeline_by_alert", "fingerprint", "seq"),
    Index("timeline_by_time", "at_ms"),
    sqlite_autoincrement=True,
)

rule_overrides = Table(
    "rule_overrides",
    TABLES,
    Column("rule", String, primary_key=True),
    Column("enabled", Boolean, nullable=False),
    Column("by", String, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger),
)

# When a process last wrote that it was at work: tells after a start how long nobody watched.
beats = Table(
    "beats",
    TABLES,
    Column("name", String, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
)

# A notification group of one receiver, and when it is looked at next.
groups = Table(
    "groups",
    TABLES,
    Column("receiver", String, primary_key=True),
    Column("group_key", String, primary_key=True),
    Column("route", String, nullable=False),  # key of the route, to find its timing again
    Column("labels", JSON, nullable=False),
    Column("next_flush_ms", BigInteger, nullable=False),
)

# What a target (one integration of a receiver, `ops/webhook[0]`) knows of an alert of a group.
told = Table(
    "told",
    TABLES,
    Column("target", String, primary_key=True),
    Column("group_key", String, primary_key=True),
    Column("fingerprint", String, primary_key=True),
    Column("status", String, nullable=False),  # firing | resolved, as last accepted
    Column("owes", Boolean, nullable=False),  # a firing was accepted, its resolved is still due
    Column("told_ms", BigInteger, nullable=False),  # when a firing was last accepted: cooldown counts from it
    Column("fact", JSON, nullable=False),  # the alert as it was told, so that its end can always be told
)

# A message that is owed; the row goes when it was accepted. At most one about a group waits per target.
outbox = Table(
    "outbox",
    TABLES,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", String, nullable=False, unique=True),  # idempotency key
    Column("target", String, nullable=False),
    Column("group_key", String, nullable=False),
    Column("kind", String, nullable=False),  # firing | resolved | message
    Column("status", String, nullable=False),  # pending | dead
    Column("content", JSON, nullable=False),  # alerts and group labels; rendered when it is sent
    Column("created_ms", BigInteger, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("deadline_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("leased_until_ms", BigInteger),
    Column("error", String, nullable=False),
    Index("outbox_due", "status", "due_ms"),
    sqlite_autoincrement=True,
)

# S12: one record per channel and message, from when it is owed on.
notifications = Table(
    "notifications",
    TABLES,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("outbox", Integer, nullable=False),
    Column("channel", String, nullable=False),
    Column("integration", String, nullable=False),
    Column("group_key", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("status", String, nullable=False),  # sent | failed | pending (will be tried, or tried again)
    Column("error", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("fingerprints", JSON, nullable=False),
    Column("took_ms", Integer, nullable=False),
    Index("notifications_by_time", "at_ms"),
    Index("notifications_by_outbox", "outbox"),
    sqlite_autoincrement=True,
)

runs = Table(
    "runs",
    TABLES,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("rule", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("action", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("target", String, nullable=False),
    Column("phase", String, nullable=False),  # ruler.remediation.run.RunPhase
    Column("plan", JSON, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("started_ms", BigInteger),
    Column("finished_ms", BigInteger),
    Column("state", JSON, nullable=False),
    Index("runs_by_phase", "phase"),
    Index("runs_by_alert", "fingerprint", "id"),
    Index("runs_by_action", "action", "started_ms"),
    sqlite_autoincrement=True,
)

# Every decision about a remedy, with its reason.
audit = Table(
    "audit",
    TABLES,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("run", Integer),
    Column("rule", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("action", String, nullable=False),
    Column("target", String, nullable=False),
    Column("decision", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("by", String, nullable=False),  # "ruler" or a person
    Column("detail", JSON, nullable=False),
    sqlite_autoincrement=True,
)

breakers = Table(
    "breakers",
    TABLES,
    Column("rule", String, primary_key=True),
    Column("action", String, primary_key=True),
    Column("failures", Integer, nullable=False),  # in a row
    Column("opened_ms", BigInteger),
)

# What no file says of a dashboard. A table that an older release does not have is made when it is opened.
dashboards = Table(
    "dashboards",
    TABLES,
    Column("id", String, primary_key=True),
    Column("digest", String, nullable=False),  # of its file: tells what changed while nobody watched
    Column("created_by", String, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_by", String, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("viewed_ms", BigInteger),
)


class Database:
    """The one door to state.db."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._url = str(engine.url)
        self._writing = threading.RLock()
        self._open: Connection | None = None  # the transaction of whoever holds the lock
        self._committed: list[Callable[[], None]] = []  # what its holder wants done after it
        self._depth = 0  # of the holder's `exclusive` and `write`
        # One connection for all: what a reader rolls back would be the writer's.
        self._shared = isinstance(engine.pool, StaticPool)
        try:
            with engine.begin() as connection:
                TABLES.create_all(connection)
                version = connection.execute(select(schema_version.c.version)).scalar()
                if version is None:
                    connection.execute(insert(schema_version).values(version=SCHEMA_VERSION))
        except DatabaseError as error:
            raise Unavailable(f"state database cannot be opened: {error.orig}", str(engine.url)) from error
        if version is not None and version > SCHEMA_VERSION:
            raise ConfigError(
                f"state database has schema {version}, newer than this release's {SCHEMA_VERSION}",
                str(engine.url),
                "run the release that wrote it, or a newer one",
            )

    @classmethod
    def open(cls, url: str) -> "Database":
        """Open `sqlite:///path`, making file and folder; `sqlite://` lives in memory.

        ConfigError: another kind of URL, or a newer schema. Unavailable: the file cannot be used.
        """
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise ConfigError(
                f"not a database URL: {url!r}", remedy="write sqlite:///data/state.db"
            ) from None
        if parsed.get_backend_name() != "sqlite":
            raise ConfigError(
                f"state in {parsed.get_backend_name()} is not supported yet",
                remedy="write sqlite:///data/state.db",
            )
        if not parsed.database:
            return cls(create_engine(parsed, poolclass=StaticPool, connect_args={"check_same_thread": False}))
        try:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"state folder cannot be made: {error.strerror}", parsed.database) from None
        engine = create_engine(parsed, connect_args={"timeout": 10})
        event.listen(engine, "connect", _durable)
        return cls(engine)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep all other writers out, without a transaction: to look first, and then to write or not."""
        callbacks: list[Callable[[], None]] = []
        try:
            with self._writing:
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1
                    if not self._depth:
                        callbacks, self._committed = self._committed, []
        finally:
            for callback in callbacks:
                callback()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, whole or not at all; inside another of the same thread it is part of that.

        Unavailable: the disk is full or the file is gone; nothing was written.
        """
        with self.exclusive():
            if self._open is not None:
                yield self._open
                return
            earlier = list(self._committed)
            try:
                with self._engine.begin() as connection:
                    self._open = connection
                    yield connection
            except BaseException as error:
                self._committed = earlier
                if isinstance(error, OperationalError):
                    raise Unavailable(f"state cannot be written: {error.orig}", self._url) from error
                raise
            finally:
                self._open = None

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Inside `write`: call once the outermost transaction is stored and the lock is free.

        A transaction that fails forgets its callbacks. Listeners of several rooms' rows hear of them so.
        """
        assert self._open is not None, "only inside write()"  # noqa: S101 - a bug otherwise
        self._committed.append(callback)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view that waits for no writer; in memory, where there is one connection, it does."""
        if not self._shared:
            with self._engine.connect() as connection:
                yield connection
            return
        with self._writing:
            if self._open is not None:
                yield self._open
                return
            with self._engine.connect() as connection:
                yield connection

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()


def _durable(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA busy_timeout=10000")
    cursor.close()
