"""Numbers for eyes: which numbers an axis carries."""

import math

__all__ = ["ticks"]


def ticks(low: float, high: float, unit: str) -> list[float]:
    """Three to six round numbers around the range, round in the unit that they are written in."""
    raw = (high - low) / 4
    base, largest = 1.0, max(abs(low), abs(high))
    if unit.startswith("bytes") and largest >= 1:
        base = 1024.0 ** math.floor(math.log(largest, 1024))  # from a MiB on, in MiB
    power = 10.0 ** math.floor(math.log10(raw / base))
    step = next(
        factor * power * base for factor in (1, 2, 2.5, 5, 10) if factor * power * base >= raw * 0.999
    )
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, last + 1)]
