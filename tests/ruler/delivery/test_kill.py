"""kill -9 between firing and sending: told once after the return, at most one repeat; the end is told too."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tests.builders.delivery import Hook, until

PROGRAM = """
import sys
from promkit.process import SYSTEM_CLOCK, Supervisor
from ruler.alerts import Book, PostedAlert
from ruler.database import Database
from ruler.delivery import Delivery
from tests.builders.delivery import a_hook

state, url, deed = sys.argv[1:]
database = Database.open(f"sqlite:///{state}")
book = Book(database)
setup = a_hook(url, wait="200ms", interval="400ms")
delivery = Delivery(setup, book, database, SYSTEM_CLOCK, external_url="http://r")
book.listen(delivery.hear)
supervisor = Supervisor()
delivery.start(supervisor)
now_ms = SYSTEM_CLOCK.now_ms()
alert = {"alertname": "A"}
if deed == "fire":
    book.post([PostedAlert(alert, ends_ms=now_ms + 600_000)], now_ms)
if deed == "resolve":
    book.post([PostedAlert(alert, ends_ms=now_ms)], now_ms)
print("ready", flush=True)
sys.stdin.read()
"""
ROOT = Path(__file__).resolve().parents[3]


class Process:
    """One life of it."""

    def __init__(self, state: Path, hook: Hook, deed: str = "") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(state), hook.url, deed],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


def waiting(state: Path) -> int:
    """How many messages the outbox holds, seen from outside."""
    with closing(sqlite3.connect(state)) as connection:
        count: int = connection.execute("select count(*) from outbox").fetchone()[0]
        return count


def test_killed_while_the_group_waits(tmp_path: Path, hook: Hook) -> None:
    Process(tmp_path / "state.db", hook, "fire").kill()
    assert not hook.got
    second = Process(tmp_path / "state.db", hook)
    try:
        until(lambda: hook.told() == [("firing", ["A:firing"])])
    finally:
        second.kill()


def test_killed_while_the_receiver_is_away(tmp_path: Path, hook: Hook) -> None:
    hook.answer(status=503)
    first = Process(tmp_path / "state.db", hook, "fire")
    until(lambda: hook.got)
    first.kill()
    second = Process(tmp_path / "state.db", hook, "resolve")
    hook.answer(status=200)
    try:
        until(lambda: len(hook.told()) == 2)
        assert hook.told() == [("firing", ["A:firing"]), ("resolved", ["A:resolved"])]
    finally:
        second.kill()


def test_killed_while_the_message_is_on_its_way(tmp_path: Path, hook: Hook) -> None:
    hook.answer(wait_s=0.5)
    first = Process(tmp_path / "state.db", hook, "fire")
    until(lambda: hook.got)
    first.kill()
    hook.answer(status=200)
    second = Process(tmp_path / "state.db", hook)
    try:
        until(lambda: len(hook.got) == 2)
        first_key, second_key = (got.headers["Idempotency-Key"] for got in hook.got)
        assert first_key == second_key
        until(lambda: waiting(tmp_path / "state.db") == 0)
    finally:
        second.kill()
    third = Process(tmp_path / "state.db", hook, "resolve")
    try:
        until(lambda: hook.told()[-1] == ("resolved", ["A:resolved"]))
    finally:
        third.kill()
    assert [status for status, _ in hook.told()] == ["firing", "firing", "resolved"]
