"""A program runs without a shell, alone with its environment, and never longer than it may."""

import os
import sys
import time
from pathlib import Path
from threading import Event, Timer
from typing import Any

import pytest
from pydantic import ValidationError

from promkit.errors import ConfigError
from ruler.remediation.action import Outcome, Result
from ruler.remediation.actions.command import COMMAND, Config
from ruler.remediation.parameters import Declared
from ruler.remediation.program import OUTPUT_BYTES_MAX

PYTHON = sys.executable
ANY_TEXT = Declared(pattern=".*")
DONE = Result(Outcome.DONE)


def a_config(*argv: str, **fields: Any) -> Config:
    return Config(kind="command", argv=argv, **fields)


def run(config: Config, parameters: dict[str, Any] | None = None, cancel: Event | None = None) -> Result:
    plan = COMMAND.plan(config, "restart_service", parameters or {})
    return COMMAND.execute(plan, plan.timeout_ms, cancel or Event())


def script(code: str, **fields: Any) -> Config:
    return a_config(PYTHON, "-c", code.replace("{", "{{").replace("}", "}}"), **fields)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A process that has ended stays in the table until its parent, here init, takes note.
    return " Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")


def gone(pid: int, within_s: float = 5) -> bool:
    deadline = time.monotonic() + within_s
    while is_alive(pid):
        if time.monotonic() > deadline:
            return False
        Event().wait(0.01)
    return True


NASTY = "$(touch pwned) `id` ; rm -rf / & | > x * ~ \"' {x} %s ünï"


def test_a_parameter_stays_one_argument_whatever_is_in_it(tmp_path: Path) -> None:
    config = a_config(
        PYTHON,
        "-c",
        "import sys; print(sys.argv[1:])",
        "{x}",
        "--unit={x}",
        parameters={"x": ANY_TEXT},
        directory=tmp_path,
        environment={"PYTHONIOENCODING": "utf-8"},
    )
    result = run(config, {"x": NASTY})
    assert result.ok
    assert result.output.strip() == repr([NASTY, f"--unit={NASTY}"])
    assert list(tmp_path.iterdir()) == []


def test_it_gets_path_and_what_was_declared_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LUMINA_SECRET", "s3cret")
    monkeypatch.setenv("PASSED", "yes")
    config = script(
        "import os; print(sorted(os.environ), os.environ['PASSED'], os.getcwd(), os.read(0, 9))",
        environment={"MODE": "fast", "LC_ALL": "C.UTF-8"},
        pass_environment=("PASSED", "ABSENT"),
        directory=tmp_path,
    )
    result = run(config)
    assert result.output.split("] ")[0] + "]" == "['LC_ALL', 'MODE', 'PASSED', 'PATH']"
    assert result.output.split("] ")[1].strip() == f"yes {tmp_path} b''"


ENDS: dict[str, tuple[Config, Outcome, str]] = {
    "well": (script("print('done')"), Outcome.DONE, ""),
    "an exit code": (script("raise SystemExit(3)"), Outcome.FAILED, "exit code 3"),
    "a signal": (script("import os; os.kill(os.getpid(), 9)"), Outcome.FAILED, "ended by signal 9"),
    "no such program": (a_config("/no/such/program"), Outcome.NOT_STARTED, "cannot run /no/such/program"),
    "no such folder": (script("", directory=Path("/no/such/folder")), Outcome.NOT_STARTED, "No such file"),
    "too long": (script("import time; time.sleep(60)", timeout=300), Outcome.TIMEOUT, "ended after 300ms"),
    "too long, in silence": (
        script("import os, time; os.close(1); os.close(2); time.sleep(60)", timeout=300),
        Outcome.TIMEOUT,
        "ended after 300ms",
    ),
}


@pytest.mark.parametrize("case", ENDS)
def test_it_ends(case: str) -> None:
    config, outcome, text = ENDS[case]
    result = run(config)
    assert result.outcome is outcome
    assert text in result.text


def test_output_is_bounded_and_its_end_kept() -> None:
    result = run(script("print('x' * 5_000_000); print('the end')", timeout=20_000))
    assert result.ok
    assert result.output.endswith("the end\n")
    assert len(result.output) < OUTPUT_BYTES_MAX + 100
    assert result.output.startswith("[")


CHILDREN = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
print(child.pid, flush=True)
time.sleep(60)
"""


def test_its_children_end_with_it() -> None:
    cancel = Event()
    result = run(script(CHILDREN, timeout=1_000), cancel=cancel)
    assert result.outcome is Outcome.TIMEOUT
    assert gone(int(result.output))


def test_cancelled_it_ends_at_once() -> None:
    cancel = Event()
    timer = Timer(0.3, cancel.set)
    timer.start()
    result = run(script(CHILDREN, timeout=30_000), cancel=cancel)
    timer.join()
    assert result.outcome is Outcome.CANCELLED
    assert result.took_ms < 5_000
    assert gone(int(result.output))


def test_who_ignores_the_first_signal_gets_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ruler.remediation.program._GRACE_MS", 200)
    stubborn = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    result = run(script(stubborn, timeout=1_000))
    assert result.outcome is Outcome.TIMEOUT
    assert result.took_ms < 5_000


def test_a_server_that_it_leaves_running_is_not_waited_for_nor_ended() -> None:
    leave = """
import subprocess, sys
print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(20)'], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL).pid)
"""
    result = run(script(leave))
    assert result.ok
    pid = int(result.output)
    assert is_alive(pid)
    os.kill(pid, 9)
    assert gone(pid)


def test_undo_is_the_declared_way_back_with_the_same_parameters() -> None:
    config = a_config(
        "scale", "{n}", undo=("scale", "-{n}"), parameters={"n": Declared(type="int", min=1, max=3)}
    )
    plan = COMMAND.plan(config, "scale_up", {"n": 2})
    back = COMMAND.undo(plan, DONE)
    assert plan.text == "scale 2"
    assert back is not None
    assert back.text == "scale -2"
    assert COMMAND.undo(back, DONE) is None
    assert COMMAND.undo(COMMAND.plan(a_config("scale"), "scale_up", {}), DONE) is None


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "a program chosen by a rule": (
        {"argv": ("{x}",), "parameters": {"x": ANY_TEXT}},
        "cannot be a parameter",
    ),
    "a place that is not declared": ({"argv": ("a", "{y}")}, "{y} in '{y}' is not declared"),
    "a lone brace": ({"argv": ("a", "{")}, "lone '{'"),
    "two targets": (
        {
            "argv": ("a",),
            "parameters": {"x": Declared(enum=("a",), target=True), "y": Declared(enum=("a",), target=True)},
        },
        "only one parameter can be the target",
    ),
    "no program": ({"argv": ()}, "at least 1"),
    "a place in undo": ({"argv": ("a",), "undo": ("a", "{z}")}, "is not declared"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_faulty_declaration_is_refused(case: str) -> None:
    fields, problem = FAULTS[case]
    with pytest.raises(ValidationError) as caught:
        Config(kind="command", **fields)
    assert problem in str(caught.value)


def test_a_plan_refuses_what_was_not_declared() -> None:
    with pytest.raises(ConfigError, match="unknown parameter 'x'"):
        COMMAND.plan(a_config("a"), "restart_service", {"x": "y"})
