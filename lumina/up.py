"""`lumina up`: exporter, ruler and analytics on one host, on embedded defaults, watched over.

A process that ends by itself is started again after a pause that doubles, and that is said. Ctrl-C or
SIGTERM drains all three within 10 s. This file stays free of the command line's frameworks, for it runs as
long as the three do.
"""

import argparse
import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path
from types import FrameType
from typing import IO, cast

from lumina.home import DEFAULT_ADDRESSES, prepare
from promkit.duration import parse_duration
from promkit.errors import ConfigError, Conflict, LuminaError
from promkit.process import exit_code

__all__ = ["Children", "Process", "commands", "run"]

BACK_OFF_S = (0.5, 30.0)  # first pause before a restart, and the longest
STEADY_S = 60.0  # who ran this long starts again with the first pause
DRAIN_S = 10.0
READY_S = 30.0
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class Process:
    """One child: how it is started, and how it fares."""

    name: str
    argv: Sequence[str]
    url: str
    popen: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause_s: float = BACK_OFF_S[0]
    start_at: float = 0.0
    restarts: int = 0


@dataclass(slots=True)
class Children:
    """The processes and the clock they are watched by (seconds, monotonic)."""

    processes: Sequence[Process]
    say: Callable[[str], None]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    output: IO[bytes] | None = None  # None: theirs is ours

    def tend(self, now: float) -> None:
        """Start who is due; see who has ended, and say so."""
        for process in self.processes:
            if process.popen is None:
                if now >= process.start_at:
                    self._start(process, now)
            elif (code := process.popen.poll()) is not None:
                self._ended(process, code, now)

    def stop(self) -> list[str]:
        """Ask all to drain and wait; the names of those that had to be killed."""
        alive = [(p.name, p.popen) for p in self.processes if p.popen is not None and p.popen.poll() is None]
        for _, popen in alive:
            popen.terminate()
        deadline = time.monotonic() + DRAIN_S
        killed = []
        for name, popen in alive:
            try:
                popen.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                popen.kill()
                popen.wait()
                killed.append(name)
        return killed

    def _start(self, process: Process, now: float) -> None:
        process.started = now
        process.popen = subprocess.Popen(
            process.argv,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=self.output,
            start_new_session=True,  # Ctrl-C is ours to pass on
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - this process has one thread
        )

    def _ended(self, process: Process, code: int, now: float) -> None:
        if now - process.started >= STEADY_S:
            process.pause_s = BACK_OFF_S[0]
        reason = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        self.say(f"{process.name} ended ({reason}); it is started again in {process.pause_s:g} s")
        process.popen = None
        process.start_at = now + process.pause_s
        process.pause_s = min(process.pause_s * 2, BACK_OFF_S[1])
        process.restarts += 1


def _die_with_parent() -> None:
    # When this process is killed outright its children get SIGTERM (Linux: prctl(2), PR_SET_PDEATHSIG).
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def commands(home: Path, addresses: Mapping[str, str], logging: Sequence[str]) -> list[Process]:
    """The three processes of a home, as one would start them by hand."""
    lumina = [sys.executable, "-m", "lumina"]
    data = home / "data"

    def process(name: str, *flags: str) -> Process:
        config = ("--config", str(home / f"{name}.yml"), "--listen", addresses[name])
        return Process(name, [*lumina, name, *config, *flags, *logging], f"http://{addresses[name]}")

    return [
        process("exporter"),
        process("ruler", "--data", str(data)),
        process("analytics", "--data", str(data / "analytics")),
    ]


def run(argv: Sequence[str]) -> int:
    """Start all three and stay until a signal, or `--for` is over (then 0: healthy, 1: not)."""
    options = _options(argv)
    addresses = {name: getattr(options, name) for name in DEFAULT_ADDRESSES}
    try:
        stay_ms = None if options.stay is None else parse_duration(options.stay)
        for name, address in addresses.items():
            _refuse_taken(name, address)
        written = prepare(options.home, addresses)
    except LuminaError as error:
        _say(str(error))
        return exit_code(error)
    if written:
        _say(f"wrote {len(written)} files to {options.home}/; they are yours to edit")
    level = ["--log.level", options.log_level, "--log.format", options.log_format]
    children = Children(commands(options.home.resolve(), addresses, level), _say)
    return _stay(children, options, None if stay_ms is None else stay_ms / 1000)


