"""The book when the disk fails at any statement, and when many use it at once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from promkit.errors import LuminaError, Unavailable
from promkit.labels import Labels
from promkit.matchers import Matcher, MatchOp
from ruler.alerts import Book, Happening, PostedAlert, Silence, Transition
from ruler.database import Database
from ruler.rules import Timing
from tests.builders.rules import NOW_MS, STEP_MS, a_rule, alert_labels, an_evaluation

RULE = a_rule(timing=Timing(for_ms=STEP_MS))
A = alert_labels(RULE, instance="a")
SILENCE = Silence("", (Matcher("a", MatchOp.EQUAL, "b"),), NOW_MS, NOW_MS + 3_600_000, 0, "ann", "")
POSTED = Labels({"alertname": "X"}).fingerprint_hex()


def advance(after_ms: int, *, breached: bool) -> Callable[[Book], object]:
    now_ms = NOW_MS + after_ms
    evaluation = an_evaluation(RULE, now_ms, [A] if breached else [], present=[A])
    return lambda book: book.advance(evaluation, now_ms)


COURSE: dict[str, Callable[[Book], object]] = {
    "pending": advance(0, breached=True),
    "posted": lambda book: book.post([PostedAlert({"alertname": "X"})], NOW_MS + 1),
    "firing": advance(STEP_MS, breached=True),
    "acknowledged": lambda book: book.acknowledge(A.fingerprint_hex(), "ann", "", NOW_MS + STEP_MS + 1),
    "escalated": lambda book: book.record(
        [Transition(NOW_MS, Happening.ESCALATED, book.alert(A.fingerprint_hex()), {"level": "1"})]
    ),
    "silenced": lambda book: book.silence(SILENCE, NOW_MS),
    "switched off": lambda book: book.override("other", False, "ann", NOW_MS),
    "stepped": lambda book: book.clock_stepped(1_000, NOW_MS),
    "closed": lambda book: book.resolve(POSTED, "ann", NOW_MS + 2 * STEP_MS),
    "resolved": advance(4 * STEP_MS, breached=False),
    "expired": lambda book: book.expire(NOW_MS + 3_600_000 * 24 * 7),
}


@contextmanager
def failing_at(database: Database, statement: int) -> Iterator[None]:
    """Let the n-th statement that writes fail, as a full disk does."""
    left = [statement]

    def fail(_connection: object, _cursor: object, sql: str, *_more: object) -> None:
        if not sql.startswith("SELECT"):
            left[0] -= 1
            if left[0] < 0:
                raise OperationalError(sql, {}, Exception("database or disk is full"))

    event.listen(database._engine, "before_cursor_execute", fail)
    try:
        yield
    finally:
        event.remove(database._engine, "before_cursor_execute", fail)


def seen(book: Book) -> object:
    now_ms = NOW_MS + 2
    alerts = sorted(book.alerts(), key=lambda alert: alert.fingerprint)
    return alerts, book.states(RULE.id), book.silences(now_ms), book.overrides(), book.transitions(0, 100)


def test_a_deed_that_fails_leaves_all_as_it_was_and_can_be_done_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    database = Database.open(url)
    book = Book(database)
    book.adopt([RULE], NOW_MS)
    heard: list[Transition] = []
    book.listen(heard.extend)
    failures = 0
    for name, deed in COURSE.items():
        for statement in range(20):
            before, told = seen(book), len(heard)
            try:
                with failing_at(database, statement):
                    deed(book)
            except Unavailable:
                failures += 1
                # What ends by itself ends one by one.
                assert seen(book) == before or name == "expired"
                assert len(heard) == told
                again = Database.open(url)
                restarted = Book(again)
                restarted.adopt([RULE], NOW_MS)
                assert seen(restarted) == seen(book)
                again.close()
            else:
                break
        else:
            pytest.fail("it never succeeds")
    assert failures > 20
    assert heard == book.transitions(0, 100)
    assert book.alerts() == []
    database.close()


def test_many_threads_at_once(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path}/state.db")
    book = Book(database)
    heard: list[int] = []
    book.listen(lambda transitions: heard.extend(one.seq for one in transitions))
    errors: list[BaseException] = []
    fingerprint = A.fingerprint_hex()

    def rules() -> None:
        for index in range(60):
            advance(index * STEP_MS, breached=index % 3 != 0)(book)

    def posts() -> None:
        for index in range(60):
            book.post(
                [PostedAlert({"alertname": f"P{index % 5}"}, ends_ms=NOW_MS + index % 2 * 10**9)], NOW_MS
            )

    def people() -> None:
        for index in range(60):
            try:
                book.acknowledge(fingerprint, "ann", "", NOW_MS)
                book.resolve(fingerprint, "ann", NOW_MS + index)
            except LuminaError:
                book.silence(SILENCE, NOW_MS)

    def transactions() -> None:
        for _ in range(60):
            with database.write():
                alerts = book.alerts()
                book.record([Transition(NOW_MS, Happening.NOTIFIED, alert) for alert in alerts[:1]])

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told by the test
            errors.append(error)

    threads = [
        threading.Thread(target=run, args=(work,), daemon=True)
        for work in (rules, posts, people, transactions)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert errors == []
    stored = [transition.seq for transition in book.transitions(0, 10_000)]
    assert sorted(heard) == stored == list(range(1, len(stored) + 1))
    again = Book(database)
    assert {alert.fingerprint: alert.phase for alert in again.alerts()} == {
        alert.fingerprint: alert.phase for alert in book.alerts()
    }
    database.close()


def test_the_timeline_is_bounded_by_age_and_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database.open(f"sqlite:///{tmp_path}/state.db")
    book = Book(database)
    for index in range(6):
        advance(index * STEP_MS, breached=index % 2 == 0)(book)
    count = len(book.transitions(0, 100))
    day_ms = 86_400_000
    book.expire(NOW_MS + 399 * day_ms)
    assert len(book.transitions(0, 100)) == count
    monkeypatch.setattr("ruler.alerts.history.ROWS_MAX", 4)
    book.expire(NOW_MS + 399 * day_ms + 3_600_000)
    assert [one.seq for one in book.transitions(0, 100)] == list(range(count - 3, count + 1))
    book.expire(NOW_MS + 401 * day_ms)
    assert [one.seq for one in book.transitions(0, 100)] == [count]  # numbers never come twice
    database.close()
