"""A real PostgreSQL, and what is made of its figures."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter.collector import Context
from exporter.collectors.postgres import Database, Postgres, Reading, Settings, Standby, families
from exporter.pools import consistent
from promkit.errors import Unavailable
from promkit.secret import Secret
from tests.builders.postgres import Postgres as Server
from tests.builders.postgres import postgres, standby_of
from tests.builders.sources import values

WITHIN_S = 20.0
A = Database("shop", commits=10, rollbacks=1, deadlocks=2, hits=100, reads=50, size_bytes=8_000)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres("max_connections=20", "deadlock_timeout=50ms") as running:
        yield running


def source(dsn: str) -> Postgres:
    return Postgres(Settings(name="main", dsn=Secret(dsn)), Context(), "postgres/main")


def until(collector: Postgres, condition: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    deadline = time.monotonic() + WITHIN_S
    while not condition(found := values(collector.collect(0))):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def a_reading(*databases: Database, standbys: tuple[Standby, ...] = ()) -> Reading:
    return Reading(20, {"active": 1, "idle": 3}, 0, 1.5, databases, standbys)


def test_families() -> None:
    before = a_reading(Database("shop", 0, 0, 0, hits=70, reads=40, size_bytes=0))
    reading = a_reading(A, standbys=(Standby("a@local", 0.25, 64), Standby("main", 0.5)))
    assert values(consistent(families("main", reading, before))) == {
        'resource_pool_in_use{pool="main", type="connections"}': 4,
        'resource_pool_size{pool="main", type="connections"}': 20,
        'resource_pool_utilization_ratio{pool="main", type="connections"}': 0.2,
        'postgres_connections{server="main", state="active"}': 1,
        'postgres_connections{server="main", state="idle"}': 3,
        'postgres_longest_transaction_seconds{server="main"}': 1.5,
        'postgres_locks_waiting{server="main"}': 0,
        'postgres_transactions_total{database="shop", outcome="commit", server="main"}': 10,
        'postgres_transactions_total{database="shop", outcome="rollback", server="main"}': 1,
        'postgres_deadlocks_total{database="shop", server="main"}': 2,
        'postgres_blocks_total{database="shop", found="cache", server="main"}': 100,
        'postgres_blocks_total{database="shop", found="disk", server="main"}': 50,
        'postgres_cache_hit_ratio{database="shop", server="main"}': 0.75,
        'postgres_database_size_bytes{database="shop", server="main"}': 8_000,
        'postgres_replication_lag_seconds{server="main", standby="a@local"}': 0.25,
        'postgres_replication_lag_bytes{server="main", standby="a@local"}': 64,
        'postgres_replication_lag_seconds{server="main", standby="main"}': 0.5,
    }


WITHOUT_RATIO = {
    "the first run": None,
    "nothing was needed": a_reading(A),
    "a database that is new": a_reading(),
    "statistics that began anew": a_reading(Database("shop", 0, 0, 0, hits=1_000, reads=0, size_bytes=0)),
}


@pytest.mark.parametrize("before", WITHOUT_RATIO.values(), ids=WITHOUT_RATIO)
def test_a_share_of_nothing_is_none(before: Reading | None) -> None:
    found = values(families("main", a_reading(A), before))
    assert not any(name.startswith("postgres_cache_hit_ratio") for name in found)


@pytest.mark.service
def test_a_real_server(server: Server) -> None:
    collector = source(server.dsn)
    size = 'resource_pool_size{pool="main", type="connections"}'
    waits = 'postgres_connections{server="main", state="idle in transaction"}'
    commits = 'postgres_transactions_total{database="postgres", outcome="commit", server="main"}'
    before = values(collector.collect(0))
    assert before[size] == 20
    assert waits not in before
    assert before['postgres_database_size_bytes{database="postgres", server="main"}'] > 1_000_000
    with server.connect() as holder:
        holder.execute("CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS n")
        with holder.transaction():
            holder.execute("LOCK TABLE t")
            found = until(
                collector,
                lambda found: (
                    found.get(waits) == 1
                    and found['postgres_longest_transaction_seconds{server="main"}'] > 0.1
                ),
            )
            assert found['resource_pool_in_use{pool="main", type="connections"}'] == 2
            waiter = threading.Thread(target=server.run, args=("SELECT n FROM t",))
            waiter.start()
            until(collector, lambda found: found['postgres_locks_waiting{server="main"}'] == 1)
        waiter.join(WITHIN_S)
    found = until(collector, lambda found: found[commits] > before[commits])
    assert waits not in found
    assert 0 < found['postgres_cache_hit_ratio{database="postgres", server="main"}'] <= 1


@pytest.mark.service
def test_a_standby_and_its_primary_agree(server: Server) -> None:
    with standby_of(server) as standby:
        theirs = 'postgres_replication_lag_bytes{server="main", standby="walreceiver@127.0.0.1"}'
        until(source(server.dsn), lambda found: found.get(theirs) == 0)
        own = 'postgres_replication_lag_seconds{server="main", standby="main"}'
        until(source(standby.dsn), lambda found: found.get(own) == 0)


@pytest.mark.service
def test_what_a_user_needs(server: Server) -> None:
    server.run("CREATE ROLE watcher LOGIN")
    dsn = server.dsn.replace("postgres@", "watcher@")
    with pytest.raises(Unavailable, match="may not read the server's statistics: run GRANT pg_monitor"):
        source(dsn).collect(0)
    server.run("GRANT pg_monitor TO watcher")
    assert 'postgres_locks_waiting{server="main"}' in values(source(dsn).collect(0))


@pytest.mark.service
def test_who_may_not_come_in_is_one_line_without_the_password(server: Server) -> None:
    with pytest.raises(Unavailable, match="nobody") as raised:
        source(f"postgresql://nobody:hunter22@127.0.0.1:{server.port}/postgres").collect(0)
    assert "hunter22" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="connection") as raised:
        source("postgresql://u:hunter22@127.0.0.1:1/hunter22").collect(0)
    assert "hunter22" not in str(raised.value)
    file = tmp_path / "dsn"
    file.write_text("host=127.0.0.1 pass word=hunter22")
    with pytest.raises(Unavailable, match="is no address of a PostgreSQL server") as raised:
        Postgres(Settings(name="a", dsn_file=file), Context(), "postgres/a").collect(0)
    assert "hunter22" not in str(raised.value)


def test_it_needs_one_address() -> None:
    for dsn, file in ((None, None), (Secret("host=a"), Path("b"))):
        with pytest.raises(ValueError, match="one of the two"):
            Settings(name="a", dsn=dsn, dsn_file=file)
    with pytest.raises(ValueError, match="is written postgresql://") as raised:
        Settings(name="a", dsn=Secret("mysql://u:hunter22@h"))
    assert "hunter22" not in str(raised.value)
