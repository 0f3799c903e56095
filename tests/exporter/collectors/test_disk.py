"""Disks, on recorded readings."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from exporter.collector import Context
from exporter.collectors.disk import Disk, Settings, Usage, families, host_mount, io_families
from exporter.settings import compiled
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
class Partition:
    mountpoint: str
    device: str
    fstype: str
    opts: str = "rw"


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


@pytest.mark.parametrize(
    ("path", "root", "mount"),
    [
        ("/home", None, "/home"),
        ("/host", "/host", "/"),
        ("/host/home", "/host", "/home"),
        ("/hostile", "/host", None),
        ("/data", "/host", None),  # the container's own
        ("/", "/host", None),
    ],
)
def test_a_container_gives_mounts_the_host_s_names(path: str, root: str | None, mount: str | None) -> None:
    assert host_mount(path, Path(root) if root else None) == mount


def test_a_mount_where_we_may_not_look_is_told_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    mounts = {"/": "ext4", str(tmp_path / "file"): "ext4", "/closed": "xfs"}
    partitions = [Partition(mount, "/dev/sda1", fstype) for mount, fstype in mounts.items()]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: partitions)  # noqa: A006 - psutil's name
    look = os.stat

    def stat(path: Any, **more: Any) -> os.stat_result:
        if path == "/closed":
            raise PermissionError(13, "Permission denied")
        return look(path, **more)

    monkeypatch.setattr(os, "stat", stat)
    found = values(Disk(Settings(), Context(), "disk").collect(0))
    errors = {name: value for name, value in found.items() if name.startswith("system_disk_error")}
    assert errors == {
        'system_disk_error{device="/dev/sda1", fstype="ext4", mount="/"}': 0,
        'system_disk_error{device="/dev/sda1", fstype="xfs", mount="/closed"}': 1,
    }
