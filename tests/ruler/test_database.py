"""Transactions: whole or not at all, and what is told only after them."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from ruler.database import Database, breakers

ROW = {"rule": "r", "action": "a", "failures": 1, "opened_ms": None}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(f"sqlite:///{tmp_path}/state.db")
    yield database
    database.close()


def rules_of(database: Database) -> Sequence[str]:
    with database.read() as connection:
        return connection.execute(select(breakers.c.rule)).scalars().all()


def fail_after_writing(database: Database, told: list[str]) -> None:
    with database.write() as connection:
        connection.execute(insert(breakers).values(ROW))
        database.after_commit(lambda: told.append("told"))
        raise ZeroDivisionError


def test_after_commit_is_called_once_the_outermost_transaction_is_stored(database: Database) -> None:
    seen: list[Sequence[str]] = []

    def write_and_look() -> None:
        with database.write():
            seen.append(rules_of(database))

    def another_thread_writes() -> None:
        other = threading.Thread(target=write_and_look)
        other.start()
        other.join(5)

    with database.write():
        with database.write() as inner:
            inner.execute(insert(breakers).values(ROW))
            database.after_commit(another_thread_writes)
        assert seen == []
    assert seen == [["r"]]
    with database.write():
        pass
    assert seen == [["r"]]


def test_a_failed_transaction_writes_nothing_and_forgets_its_callbacks(database: Database) -> None:
    told: list[str] = []
    with pytest.raises(ZeroDivisionError):
        fail_after_writing(database, told)
    with database.write():
        pass
    assert told == []
    assert rules_of(database) == []


def test_callbacks_wait_for_whoever_looked_before_writing(database: Database) -> None:
    told: list[str] = []
    with database.exclusive():
        with database.write():
            database.after_commit(lambda: told.append("told"))
        assert told == []
    assert told == ["told"]


def test_in_memory_a_reader_does_not_undo_what_another_thread_writes() -> None:
    database = Database.open("sqlite://")
    seen: list[Sequence[str]] = []
    with database.write() as connection:
        connection.execute(insert(breakers).values(ROW))
        reader = threading.Thread(target=lambda: seen.append(rules_of(database)))
        reader.start()
        assert rules_of(database) == ["r"]
    reader.join(5)
    assert seen == [["r"]]
    database.close()
