"""A container is told what was declared, by an engine's recorded answers over a unix socket."""

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from pydantic import ValidationError

from ruler.remediation.action import Outcome, Result
from ruler.remediation.actions.docker import DOCKER
from ruler.remediation.deeds.docker import do as deed
from tests.builders.deeds import back, do, here, plan
from tests.builders.engine import Engine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine(tmp_path)
    yield made
    made.close()


def test_it_restarts_the_container_that_the_target_names(engine: Engine) -> None:
    """Through the process of its own, as in the ruler."""
    parameters = {"service": {"enum": ["web", "db"], "target": True}}
    planned = plan(
        DOCKER, {"service": "web"}, verb="restart", host=engine.url, grace="3s", parameters=parameters
    )
    assert planned.text == f"restart container web on {engine.url}"
    assert planned.target == "web"
    result = do(DOCKER, planned)
    assert result.ok
    assert result.text == "restart of container web: was running, is running"
    assert engine.asked == ["/containers/web/restart?t=3"]


BACKS = {  # verb, state before, what the way back asks for
    "stopped": ("stop", "running", "start"),
    "started": ("start", "exited", "stop?t=10"),
    "paused": ("pause", "running", "unpause"),
    "unpaused": ("unpause", "paused", "pause"),
    "stopped, was down already": ("stop", "exited", None),
    "started, was up already": ("start", "running", None),
    "restarted": ("restart", "running", None),
}


@pytest.mark.parametrize("case", BACKS)
def test_only_what_it_changed_is_taken_back(case: str, engine: Engine) -> None:
    verb, engine.state, asked = BACKS[case]
    planned = plan(DOCKER, verb=verb, container="web", host=engine.url)
    result = here(deed, planned)
    assert result.ok
    undo = DOCKER.undo(planned, result)
    assert (undo is None) is (asked is None)
    if undo is not None:
        assert here(deed, undo).ok
        assert engine.asked[-1] == f"/containers/web/{asked}"


def test_after_a_crash_it_is_not_guessed_what_was_changed() -> None:
    planned = plan(DOCKER, verb="stop", container="web")
    assert back(DOCKER, planned, Result(Outcome.UNKNOWN)) is None


def test_what_the_engine_says_is_told(engine: Engine) -> None:
    gone = here(deed, plan(DOCKER, verb="start", container="nope", host=engine.url))
    assert gone.outcome is Outcome.NOT_STARTED
    said = 'no container with name or ID "nope" found: no such container (HTTP status 404)'
    assert gone.text == said
    engine.after["pause"] = None
    refused = here(deed, plan(DOCKER, verb="pause", container="web", host=engine.url))
    assert refused.outcome is Outcome.FAILED
    assert "cannot pause without using Cgroups" in refused.text


def test_a_container_that_does_not_stay_up_is_a_failure(engine: Engine) -> None:
    engine.after["restart"] = "exited"
    result = here(deed, plan(DOCKER, verb="restart", container="web", host=engine.url))
    assert result.outcome is Outcome.FAILED
    assert result.text == "container web is exited, exit code 0"


def test_where_no_engine_listens_nothing_was_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    result = do(DOCKER, plan(DOCKER, verb="start", container="web"))
    assert result.outcome is Outcome.NOT_STARTED
    assert "No such file" in result.text


def test_cancelled_the_request_ends_and_says_how_far_it_was(engine: Engine) -> None:
    engine.hangs.set()
    cancel, results = Event(), []
    planned = plan(DOCKER, verb="stop", container="web", host=engine.url)
    thread = Thread(target=lambda: results.append(do(DOCKER, planned, cancel=cancel)))
    thread.start()
    deadline = time.monotonic() + 20
    while not engine.asked:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    cancel.set()
    thread.join(10)
    assert results[0].outcome is Outcome.CANCELLED
    assert results[0].text == "ended on request: container web was running"
    assert results[0].before == {"state": "running"}


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no container": ({"verb": "stop"}, "needs `container`"),
    "half a certificate": ({"verb": "stop", "container": "x", "ca_file": "/x"}, "go together"),
    "certificates for a socket": (
        {"verb": "stop", "container": "x", "ca_file": "/x", "cert_file": "/x", "key_file": "/x"},
        "begins with tcp://",
    ),
    "another protocol": ({"verb": "stop", "container": "x", "host": "ssh://x"}, "unix:/// or tcp://"),
    "a grace that is too long": ({"verb": "stop", "container": "x", "grace": "2m"}, "not shorter than"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_faulty_declaration_is_refused(case: str) -> None:
    declared, problem = FAULTS[case]
    with pytest.raises(ValidationError) as caught:
        plan(DOCKER, **declared)
    assert problem in str(caught.value)
