"""Executions in threads: bounded, cancelled, ended with the process, and never lost to a bug."""

import threading
import time
from collections.abc import Callable

import pytest

from ruler.remediation import Outcome, Plan, Result
from ruler.remediation.runner import SLOTS, Runner

PLAN = Plan("restart_service", "command", "api", "restart api", 1_000)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ruler.remediation.runner._LET_FINISH_MS", 50)


def until(condition: Callable[[], bool], within_s: float = 5) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        threading.Event().wait(0.005)


def wait_for_cancel(_plan: Plan, _timeout_ms: int, cancel: threading.Event) -> Result:
    cancel.wait(10)
    return Result(Outcome.CANCELLED)


def test_results_come_through_the_queue_and_wake_who_waits() -> None:
    woken = threading.Event()
    runner = Runner(woken.set)
    runner.submit(7, PLAN, lambda plan, timeout_ms, cancel: Result(Outcome.DONE, plan.text))
    assert woken.wait(5)
    assert runner.has(7)
    assert runner.results() == [(7, Result(Outcome.DONE, "restart api"))]
    assert not runner.has(7)


def test_a_bounded_number_at_a_time() -> None:
    runner = Runner(lambda: None)
    for run_id in range(SLOTS):
        assert runner.free()
        runner.submit(run_id, PLAN, wait_for_cancel)
    assert not runner.free()
    runner.cancel(2)
    until(lambda: runner.results() == [(2, Result(Outcome.CANCELLED))])
    assert runner.free()
    runner.close()


def test_close_ends_what_runs() -> None:
    runner = Runner(lambda: None)
    runner.submit(1, PLAN, wait_for_cancel)
    runner.close()
    assert runner.results() == [(1, Result(Outcome.CANCELLED))]
    assert not runner.free()


def test_a_bug_in_an_action_is_a_result_too(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda args: shown.set())
    runner = Runner(lambda: None)

    def buggy(_plan: Plan, _timeout_ms: int, _cancel: threading.Event) -> Result:
        raise ZeroDivisionError

    runner.submit(1, PLAN, buggy)
    assert shown.wait(5), "its traceback is lost"
    [(_, result)] = runner.results()
    assert not result.ok
    assert "bug" in result.text
