"""The specification's own names of metrics and their units, into ours: percent → ratio, ms → seconds.

One table for `lumina rules|dashboards|analytics import`: nothing else reads those names, for beside a ratio
of ours a threshold of 80 would never be crossed.
"""

import difflib
from dataclasses import dataclass

from promkit.errors import ConfigError

__all__ = ["SPELLINGS", "Spelling", "convert", "spelling_of"]

_PERCENT_MAX = 100


@dataclass(frozen=True, slots=True)
class Spelling:
    """One metric in both spellings; a value in `unit` divided by `divisor` is one of ours."""

    written: str  # system.cpu.usage
    metric: str  # system_cpu_usage_ratio
    unit: str  # percent | ms | bytes | per second | per minute | count
    divisor: int = 1
    # What it is where it is compared with a percentage, though it is written on bytes (S2).
    as_ratio: str = ""


SPELLINGS = (
    Spelling("system.cpu.usage", "system_cpu_usage_ratio", "percent", 100),
    Spelling("system.memory.used", "system_memory_used_bytes", "bytes", as_ratio="system_memory_usage_ratio"),
    Spelling("system.memory.usage", "system_memory_usage_ratio", "percent", 100),
    Spelling("system.memory.total", "system_memory_total_bytes", "bytes"),
    Spelling("system.memory.external", "process_heap_external_bytes", "bytes"),
    Spelling("system.disk.used", "system_disk_used_bytes", "bytes", as_ratio="system_disk_usage_ratio"),
    Spelling("system.disk.usage", "system_disk_usage_ratio", "percent", 100),
    Spelling("system.disk.total", "system_disk_total_bytes", "bytes"),
    Spelling("app.response_time", "app_response_time_seconds", "ms", 1000),
    Spelling("app.throughput", "app_throughput_requests_per_second", "per second"),
    Spelling("app.error_rate", "app_error_ratio", "percent", 100),
    Spelling("app.memory.usage", "app_memory_usage_ratio", "percent", 100),
    Spelling("app.cpu.usage", "app_cpu_usage_ratio", "percent", 100),
    Spelling("resource_pool.utilization", "resource_pool_utilization_ratio", "percent", 100),
    Spelling("business.compliance_scans", "business_compliance_scans_per_minute", "per minute"),
    Spelling("business.user_sessions", "business_user_sessions", "count"),
    Spelling("business.api_calls", "business_api_calls_per_minute", "per minute"),
)
_BY_WRITTEN = {spelling.written: spelling for spelling in SPELLINGS}
_OURS = {name for spelling in SPELLINGS for name in (spelling.metric, spelling.as_ratio) if name}


def spelling_of(written: str) -> Spelling:
    """A metric by the specification's name, or by ours, which stays as it is.

    ConfigError: there is no such name; the remedy names the nearest.
    """
    found = _BY_WRITTEN.get(written)
    if found is not None:
        return found
    if written in _OURS:
        return Spelling(written, written, "")
    near = difflib.get_close_matches(written.lower(), [*_BY_WRITTEN, *_OURS], n=1, cutoff=0.0)
    raise ConfigError(f"unknown metric {written!r}", remedy=f"did you mean {near[0]!r}?")


def convert(written: str, value: float) -> tuple[str, float]:
    """Our name, and a value of theirs in our unit: `app.response_time`, 2000 → seconds, 2.

    Up to 100, what is compared with used bytes is a percentage. ConfigError: as of `spelling_of`.
    """
    spelling = spelling_of(written)
    if spelling.as_ratio and 0 <= value <= _PERCENT_MAX:
        return spelling.as_ratio, value / 100
    return spelling.metric, value / spelling.divisor
