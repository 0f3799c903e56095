import time
from collections.abc import Callable

import pytest


@pytest.fixture
def benchmark_ms() -> Callable[[Callable[[], object]], float]:
    """The best of three runs: only for bounds that are far off."""

    def measure(call: Callable[[], object]) -> float:
        best = float("inf")
        for _ in range(3):
            begun = time.perf_counter()
            call()
            best = min(best, (time.perf_counter() - begun) * 1000)
        return best

    return measure
