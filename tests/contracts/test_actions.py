"""Promises of every kind of action."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from pydantic import TypeAdapter

from ruler.remediation.action import Action, Outcome, Plan, Result
from ruler.remediation.actions import KINDS, AnyAction
from tests.builders.processes import free_port
from tests.builders.raw_server import RawServer

SECRET = "s3cret-and-long"
TARGET = {"parameters": {"which": {"enum": ["a", "b"], "target": True}}}
SYSTEMCTL = """#!/bin/sh
case "$*" in
*" show "*) echo LoadState=loaded; echo ActiveState=active; echo SubState=running; echo Result=success ;;
*missing*) echo no such unit; exit 5 ;;
*) exec sleep 60 ;;
esac
"""


@dataclass
class World:
    """What actions meet: a server that never answers, a port where nobody is, a process that stays."""

    folder: Path
    silent: int
    nobody: int
    pid: int

    def secret(self) -> str:
        path = self.folder / "secret"
        path.write_text(SECRET)
        return str(path)

    def pid_file(self) -> str:
        path = self.folder / "pid"
        path.write_text(str(self.pid))
        return str(path)


def _stay_silent() -> None:
    Event().wait(30)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    program = tmp_path / "systemctl"
    program.write_text(SYSTEMCTL)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    server = RawServer(lambda client, request: _stay_silent())
    with subprocess.Popen(["sleep", "60"]) as staying:
        yield World(tmp_path, server.port, free_port(), staying.pid)
        staying.kill()
    server.close()


Declare = Callable[[World], dict[str, Any]]

# What each kind needs at least: to wait for long, and to fail at once.
SLEEPS: dict[str, Declare] = {
    "command": lambda world: {"argv": ["sleep", "60"], "undo": ["true"]},
    "docker": lambda world: {
        "verb": "stop",
        "container": "web",
        "host": f"tcp://127.0.0.1:{world.silent}",
    },
    "kubernetes": lambda world: {
        "verb": "scale",
        "namespace": "shop",
        "name": "web",
        "by": 1,
        "min": 1,
        "max": 3,
        "url": f"http://127.0.0.1:{world.silent}",
        "token_file": world.secret(),
    },
    "postgres": lambda world: {
        "verb": "vacuum",
        "dsn": f"host=127.0.0.1 port={world.silent} user=x dbname=x",
    },
    "process": lambda world: {"signal": "CONT", "pid_file": world.pid_file(), "wait": "gone"},
    "systemd": lambda world: {"verb": "stop", "unit": "api"},
    "webhook": lambda world: {
        "url": f"http://127.0.0.1:{world.silent}/scale",
        "undo": {"url": f"http://127.0.0.1:{world.silent}/back"},
        "header_files": {"X-Key": world.secret()},
        "bearer_token_file": world.secret(),
    },
}
FAILS: dict[str, Declare] = {
    "command": lambda world: {"argv": ["/no/such/program"]},
    "docker": lambda world: {
        "verb": "stop",
        "container": "web",
        "host": f"tcp://127.0.0.1:{world.nobody}",
    },
    "kubernetes": lambda world: {
        **SLEEPS["kubernetes"](world),
        "url": f"http://127.0.0.1:{world.nobody}",
    },
    "postgres": lambda world: {"verb": "vacuum", "dsn_file": world.secret()},
    "process": lambda world: {"signal": "TERM", "pid_file": "/no/such/file"},
    "systemd": lambda world: {"verb": "stop", "unit": "missing"},
    "webhook": lambda world: {
        **SLEEPS["webhook"](world),
        "url": None,
        "url_file": world.secret(),
    },
}
# What a kind found before it did anything, where its way back needs that.
FOUND: dict[str, dict[str, Any]] = {
    "docker": {"state": "running"},
    "kubernetes": {"replicas": 2, "asked": 3},
    "systemd": {"LoadState": "loaded", "ActiveState": "active"},
}
WITHOUT_WAY_BACK = {"postgres", "process"}


def a_plan(action: Action, declaration: dict[str, Any], **parameters: str) -> Plan:
    text = json.dumps({"kind": action.kind, **declaration})
    return action.plan(action.config.model_validate_json(text), "restart_service", parameters)


def test_each_kind_is_looked_at_here() -> None:
    assert SLEEPS.keys() == FAILS.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_its_name_chooses_it_in_ruler_yml(kind: str, world: World) -> None:
    text = json.dumps({"kind": kind, **SLEEPS[kind](world)})
    assert type(TypeAdapter(AnyAction).validate_json(text, strict=True)) is KINDS[kind].config


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_is_described(kind: str) -> None:
    for name, info in KINDS[kind].config.model_fields.items():
        assert info.description, name


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_survives_storage(kind: str, world: World) -> None:
    plan = a_plan(KINDS[kind], SLEEPS[kind](world))
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert plan.kind == kind
    assert plan.text


@pytest.mark.parametrize("kind", KINDS)
def test_a_way_back_survives_storage_and_has_none_itself(kind: str, world: World) -> None:
    action = KINDS[kind]
    result = Result(Outcome.TIMEOUT, before=FOUND.get(kind, {}))
    result = Result.from_json(json.loads(json.dumps(result.to_json())))
    back = action.undo(a_plan(action, SLEEPS[kind](world)), result)
    assert (back is None) is (kind in WITHOUT_WAY_BACK)
    if back is not None:
        assert Plan.from_json(json.loads(json.dumps(back.to_json()))) == back
        assert action.undo(back, result) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_is_pure(kind: str, world: World) -> None:
    assert a_plan(KINDS[kind], SLEEPS[kind](world)) == a_plan(KINDS[kind], SLEEPS[kind](world))


@pytest.mark.parametrize("kind", KINDS)
def test_limits_count_by_its_target(kind: str, world: World) -> None:
    plan = a_plan(KINDS[kind], {**SLEEPS[kind](world), **TARGET}, which="b")
    assert plan.target == "b"


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_world_does_is_a_result(kind: str, world: World) -> None:
    plan = a_plan(KINDS[kind], FAILS[kind](world))
    result = KINDS[kind].execute(plan, 20_000, Event())
    assert result.outcome in {Outcome.NOT_STARTED, Outcome.FAILED}
    assert result.text
    assert "Traceback" not in result.output
    assert len(result.output) < 20_000
    assert SECRET not in json.dumps([plan.to_json(), result.to_json()]) + repr(plan) + repr(result)


@pytest.mark.parametrize("kind", KINDS)
def test_it_ends_at_its_deadline(kind: str, world: World) -> None:
    started = time.monotonic()
    result = KINDS[kind].execute(a_plan(KINDS[kind], SLEEPS[kind](world)), 200, Event())
    assert result.outcome is Outcome.TIMEOUT
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("kind", KINDS)
def test_it_ends_when_cancelled(kind: str, world: World) -> None:
    cancel, results = Event(), []
    plan = a_plan(KINDS[kind], SLEEPS[kind](world))
    thread = Thread(target=lambda: results.append(KINDS[kind].execute(plan, 60_000, cancel)))
    thread.start()
    cancel.set()
    thread.join(5)
    assert [result.outcome for result in results] == [Outcome.CANCELLED]
