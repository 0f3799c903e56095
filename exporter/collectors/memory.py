"""Memory of the host.

system_memory_total_bytes      gauge
system_memory_available_bytes  gauge    what programs can get without swapping
system_memory_used_bytes       gauge    total minus available
system_memory_usage_ratio      gauge    0–1, used by total
system_memory_free_bytes, _buffers_bytes, _cached_bytes
system_swap_total_bytes, _used_bytes, _usage_ratio (0 without swap)
system_swap_in_bytes_total, system_swap_out_bytes_total   counter

Fails where /proc is not readable.
"""

from typing import Protocol

import psutil

from exporter.collector import Context, Settings
from promkit.exposition import Family, counter, gauge

__all__ = ["Memory", "Settings", "families"]


class VirtualMemory(Protocol):
    """What is read of psutil's record; bytes."""

    @property
    def total(self) -> int: ...
    @property
    def available(self) -> int: ...
    @property
    def free(self) -> int: ...


class Swap(Protocol):
    """What is read of psutil's record; bytes."""

    @property
    def total(self) -> int: ...
    @property
    def used(self) -> int: ...
    @property
    def sin(self) -> int: ...
    @property
    def sout(self) -> int: ...


class Memory:
    """Keeps nothing."""

    def __init__(self, settings: Settings, context: Context, name: str) -> None:
        del settings, context, name

    def collect(self, now_ms: int) -> list[Family]:
        del now_ms
        return families(psutil.virtual_memory(), psutil.swap_memory())


def families(memory: VirtualMemory, swap: Swap) -> list[Family]:
    used = memory.total - memory.available
    values = {
        "system_memory_total_bytes": ("Memory of the host.", memory.total),
        "system_memory_available_bytes": ("Memory that programs can get without swapping.", memory.available),
        "system_memory_used_bytes": ("Memory in use: total minus available.", used),
        "system_memory_usage_ratio": ("Share of the memory in use, 0 to 1.", _share(used, memory.total)),
        "system_memory_free_bytes": ("Memory not used for anything, caches included.", memory.free),
        "system_swap_total_bytes": ("Swap space of the host.", swap.total),
        "system_swap_used_bytes": ("Swap space in use.", swap.used),
        "system_swap_usage_ratio": ("Share of the swap space in use, 0 to 1.", _share(swap.used, swap.total)),
    }
    for name, help_text in (
        ("buffers", "Memory in buffers of block devices."),
        ("cached", "Memory in the page cache."),
    ):
        if hasattr(memory, name):  # Linux and the BSDs have them
            values[f"system_memory_{name}_bytes"] = (help_text, getattr(memory, name))
    return [
        *(gauge(name, help_text, ({}, value)) for name, (help_text, value) in values.items()),
        counter("system_swap_in_bytes_total", "Bytes read back from swap space since boot.", ({}, swap.sin)),
        counter("system_swap_out_bytes_total", "Bytes written to swap space since boot.", ({}, swap.sout)),
    ]


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
