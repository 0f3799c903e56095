"""What whoever runs the ruler may set about the store."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["MINUTE_MS", "StorageOptions"]

MINUTE_MS = 60_000
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class StorageOptions:
    """Durations in milliseconds, sizes in bytes."""

    retention_ms: int = 90 * _DAY_MS  # 0: for ever
    size_bytes_max: int = 10 << 30  # of all files together; 0: no limit
    out_of_order_window_ms: int = 10 * MINUTE_MS
    sync: Literal["second", "always"] = "second"  # when a row is on the disk
    ring_ms_min: int = 10 * MINUTE_MS  # kept in memory whatever the rules ask for
    ring_ms_max: int = 60 * MINUTE_MS  # longer windows are read from the disk; without one there is no bound
    fold_after_ms: int = 120 * MINUTE_MS  # how much of the log becomes one chunk file
