"""The units: systemd takes every line of them, and they leave a process little to harm."""

import re
import socket
import subprocess
from pathlib import Path

import pytest

from lumina.__main__ import main
from tests.builders.e2e import LUMINA
from tests.builders.processes import free_port, running
from tests.builders.prose import ROOT
from tests.peers import peer

pytestmark = pytest.mark.service

FOLDER = ROOT / "deploy" / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
PROGRAM = "/opt/lumina/bin/lumina"
EXPOSURE_MAX = 2.0


def analyze(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [peer("systemd-analyze"), *map(str, words)], capture_output=True, text=True, check=False, timeout=30
    )


def installed(unit: Path, folder: Path) -> Path:
    """The unit with a program that is there, for systemd looks."""
    path = folder / unit.name
    path.write_text(unit.read_text(encoding="utf-8").replace(PROGRAM, "/bin/true"), encoding="utf-8")
    return path


def keys(unit: Path) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE))


def test_there_is_one_for_each_process() -> None:
    assert [unit.name for unit in UNITS] == [
        f"lumina-{process}.service" for process in ("analytics", "exporter", "ruler")
    ]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_has_nothing_to_say(unit: Path, tmp_path: Path) -> None:
    done = analyze("verify", installed(unit, tmp_path))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_systemd_would_notice_a_misspelt_key(tmp_path: Path) -> None:
    path = installed(UNITS[0], tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace("MemoryMax", "MemoryMaximum"), encoding="utf-8")
    assert "MemoryMaximum" in analyze("verify", path).stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_little_can_be_harmed(unit: Path, tmp_path: Path) -> None:
    done = analyze("security", "--offline=true", installed(unit, tmp_path))
    (exposure,) = re.findall(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert float(exposure) < EXPOSURE_MAX


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_its_process_tells_when_it_is_ready_and_has_the_time_to_drain(unit: Path) -> None:
    said = keys(unit)
    assert said["Type"] == "notify"
    assert said["TimeoutStopSec"] == "20s"
    assert said["ExecReload"] == "/bin/kill -HUP $MAINPID"
    process = unit.stem.removeprefix("lumina-")
    assert said["ExecStart"].startswith(f"{PROGRAM} {process} --config /etc/lumina/{process}.yml")
    assert said["StateDirectory"] == f"lumina/{process}"
    assert said["CapabilityBoundingSet"] == ""


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_its_flags_are_those_of_the_process(unit: Path) -> None:
    process = unit.stem.removeprefix("lumina-")
    words = keys(unit)["ExecStart"].split()[1:]
    words[words.index("--config") + 1] = str(ROOT / process / "defaults" / f"{process}.yml")
    assert main([*words, "--check-config"]) == 0


def test_the_user_that_they_run_as_is_made() -> None:
    text = (FOLDER / "lumina.sysusers").read_text(encoding="utf-8")
    (name,) = re.findall(r"^u (\S+)", text, re.MULTILINE)
    assert {keys(unit)["User"] for unit in UNITS} == {name}


def test_the_notification_that_systemd_waits_for_is_sent(tmp_path: Path) -> None:
    # `Type=notify` stands or falls with READY=1: a socket in place of systemd's hears it.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.settimeout(20)
        port = free_port()
        argv = [*LUMINA, "exporter", "--listen", f"127.0.0.1:{port}"]
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "PATH": "/usr/bin:/bin"}
        with running(argv, f"http://127.0.0.1:{port}/-/ready", env=env, cwd=ROOT) as process:
            assert heard.recv(4096) == b"READY=1"
            process.terminate()
            assert heard.recv(4096) == b"STOPPING=1"
