"""The image is really built, and the compose file really brought up: buildah, podman, docker-compose."""

import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lumina import __version__
from tests.builders.containers import Engine, an_engine
from tests.builders.e2e import ask, until
from tests.builders.processes import free_port
from tests.builders.prose import ROOT
from tests.peers import peer

pytestmark = pytest.mark.soak

IMAGE = f"docker.io/library/lumina-monitoring:{__version__}"
PORTS = {"exporter": 19100, "ruler": 19090, "analytics": 19092}
FILE = ROOT / "deploy" / "docker-compose.yml"
SECRET = ROOT / "deploy" / "compose" / "secrets" / "operator_token"
DRAIN_S = 12


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    # Sockets have short names: not in pytest's folder.
    folder = Path(tempfile.mkdtemp(prefix="engine-"))
    try:
        engine = an_engine(folder)
        engine.stand_in("docker.io/library/python:3.11-slim-bookworm")
        began = time.monotonic()
        engine.build(IMAGE)
        print(f"built in {time.monotonic() - began:.0f} s")
        with engine.serving():
            yield engine
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def compose(engine: Engine, *words: object) -> str:
    return engine.run(
        peer("docker-compose"), "-f", FILE, "-f", engine.folder / "ports.yml", *words, within_s=300
    )


def test_the_image_keeps_to_its_word(engine: Engine) -> None:
    assert f"lumina {__version__}" in engine.podman("run", "--rm", "--read-only", IMAGE, "--version")
    python = ["run", "--rm", "--read-only", "--cap-drop=all", "--entrypoint", "python", IMAGE, "-c"]
    look = "import os; print(os.getuid(), os.access('/data', os.W_OK), os.access('/opt/lumina', os.W_OK))"
    assert engine.podman(*python, look).split() == ["10001", "True", "False"]
    assert engine.podman(*python, "import scipy.stats, re2, pcodec, kubernetes, psycopg") == ""


def test_pid_1_ends_when_it_is_asked_to_though_it_is_not_ready(engine: Engine) -> None:
    container = engine.podman("run", "--detach", "--read-only", IMAGE, "ruler").strip()
    pid = engine.podman("inspect", "--format", "{{.State.Pid}}", container).strip()
    until(lambda: _catches_sigterm(Path(f"/proc/{pid}/status").read_text(encoding="ascii")))
    began = time.monotonic()
    engine.podman("stop", "--time", 60, container)
    assert time.monotonic() - began < DRAIN_S * 2
    code = engine.podman("inspect", "--format", "{{.State.ExitCode}}", container).strip()
    engine.podman("rm", container)
    assert code in {"0", "143"}, "ended by itself, not killed"


def _catches_sigterm(status: str) -> bool:
    """Whether a process has a handler of its own: as PID 1 it gets no signal without one."""
    (caught,) = re.findall(r"^SigCgt:\s+([0-9a-f]+)$", status, re.MULTILINE)
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def test_compose_brings_all_three_up(engine: Engine) -> None:
    ports = {name: free_port() for name in PORTS}
    lines = [f"  {name}: {{ports: !override ['127.0.0.1:{ports[name]}:{PORTS[name]}']}}" for name in PORTS]
    (engine.folder / "ports.yml").write_text("services:\n" + "\n".join(lines) + "\n", encoding="utf-8")
    made = not SECRET.exists()
    if made:
        SECRET.write_text("a-token-of-the-test\n", encoding="utf-8")
    try:
        compose(engine, "up", "--detach", "--no-build", "--wait")
        url = f"http://127.0.0.1:{ports['ruler']}"
        until(lambda: len(ask(f"{url}/api/v1/query", query="up == 1")["result"]) == 3, 60)
        (info,) = ask(f"{url}/api/v1/query", query="system_info")["result"]
        assert info["metric"]["host"] == Path("/etc/hostname").read_text(encoding="utf-8").strip()
        disks = ask(f"{url}/api/v1/query", query='system_disk_total_bytes{mount="/"}')["result"]
        assert len(disks) == 1
        began = time.monotonic()
        compose(engine, "stop")
        assert time.monotonic() - began < DRAIN_S * 2
        for name in PORTS:
            code = engine.podman("inspect", "--format", "{{.State.ExitCode}}", f"lumina-{name}-1").strip()
            # 1: the name of a container that has gone was still being looked up when the time was over.
            assert code in {"0", "1"}, f"{name} ended with {code}"
    finally:
        compose(engine, "down", "--volumes")
        if made:
            SECRET.unlink()
