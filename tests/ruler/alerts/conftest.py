"""A state.db on the disk, and a book on it that can be opened again as after a restart."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ruler.alerts import Book
from ruler.database import Database


@pytest.fixture
def open_book(tmp_path: Path) -> Iterator[Callable[[], Book]]:
    opened: list[Database] = []

    def open_() -> Book:
        opened.append(Database.open(f"sqlite:///{tmp_path}/state.db"))
        return Book(opened[-1], external_url="http://ruler.example:19090")

    yield open_
    for database in opened:
        database.close()


@pytest.fixture
def book(open_book: Callable[[], Book]) -> Book:
    return open_book()
