"""The declared process is signalled, and no other."""

import getpass
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import psutil
import pytest
from pydantic import ValidationError

from promkit.errors import ConfigError
from ruler.remediation.action import Outcome
from ruler.remediation.actions.process import PROCESS
from tests.builders.deeds import do, plan

USER = getpass.getuser()
CATCHES = """
import signal, sys, time
signal.signal(signal.SIGHUP, lambda number, frame: open(sys.argv[1], 'w').write('reloaded'))
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('ready', flush=True)
time.sleep(60)
"""

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes and ends them after the test."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(*argv: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def pid_file(folder: Path, pid: int | str, age_s: float = 0) -> str:
    path = folder / "app.pid"
    path.write_text(f"{pid}\n")
    written = time.time() - age_s
    os.utime(path, (written, written))
    return str(path)


def stubborn(start: Start, folder: Path) -> subprocess.Popen[bytes]:
    """One that notes SIGHUP and does not heed SIGTERM."""
    process = start(sys.executable, "-c", CATCHES, str(folder / "hup"))
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def test_it_signals_the_process_of_the_pid_file(start: Start, tmp_path: Path) -> None:
    process = stubborn(start, tmp_path)
    planned = plan(PROCESS, signal="HUP", pid_file=pid_file(tmp_path, process.pid))
    assert planned.text == f"signal HUP to the process of {tmp_path}/app.pid"
    result = do(PROCESS, planned)
    assert result.ok
    assert result.text == f"process {process.pid} was signalled"
    deadline = time.monotonic() + 5
    while not (tmp_path / "hup").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_gone_is_waited_for(start: Start, tmp_path: Path) -> None:
    process = start("sleep", "60")
    Thread(target=process.wait, daemon=True).start()  # whoever started it takes note of its end
    result = do(PROCESS, plan(PROCESS, signal="TERM", pid_file=pid_file(tmp_path, process.pid), wait="gone"))
    assert result.ok
    assert result.text == f"process {process.pid} has ended"
    assert process.wait(5) == -signal.SIGTERM


def test_a_successor_is_waited_for(start: Start, tmp_path: Path) -> None:
    old = start("sleep", "60")
    path = pid_file(tmp_path, old.pid)

    def keeper() -> None:
        old.wait()
        pid_file(tmp_path, start("sleep", "60").pid)

    keeping = Thread(target=keeper)
    keeping.start()
    result = do(PROCESS, plan(PROCESS, signal="TERM", pid_file=path, wait="replaced"))
    keeping.join()
    assert result.ok
    assert result.text == f"process {old.pid} was replaced by {Path(path).read_text().strip()}"


WAITS = {
    "still there": ("TERM", "gone", "process {pid} is still there after 300ms"),
    "nobody came": ("KILL", "replaced", "nothing replaced process {pid} after 300ms"),
}


@pytest.mark.parametrize("case", WAITS)
def test_it_says_what_did_not_come_in_time(case: str, start: Start, tmp_path: Path) -> None:
    number, wait, text = WAITS[case]
    process = stubborn(start, tmp_path)
    planned = plan(PROCESS, signal=number, pid_file=pid_file(tmp_path, process.pid), wait=wait)
    result = do(PROCESS, planned, timeout_ms=300)
    assert result.outcome is Outcome.TIMEOUT
    assert result.text == text.format(pid=process.pid)


def test_cancelled_it_waits_no_longer(start: Start, tmp_path: Path) -> None:
    process = stubborn(start, tmp_path)
    cancel = Event()
    cancel.set()
    planned = plan(PROCESS, signal="TERM", pid_file=pid_file(tmp_path, process.pid), wait="gone")
    result = do(PROCESS, planned, cancel=cancel)
    assert result.outcome is Outcome.CANCELLED
    assert result.took_ms < 5_000


