"""The two clocks of a process."""

import time
from typing import Protocol

__all__ = ["SYSTEM_CLOCK", "Clock", "ClockWatch"]

_STEP_TOLERANCE_MS = 1_000


class Clock(Protocol):
    """The two clocks: one stamps, the other measures waits and never steps."""

    def now_ms(self) -> int:
        """Unix time."""

    def monotonic_ms(self) -> int:
        """Time since some start, for differences alone."""


class _SystemClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000


SYSTEM_CLOCK: Clock = _SystemClock()


class ClockWatch:
    """Notices when the wall clock was set: it then moved other than the monotonic one."""

    def __init__(self, clock: Clock, tolerance_ms: int = _STEP_TOLERANCE_MS) -> None:
        self._clock = clock
        self._tolerance_ms = tolerance_ms
        self._offset_ms = clock.now_ms() - clock.monotonic_ms()

    def step_ms(self) -> int:
        """How far the wall clock was set since the last call (negative: back), or 0."""
        offset_ms = self._clock.now_ms() - self._clock.monotonic_ms()
        step_ms = offset_ms - self._offset_ms
        # Slow drift is followed, so that a year of it is never told as one step.
        self._offset_ms = offset_ms
        return step_ms if abs(step_ms) > self._tolerance_ms else 0
