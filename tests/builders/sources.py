"""Sources, pages and requests of the exporter, with only what a case is about."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from exporter.collector import Collector, Context, Kind, Settings, Source
from exporter.http1 import Request, parse_head
from exporter.scheduler import Health, Reading
from promkit.exposition import Family, gauge

__all__ = ["ManualClock", "Scripted", "a_reading", "a_request", "a_source", "values"]


class ManualClock:
    """Both clocks, moved by hand."""

    def __init__(self, now_ms: int = 1_000_000) -> None:
        self.ms = now_ms

    def now_ms(self) -> int:
        return self.ms

    def monotonic_ms(self) -> int:
        return self.ms


class Scripted:
    """A collector that does what it is told; `gate` holds it up while it is cleared."""

    def __init__(self, collect: Callable[[], list[Family]] | None = None) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.runs = 0
        self._collect = collect or (lambda: [gauge("a_metric", "A.", ({}, 1.0))])

    def collect(self, now_ms: int) -> list[Family]:
        del now_ms
        self.runs += 1
        assert self.gate.wait(30)
        return self._collect()


def a_source(name: str = "scripted", settings: Settings | None = None, **changes: Any) -> Source:
    kind = Kind(name.partition("/")[0], Settings, _build)
    return Source(name, kind, settings or Settings(**changes))


def _build(settings: Settings, context: Context, name: str) -> Collector:
    del settings, context, name
    return Scripted()


def a_reading(
    name: str = "scripted", *families: Family, health: Health | None = None, **settings: Any
) -> Reading:
    if health is None:
        health = Health(True, last_run_ms=1, last_success_ms=1, runs=1)
    return Reading(a_source(name, **settings), health, families)


def a_request(
    method: str = "GET", target: str = "/metrics", body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Request:
    lines = [f"{name}: {value}" for name, value in (headers or {}).items()]
    text = "\r\n".join(
        [f"{method} {target} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *lines]
    )
    return Request(parse_head(text.encode()), body)


def values(families: Sequence[Family]) -> dict[str, float]:
    """Each sample by its series, `name{label="value"}`."""
    return {
        f"{sample.name}{sample.labels or ''}": sample.value
        for family in families
        for sample in family.samples
    }
