"""A program with its arguments: never a shell, a small environment, a process group of its own.

A parameter fills its place inside one argument and can never become a second one. The program itself is
fixed. Standard input is empty; the end of what it prints is kept. A program that it leaves running (a server
it started) must have its output redirected, for the pipe is closed when the command ends.
"""

import os
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, field_validator, model_validator

from promkit.config import DurationMs, Model, field, resolve
from promkit.duration import format_duration
from promkit.errors import ConfigError
from ruler.remediation.action import Action, Outcome, Parameters, Plan, Result, available
from ruler.remediation.parameters import Declared, fill, placeholders, settle, target_of

__all__ = ["COMMAND", "Config"]

OUTPUT_BYTES_MAX = 16_384
_GRACE_MS = 5_000  # from SIGTERM to SIGKILL
_LOOK_MS = 50
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Config(Model):
    """An action of kind `command` in ruler.yml."""

    kind: Annotated[Literal["command"], BeforeValidator(available)] = field(
        description="run a program, without a shell"
    )
    argv: tuple[str, ...] = field(
        description="program and arguments; {name} is a parameter's place in an argument", min_length=1
    )
    undo: tuple[str, ...] | None = field(
        None, description="program and arguments that take it back when it did not help", min_length=1
    )
    timeout: DurationMs = field(30_000, description="the program is ended after this time", gt=0)
    directory: Path = field(
        Path("/"), description="the folder it runs in; a relative one is seen from the file's own folder"
    )
    environment: Mapping[str, str] = field(
        default_factory=dict, description="variables it gets, besides PATH; shown in plans: no secrets"
    )
    pass_environment: tuple[str, ...] = field(
        (), description="names of variables it gets from the ruler's own environment, as for secrets"
    )
    parameters: Mapping[str, Declared] = field(
        default_factory=dict, description="what a rule may choose, and within which bounds"
    )

    @field_validator("argv", "undo")
    @classmethod
    def _program_is_fixed(cls, argv: tuple[str, ...] | None) -> tuple[str, ...] | None:
        try:
            if argv is not None and (not argv[0] or placeholders(argv[0])):
                raise ValueError("the program itself cannot be a parameter")
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return argv

    @model_validator(mode="after")
    def _places_are_declared(self) -> Self:
        for text in (*self.argv, *(self.undo or ())):
            try:
                names = placeholders(text)
            except ConfigError as error:
                raise ValueError(str(error)) from None
            if unknown := [name for name in names if name not in self.parameters]:
                raise ValueError(f"{{{unknown[0]}}} in {text!r} is not declared under `parameters`")
        if sum(one.target for one in self.parameters.values()) > 1:
            raise ValueError("only one parameter can be the target")
        return self


def plan(config: Config, name: str, parameters: Parameters) -> Plan:
    """Pure. ConfigError: a parameter that the operator does not allow."""
    settled = settle(config.parameters, parameters)
    argv = [fill(text, settled) for text in config.argv]
    undo_argv = [fill(text, settled) for text in config.undo] if config.undo else None
    return Plan(
        action=name,
        kind=config.kind,
        target=target_of(config.parameters, settled),
        text=shlex.join(argv),
        timeout_ms=config.timeout,
        details={
            "argv": argv,
            "undo": undo_argv,
            "directory": str(resolve(config, config.directory)),
            "environment": dict(config.environment),
            "pass_environment": list(config.pass_environment),
        },
    )


def undo(plan: Plan) -> Plan | None:
    """The way back, where the operator declared one."""
    argv = plan.details["undo"]
    if argv is None:
        return None
    details = {**plan.details, "argv": argv, "undo": None}
    return Plan(plan.action, plan.kind, plan.target, shlex.join(argv), plan.timeout_ms, details)


def execute(plan: Plan, timeout_ms: int, cancel: Event) -> Result:
    """Run it to its end, to its deadline or until `cancel`; then its whole group is gone."""
    started = time.monotonic()
    try:
        process = _start(plan)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return Result(Outcome.NOT_STARTED, f"cannot run {plan.details['argv'][0]}: {reason}")
    with process:
        output = _Tail(process)
        ended_by = _wait(process, output, started + timeout_ms / 1000, cancel)
        output.read_what_is_there()
        took_ms = round((time.monotonic() - started) * 1000)
    outcome, text = _verdict(process.returncode, ended_by, timeout_ms)
    return Result(outcome, text, output.text(), took_ms)


def _start(plan: Plan) -> subprocess.Popen[bytes]:
    details = plan.details
    passed = {name: os.environ[name] for name in details["pass_environment"] if name in os.environ}
    return subprocess.Popen(
        details["argv"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=details["directory"],
        env={"PATH": os.environ.get("PATH", _PATH), **details["environment"], **passed},
        start_new_session=True,  # a group of its own, so that its children end with it
        bufsize=0,
    )


def _wait(
    process: subprocess.Popen[bytes], output: "_Tail", deadline: float, cancel: Event
) -> Outcome | None:
    while process.poll() is None:
        if cancel.is_set():
            _end(process, output)
            return Outcome.CANCELLED
        if time.monotonic() >= deadline:
            _end(process, output)
            return Outcome.TIMEOUT
        output.wait(_LOOK_MS, cancel)
    return None


def _end(process: subprocess.Popen[bytes], output: "_Tail") -> None:
    """SIGTERM to the whole group, SIGKILL to what is left of it after a grace."""
    _signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_MS / 1000
    while process.poll() is None and time.monotonic() < deadline:
        output.wait(_LOOK_MS, None)
    _signal_group(process, signal.SIGKILL)
    process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return  # all of it has ended, or what is left runs as another user


def _verdict(code: int, ended_by: Outcome | None, timeout_ms: int) -> tuple[Outcome, str]:
    if ended_by is Outcome.TIMEOUT:
        return Outcome.TIMEOUT, f"ended after {format_duration(timeout_ms)}"
    if ended_by is Outcome.CANCELLED:
        return Outcome.CANCELLED, "ended on request"
    if code == 0:
        return Outcome.DONE, ""
    if code > 0:
        return Outcome.FAILED, f"exit code {code}"
    return Outcome.FAILED, f"ended by signal {-code}"


class _Tail:
    """The end of what a process prints: bounded, however much that is."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None  # noqa: S101 - asked for in _start
        self._fd = process.stdout.fileno()
        os.set_blocking(self._fd, False)
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        self._open = True
        self._kept = bytearray()
        self._left_out = 0

    def wait(self, wait_ms: int, cancel: Event | None) -> None:
        """Wait for output, at most so long, and take it."""
        if self._open:
            if self._poll.poll(wait_ms):
                self._read()
        elif cancel is not None:
            cancel.wait(wait_ms / 1000)
        else:
            time.sleep(wait_ms / 1000)

    def read_what_is_there(self) -> None:
        """Take what a pipe still holds, not waiting for a child that keeps it open."""
        for _ in range(64):  # a pipe holds 64 KiB; who still writes is not waited for
            if not (self._open and self._poll.poll(0)):
                return
            self._read()

    def text(self) -> str:
        text = self._kept.decode(errors="replace").replace("\0", "�")
        return f"[{self._left_out} bytes left out]\n{text}" if self._left_out else text

    def _read(self) -> None:
        try:
            chunk = os.read(self._fd, 65_536)
        except BlockingIOError:
            return
        self._open = bool(chunk)
        self._kept += chunk
        if (over := len(self._kept) - OUTPUT_BYTES_MAX) > 0:
            del self._kept[:over]
            self._left_out += over


COMMAND = Action("command", Config, plan, execute, undo)
