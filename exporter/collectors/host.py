"""Facts of the host.

system_info{host,os,kernel,arch,python}   gauge  always 1
system_boot_time_seconds                  gauge  Unix time of the boot
system_uptime_seconds                     gauge
system_time_seconds                       gauge  Unix time of the host's clock
system_file_descriptors, _max             gauge  open in the whole host, and the kernel's limit (Linux)
system_procs_running, _blocked            gauge  processes that run or are ready to; that wait for I/O (Linux)

Fails where the boot time cannot be read.
"""

import platform
import re
from collections.abc import Mapping
from pathlib import Path

import psutil

from exporter.collector import Context, Settings
from promkit.exposition import Family, gauge

__all__ = ["Host", "Settings", "facts", "families", "file_descriptors", "os_release", "processes"]

_RELEASE = re.compile(r"^([A-Z_]+)=(.*)$", re.MULTILINE)
_PROCS = re.compile(r"^procs_(running|blocked) (\d+)$", re.MULTILINE)


class Host:
    """Keeps what does not change while it runs."""

    def __init__(self, settings: Settings, context: Context, name: str) -> None:
        del settings, name
        uname = platform.uname()
        release, hostname = _os_release(), uname.node
        if context.root is not None:
            release = os_release(_text(context.root / "etc" / "os-release"))
            hostname = _text(context.root / "etc" / "hostname").strip() or hostname
        self._facts = facts(uname, release, platform.python_version(), hostname)

    def collect(self, now_ms: int) -> list[Family]:
        return families(
            self._facts,
            psutil.boot_time(),
            now_ms,
            _text(Path("/proc/sys/fs/file-nr")),
            _text(Path("/proc/stat")),
        )


def facts(
    uname: platform.uname_result, release: Mapping[str, str], python: str, hostname: str
) -> Mapping[str, str]:
    """What the host is, as labels."""
    return {
        "host": hostname,
        "os": release.get("PRETTY_NAME") or uname.system,
        "kernel": f"{uname.system} {uname.release}",
        "arch": uname.machine,
        "python": python,
    }


def families(
    info: Mapping[str, str], boot_seconds: float, now_ms: int, file_nr: str, stat: str
) -> list[Family]:
    """Facts, Unix times, and what /proc/sys/fs/file-nr and /proc/stat say ("" where there is none)."""
    now_seconds = now_ms / 1000
    return [
        gauge("system_info", "What the host is; always 1.", (info, 1)),
        gauge("system_boot_time_seconds", "Unix time at which the host booted.", ({}, boot_seconds)),
        gauge("system_uptime_seconds", "Seconds since the boot.", ({}, max(0.0, now_seconds - boot_seconds))),
        gauge("system_time_seconds", "Unix time of the host's clock.", ({}, now_seconds)),
        *file_descriptors(file_nr),
        *processes(stat),
    ]


def file_descriptors(file_nr: str) -> list[Family]:
    """`allocated free max` → families."""
    numbers = file_nr.split()
    if len(numbers) != 3:
        return []
    return [
        gauge("system_file_descriptors", "File descriptors open in the whole host.", ({}, float(numbers[0]))),
        gauge("system_file_descriptors_max", "The kernel's limit of open files.", ({}, float(numbers[2]))),
    ]


def processes(stat: str) -> list[Family]:
    """The `procs_` lines of /proc/stat → families."""
    found = dict(_PROCS.findall(stat))
    texts = {
        "running": "Processes that run or are ready to.",
        "blocked": "Processes that wait for input or output.",
    }
    return [
        gauge(f"system_procs_{state}", texts[state], ({}, float(found[state])))
        for state in texts
        if state in found
    ]


def os_release(text: str) -> Mapping[str, str]:
    """The keys of an os-release file, without quotes."""
    return {key: value.strip("\"'") for key, value in _RELEASE.findall(text)}


def _os_release() -> Mapping[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def _text(path: Path) -> str:
    """The file's text, or "" where the platform has none."""
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
