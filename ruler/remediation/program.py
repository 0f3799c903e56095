"""Runs a program to its end, to a deadline or until it is cancelled: then its whole process group is gone.

The end of what it prints is kept. A program that it leaves running (a server it started) must have its output
redirected, for the pipe is closed when the program ends.
"""

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from promkit.duration import format_duration
from ruler.remediation.action import Outcome, Result

__all__ = ["OUTPUT_BYTES_MAX", "PATH", "Program", "run"]

OUTPUT_BYTES_MAX = 16_384
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_GRACE_MS = 5_000  # from SIGTERM to SIGKILL
_LOOK_MS = 50


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and with what around it. No shell reads any of it."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    directory: Path = Path("/")
    stdin: bytes = b""  # less than a pipe holds: 64 KiB


def run(program: Program, timeout_ms: int, cancel: Event) -> Result:
    """Run it. FAILED says its exit code or signal; NOT_STARTED why it could not be run."""
    started = time.monotonic()
    try:
        process = _start(program)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return Result(Outcome.NOT_STARTED, f"cannot run {program.argv[0]}: {reason}")
    with process:
        output = _Tail(process)
        ended_by = _wait(process, output, started + timeout_ms / 1000, cancel)
        output.read_what_is_there()
        took_ms = round((time.monotonic() - started) * 1000)
    outcome, text = _verdict(process.returncode, ended_by, timeout_ms)
    return Result(outcome, text, output.text(), took_ms)


def _start(program: Program) -> subprocess.Popen[bytes]:
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            program.argv,
            stdin=reading if program.stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=program.directory,
            env=program.environment,
            start_new_session=True,  # a group of its own, so that its children end with it
            bufsize=0,
        )
        if program.stdin:
            os.write(writing, program.stdin)
        return process
    finally:
        os.close(reading)
        os.close(writing)


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
