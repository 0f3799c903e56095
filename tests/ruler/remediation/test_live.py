"""The whole room with its real worker, threads, programs and clock."""

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from promkit.labels import Labels
from promkit.process import SYSTEM_CLOCK, Supervisor
from ruler.alerts.book import Book
from ruler.database import Database
from ruler.promql import Engine, Options
from ruler.remediation import Remediation, RemediationConfig, RunPhase
from ruler.rules import Breach, Evaluation, Group
from tests.builders.remediation import a_sick_rule
from tests.builders.rules import alert_labels
from tests.builders.series import ListSource

RULE = a_sick_rule()
LABELS = alert_labels(RULE)


def until(condition: Callable[[], bool], within_s: float = 10) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        threading.Event().wait(0.01)


class Room:
    """A ruler's alerts and remediation as main joins them; `code` is the program that restarts."""

    def __init__(self, folder: Path, code: str) -> None:
        action: dict[str, Any] = {
            "kind": "command",
            "argv": [sys.executable, "-c", code, "{service}"],
            "directory": str(folder),
            "parameters": {"service": {"enum": ["api"], "target": True}},
        }
        text = json.dumps({"enabled": True, "actions": {"restart_service": action}})
        self.source = ListSource()
        self.engine = Engine(self.source, Options())
        self.database = Database.open(f"sqlite:///{folder}/state.db")
        self.book = Book(self.database)
        self.remediation = Remediation(
            RemediationConfig.model_validate_json(text), self.book, self.database, self.engine
        )
        config = self.remediation._desk.world.config
        self.remediation.reload(config, [Group("g", "rules.yml", 200, (RULE,))])
        self.book.adopt([RULE], SYSTEM_CLOCK.now_ms())
        self.book.listen(self.remediation.hear)
        self.supervisor = Supervisor()
        self.remediation.start(self.supervisor)

    def evaluate(self, *, breached: bool) -> None:
        now_ms = SYSTEM_CLOCK.now_ms()
        self.source.add(Labels({"__name__": "errors"}), [(now_ms, 9.0 if breached else 1.0)])
        breaching = [Breach(LABELS, 9.0, {})] if breached else []
        self.book.advance(Evaluation(RULE, now_ms, breaching, present=frozenset([LABELS])), now_ms)

    def phases(self) -> list[RunPhase]:
        return [run.phase for run in self.remediation.runs()]

    def stop(self) -> None:
        assert self.supervisor.stop()
        self.database.close()


def test_an_alert_has_a_program_run_and_is_seen_to_recover(tmp_path: Path) -> None:
    room = Room(tmp_path, "import sys; open('restarted', 'w').write(sys.argv[1])")
    try:
        room.evaluate(breached=True)
        until(lambda: room.phases() == [RunPhase.VERIFYING])
        assert (tmp_path / "restarted").read_text() == "api"
        room.evaluate(breached=False)
        until(lambda: room.phases() == [RunPhase.RECOVERED])
    finally:
        room.stop()


def test_a_run_is_ended_when_the_ruler_stops_and_verified_after_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ruler.remediation.runner._LET_FINISH_MS", 50)
    room = Room(tmp_path, "import time; open('up', 'w').close(); time.sleep(60)")
    room.evaluate(breached=True)
    until((tmp_path / "up").exists)
    started = time.monotonic()
    room.stop()
    assert time.monotonic() - started < 8
    room = Room(tmp_path, "raise SystemExit('never run twice')")
    try:
        assert room.phases() == [RunPhase.VERIFYING]
        room.evaluate(breached=False)
        until(lambda: room.phases() == [RunPhase.RECOVERED])
        detail = [one.detail for one in room.book.transitions(0, 100) if "success" in one.detail]
        assert [one["success"] for one in detail] == ["unknown"]
    finally:
        room.stop()
