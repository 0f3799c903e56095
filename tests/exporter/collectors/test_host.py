"""Facts of the host."""

import platform
from pathlib import Path

from exporter.collector import Context, Settings
from exporter.collectors.host import Host, facts, families
from tests.builders.sources import values

STAT = "cpu  1 2 3\nctxt 5\nprocs_running 3\nprocs_blocked 1\nsoftirq 9\n"


def test_families() -> None:
    found = values(families({"host": "a"}, 1_000.0, 1_500_000, "1024\t0\t9999\n", STAT))
    assert found == {
        'system_info{host="a"}': 1,
        "system_boot_time_seconds": 1_000,
        "system_uptime_seconds": 500,
        "system_time_seconds": 1_500,
        "system_file_descriptors": 1_024,
        "system_file_descriptors_max": 9_999,
        "system_procs_running": 3,
        "system_procs_blocked": 1,
    }


def test_a_platform_without_proc() -> None:
    assert len(values(families({"host": "a"}, 1.0, 2_000, "", ""))) == 4


def test_facts() -> None:
    found = facts(platform.uname(), {"PRETTY_NAME": "Debian"}, "3.11.7", "web-1")
    assert found["os"] == "Debian"
    assert found["host"] == "web-1"
    assert set(found) == {"host", "os", "kernel", "arch", "python"}


def test_from_a_container_the_facts_are_the_host_s(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hostname").write_text("node-7\n")
    (tmp_path / "etc/os-release").write_text('PRETTY_NAME="Flatcar Linux"\nID=flatcar\n# PRETTY_NAME=no\n')
    found = values(Host(Settings(), Context(root=tmp_path), "host").collect(0))
    info = next(name for name in found if name.startswith("system_info"))
    assert 'host="node-7"' in info
    assert 'os="Flatcar Linux"' in info
