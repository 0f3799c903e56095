"""How much one query may take: samples, time, and until someone says stop."""

from collections.abc import Callable
from typing import Protocol

from promkit.errors import LimitError, Unavailable

__all__ = ["Budget", "Cancel"]


class Cancel(Protocol):
    """Tells whether a query is still wanted; a `threading.Event` will do."""

    def is_set(self) -> bool:
        """Tell whether to stop."""
        ...


class Budget:
    """What is left of a query's limits. `clock` counts monotonic milliseconds, as `deadline_ms` does."""

    def __init__(
        self, samples_max: int, deadline_ms: int, clock: Callable[[], int], cancel: Cancel | None
    ) -> None:
        self._samples_max = samples_max
        self._deadline_ms = deadline_ms
        self._clock = clock
        self._cancel = cancel
        self._held = 0
        self.samples = 0  # raw samples looked at

    def check(self) -> None:
        """Go on, or say why not.

        LimitError: the time is over. Unavailable: it was cancelled.
        """
        if self._cancel is not None and self._cancel.is_set():
            raise Unavailable("query was canceled in expression evaluation")
        if self._clock() >= self._deadline_ms:
            raise LimitError("query timed out in expression evaluation", remedy="ask for less, or later")

    def hold(self, samples: int) -> None:
        """Count samples that are held in memory.

        LimitError: too many.
        """
        self._held += samples
        if self._held > self._samples_max:
            raise LimitError(
                "query processing would load too many samples into memory in query execution",
                remedy=f"select fewer series or a shorter time (at most {self._samples_max} samples)",
            )
