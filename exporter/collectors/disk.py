"""Disks of the host.

By mounted file system, labels mount, device, fstype:
system_disk_total_bytes, _used_bytes, _available_bytes   gauge  available: to users who are not root
system_disk_usage_ratio                                  gauge  0–1, used ÷ (used + available), as `df` has it
system_disk_inodes_usage_ratio                           gauge  0–1, absent where there are none
system_disk_read_only                                    gauge  1 read only, 0 not
system_disk_error                                        gauge  1 where the mount could not be read, 0 else

By device:
system_disk_io_read_bytes_total, _written_bytes_total, _reads_total, _writes_total            counter
system_disk_io_read_seconds_total, _write_seconds_total, _busy_seconds_total                  counter

One mount that fails is told and skipped. One that hangs takes all with it until it answers, so that those of
networks are left out unless `fstypes_exclude` says otherwise.
"""

import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import psutil

from exporter.collector import Context
from exporter.collector import Settings as Common
from exporter.settings import Option, Pattern, compiled
from promkit.errors import Unavailable
from promkit.exposition import Family, counter, gauge

__all__ = ["Disk", "Settings", "Usage", "families", "io_families", "mounts_of"]

_PSEUDO = (
    "autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|efivarfs|fusectl|fuse.lxcfs|fuse.portal"
    "|hugetlbfs|iso9660|mqueue|nsfs|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tmpfs|tracefs"
)
_NETWORK = r"nfs4?|cifs|smb3|smbfs|9p|afs|ceph|glusterfs|fuse\.(sshfs|glusterfs|s3fs|rclone)"


_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Common):
    """Which file systems and devices."""

    mounts_exclude: Annotated[Pattern, Option("Mount points that match are left out.")] = (
        "^/(dev|proc|sys|run|snap|var/lib/(docker|containers|kubelet))($|/)"
    )
    fstypes_exclude: Annotated[Pattern, Option("File systems of a type that matches are left out.")] = (
        rf"^({_PSEUDO}|{_NETWORK})$"
    )
    devices_exclude: Annotated[
        Pattern, Option("Block devices that match are left out of I/O; the default leaves out partitions.")
    ] = r"^(z?ram|loop|fd|sr|([hsv]|xv)d[a-z]+|nvme\d+n\d+p|mmcblk\d+p)\d+$"


@dataclass(frozen=True, slots=True)
class Mount:
    """A mount as the kernel lists it."""

    device: str
    point: str
    fstype: str
    options: str


@dataclass(frozen=True, slots=True)
class Usage:
    """A mounted file system; sizes in bytes, None where it could not be read."""

    mount: str
    device: str
    fstype: str
    read_only: bool
    sizes: tuple[int, int, int] | None  # total, used, available
    inodes: tuple[int, int] | None = None  # total, free

    @property
    def labels(self) -> Mapping[str, str]:
        return {"mount": self.mount, "device": self.device, "fstype": self.fstype}


class Disk:
    """Keeps nothing."""

    def __init__(self, settings: Settings, context: Context, name: str) -> None:
        del name
        self._settings = settings
        self._root = context.root

    def collect(self, now_ms: int) -> list[Family]:
        del now_ms
        counters = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
        exclude = compiled(self._settings.devices_exclude)
        shown = {device: values for device, values in counters.items() if not exclude.search(device)}
        return families(self._usages()) + io_families(shown)

    def _usages(self) -> list[Usage]:
        """Each mount point once: what is mounted there last hides what was before."""
        by_point = {mount.point: mount for mount in _mounts(self._root)}
        points = compiled(self._settings.mounts_exclude)
        fstypes = compiled(self._settings.fstypes_exclude)
        return [
            _usage(mount, path)
            for mount in by_point.values()
            if not points.search(mount.point) and not fstypes.search(mount.fstype)
            if not _is_file(path := f"{self._root or ''}{mount.point}")
        ]


