"""Databases that answer, and that do not: SQLite and a real PostgreSQL."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.collector import Context
from exporter.collectors.sql import Query, Settings, Sql
from exporter.rows import Metric, Pool
from promkit.errors import Unavailable
from promkit.secret import Secret
from tests.builders.postgres import Postgres, postgres
from tests.builders.sources import values

LOOP = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS i FROM n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "the shop.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE scans (state TEXT, n INTEGER); INSERT INTO scans VALUES ('queued', 3), ('done', 40);"
    )
    connection.close()
    return path


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


def a_query(sql: str, *labels: str, value: str = "n", **keys: Any) -> Query:
    return Query(
        sql=sql, labels=labels, metrics=(Metric(name="business_scans", value=value, help="Scans."),), **keys
    )


def ask(dsn: str | Path, *queries: Query, **keys: Any) -> dict[str, float]:
    return values(collector(dsn, *queries, **keys).collect(0))


def collector(dsn: str | Path, *queries: Query, **keys: Any) -> Sql:
    text = dsn if isinstance(dsn, str) else f"sqlite:///{dsn}"
    return Sql(Settings(name="shop", dsn=Secret(text), queries=queries, **keys), Context(), "sql/shop")


def test_rows_become_series(shop: Path) -> None:
    query = Query(
        sql="SELECT state, n, n / 10.0 AS busy FROM scans",
        labels=("state",),
        metrics=(Metric(name="business_scans", value="n"),),
        pools=(Pool(pool="scanners", type="workers", in_use="busy", size=8.0),),
    )
    assert ask(shop, query, labels={"database": "shop"}) == {
        'business_scans{database="shop", state="queued"}': 3,
        'business_scans{database="shop", state="done"}': 40,
        'resource_pool_in_use{database="shop", pool="scanners", state="queued", type="workers"}': 0.3,
        'resource_pool_in_use{database="shop", pool="scanners", state="done", type="workers"}': 4,
        'resource_pool_size{database="shop", pool="scanners", state="queued", type="workers"}': 8,
        'resource_pool_size{database="shop", pool="scanners", state="done", type="workers"}': 8,
    }


def test_a_query_is_sent_as_it_stands(shop: Path) -> None:
    sql = "SELECT count(*) AS n, 'at :noon, 100 %' AS \"at\" FROM scans WHERE state LIKE 'q%'"
    assert ask(shop, a_query(sql, "at")) == {'business_scans{at="at :noon, 100 %"}': 1}


WRONG = {
    "a table": ("SELECT n FROM none", "query 1: no such table: none"),
    "a column": ("SELECT n AS m FROM scans LIMIT 1", "query 1 has no column 'n': it has m"),
    "no number": ("SELECT state AS n FROM scans LIMIT 1", "'n' is 'queued', no number"),
    "two rows of one series": ("SELECT n FROM scans", "two rows give business_scans: add what tells"),
    "a write": ("DELETE FROM scans", "query 1: attempt to write a readonly database"),
    "a write with an answer": (
        "INSERT INTO scans VALUES ('x', 1) RETURNING n",
        "attempt to write a readonly database",
    ),
    "no answer": ("PRAGMA foreign_keys = ON", "query 1 has no column 'n': it has none"),
    "no SQL": ("SELEC", 'query 1: near "SELEC": syntax error'),
    "without end": (LOOP, "query 1: it took longer than its `timeout`"),
}


@pytest.mark.parametrize(("sql", "why"), WRONG.values(), ids=WRONG)
def test_what_fails_says_why_and_changes_nothing(shop: Path, sql: str, why: str) -> None:
    before = shop.read_bytes()
    with pytest.raises(Unavailable) as raised:
        ask(shop, a_query(sql, timeout=100))
    assert why in str(raised.value)
    assert "\n" not in str(raised.value)
    assert shop.read_bytes() == before


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no connection: unable to open database file"):
        ask(tmp_path / "none.db", a_query("SELECT 1 AS n"))
    assert list(tmp_path.iterdir()) == []


def test_no_more_rows_are_taken_than_series_may_be(shop: Path) -> None:
    sql = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000) SELECT n FROM c"
    assert len(ask(shop, a_query(sql, "n"), series_max=5)) == 6  # the scheduler says that one is too many


def test_the_address_may_be_in_a_file_that_changes(shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "dsn"
    settings = Settings(name="shop", dsn_file=file, queries=(a_query("SELECT count(*) AS n FROM scans"),))
    source = Sql(settings, Context(), "sql/shop")
    with pytest.raises(Unavailable, match=r"dsn: No such file"):
        source.collect(0)
    file.write_text("nonsense")
    with pytest.raises(Unavailable, match=r"dsn: a `dsn` is written"):
        source.collect(0)
    file.write_text(f"sqlite:///{shop}\n")
    assert values(source.collect(0)) == {"business_scans": 2}


DSNS = {
    "no kind": ("shop.db", "a `dsn` is written"),
    "a relative file": ("sqlite:///shop.db", "from the root on"),
    "memory": ("sqlite://", "from the root on"),
    "too long": (f"sqlite:////{'a' * 2_000}", "a `dsn` is written"),
}


@pytest.mark.parametrize(("dsn", "why"), DSNS.values(), ids=DSNS)
def test_an_address_that_is_none(dsn: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as raised:
        collector(dsn, a_query("SELECT 1 AS n"))
    assert "shop.db" not in str(raised.value)


UNKNOWN = {
    "a kind nobody knows": ("nosuchdb://u:hunter22@h/d", "'nosuchdb' is no kind of database"),
    "a driver that is not there": (
        "mysql+pymysql://u:hunter22@h/d",
        "the driver pymysql is not installed: run pip",
    ),
    "a port that is none": ("postgresql://u:hunter22@h:x/d", "'postgresql' is no kind"),
}


@pytest.mark.parametrize(("dsn", "why"), UNKNOWN.values(), ids=UNKNOWN)
def test_a_database_that_cannot_be_asked(dsn: str, why: str) -> None:
    with pytest.raises(Unavailable, match=why) as raised:
        ask(dsn, a_query("SELECT 1 AS n"))
    assert "hunter22" not in str(raised.value)


def test_no_secret_is_shown() -> None:
    dsn = Secret("postgresql://u:hunter22@127.0.0.1:1/d")
    settings = Settings(name="a", dsn=dsn, queries=(a_query("SELECT 1 AS n"),))
    assert "hunter22" not in repr(settings)
    with pytest.raises(Unavailable) as raised:
        ask("postgresql://u:hunter22@127.0.0.1:1/hunter22", a_query("SELECT 1 AS n"))
    assert "no connection" in str(raised.value)
    assert "hunter22" not in str(raised.value)


def test_it_needs_one_address() -> None:
    for dsn, file in ((None, None), (Secret("sqlite:////a"), Path("b"))):
        with pytest.raises(ValueError, match="one of the two"):
            Settings(name="a", queries=(), dsn=dsn, dsn_file=file)


@pytest.mark.service
def test_a_real_postgresql(server: Postgres) -> None:
    server.run(
        "CREATE TABLE scans (type text, n numeric, took interval, at timestamptz)",
        "INSERT INTO scans VALUES ('automated', 1.5, '2 minutes', '1970-01-01 00:01+00')",
        "INSERT INTO scans (n) VALUES (2)",
    )
    query = Query(
        sql="SELECT type, n, took, at, n > 1 AS many FROM scans WHERE type IS NULL OR type LIKE 'auto%'",
        labels=("type",),
        metrics=tuple(Metric(name=f"business_{name}", value=name) for name in ("n", "took", "at", "many")),
    )
    assert ask(server.dsn, query) == {
        'business_n{type="automated"}': 1.5,
        "business_n": 2,
        'business_took{type="automated"}': 120,
        'business_at{type="automated"}': 60,
        'business_many{type="automated"}': 1,
        "business_many": 1,
    }


REFUSED = {
    "a write": ("INSERT INTO one VALUES (2) RETURNING n", "query 2"),
    "a write in disguise": (
        "SELECT nextval('two') AS n",
        r"query 2: cannot execute nextval\(\) in a read-only",
    ),
    "slow": ("SELECT 1 AS n FROM pg_sleep(30)", "query 2: canceling statement due to statement timeout"),
}


@pytest.mark.service
@pytest.mark.parametrize(("sql", "why"), REFUSED.values(), ids=REFUSED)
def test_a_real_postgresql_is_not_changed_nor_kept_busy(server: Postgres, sql: str, why: str) -> None:
    server.run(
        "DROP TABLE IF EXISTS one", "CREATE TABLE one AS SELECT 1 AS n", "CREATE SEQUENCE IF NOT EXISTS two"
    )
    begun = time.monotonic()
    with pytest.raises(Unavailable, match=why):
        ask(server.dsn, a_query("SELECT n FROM one"), a_query(sql, timeout=200))
    assert time.monotonic() - begun < 10
    with server.connect() as connection:
        (left,) = connection.execute("SELECT n FROM one").fetchall()
        open_ones = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%' OR query LIKE '%pg_sleep%30%'"
            " AND pid <> pg_backend_pid() AND state = 'active'"
        ).fetchone()
    assert (left, open_ones) == ((1,), (0,))


@pytest.mark.service
def test_a_wrong_password_is_one_line(server: Postgres) -> None:
    with pytest.raises(Unavailable, match=r"no connection: .*nobody") as raised:
        ask(f"postgresql://nobody:hunter22@127.0.0.1:{server.port}/postgres", a_query("SELECT 1 AS n"))
    assert "hunter22" not in str(raised.value)
