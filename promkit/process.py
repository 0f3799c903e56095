"""What a process stands on: clock, workers that are started again, signals, drain. Standard library only.

supervisor = Supervisor()
supervisor.at_end("store", store.close)         # after all workers have ended, last registered first
supervisor.start("scrape", scrape_loop)         # def scrape_loop(stop): while not stop.wait(10_000): …
return run_until_signal(supervisor, on_reload)  # SIGTERM, SIGINT: drain; SIGHUP: reload
"""

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Self

from promkit._clock import SYSTEM_CLOCK, Clock, ClockWatch
from promkit._workers import DRAIN_MS, Pauses, Stop, Supervisor, Worker
from promkit.errors import ConfigError, LuminaError, QueryError
from promkit.log import get

__all__ = [
    "SYSTEM_CLOCK",
    "Clock",
    "ClockWatch",
    "Pauses",
    "Stop",
    "Supervisor",
    "Worker",
    "exit_code",
    "guarded",
    "notify_systemd",
    "parse_listen",
    "run_until_signal",
]

log = get("process")


def run_until_signal(
    supervisor: Supervisor, on_reload: Callable[[], None] | None = None, drain_ms: int = DRAIN_MS
) -> int:
    """Wait in the main thread until SIGTERM, SIGINT or `quit`, then drain → exit code.

    SIGHUP calls `on_reload`; when that raises a LuminaError, what was in force stays. A second SIGTERM or
    SIGINT ends the process at once.
    """
    with _Signals(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        supervisor.on_quit(signals.wake)
        notify_systemd("READY=1")
        while (number := signals.wait()) == signal.SIGHUP:
            _reload(on_reload)
        log.info("stopping", signal=signal.Signals(number).name if number else "none")
        notify_systemd("STOPPING=1")
        for ending in (signal.SIGTERM, signal.SIGINT):
            signal.signal(ending, signal.SIG_DFL)
        drained = supervisor.stop(drain_ms)
        supervisor.on_quit(lambda: None)
        return (supervisor.code or 0) if drained else 1


class _Signals:
    """Signals as bytes in a pipe, which the interpreter writes at once, whatever the main thread does.

    A handler in Python alone would run only between two bytecodes: a signal that comes just before the main
    thread falls asleep in a lock would wait there with it.
    """

    def __init__(self, *numbers: int) -> None:
        self._numbers = numbers
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)

    def __enter__(self) -> Self:
        self._wakeup_before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, _ignore) for number in self._numbers}
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._reader)
        os.close(self._writer)

    def wait(self) -> int:
        """Give the next signal's number, or 0 after `wake`."""
        while (number := os.read(self._reader, 1)[0]) not in {0, *self._numbers}:
            pass
        return number

    def wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # full of what wakes just as well
            os.write(self._writer, b"\0")


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Stand as a handler, so that the signal's default does not happen."""


def _reload(on_reload: Callable[[], None] | None) -> None:
    if on_reload is None:
        return
    notify_systemd(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
    try:
        on_reload()
    except LuminaError as error:
        log.error("reload refused, the old one stays", error=error)
    except Exception:
        log.exception("reload failed by a bug, the old one stays")
    notify_systemd("READY=1")


def notify_systemd(state: str) -> None:
    """Tell the service manager, where there is one that listens (sd_notify)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.connect("\0" + address[1:] if address[0] == "@" else address)
            sender.sendall(state.encode())
        except OSError as error:
            log.warning("service manager not told", error=error)


def guarded(run: Callable[[], int]) -> int:
    """Run a command; what a user got wrong is a line on stderr and an exit code, not a traceback."""
    try:
        return run()
    except LuminaError as error:
        sys.stderr.write(f"{error}\n")
        return exit_code(error)


def exit_code(error: LuminaError) -> int:
    """2: what was written or typed is wrong; 1: it was right, and failed."""
    return 2 if isinstance(error, ConfigError | QueryError) else 1


def parse_listen(text: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:9090`, `[::1]:9090`, or `:9090` (every interface).

    ConfigError: not an address.
    """
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host or "[" in host:
        colon = ""
    if not colon or not (port.isascii() and port.isdigit()) or int(port[:6]) > 65_535:
        raise ConfigError(
            f"not an address to listen on: {text!r}",
            remedy="write host:port, as 127.0.0.1:9090 or [::1]:9090",
        )
    return host or "0.0.0.0", int(port)  # noqa: S104 - said by who writes no host, as in Go