def test_a_name_means_the_process_that_the_others_are_children_of(start: Start, tmp_path: Path) -> None:
    name = f"lum{os.getpid()}"
    program = tmp_path / name
    program.write_text('#!/bin/sh\n[ $# = 0 ] || { echo $$; exec sleep 60; }\n"$0" child &\necho $$\nwait\n')
    program.chmod(0o755)
    master = start(str(program))
    found = plan(PROCESS, signal="CONT", name=name, user=USER)
    assert master.stdout is not None
    assert {int(master.stdout.readline()), int(master.stdout.readline())} > {master.pid}
    assert do(PROCESS, found).text == f"process {master.pid} was signalled"
    for child in psutil.Process(master.pid).children():
        child.kill()


def test_several_of_one_name_are_not_guessed_among(start: Start, tmp_path: Path) -> None:
    program = tmp_path / f"two{os.getpid()}"
    program.write_text("#!/bin/sh\necho ready\nread line\n")
    program.chmod(0o755)
    for process in [start(str(program)), start(str(program))]:
        assert process.stdout is not None
        process.stdout.readline()
    result = do(PROCESS, plan(PROCESS, signal="KILL", name=program.name, user=USER))
    assert result.outcome is Outcome.NOT_STARTED
    assert f"2 processes of user {USER} are called {program.name}" in result.text


def test_another_process_than_the_declared_is_never_signalled(start: Start, tmp_path: Path) -> None:
    process, ended = start("sleep", "60"), start("true")
    ended.wait()
    sleeping = process.pid
    cases: dict[str, tuple[int | str, float, dict[str, str], str]] = {  # what the file says, its age, keys
        "it began after the file": (sleeping, 3_600, {}, "began after the file"),
        "another name": (sleeping, 0, {"name": "nginx"}, "whose name is sleep, not nginx"),
        "another user": (sleeping, 0, {"user": "nobody7"}, f"whose user is {USER}"),
        "it has ended": (ended.pid, 0, {}, "which does not run"),
        "the ruler itself": (os.getpid(), 0, {}, "is never signalled"),
        "the first of all": (1, 0, {}, "is never signalled"),
        "a group": (-5, 0, {}, "which does not run"),
        "no number": ("no", 0, {}, "holds no pid"),
        "an empty file": ("", 0, {}, "holds no pid"),
    }
    for case, (pid, age_s, declared, problem) in cases.items():
        path = pid_file(tmp_path, pid, age_s)
        result = do(PROCESS, plan(PROCESS, signal="KILL", pid_file=path, **declared))
        assert result.outcome is Outcome.NOT_STARTED, case
        assert problem in result.text, case
    gone = do(PROCESS, plan(PROCESS, signal="KILL", pid_file=str(tmp_path / "none")))
    assert "No such file" in gone.text
    nobody = do(PROCESS, plan(PROCESS, signal="KILL", name="no-such-program", user=USER))
    assert nobody.text == f"no process of user {USER} is called no-such-program"
    assert process.poll() is None


def test_a_parameter_cannot_leave_the_folder() -> None:
    parameters = {"app": {"pattern": ".*", "target": True}}
    declared = {"signal": "HUP", "pid_file": "/run/{app}.pid", "parameters": parameters}
    assert plan(PROCESS, {"app": "api"}, **declared).details["pid_file"] == "/run/api.pid"
    with pytest.raises(ConfigError, match="leaves its folder"):
        plan(PROCESS, {"app": "../home/x"}, **declared)


FAULTS = {
    "nothing to find it by": ({"signal": "HUP"}, "needs `pid_file`, or `name` and `user`"),
    "a name without a user": ({"signal": "HUP", "name": "nginx"}, "needs `pid_file`, or `name` and `user`"),
    "a signal that is none": ({"signal": "BOO", "pid_file": "/x"}, "signal"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_faulty_declaration_is_refused(case: str) -> None:
    declared, problem = FAULTS[case]
    with pytest.raises(ValidationError) as caught:
        plan(PROCESS, **declared)
    assert problem in str(caught.value)
