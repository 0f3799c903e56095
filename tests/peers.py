"""The real programs that tests compare with and talk to: `make services` fetches them.

Looked for in .cache/peers/bin (which PEERS in the environment may name otherwise), then on the path. A test
that needs one is marked `service`; it is skipped where the program is not there, and fails where skips are
forbidden (tests/conftest.py).
"""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

__all__ = ["peer"]

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ.get("PEERS") or ROOT / ".cache" / "peers" / "bin")
# Folders that a user's path often leaves out.
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
NAMES = (
    "prometheus",
    "promtool",
    "prometheus-alertmanager",
    "amtool",
    "prometheus-node-exporter",
    "docker-compose",
    "helm",
    "nginx",
    "postgres",
    "redis-server",
    "chromium",
    "systemd-analyze",
    "shellcheck",
)
# What we compare ourselves with: an older one differs for reasons of its own.
OLDEST = {"prometheus": (3, 5), "promtool": (3, 5), "prometheus-alertmanager": (0, 28), "amtool": (0, 28)}


def peer(name: str) -> Path:
    """The program of this name. Skips the test, saying how to get it, where it is missing or too old."""
    assert name in NAMES, f"no such peer: {name}"
    found = _find(name)
    if found is None:
        pytest.skip(f"{name} is not there: make services")
    oldest = OLDEST.get(name)
    if oldest is not None and (version := _version(found)) < oldest:
        wanted, there = (".".join(str(part) for part in one) for one in (oldest, version))
        pytest.skip(f"{name} at {found} is {there}, older than {wanted}: make services")
    return found


@cache
def _find(name: str) -> Path | None:
    unpacked = FOLDER / name
    if unpacked.exists():
        return unpacked
    if name == "postgres":  # Debian keeps each major version in a folder of its own
        versions = Path("/usr/lib/postgresql").glob("*/bin/postgres")
        newest = max(versions, key=lambda path: int(path.parts[4]), default=None)
        if newest is not None:
            return newest
    on_path = shutil.which(name, path=PATH)
    return Path(on_path) if on_path else None


@cache
def _version(program: Path) -> tuple[int, int]:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=30)
    match = re.search(r"version (\d+)\.(\d+)", told.stdout + told.stderr)
    return (int(match[1]), int(match[2])) if match else (0, 0)
