"""A real PostgreSQL is tended, and its queries end with the remedy."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest
from pydantic import ValidationError

from promkit.errors import ConfigError
from ruler.remediation.action import Outcome
from ruler.remediation.actions.postgres import POSTGRES
from ruler.remediation.deeds.postgres import do as deed
from tests.builders.deeds import do, here, plan
from tests.builders.postgres import Postgres, postgres

NASTY = 'or"der; DROP TABLE orders'
SITS = "state = 'idle in transaction' AND state_change < now() - interval '300ms'"
OURS = "application_name = 'lumina-remediation'"


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as made:
        made.run(
            "CREATE DATABASE shop",
            "CREATE ROLE clerk LOGIN",
            "CREATE TABLE orders (id int PRIMARY KEY, at timestamptz)",
            "INSERT INTO orders SELECT n, now() FROM generate_series(1, 1000) n",
            'CREATE TABLE "or""der; DROP TABLE orders" (id int)',
            "CREATE SCHEMA archive",
            'CREATE TABLE archive."Orders" (id int PRIMARY KEY)',
        )
        yield made


def value(server: Postgres, query: str) -> Any:
    with server.connect() as connection:
        row = connection.execute(query.encode()).fetchone()
        return row and row[0]


def until(server: Postgres, query: str, wanted: Any) -> None:
    deadline = time.monotonic() + 20
    while value(server, query) != wanted:
        assert time.monotonic() < deadline, query
        time.sleep(0.05)


@pytest.mark.service
def test_a_table_is_vacuumed_and_analyzed(server: Postgres) -> None:
    """Through the process of its own, as in the ruler."""
    parameters = {"table": {"enum": ["orders", NASTY], "target": True}}
    declared = {"verb": "vacuum_analyze", "dsn": server.dsn, "parameters": parameters}
    planned = plan(POSTGRES, {"table": "orders"}, **declared)
    assert planned.text == "vacuum and analyze table orders"
    assert planned.target == "orders"
    result = do(POSTGRES, planned)
    assert result.ok
    assert result.text == "vacuum_analyze of orders is done"
    seen = "SELECT vacuum_count > 0 AND analyze_count > 0 FROM pg_stat_user_tables WHERE relname = 'orders'"
    until(server, seen, wanted=True)


@pytest.mark.service
@pytest.mark.parametrize("table", [NASTY, "archive.Orders", "orders"])
@pytest.mark.parametrize("verb", ["vacuum", "analyze", "reindex"])
def test_names_are_quoted(verb: str, table: str, server: Postgres) -> None:
    result = here(deed, plan(POSTGRES, verb=verb, dsn=server.dsn, table=table))
    assert result.ok
    assert value(server, "SELECT count(*) FROM orders") == 1000


@pytest.mark.service
def test_all_tables_and_another_database_may_be_meant(server: Postgres) -> None:
    planned = plan(POSTGRES, verb="vacuum", dsn=server.dsn, database="shop")
    assert planned.text == "vacuum all tables in database shop"
    assert here(deed, planned).text == "vacuum of all tables is done"


@pytest.mark.service
def test_what_it_may_not_touch_is_a_failure(server: Postgres) -> None:
    """PostgreSQL only warns of that, and skips the table."""
    dsn = server.dsn.replace("postgres@", "clerk@")
    result = here(deed, plan(POSTGRES, verb="vacuum", dsn=dsn, table="orders"))
    assert result.outcome is Outcome.FAILED
    assert 'WARNING: skipping "orders"' in result.text or "permission denied" in result.text


@pytest.mark.service
def test_a_table_that_is_not_there_is_said(server: Postgres) -> None:
    result = here(deed, plan(POSTGRES, verb="vacuum", dsn=server.dsn, table="nope"))
    assert result.outcome is Outcome.NOT_STARTED
    assert result.text == "there is no table nope"


@pytest.mark.service
def test_sessions_idle_in_a_transaction_are_ended(server: Postgres) -> None:
    planned = plan(POSTGRES, verb="terminate_idle", dsn=server.dsn, idle="200ms")
    assert planned.text == "end sessions idle in a transaction for 200ms"
    with psycopg.connect(server.dsn, application_name="leaky") as idle, server.connect() as busy:
        idle.execute("SELECT 1")  # begins a transaction
        busy.execute("SELECT 1")  # is its own transaction: idle, and outside of any
        sitting = f"SELECT count(*) FROM pg_stat_activity WHERE {SITS}"
        until(server, sitting, 1)
        assert here(deed, planned).text == "1 session ended"
        with pytest.raises(psycopg.OperationalError):
            idle.execute("SELECT 1")
        assert busy.execute("SELECT 1").fetchone() == (1,)
    assert here(deed, planned).text == "0 sessions ended"


@pytest.mark.service
@pytest.mark.parametrize("how", ["cancel", "timeout"])
def test_its_query_ends_in_postgresql_too(how: str, server: Postgres) -> None:
    cancel = Event()
    results = []
    planned = plan(POSTGRES, verb="vacuum", dsn=server.dsn, table="orders")
    with psycopg.connect(server.dsn) as holder:
        holder.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        timeout_ms = 60_000 if how == "cancel" else 4_000
        thread = threading.Thread(target=lambda: results.append(do(POSTGRES, planned, timeout_ms, cancel)))
        thread.start()
        running = f"SELECT count(*) FROM pg_stat_activity WHERE {OURS} AND query LIKE 'VACUUM%'"
        until(server, running, 1)
        if how == "cancel":
            cancel.set()
        thread.join(20)
        assert value(server, f"SELECT count(*) FROM pg_stat_activity WHERE {OURS}") == 0
    assert results[0].outcome is (Outcome.CANCELLED if how == "cancel" else Outcome.TIMEOUT)
    assert results[0].text.endswith(": vacuum of orders has begun")


@pytest.mark.service
def test_should_it_be_killed_the_server_ends_the_query_itself(server: Postgres) -> None:
    planned = plan(POSTGRES, verb="vacuum", dsn=server.dsn, table="orders", timeout="300ms")
    with psycopg.connect(server.dsn) as holder:
        holder.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        result = here(deed, planned)
    assert result.outcome is Outcome.FAILED
    assert result.text == "canceling statement due to statement timeout"


@pytest.mark.service
def test_the_address_may_be_a_secret(server: Postgres, tmp_path: Path) -> None:
    path = tmp_path / "dsn"
    path.write_text(server.dsn.replace("postgres@", "postgres:s3cret@") + "\n")
    assert here(deed, plan(POSTGRES, verb="analyze", dsn_file=str(path))).ok
    path.write_text(server.dsn.replace("postgres@", "nobody:s3cret@"))
    refused = here(deed, plan(POSTGRES, verb="analyze", dsn_file=str(path)))
    assert refused.outcome is Outcome.NOT_STARTED
    assert 'role "nobody" does not exist' in refused.text
    assert "s3cret" not in refused.text


def test_an_address_that_is_none_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "dsn"
    path.write_text("s3cret")
    result = here(deed, plan(POSTGRES, verb="vacuum", dsn_file=str(path)))
    assert result.outcome is Outcome.NOT_STARTED
    assert result.text == f"{path}: is not an address as libpq takes it"


DSN = "host=db dbname=shop"
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no address": ({"verb": "vacuum"}, "give `dsn` or `dsn_file`"),
    "a password": ({"verb": "vacuum", "dsn": f"{DSN} password=x"}, "has a password in it"),
    "a password in a URL": ({"verb": "vacuum", "dsn": "postgresql://me:x@db/shop"}, "has a password in it"),
    "a password behind it": (
        {"verb": "vacuum", "dsn": "postgresql://db/x?password=x"},
        "has a password in it",
    ),
    "how long is idle": ({"verb": "terminate_idle", "dsn": DSN}, "needs `idle`"),
    "idle elsewhere": ({"verb": "vacuum", "dsn": DSN, "idle": "5m"}, "nothing else has it"),
    "a table there": ({"verb": "terminate_idle", "dsn": DSN, "idle": "5m", "table": "x"}, "has no `table`"),
    "reindex what": ({"verb": "reindex", "dsn": DSN}, "reindex needs `table`"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_faulty_declaration_is_refused(case: str) -> None:
    declared, problem = FAULTS[case]
    with pytest.raises(ValidationError) as caught:
        plan(POSTGRES, **declared)
    assert problem in str(caught.value)


@pytest.mark.parametrize("table", ["a.b.c", ".", "a."])
def test_a_table_s_name_has_two_parts_at_most(table: str) -> None:
    with pytest.raises(ConfigError, match="is not a table's name"):
        plan(POSTGRES, verb="vacuum", dsn=DSN, table=table)
