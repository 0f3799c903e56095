"""Groups of processes, and the exporter's own memory.

Label process, the group's name:
system_process_instances                     gauge    0 where none is there; the other series are then absent
system_process_cpu_seconds_total             counter  of all that were in it since our start; never falls
system_process_cpu_usage_ratio               gauge    0–1 of all processors, since the last run
system_process_resident_memory_bytes         gauge
system_process_memory_usage_ratio            gauge    0–1 of the host's memory
system_process_threads, _open_fds            gauge    open_fds: absent where we may not look
system_process_oldest_start_time_seconds     gauge    Unix time

For groups that name a component:
app_cpu_usage_ratio{component}, app_memory_usage_ratio{component}   gauge  0–1

process_heap_used_bytes, _total_bytes, _external_bytes   gauge  the exporter's own (Linux)

A process belongs to the first group that fits. Fails where the list of processes cannot be read.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import psutil

from exporter.collector import Claim, Context
from exporter.collector import Settings as Common
from exporter.settings import Name, Option, Pattern, compiled
from promkit.exposition import Family, counter, gauge

__all__ = ["Instance", "Process", "Settings", "Totals", "families", "heap"]

GROUPS_MAX = 200
_STATUS = re.compile(r"^(RssAnon|RssFile|RssShmem|VmData):\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Processes that are looked at as one."""

    name: Annotated[Name, Option("Value of the label `process`.")]
    names: Annotated[tuple[str, ...], Option("The program's name is one of these.", max_length=100)] = ()
    cmdline: Annotated[Pattern | None, Option("The command line, joined by spaces, matches.")] = None
    pidfile: Annotated[Path | None, Option("File that holds the number of the process.")] = None
    component: Annotated[Name | None, Option("Component for app_cpu_ and app_memory_usage_ratio.")] = None

    def __post_init__(self) -> None:
        """ValueError: what does not fit."""
        if not (self.names or self.cmdline or self.pidfile):
            raise ValueError("a group needs `names`, `cmdline` or `pidfile`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Common):
    """Which processes."""

    groups: Annotated[tuple[Group, ...], Option("Groups of processes.", max_length=GROUPS_MAX)] = ()

    def claims(self) -> Sequence[Claim]:
        return [Claim("usage", group.component) for group in self.groups if group.component]

    def __post_init__(self) -> None:
        """ValueError: what does not fit."""
        names = [group.name for group in self.groups]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"more than one group is called {twice[0]!r}")


@dataclass(frozen=True, slots=True)
class Instance:
    """A process of a group, as it was read."""

    pid: int
    started_seconds: float
    cpu_seconds: float
    resident_bytes: int
    threads: int
    open_fds: int | None

    @property
    def key(self) -> tuple[int, float]:
        """What tells it from a later process with the same number."""
        return self.pid, self.started_seconds


