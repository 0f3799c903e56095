"""Processors of the host.

system_cpu_seconds_total{cpu,mode}   counter  seconds each logical processor spent in each mode
system_cpu_usage_ratio               gauge    0–1, share of all processors' time that was neither idle nor
                                              waiting for I/O, since the last run
system_cpus                          gauge    logical processors
system_load1, system_load5, system_load15   gauge   mean length of the run queue, as the kernel has it

Fails where /proc is not readable.
"""

import os
from collections.abc import Mapping, Sequence

import psutil

from exporter.collector import Context, Settings
from promkit.exposition import Family, counter, gauge

__all__ = ["Cpu", "Settings", "families", "usage_ratio"]

Modes = Mapping[str, float]

# The kernel counts guest time in user and nice too: with it the modes would sum to more than the time.
MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
IDLE = ("idle", "iowait")


class Cpu:
    """Keeps the last reading, for the share of time since then."""

    def __init__(self, settings: Settings, context: Context, name: str) -> None:
        del settings, context, name
        self._last: Sequence[Modes] | None = None

    def collect(self, now_ms: int) -> list[Family]:
        del now_ms
        times = [_modes(cpu) for cpu in psutil.cpu_times(percpu=True)]
        last, self._last = self._last, times
        return families(times, last, os.getloadavg())


def families(
    times: Sequence[Modes], last: Sequence[Modes] | None, load: tuple[float, float, float]
) -> list[Family]:
    """Seconds by processor and mode, now and at the last run → families."""
    ratio = usage_ratio(times, last) if last is not None else None
    return [
        counter(
            "system_cpu_seconds_total",
            "Seconds each logical processor spent in each mode.",
            *(
                ({"cpu": str(number), "mode": mode}, seconds)
                for number, modes in enumerate(times)
                for mode, seconds in modes.items()
            ),
        ),
        gauge(
            "system_cpu_usage_ratio",
            "Share of all processors' time that was busy since the last reading, 0 to 1.",
            *([] if ratio is None else [({}, ratio)]),
        ),
        gauge("system_cpus", "Logical processors.", ({}, len(times))),
        *(
            gauge(f"system_load{minutes}", f"Mean length of the run queue over {minutes} min.", ({}, value))
            for minutes, value in zip((1, 5, 15), load, strict=True)
        ),
    ]


def usage_ratio(times: Sequence[Modes], last: Sequence[Modes]) -> float | None:
    """Busy share between two readings; None where no time passed.

    Single modes can run backwards by a tick or two (iowait, by the kernel's own documentation) and processors
    come and go: only what grew, of processors that both readings have, is counted.
    """
    total = idle = 0.0
    for now, before in zip(times, last, strict=False):
        for mode, seconds in now.items():
            grown = max(0.0, seconds - before.get(mode, seconds))
            total += grown
            if mode in IDLE:
                idle += grown
    return (total - idle) / total if total > 0 else None


def _modes(cpu: object) -> Modes:
    """Only the modes that this kernel has."""
    return {mode: float(getattr(cpu, mode)) for mode in MODES if hasattr(cpu, mode)}
