"""After a start: an alert of a rule waits until what could end or inhibit it was evaluated once.

So nobody is told of what was over while nobody watched. Alerts posted from outside do not wait.
"""

import threading
from collections.abc import Iterable

from ruler.alerts import Alert
from ruler.delivery.mute import Inhibitor

__all__ = ["Gate"]

WAIT_MS_MAX = 60_000


class Gate:
    """Which rules were evaluated since the start."""

    def __init__(self, started_ms: int) -> None:
        self._until_ms = started_ms + WAIT_MS_MAX
        self._evaluated: set[str] = set()
        self._expected: set[str] = set()
        self._lock = threading.Lock()

    def expect(self, rules: Iterable[str]) -> None:
        """Say which rules there are to be evaluated."""
        with self._lock:
            self._expected |= set(rules)

    def evaluated(self, rules: Iterable[str]) -> set[str]:
        """Note that rules were evaluated → those of which that is news."""
        with self._lock:
            new = set(rules) - self._evaluated
            self._evaluated |= new
            return new

    def is_open(self, alert: Alert, inhibitor: Inhibitor, now_ms: int) -> bool:
        """Tell whether an alert may be told of."""
        if not alert.rule or now_ms >= self._until_ms:
            return True
        with self._lock:
            if alert.rule not in self._evaluated:
                return False
            return self._expected <= self._evaluated or not inhibitor.could_inhibit(alert.labels)

    def is_complete(self) -> bool:
        """Tell whether every rule that there is was evaluated."""
        with self._lock:
            return self._expected <= self._evaluated

    def opens_ms(self, now_ms: int) -> int | None:
        """When it opens by itself; None: it is open."""
        return self._until_ms if now_ms < self._until_ms else None
