"""Requests → app_* families: totals since the beginning, and means over a moving window. Pure.

A window is made of the runs that ended within it. A run covers the time since the one before it, so a rate is
requests by the time they are known to have come in, also after a pause.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from exporter.log_line import Request
from promkit.exposition import Family, counter, gauge, histogram

__all__ = ["Tally", "Window"]

INFINITY = float("inf")


@dataclass(slots=True)
class Run:
    """What one run counted."""

    from_ms: int
    to_ms: int
    requests: int = 0
    errors: int = 0
    timed: int = 0
    seconds: float = 0.0
    satisfied: int = 0
    tolerating: int = 0
    calls: dict[str, int] = field(default_factory=dict)


class Window:
    """The runs of the last `length_ms`."""

    def __init__(self, length_ms: int) -> None:
        self._length_ms = length_ms
        self._runs: deque[Run] = deque()

    def add(self, run: Run) -> None:
        self._runs.append(run)
        while self._runs and self._runs[0].to_ms <= run.to_ms - self._length_ms:
            self._runs.popleft()

    def covered_ms(self) -> int:
        """How long the runs that are in it took together; nothing when the clock was set back."""
        return max(0, self._runs[-1].to_ms - self._runs[0].from_ms) if self._runs else 0

    def total(self, figure: Callable[[Run], float]) -> float:
        """The sum of a figure over the window."""
        return sum(figure(run) for run in self._runs)

    def calls(self, endpoint: str) -> int:
        return sum(run.calls.get(endpoint, 0) for run in self._runs)


class Tally:
    """What a log said about one component."""

    def __init__(
        self,
        component: str,
        buckets: Sequence[float],
        window_ms: int,
        apdex_seconds: float,
        endpoints: Sequence[str],
    ) -> None:
        self._component = component
        self._bounds = (*sorted(buckets), INFINITY)
        self._apdex = apdex_seconds
        self._codes: dict[str, int] = {}
        self._counts = [0] * len(self._bounds)
        self._seconds = 0.0
        self._calls = dict.fromkeys(endpoints, 0)
        self._window = Window(window_ms)
        self._run: Run | None = None

    def begin(self, from_ms: int, now_ms: int) -> None:
        """A run begins; it covers the time since `from_ms`."""
        self._run = Run(from_ms, now_ms)

    def add(self, request: Request, endpoints: Sequence[str]) -> None:
        code = str(request.status)
        self._codes[code] = self._codes.get(code, 0) + 1
        for endpoint in endpoints:
            self._calls[endpoint] += 1
        if request.seconds is not None:
            self._counts[self._bucket(request.seconds)] += 1
            self._seconds += request.seconds
        if self._run is not None:
            self._add_to(self._run, request, endpoints)

    def end(self) -> None:
        """The run is over: its figures go into the window."""
        if self._run is not None:
            self._window.add(self._run)
        self._run = None

    def _add_to(self, run: Run, request: Request, endpoints: Sequence[str]) -> None:
        run.requests += 1
        failed = request.status >= 500
        run.errors += failed
        for endpoint in endpoints:
            run.calls[endpoint] = run.calls.get(endpoint, 0) + 1
        if request.seconds is None:
            return
        run.timed += 1
        run.seconds += request.seconds
        if failed:
            return  # by Apdex' definition a failure frustrates, however fast it is
        run.satisfied += request.seconds <= self._apdex
        run.tolerating += self._apdex < request.seconds <= 4 * self._apdex

    def _bucket(self, seconds: float) -> int:
        for number, bound in enumerate(self._bounds):
            if seconds <= bound:
                return number
        raise AssertionError(seconds)

    def families(self) -> list[Family]:
        """Totals, and what the window says; a mean of nothing is left out, it would be made up."""
        at = {"component": self._component}
        window = self._window
        covered_ms = window.covered_ms()
        requests, timed = window.total(lambda run: run.requests), window.total(lambda run: run.timed)
        apdex = window.total(lambda run: run.satisfied) + window.total(lambda run: run.tolerating) / 2
        return [
            counter(
                "app_requests_total",
                "Requests answered.",
                *(({**at, "code": code}, count) for code, count in sorted(self._codes.items())),
            ),
            histogram("app_request_duration_seconds", "How long requests took.", self._histogram(at)),
            gauge(
                "app_response_time_seconds",
                "Mean time that the requests of the window took.",
                *_share(at, window.total(lambda run: run.seconds), timed),
            ),
            gauge(
                "app_throughput_requests_per_second",
                "Requests a second over the window.",
                *_share(at, requests * 1000, covered_ms),
            ),
            gauge(
                "app_error_ratio",
                "Share of the window's requests that were answered with 5xx, 0 to 1.",
                *_share(at, window.total(lambda run: run.errors), requests),
            ),
            gauge(
                "app_apdex_ratio",
                f"Apdex of the window with a target of {self._apdex:g} s: 1 all satisfied, 0 none.",
                *_share(at, apdex, timed),
            ),
            *self._business(covered_ms),
        ]

    def _business(self, covered_ms: int) -> list[Family]:
        return [
            counter(
                "business_api_calls_total",
                "Calls of the endpoint.",
                *(({"endpoint": endpoint}, count) for endpoint, count in self._calls.items()),
            ),
            gauge(
                "business_api_calls_per_minute",
                "Calls of the endpoint a minute over the window.",
                *(
                    pair
                    for endpoint in self._calls
                    for pair in _share(
                        {"endpoint": endpoint}, self._window.calls(endpoint) * 60_000, covered_ms
                    )
                ),
            ),
        ]

    def _histogram(
        self, at: Mapping[str, str]
    ) -> list[tuple[Mapping[str, str], Mapping[float, float], float]]:
        if not any(self._counts):
            return []  # a log without durations has no histogram
        cumulative: dict[float, float] = {}
        total = 0
        for bound, count in zip(self._bounds, self._counts, strict=True):
            total += count
            cumulative[bound] = total
        return [(at, cumulative, self._seconds)]

    def state(self) -> Mapping[str, Any]:
        """What a restart must not forget, as JSON; windows begin anew."""
        return {
            "bounds": list(self._bounds[:-1]),
            "codes": self._codes,
            "counts": self._counts,
            "seconds": self._seconds,
            "calls": self._calls,
        }

    def restore(
        self, state: Mapping[str, Any]
    ) -> None:  # Any: what JSON gives; the caller guards against nonsense
        """Go on from what `state` gave; the histogram begins anew when its buckets were changed."""
        self._codes = {str(code): int(count) for code, count in state["codes"].items()}
        for endpoint in self._calls:
            self._calls[endpoint] = int(state["calls"].get(endpoint, 0))
        if tuple(state["bounds"]) == self._bounds[:-1] and len(state["counts"]) == len(self._bounds):
            self._counts = [int(count) for count in state["counts"]]
            self._seconds = float(state["seconds"])


def _share(at: Mapping[str, str], part: float, whole: float) -> Sequence[tuple[Mapping[str, str], float]]:
    return [(at, part / whole)] if whole > 0 else []