def _mounts(root: Path | None) -> Sequence[Mount]:
    """What the host's first process sees: our own view may be a container's, or a hardened unit's.

    Unavailable: `root` is not a host's.
    """
    path = (root or Path("/")) / "proc" / "1" / "mounts"
    try:
        return mounts_of(path.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        if root is None:  # another system than Linux, or one that hides other users' processes
            return [
                Mount(found.device, found.mountpoint, found.fstype, found.opts)
                for found in psutil.disk_partitions(all=True)
            ]
        raise Unavailable(
            f"the host's file systems cannot be read: {error.strerror}",
            str(path),
            "mount the host's file system at `root`, with what is mounted in it",
        ) from error


def mounts_of(text: str) -> Sequence[Mount]:
    """/proc/PID/mounts → mounts, in order; blanks and the like are written as three octal digits there."""
    rows = [line.split(" ") for line in text.splitlines()]
    return [
        Mount(*(_OCTAL.sub(lambda found: chr(int(found[1], 8)), word) for word in row[:4]))
        for row in rows
        if len(row) >= 4
    ]


def _is_file(path: str) -> bool:
    """A file can be a mount point (/etc/hosts in containers): it is no file system of its own."""
    try:
        return not stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116 - pathlib's is_dir raises where we may not look
    except OSError:
        return False  # what is wrong with it shows when its size is asked for


def _usage(mount: Mount, path: str) -> Usage:
    at = (mount.point, mount.device, mount.fstype)
    read_only = "ro" in mount.options.split(",")
    try:
        found = os.statvfs(path)
    except OSError:
        return Usage(*at, read_only, None)
    unit = found.f_frsize
    sizes = (found.f_blocks * unit, (found.f_blocks - found.f_bfree) * unit, found.f_bavail * unit)
    return Usage(*at, read_only, sizes, (found.f_files, found.f_ffree))


def families(usages: Sequence[Usage]) -> list[Family]:
    """File systems → families; those without a size (pseudo file systems) are left out."""
    usages = [usage for usage in usages if usage.sizes is None or usage.sizes[0] > 0]
    read = [(usage.labels, usage.sizes) for usage in usages if usage.sizes is not None]
    inodes = [
        (usage.labels, usage.inodes) for usage in usages if usage.inodes is not None and usage.inodes[0]
    ]
    return [
        gauge("system_disk_total_bytes", "Size of the file system.", *((at, sizes[0]) for at, sizes in read)),
        gauge("system_disk_used_bytes", "Bytes in use.", *((at, sizes[1]) for at, sizes in read)),
        gauge(
            "system_disk_available_bytes",
            "Bytes that users other than root can still write.",
            *((at, sizes[2]) for at, sizes in read),
        ),
        gauge(
            "system_disk_usage_ratio",
            "Share of the file system in use, 0 to 1: used by used plus available.",
            *((at, _share(sizes[1], sizes[1] + sizes[2])) for at, sizes in read),
        ),
        gauge(
            "system_disk_inodes_usage_ratio",
            "Share of the file system's inodes in use, 0 to 1.",
            *((at, _share(total - free, total)) for at, (total, free) in inodes),
        ),
        gauge(
            "system_disk_read_only",
            "1 where the file system is mounted read only, 0 where not.",
            *((usage.labels, float(usage.read_only)) for usage in usages),
        ),
        gauge(
            "system_disk_error",
            "1 where the file system could not be read, 0 where it could.",
            *((usage.labels, float(usage.sizes is None)) for usage in usages),
        ),
    ]


# name of the family, help, field of psutil's record, its unit in the metric's
_IO = (
    ("read_bytes", "Bytes read from the device since boot.", "read_bytes", 1.0),
    ("written_bytes", "Bytes written to the device since boot.", "write_bytes", 1.0),
    ("reads", "Reads completed since boot.", "read_count", 1.0),
    ("writes", "Writes completed since boot.", "write_count", 1.0),
    ("read_seconds", "Seconds that all reads took, since boot.", "read_time", 0.001),
    ("write_seconds", "Seconds that all writes took, since boot.", "write_time", 0.001),
    ("busy_seconds", "Seconds in which the device was busy, since boot.", "busy_time", 0.001),
)


def io_families(devices: Mapping[str, object]) -> list[Family]:
    """Counters by device → families; a field that a platform lacks is left out."""
    return [
        counter(f"system_disk_io_{name}_total", help_text, *_values(devices, field_name, scale))
        for name, help_text, field_name, scale in _IO
    ]


def _values(
    devices: Mapping[str, object], field_name: str, scale: float
) -> Iterable[tuple[Mapping[str, str], float]]:
    for device, record in sorted(devices.items()):
        value = getattr(record, field_name, None)
        if value is not None:
            yield {"device": device}, value * scale


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
