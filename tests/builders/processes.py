"""Programs that tests start: free ports, readiness without sleeping, a sure end, logs of failures."""

import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["Process", "free_port", "running", "wait_until_ready"]

_LOG_LINES_SHOWN = 30


def free_port() -> int:
    """A TCP port on which nothing listens now; whoever can bind port 0 itself should rather do that."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Process:
    """A program that runs, with the file that its output goes to."""

    argv: Sequence[str]
    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    def tail(self, lines: int = _LOG_LINES_SHOWN) -> str:
        """The end of its output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def kill(self) -> None:
        """End it as a power cut would."""
        self.popen.kill()
        self.popen.wait()

    def terminate(self, within_s: float = 10) -> int:
        """Ask it to end → exit code; killed, and the test failed, when it does not in time."""
        self.popen.terminate()
        try:
            return self.popen.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"{self.argv[0]} did not end within {within_s} s of SIGTERM:\n{self.tail()}")


@contextmanager
def running(
    argv: Sequence[object],
    ready_url: str | None = None,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    within_s: float = 20,
    log: Path | None = None,
) -> Iterator[Process]:
    """Start a program and wait until `ready_url` answers 2xx; at the end it is asked to end, by its pid.

    Where the test fails inside, the end of the program's output is printed, so that pytest shows it.
    """
    words = [str(word) for word in argv]
    is_own = log is None
    if log is None:
        with tempfile.NamedTemporaryFile(
            prefix=f"{Path(words[0]).name}-", suffix=".log", delete=False
        ) as file:
            log = Path(file.name)
    with log.open("wb") as output:
        popen = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=env, cwd=cwd
        )
    process = Process(words, popen, log)
    try:
        if ready_url is not None:
            wait_until_ready(process, ready_url, within_s)
        yield process
    except BaseException:
        print(f"--- the end of {words[0]}'s output ---\n{process.tail()}")  # noqa: T201 - shown by pytest
        raise
    finally:
        if popen.poll() is None:
            popen.terminate()
            try:
                popen.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        if is_own:
            log.unlink(missing_ok=True)


def wait_until_ready(process: Process, url: str, within_s: float = 20) -> None:
    """Ask `url` until it answers 2xx; the test fails when the program ends or the time is over."""
    deadline = time.monotonic() + within_s
    why = "nothing asked"
    while time.monotonic() < deadline:
        if process.popen.poll() is not None:
            pytest.fail(f"{process.argv[0]} ended with {process.popen.returncode}:\n{process.tail()}")
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                if 200 <= answer.status < 300:
                    return
        except (urllib.error.URLError, OSError) as error:
            why = str(error)
        try:
            process.popen.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    pytest.fail(f"{process.argv[0]} was not ready at {url} within {within_s} s ({why}):\n{process.tail()}")
