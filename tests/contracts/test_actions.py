"""Promises of every kind of action."""

import json
import time
from threading import Event, Thread
from typing import Any

import pytest

from ruler.remediation.action import AVAILABLE, LATER, Action, Outcome, Plan
from ruler.remediation.actions import KINDS

# What each kind needs at least, to sleep for long and to fail at once.
SLEEPS: dict[str, dict[str, Any]] = {"command": {"argv": ["sleep", "60"], "undo": ["true"]}}
FAILS: dict[str, dict[str, Any]] = {"command": {"argv": ["/no/such/program"]}}


def a_plan(action: Action, declaration: dict[str, Any]) -> Plan:
    text = json.dumps({"kind": action.kind, **declaration})
    return action.plan(action.config.model_validate_json(text), "restart_service", {})


def test_the_names_are_those_of_the_list() -> None:
    assert tuple(KINDS) == AVAILABLE
    assert not set(KINDS) & set(LATER)
    assert SLEEPS.keys() == FAILS.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_is_described(kind: str) -> None:
    for name, info in KINDS[kind].config.model_fields.items():
        assert info.description, name


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_survives_storage(kind: str) -> None:
    action = KINDS[kind]
    plan = a_plan(action, SLEEPS[kind])
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert plan.kind == kind
    assert plan.text
    back = action.undo(plan)
    assert back is None or action.undo(back) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_is_pure(kind: str) -> None:
    assert a_plan(KINDS[kind], SLEEPS[kind]) == a_plan(KINDS[kind], SLEEPS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_world_does_is_a_result(kind: str) -> None:
    result = KINDS[kind].execute(a_plan(KINDS[kind], FAILS[kind]), 5_000, Event())
    assert not result.ok
    assert result.text
    assert len(result.output) < 20_000


@pytest.mark.parametrize("kind", KINDS)
def test_it_ends_at_its_deadline(kind: str) -> None:
    started = time.monotonic()
    result = KINDS[kind].execute(a_plan(KINDS[kind], SLEEPS[kind]), 200, Event())
    assert result.outcome is Outcome.TIMEOUT
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("kind", KINDS)
def test_it_ends_when_cancelled(kind: str) -> None:
    cancel, results = Event(), []
    plan = a_plan(KINDS[kind], SLEEPS[kind])
    thread = Thread(target=lambda: results.append(KINDS[kind].execute(plan, 60_000, cancel)))
    thread.start()
    cancel.set()
    thread.join(5)
    assert [result.outcome for result in results] == [Outcome.CANCELLED]
