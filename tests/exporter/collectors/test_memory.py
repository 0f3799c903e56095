"""Memory, on recorded readings."""

from dataclasses import dataclass

from exporter.collectors.memory import families
from tests.builders.sources import values


@dataclass
class Memory:
    total: int = 1_000
    available: int = 250
    free: int = 100
    cached: int = 90


@dataclass
class Swap:
    total: int = 0
    used: int = 0
    sin: int = 5
    sout: int = 6


def test_families() -> None:
    assert values(families(Memory(), Swap())) == {
        "system_memory_total_bytes": 1_000,
        "system_memory_available_bytes": 250,
        "system_memory_used_bytes": 750,
        "system_memory_usage_ratio": 0.75,
        "system_memory_free_bytes": 100,
        "system_memory_cached_bytes": 90,
        "system_swap_total_bytes": 0,
        "system_swap_used_bytes": 0,
        "system_swap_usage_ratio": 0,
        "system_swap_in_bytes_total": 5,
        "system_swap_out_bytes_total": 6,
    }


def test_swap() -> None:
    assert values(families(Memory(), Swap(total=8, used=2)))["system_swap_usage_ratio"] == 0.25
