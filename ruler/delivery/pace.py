"""Token buckets and back-off: when a destination may be asked again. Pure but for the jitter it is given."""

import threading
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime

from ruler.delivery.receiver import Pace

__all__ = ["Buckets", "backoff_ms", "retry_after_ms"]

RETRY_AFTER_MS_MAX = 3_600_000
BACKOFF_MS_MIN, BACKOFF_MS_MAX = 500, 60_000
DESTINATIONS_MAX = 10_000


def backoff_ms(tried_for_ms: int, jitter: Callable[[float, float], float]) -> int:
    """Wait anything up to half of the time it has been tried for: full jitter, from 0.5 s up to a minute.

    So a receiver that was away for a short time gets its messages a short time after.
    """
    longest_ms = min(max(tried_for_ms // 2, BACKOFF_MS_MIN), BACKOFF_MS_MAX)
    return round(jitter(longest_ms / 10, longest_ms))


def retry_after_ms(header: str | None, now_ms: int) -> int | None:
    """Read Retry-After, seconds or a date; at most an hour. None: not there, or neither."""
    text = (header or "").strip()
    if text.isdigit():
        return min(int(text[:9]) * 1000, RETRY_AFTER_MS_MAX)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return min(max(round(when.timestamp() * 1000) - now_ms, 0), RETRY_AFTER_MS_MAX)


class Buckets:
    """A bucket a destination: `burst` at once, then `per_second`; and not before a time it asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state: dict[str, tuple[float, int]] = {}  # destination → tokens, at ms
        self._until: dict[str, int] = {}

    def take(self, destination: str, pace: Pace, now_ms: int) -> int:
        """Take a token → 0, or how many ms to wait for the next; `now_ms` is monotonic."""
        with self._lock:
            paused_ms = self._until.get(destination, 0) - now_ms
            if paused_ms > 0:
                return paused_ms
            self._until.pop(destination, None)
            tokens, at_ms = self._state.get(destination, (float(pace.burst), now_ms))
            tokens = min(tokens + (now_ms - at_ms) / 1000 * pace.per_second, float(pace.burst))
            if tokens < 1:
                self._state[destination] = (tokens, now_ms)
                return max(round((1 - tokens) / pace.per_second * 1000), 1)
            if len(self._state) >= DESTINATIONS_MAX and destination not in self._state:
                self._state.clear()  # all full again: a burst too many, once in ten thousand destinations
            self._state[destination] = (tokens - 1, now_ms)
            return 0

    def pause(self, destination: str, wait_ms: int, now_ms: int) -> None:
        """Leave a destination alone: it asked for that."""
        with self._lock:
            if len(self._until) < DESTINATIONS_MAX:
                self._until[destination] = max(self._until.get(destination, 0), now_ms + wait_ms)
