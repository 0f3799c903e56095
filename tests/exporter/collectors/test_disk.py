"""Disks, on recorded readings."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from exporter.collector import Context
from exporter.collectors.disk import Disk, Settings, Usage, families, io_families, mounts_of
from exporter.settings import compiled
from promkit.errors import Unavailable
from tests.builders.sources import values

ROOT = Usage("/", "/dev/sda1", "ext4", False, (1_000, 600, 200), (100, 75))


def test_usage() -> None:
    found = values(families([ROOT]))
    at = '{device="/dev/sda1", fstype="ext4", mount="/"}'
    assert found == {
        f"system_disk_total_bytes{at}": 1_000,
        f"system_disk_used_bytes{at}": 600,
        f"system_disk_available_bytes{at}": 200,
        f"system_disk_usage_ratio{at}": 0.75,  # as df has it: what root keeps for itself counts as neither
        f"system_disk_inodes_usage_ratio{at}": 0.25,
        f"system_disk_read_only{at}": 0,
        f"system_disk_error{at}": 0,
    }


def test_a_mount_that_cannot_be_read_does_not_hide_the_others() -> None:
    found = values(families([ROOT, Usage("/broken", "nfs:/", "nfs", True, None)]))
    at = '{device="nfs:/", fstype="nfs", mount="/broken"}'
    assert {name: value for name, value in found.items() if "/broken" in name} == {
        f"system_disk_read_only{at}": 1,
        f"system_disk_error{at}": 1,
    }
    assert len(found) == 9


def test_file_systems_without_size_or_inodes() -> None:
    assert values(families([Usage("/x", "x", "x", False, (0, 0, 0), (0, 0))])) == {}
    found = values(families([Usage("/x", "x", "btrfs", False, (10, 1, 9), (0, 0))]))
    assert not any("inodes" in name for name in found)


@dataclass
class Counters:
    read_bytes: int = 1
    write_bytes: int = 2
    read_count: int = 3
    write_count: int = 4
    read_time: int = 5_000
    write_time: int = 6_000


def test_io_in_seconds_and_without_what_the_platform_lacks() -> None:
    assert values(io_families({"sda": Counters()})) == {
        'system_disk_io_read_bytes_total{device="sda"}': 1,
        'system_disk_io_written_bytes_total{device="sda"}': 2,
        'system_disk_io_reads_total{device="sda"}': 3,
        'system_disk_io_writes_total{device="sda"}': 4,
        'system_disk_io_read_seconds_total{device="sda"}': 5,
        'system_disk_io_write_seconds_total{device="sda"}': 6,
    }


LEFT_OUT = {
    "mounts_exclude": {
        "/": False,
        "/home": False,
        "/developer": False,
        "/proc/sys/fs": True,
        "/dev": True,
        "/run/user/0": True,
        "/var/lib/docker/overlay2/x": True,
    },
    "fstypes_exclude": {
        "ext4": False,
        "overlay": False,
        "nfs4": True,
        "tmpfs": True,
        "cgroup2": True,
        "zfs": False,
    },
    "devices_exclude": {
        "sda": False,
        "sda1": True,
        "nvme0n1": False,
        "nvme0n1p2": True,
        "vda": False,
        "loop3": True,
        "dm-0": False,
        "md0": False,
        "mmcblk0": False,
    },
}


@pytest.mark.parametrize("option", LEFT_OUT)
def test_what_is_left_out_by_default(option: str) -> None:
    pattern = compiled(getattr(Settings(), option))
    assert {name: bool(pattern.search(name)) for name in LEFT_OUT[option]} == LEFT_OUT[option]


MOUNTS = """\
rootfs / rootfs rw 0 0
/dev/sda1 / ext4 rw,relatime 0 0
/dev/sdb1 /with\\040blank xfs ro,noatime 0 0
/dev/sda1 /file ext4 rw 0 0
/dev/sdc1 /closed xfs rw 0 0
tmpfs /run tmpfs rw 0 0
"""


def test_the_kernel_s_list_of_mounts() -> None:
    assert [(mount.point, mount.options) for mount in mounts_of(MOUNTS)][1:3] == [
        ("/", "rw,relatime"),
        ("/with blank", "ro,noatime"),
    ]
    assert mounts_of("") == mounts_of("x\n") == []


def test_from_a_container_the_host_s_file_systems_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "proc/1").mkdir(parents=True)
    (tmp_path / "proc/1/mounts").write_text(MOUNTS)
    (tmp_path / "with blank").mkdir()
    (tmp_path / "file").touch()
    look = os.stat

    def stat(path: Any, **more: Any) -> os.stat_result:
        if path == f"{tmp_path}/closed":
            raise PermissionError(13, "Permission denied")
        return look(path, **more)

    monkeypatch.setattr(os, "stat", stat)
    found = values(Disk(Settings(), Context(root=tmp_path), "disk").collect(0))
    told = {name: value for name, value in found.items() if "_error" in name or "_read_only" in name}
    assert told == {
        'system_disk_read_only{device="/dev/sda1", fstype="ext4", mount="/"}': 0,  # whatever ours is
        'system_disk_read_only{device="/dev/sdb1", fstype="xfs", mount="/with blank"}': 1,
        'system_disk_read_only{device="/dev/sdc1", fstype="xfs", mount="/closed"}': 0,
        'system_disk_error{device="/dev/sda1", fstype="ext4", mount="/"}': 0,
        'system_disk_error{device="/dev/sdb1", fstype="xfs", mount="/with blank"}': 0,
        'system_disk_error{device="/dev/sdc1", fstype="xfs", mount="/closed"}': 1,  # where we may not look
    }


def test_a_root_that_is_no_host_s_says_what_to_mount(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be read: No such file or directory: mount the host's"):
        Disk(Settings(), Context(root=tmp_path), "disk").collect(0)


def test_where_the_first_process_is_hidden_our_own_view_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(path: Path, **more: Any) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", hidden)
    found = values(Disk(Settings(), Context(), "disk").collect(0))
    assert any('mount="/"' in name for name in found)