def _stay(children: Children, options: argparse.Namespace, stay_s: float | None) -> int:
    stopping: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    begun = time.monotonic()
    ready: float | None = None  # when all were, or should have been
    code = 0
    while not stopping:
        now = time.monotonic()
        children.tend(now)
        if ready is None and all(_answers(process.url + "/-/ready") for process in children.processes):
            ready = time.monotonic()
            _banner(children, options, ready - begun)
        elif ready is None and now - begun > READY_S:
            ready = now
            _say(f"not all processes are ready after {READY_S:g} s; the lines above say why")
        if stay_s is not None and ready is not None and now - ready >= stay_s:
            code = _verdict(children, options)
            break
        time.sleep(0.1 if ready is None else 0.5)
    _say("stopping …")
    killed = children.stop()
    for name in killed:
        _say(f"{name} did not stop within {DRAIN_S:g} s and was killed")
    _say("stopped")
    return 1 if killed else code


def _verdict(children: Children, options: argparse.Namespace) -> int:
    """Print what the ruler says of its health after `--for`."""
    ruler = next(process for process in children.processes if process.name == "ruler")
    health: dict[str, object] = {"status": "unreachable"}
    with contextlib.suppress(OSError, ValueError), _get(ruler.url + "/api/v1/lumina/health", 5) as answer:
        health = json.load(answer)["data"]
    restarts = {process.name: process.restarts for process in children.processes}
    healthy = health.get("status") == "healthy" and not any(restarts.values())
    if options.report == "json":
        sys.stdout.write(
            json.dumps({"healthy": healthy, "restarts": restarts, "ruler": health}, indent=2) + "\n"
        )
    else:
        sys.stdout.write(f"health: {health.get('status')}; restarts: {sum(restarts.values())}\n")
    return 0 if healthy else 1


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="lumina up",
        description="Run exporter, ruler and analytics on this host, with no other server.",
        epilog="example: lumina up --home ./monitoring",
    )
    parser.add_argument("--home", type=Path, default=Path("monitoring"), help="folder of config and data")
    for name, address in DEFAULT_ADDRESSES.items():
        parser.add_argument(f"--{name}", default=address, metavar="HOST:PORT", help="default: %(default)s")
    parser.add_argument("--for", dest="stay", metavar="DURATION", help="stop after this long, e.g. 60s")
    parser.add_argument(
        "--report", choices=["text", "json"], default="text", help="form of the verdict of --for"
    )
    parser.add_argument("--log.level", dest="log_level", default="warning", metavar="LEVEL")
    parser.add_argument("--log.format", dest="log_format", default="logfmt", choices=["logfmt", "json"])
    return parser.parse_args(argv)


def _refuse_taken(name: str, address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigError(f"not an address: {address!r}", f"--{name}", "write HOST:PORT")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as error:
            raise Conflict(
                f"cannot listen on {address} for the {name}: {(error.strerror or str(error)).lower()}",
                remedy=f"end what listens there, or choose another with --{name} HOST:PORT",
            ) from None


def _get(url: str, timeout_s: float) -> HTTPResponse:
    return cast("HTTPResponse", urllib.request.urlopen(url, timeout=timeout_s))  # noqa: S310 - our own http URL


def _answers(url: str) -> bool:
    try:
        with _get(url, 1) as answer:
            return answer.status == 200
    except (OSError, urllib.error.HTTPError):
        return False


def _banner(children: Children, options: argparse.Namespace, ready_s: float) -> None:
    urls = {process.name: process.url for process in children.processes}
    command = shutil.which("lumina") or str(Path(sys.executable).with_name("lumina"))
    _say(
        f"\n  Lumina Monitor is ready ({ready_s:.1f} s)\n\n"
        f"    front page   {urls['ruler']}/\n"
        f"    exporter     {urls['exporter']}/metrics\n"
        f"    analytics    {urls['analytics']}/\n"
        f"    home         {options.home.resolve()}  (ruler.yml, exporter.yml, analytics.yml, rules/)\n"
        f"    command      {command}\n"
        f"    stop         Ctrl-C\n"
    )


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