class Totals:
    """Processor time of a group: processes come and go, the sum never falls."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.last_seconds: float | None = None
        self._known: dict[tuple[int, float], float] = {}

    def update(self, instances: Sequence[Instance]) -> float | None:
        """Add what was used since the last time → that, or None the first time.

        What a process used before we first saw it counts, unless that was at our own beginning.
        """
        first = not self._known and self.last_seconds is None
        used = sum(
            max(
                0.0,
                instance.cpu_seconds - self._known.get(instance.key, instance.cpu_seconds if first else 0.0),
            )
            for instance in instances
        )
        self._known = {instance.key: instance.cpu_seconds for instance in instances}
        self.seconds += used
        self.last_seconds = used
        return None if first else used


class Process:
    """Keeps the processor time by group."""

    def __init__(self, settings: Settings, context: Context, name: str) -> None:
        del name
        # psutil's own way to be told which host's processes to list.
        psutil.PROCFS_PATH = str((context.root or Path("/")) / "proc")
        self._groups = settings.groups
        self._totals = {group.name: Totals() for group in settings.groups}
        self._last_ms: int | None = None

    def collect(self, now_ms: int) -> list[Family]:
        own = heap(_own_status())
        if not self._groups:
            return own
        elapsed_ms = now_ms - self._last_ms if self._last_ms is not None else 0
        self._last_ms = now_ms
        found = self._found()
        readings = [(group, found[group.name], self._totals[group.name]) for group in self._groups]
        return [*families(readings, elapsed_ms, psutil.cpu_count() or 1, psutil.virtual_memory().total), *own]

    def _found(self) -> Mapping[str, Sequence[Instance]]:
        """The processes of each group; one that ends while we look is left out."""
        pids = {group.name: _pid(group.pidfile) for group in self._groups if group.pidfile}
        found: dict[str, list[Instance]] = {group.name: [] for group in self._groups}
        for process in psutil.process_iter():
            try:
                with process.oneshot():
                    group = _group(self._groups, pids, process)
                    if group is not None:
                        found[group.name].append(_instance(process))
            except psutil.Error:
                continue
        return found


def _group(groups: Iterable[Group], pids: Mapping[str, int | None], process: psutil.Process) -> Group | None:
    name = cmdline = None
    for group in groups:
        if group.pidfile:
            if pids[group.name] == process.pid:
                return group
            continue
        if group.names:
            name = process.name() if name is None else name
            if name not in group.names:
                continue
        if group.cmdline:
            cmdline = " ".join(process.cmdline()) if cmdline is None else cmdline
            if not compiled(group.cmdline).search(cmdline):
                continue
        return group
    return None


def _instance(process: psutil.Process) -> Instance:
    times = process.cpu_times()
    try:
        open_fds = process.num_fds()
    except psutil.AccessDenied:  # of another user's
        open_fds = None
    return Instance(
        process.pid,
        process.create_time(),
        times.user + times.system,
        process.memory_info().rss,
        process.num_threads(),
        open_fds,
    )


def _pid(pidfile: Path) -> int | None:
    """What the pidfile says; a file that is not there means a process that is not."""
    try:
        with pidfile.open("rb") as file:
            text = file.read(32).split()
        return int(text[0])
    except (OSError, ValueError, IndexError):
        return None


def families(
    readings: Sequence[tuple[Group, Sequence[Instance], Totals]],
    elapsed_ms: int,
    cpus: int,
    memory_bytes: int,
) -> list[Family]:
    """Groups, their processes and their totals → families."""
    instances: list[tuple[Mapping[str, str], float]] = []
    rows: list[_Row] = []
    for group, processes, totals in readings:
        used = totals.update(processes)
        instances.append(({"process": group.name}, len(processes)))
        if processes:
            # With the clock set back, or at the first run, there is no share.
            busy = None if used is None or elapsed_ms <= 0 else min(1.0, used * 1_000 / elapsed_ms / cpus)
            rows.append(_row(group, processes, totals.seconds, busy, memory_bytes))
    return [
        gauge("system_process_instances", "Processes of the group.", *instances),
        counter(
            "system_process_cpu_seconds_total",
            "Processor seconds the group used since the exporter's start.",
            *((row.at, row.cpu_seconds) for row in rows),
        ),
        gauge(
            "system_process_resident_memory_bytes",
            "Memory that the group holds.",
            *((row.at, row.resident_bytes) for row in rows),
        ),
        gauge("system_process_threads", "Threads of the group.", *((row.at, row.threads) for row in rows)),
        gauge(
            "system_process_open_fds",
            "File descriptors that the group has open.",
            *((row.at, row.open_fds) for row in rows if row.open_fds is not None),
        ),
        gauge(
            "system_process_oldest_start_time_seconds",
            "Unix time at which the group's oldest process began.",
            *((row.at, row.oldest_seconds) for row in rows),
        ),
        *_shares(rows),
    ]


@dataclass(frozen=True, slots=True)
class _Row:
    """What there is to say of a group."""

    at: Mapping[str, str]
    component: str | None
    cpu_seconds: float
    busy: float | None
    resident_bytes: int
    memory_share: float
    threads: int
    open_fds: int | None
    oldest_seconds: float


def _row(
    group: Group, processes: Sequence[Instance], cpu_seconds: float, busy: float | None, memory_bytes: int
) -> _Row:
    resident = sum(process.resident_bytes for process in processes)
    fds = [process.open_fds for process in processes if process.open_fds is not None]
    return _Row(
        {"process": group.name},
        group.component,
        cpu_seconds,
        busy,
        resident,
        min(1.0, resident / memory_bytes) if memory_bytes else 0.0,
        sum(process.threads for process in processes),
        sum(fds) if len(fds) == len(processes) else None,
        min(process.started_seconds for process in processes),
    )


def _shares(rows: Sequence[_Row]) -> list[Family]:
    cpu = "processors' time used since the last reading, 0 to 1."
    memory = "memory held, 0 to 1."
    by_component = [({"component": row.component}, row) for row in rows if row.component]
    return [
        gauge(
            "system_process_cpu_usage_ratio",
            f"Share of all {cpu}",
            *((row.at, row.busy) for row in rows if row.busy is not None),
        ),
        gauge(
            "system_process_memory_usage_ratio",
            f"Share of the host's {memory}",
            *((row.at, row.memory_share) for row in rows),
        ),
        gauge(
            "app_cpu_usage_ratio",
            f"Share of all {cpu}",
            *((at, row.busy) for at, row in by_component if row.busy is not None),
        ),
        gauge(
            "app_memory_usage_ratio",
            f"Share of the host's {memory}",
            *((at, row.memory_share) for at, row in by_component),
        ),
    ]


def heap(status: str) -> list[Family]:
    """The memory lines of /proc/self/status → families; "" where there is none."""
    found = {name: int(kilobytes) * 1024 for name, kilobytes in _STATUS.findall(status)}
    if len(found) < 4:
        return []
    return [
        gauge("process_heap_used_bytes", "Private memory that is resident.", ({}, found["RssAnon"])),
        gauge("process_heap_total_bytes", "Private memory that was asked for.", ({}, found["VmData"])),
        gauge(
            "process_heap_external_bytes",
            "Resident memory that is mapped from files or shared.",
            ({}, found["RssFile"] + found["RssShmem"]),
        ),
    ]


def _own_status() -> str:
    try:
        return Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
