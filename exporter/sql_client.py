"""Asks a database: read only, and within a time limit. Imported only where a `sql` source is configured.

connect ─▶ limits ─▶ begin ─▶ read only ─▶ query ─▶ rows, up to a bound ─▶ rollback ─▶ … ─▶ close
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote

from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from promkit.errors import Unavailable

__all__ = ["Database", "Question"]

_STEPS_BETWEEN_LOOKS = 10_000  # of SQLite's machine, about 0.1 ms
_DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
_EXTRAS = {"psycopg": "postgres"}
# Neither `%` nor `:name` in a query means anything to us; rows that we do not fetch stay in the database.
_AS_IT_STANDS = {"no_parameters": True, "stream_results": True}


@dataclass(frozen=True, slots=True)
class Question:
    """A query and how long its answer may take."""

    sql: str
    timeout_ms: int


class Database:
    """A database's address, and how its kind is told to be careful."""

    def __init__(self, dsn: str, timeout_ms: int) -> None:
        """Unavailable: no such kind of database, or its driver is not installed."""
        self._engine, self._password = _engine(dsn, timeout_ms)

    def ask(
        self, questions: Sequence[Question], rows_max: int
    ) -> Sequence[tuple[Sequence[str], Sequence[Any]]]:
        """Ask all over one connection → columns and rows of each, no more rows than that.

        Unavailable: why one was not answered.
        """
        tables = []
        number = 0
        try:
            with self._engine.connect() as connection:
                for number, question in enumerate(questions, 1):  # noqa: B007 - named below
                    tables.append(self._answer(connection, question, rows_max))
        except SQLAlchemyError as error:
            raise Unavailable(self._why(error, number)) from None
        return tables

    def _answer(
        self, connection: Connection, question: Question, rows_max: int
    ) -> tuple[Sequence[str], Sequence[Any]]:
        with connection.begin() as transaction:
            _be_careful(connection, question.timeout_ms)
            result = connection.exec_driver_sql(question.sql, execution_options=_AS_IT_STANDS)
            try:
                if not result.returns_rows:
                    return (), ()
                return list(result.keys()), result.fetchmany(rows_max)
            finally:
                result.close()
                transaction.rollback()

    def _why(self, error: SQLAlchemyError, number: int) -> str:
        """What the database said, on one line, without the password."""
        said = str(error.orig if isinstance(error, DBAPIError) else error)
        if self._password:
            said = said.replace(self._password, "***")
        first = said.strip().partition("\n")[0] or type(error).__name__
        if first == "interrupted":  # SQLite, stopped by us
            first = "it took longer than its `timeout`"
        return f"query {number}: {first}" if number else f"no connection: {first}"


def _engine(dsn: str, timeout_ms: int) -> tuple[Engine, str]:
    """An engine that keeps no connection, and the password."""
    try:
        url = make_url(dsn)
        url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
        engine = create_engine(_opened_only(url), poolclass=NullPool, connect_args=_limits(url, timeout_ms))
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        kind = dsn.partition("://")[0]
        raise Unavailable(f"{kind!a} is no kind of database that is known here") from error
    except ImportError as error:
        module = (error.name or "").partition(".")[0] or str(error)
        extra = _EXTRAS.get(module)
        package = f"'lumina-monitoring[{extra}]'" if extra else module
        remedy = f"run pip install {package}"
        raise Unavailable(f"the driver {module} is not installed", remedy=remedy) from None
    return engine, url.password or ""


def _opened_only(url: URL) -> URL:
    """SQLite would make a file that is not there: it is told not to."""
    if url.get_backend_name() != "sqlite":
        return url
    return url.set(database=f"file:{quote(url.database or '')}", query={"mode": "rw", "uri": "true"})


def _limits(url: URL, timeout_ms: int) -> dict[str, object]:
    """How long a connection, or a locked file, is waited for; drivers count whole seconds, at least 2."""
    seconds = timeout_ms / 1_000
    match url.get_backend_name():
        case "sqlite":
            return {"timeout": seconds / 2}
        case "postgresql" | "mysql" | "mariadb":
            return {"connect_timeout": max(2, int(seconds))}
        case _:
            return {}


def _be_careful(connection: Connection, timeout_ms: int) -> None:
    """Read only and in time, as far as this kind of database can be told."""
    match connection.dialect.name:
        case "postgresql":
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(timeout_ms)}")
        case "mysql" | "mariadb":
            connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
        case "sqlite":
            connection.exec_driver_sql("PRAGMA query_only = ON")
            until = time.monotonic() + timeout_ms / 1_000
            driver = cast("Any", connection.connection.driver_connection)  # sqlite3's, which SQLAlchemy hides
            driver.set_progress_handler(lambda: time.monotonic() > until, _STEPS_BETWEEN_LOOKS)
