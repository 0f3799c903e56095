"""Whoever keeps the shop: starts it again when it ends, and restarts it when told to."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

__all__ = ["keep", "restart"]


def keep(argv: Sequence[str], pid_file: Path) -> None:
    """Be the shop's keeper: start it, write its pid down, start it again when it ends, until SIGTERM."""
    child: subprocess.Popen[bytes] | None = None
    ending = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ending.set()
        if child is not None:
            child.terminate()

    signal.signal(signal.SIGTERM, end)
    while not ending.is_set():
        child = subprocess.Popen(argv)
        pid_file.write_text(str(child.pid))
        child.wait()
    pid_file.unlink(missing_ok=True)


def restart(pid_file: Path, port: int, timeout_s: float = 15.0) -> int:
    """End the running shop and wait for its successor: what an operator binds to `restart_service`."""
    before = int(pid_file.read_text())
    os.kill(before, signal.SIGTERM)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            after = int(pid_file.read_text())
            url = f"http://127.0.0.1:{port}/-/healthy"
            if after != before:
                with urllib.request.urlopen(url, timeout=1):
                    sys.stdout.write(f"shop restarted: pid {before} → {after}\n")
                    return 0
        time.sleep(0.1)
    sys.stderr.write(f"the shop was not back after {timeout_s:g} s\n")
    return 1
