"""A signal to a process: found by its pid file, or by its exact name and user.

A pid is only a number that the kernel gives out again. So a process that began after its pid file was written
is another one; and between finding and signalling, its start time must not change. Of several processes of
one name, the one that the others are children of is meant; where there are several such, none is signalled.
"""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Any, ClassVar, Literal, Self

import psutil
from pydantic import model_validator

from promkit.config import DurationMs, field, resolve
from promkit.duration import format_duration
from promkit.errors import ConfigError, LuminaError, NotFound
from ruler.remediation.action import Action, Outcome, Parameters, Plan, Result
from ruler.remediation.declaration import Declaration
from ruler.remediation.parameters import settle, target_of

__all__ = ["PROCESS", "Config"]

_PID_FILE_BYTES_MAX = 64
_LOOK_S = 0.05
# Start times are counted in clock ticks since the boot, files' in nanoseconds since 1970.
_SLACK_S = 2.0


class Config(Declaration):
    """An action of kind `process` in ruler.yml."""

    places: ClassVar[tuple[str, ...]] = ("pid_file", "name", "user")

    kind: Literal["process"] = field(description="send a signal to a process")
    signal: Literal["TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "CONT", "KILL"] = field(
        description="the signal, without SIG"
    )
    pid_file: str | None = field(
        None,
        description="the file with its pid; a relative path is seen from the file's own folder; {name} is a "
        "parameter's place",
    )
    name: str | None = field(
        None, description="its exact name, as ps shows it; with a pid file: checked before it is signalled"
    )
    user: str | None = field(None, description="the user it runs as; needed with `name`")
    wait: Literal["gone", "replaced"] | None = field(
        None, description="done once it has ended (gone), or once another has taken its place (replaced)"
    )
    timeout: DurationMs = field(30_000, description="what `wait` names must come within this time", gt=0)

    @model_validator(mode="after")
    def _found_somehow(self) -> Self:
        if self.pid_file is None and (self.name is None or self.user is None):
            raise ValueError("needs `pid_file`, or `name` and `user`")
        return self


def plan(config: Config, name: str, parameters: Parameters) -> Plan:
    """Pure. ConfigError: a parameter that the operator does not allow, or that leaves the folder."""
    settled = settle(config.parameters, parameters)
    details: dict[str, Any] = {"signal": config.signal, "wait": config.wait}
    for key in ("name", "user"):
        text = getattr(config, key)
        details[key] = None if text is None else config.named(text, settled)
    details["pid_file"] = None if config.pid_file is None else _path(config, config.pid_file, settled)
    who = f"the process of {details['pid_file']}" if details["pid_file"] else details["name"]
    user = f" of user {details['user']}" if details["user"] else ""
    until = {None: "", "gone": ", until it is gone", "replaced": ", until another takes its place"}
    text = f"signal {config.signal} to {who}{user}{until[config.wait]}"
    return Plan(name, config.kind, target_of(config.parameters, settled), text, config.timeout, details)


def undo(plan: Plan, result: Result) -> None:
    """A signal cannot be called back."""
    del plan, result


def execute(plan: Plan, timeout_ms: int, cancel: Event) -> Result:
    """Find it, signal it, and see `wait` come true."""
    started = time.monotonic()
    try:
        found = _find(plan.details)
        found.send_signal(getattr(signal, f"SIG{plan.details['signal']}"))
    except psutil.NoSuchProcess:
        return Result(Outcome.NOT_STARTED, "it ended before it could be signalled")
    except (psutil.AccessDenied, PermissionError):
        return Result(Outcome.NOT_STARTED, "the ruler's user may not signal it")
    except LuminaError as error:
        return Result(Outcome.NOT_STARTED, str(error))
    outcome, text = _wait(plan.details, found, started + timeout_ms / 1000, cancel)
    if outcome is Outcome.TIMEOUT:
        text = f"{text} after {format_duration(timeout_ms)}"
    return Result(outcome, text, took_ms=round((time.monotonic() - started) * 1000))


def _path(config: Config, text: str, settled: Parameters) -> str:
    path = config.named(text, settled)
    if ".." in Path(path).parts:
        raise ConfigError(f"pid_file {path!r} leaves its folder")
    return str(resolve(config, Path(path)))


def _find(details: Mapping[str, Any]) -> psutil.Process:
    """The declared process. NotFound, psutil's errors."""
    found = _by_pid_file(details) if details["pid_file"] else _by_name(details["name"], details["user"])
    if found.pid in {1, os.getpid()}:
        raise NotFound(f"process {found.pid} is never signalled")
    return found


def _by_pid_file(details: Mapping[str, Any]) -> psutil.Process:
    path = Path(details["pid_file"])
    try:
        with path.open("rb") as file:
            pid = int(file.read(_PID_FILE_BYTES_MAX).split()[0])
        written_s = path.stat().st_mtime
    except OSError as error:
        raise NotFound(error.strerror or str(error), str(path)) from None
    except (ValueError, IndexError):
        raise NotFound("holds no pid", str(path)) from None
    try:
        found = psutil.Process(pid)
    except (psutil.NoSuchProcess, ValueError, OverflowError):
        raise NotFound(f"names process {pid}, which does not run", str(path)) from None
    if found.create_time() > written_s + _SLACK_S:
        raise NotFound(f"names process {pid}, which began after the file was written", str(path))
    for key, real in (("name", found.name), ("user", found.username)):
        if details[key] is not None and real() != details[key]:
            raise NotFound(f"names process {pid}, whose {key} is {real()}, not {details[key]}", str(path))
    return found


def _by_name(name: str, user: str) -> psutil.Process:
    same = [
        process
        for process in psutil.process_iter(["name", "username", "status"])
        if (process.info["name"], process.info["username"]) == (name, user)
        and process.info["status"] != psutil.STATUS_ZOMBIE
    ]
    pids = {process.pid for process in same}
    masters = [process for process in same if process.ppid() not in pids]
    if not masters:
        raise NotFound(f"no process of user {user} is called {name}")
    if len(masters) > 1:
        listed = ", ".join(str(process.pid) for process in masters[:5])
        raise NotFound(f"{len(masters)} processes of user {user} are called {name}: {listed}")
    return masters[0]


def _wait(
    details: Mapping[str, Any], signalled: psutil.Process, deadline: float, cancel: Event
) -> tuple[Outcome, str]:
    pid, wait = signalled.pid, details["wait"]
    if wait is None:
        return Outcome.DONE, f"process {pid} was signalled"
    while True:
        if not _runs(signalled):
            if wait == "gone":
                return Outcome.DONE, f"process {pid} has ended"
            if (now := _replacement(details, pid)) is not None:
                return Outcome.DONE, f"process {pid} was replaced by {now}"
        if cancel.wait(_LOOK_S):
            return Outcome.CANCELLED, f"not waited for on request; process {pid} was signalled"
        if time.monotonic() >= deadline:
            still = f"process {pid} is still there" if _runs(signalled) else f"nothing replaced process {pid}"
            return Outcome.TIMEOUT, still


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _replacement(details: Mapping[str, Any], pid: int) -> int | None:
    try:
        now = _find(details).pid
    except (LuminaError, psutil.Error):
        return None
    return None if now == pid else now


PROCESS = Action("process", Config, plan, execute, undo)
