"""What a database answers: any query → gauges, counters and resource pools of your names.

Any metric that a query names; a row gives a series, NULL none.
resource_pool_in_use{pool,type}, _size, _utilization_ratio   gauge  for `pools`

A query runs in a transaction that is rolled back in any case; on PostgreSQL, SQLite, MySQL and MariaDB it is
read-only, and PostgreSQL and SQLite themselves stop a query after its `timeout`.
Fails where a query fails, takes too long or lacks a column, a value is no number, or two rows are one series:
then none of the source's values is new. What shall fail apart is a source of its own.
"""

import dataclasses
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from exporter.collector import BUSINESS_EVERY_MS, Context
from exporter.collector import Settings as Common
from exporter.naming import check_labels
from exporter.rows import LABELS_MAX, Made, Row, families, label_text
from exporter.settings import DurationMs, Name, Option, revealed
from promkit.errors import Unavailable
from promkit.exposition import Family
from promkit.secret import Secret

__all__ = ["Query", "Settings", "Sql", "rows_of"]

QUERIES_MAX = 100
SQL_LENGTH_MAX = 20_000
DSN_LENGTH_MAX = 2_000
_DSN = re.compile(r"[a-z][a-z0-9]*(\+[a-z0-9_]+)?://.*")
_RELATIVE = re.compile(r"sqlite(\+[a-z0-9_]+)?://(?!//).*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query(Made):
    """A query and what is made of its rows."""

    sql: Annotated[str, Option("The query.", min_length=1, max_length=SQL_LENGTH_MAX)]
    labels: Annotated[
        tuple[str, ...], Option("Columns that become labels of their own name.", max_length=LABELS_MAX)
    ] = ()
    timeout: Annotated[DurationMs, Option("The database gives up after this long.", ge=1)] = 5_000

    def __post_init__(self) -> None:
        """ValueError: what does not fit."""
        check_labels(self.labels)
        self.check(self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Common):
    """One database."""

    name: Annotated[Name, Option("Name of the source.")]
    queries: Annotated[
        tuple[Query, ...], Option("What is asked, one after the other.", max_length=QUERIES_MAX)
    ]
    dsn: Annotated[
        Secret | None,
        Option("Address as SQLAlchemy writes it: postgresql://user:password@host/database, sqlite:////file."),
    ] = None
    dsn_file: Annotated[Path | None, Option("File with the address.")] = None
    labels: Annotated[
        dict[str, str], Option("Labels of all its metrics, as the database's name.", max_length=LABELS_MAX)
    ] = dataclasses.field(default_factory=dict)
    every: Annotated[DurationMs, Option("How often the queries run.", ge=100)] = BUSINESS_EVERY_MS
    timeout: Annotated[DurationMs, Option("After this long a run counts as failed.")] = 10_000

    def gives(self) -> Iterable[tuple[str, Collection[str]]]:
        for query in self.queries:
            yield from query.gives((*self.labels, *query.labels))

    def __post_init__(self) -> None:
        """ValueError: what does not fit."""
        if (self.dsn is None) == (self.dsn_file is None):
            raise ValueError("needs `dsn` or `dsn_file`, one of the two")
        if self.dsn is not None:
            check_dsn(self.dsn.reveal())
        check_labels(self.labels)
        if not self.queries:
            raise ValueError("needs `queries`")


class Sql:
    """Keeps the address of which it has a client; a connection is opened for each run and closed after it."""

    def __init__(self, settings: Settings, context: Context, name: str) -> None:
        del context
        # Only here: SQLAlchemy costs 30 MiB, which an exporter without databases does not pay.
        from exporter import sql_client  # noqa: PLC0415

        self._client = sql_client
        self._settings = settings
        self._name = name
        self._database: tuple[str, sql_client.Database] | None = None

    def collect(self, now_ms: int) -> list[Family]:
        del now_ms
        settings = self._settings
        dsn = revealed(settings.dsn, settings.dsn_file) or ""
        try:
            check_dsn(dsn)
        except ValueError as error:
            raise Unavailable(f"{settings.dsn_file}: {error}") from None
        if self._database is None or self._database[0] != dsn:
            self._database = (dsn, self._client.Database(dsn, settings.timeout))
        questions = [self._client.Question(query.sql, query.timeout) for query in settings.queries]
        tables = self._database[1].ask(questions, settings.series_max + 1)
        answers = [
            (query, rows_of(query, number, columns, rows))
            for number, (query, (columns, rows)) in enumerate(zip(settings.queries, tables, strict=True), 1)
        ]
        return families(self._name, settings.labels, answers)


def check_dsn(dsn: str) -> None:
    """ValueError: no address of a database; it does not show it, for it holds a password."""
    if len(dsn) > DSN_LENGTH_MAX or not _DSN.fullmatch(dsn):
        raise ValueError("a `dsn` is written dialect://user:password@host/database, or sqlite:////file")
    if _RELATIVE.fullmatch(dsn):
        raise ValueError("a SQLite file is named from the root on: sqlite:////folder/file, with four slashes")


def rows_of(
    query: Query, number: int, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> Sequence[Row]:
    """A table as rows with labels. Unavailable: a column that is asked for is not there."""
    at = {column: place for place, column in enumerate(columns)}
    values = set(query.wanted())
    for column in (*query.labels, *values):
        if column not in at:
            remedy = f"it has {', '.join(columns)[:200] or 'none'}"
            raise Unavailable(f"query {number} has no column {column!a}", remedy=remedy)
    return [
        Row(
            {label: label_text(row[at[label]], label) for label in query.labels},
            {column: row[at[column]] for column in values},
        )
        for row in rows
    ]
