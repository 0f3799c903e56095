"""The long mode: how long, from which seed."""

import os
import time
from collections.abc import Iterator

__all__ = ["SEED", "rounds"]

SEED = int(os.environ.get("SOAK_SEED", "1"))
PARTS = 3  # files in tests/soak: each gets its share of the time
SECONDS = float(os.environ.get("SOAK_S", "1200")) / PARTS


def rounds() -> Iterator[int]:
    """A seed a round, until this part's share of the time is over; one round at least."""
    end = time.monotonic() + SECONDS
    number = 0
    while number == 0 or time.monotonic() < end:
        yield SEED + number
        number += 1
