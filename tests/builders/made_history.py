"""Made history: series with a day, noise and faults, and a source that serves them as Prometheus would."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from analytics.arrays import Times, Values
from promkit.errors import QueryError, Unavailable
from promkit.labels import METRIC_NAME, Labels

STEP_MS = 300_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
DAY = DAY_MS // STEP_MS
NOW_MS = 1_700_006_400_000 + 14 * DAY_MS  # a Wednesday, 00:00 UTC


def a_series(name: str, **labels: str) -> Labels:
    """Labels of a metric."""
    return Labels({METRIC_NAME: name, "instance": "web1", "job": "exporter", **labels})


def times_until(end_ms: int = NOW_MS, steps: int = 14 * DAY, step_ms: int = STEP_MS) -> Times:
    """`steps` window ends up to `end_ms`."""
    return end_ms - np.arange(steps - 1, -1, -1, dtype=np.int64) * step_ms


def a_wave(
    times: Times, *, low: float = 0.2, high: float = 0.7, noise: float = 0.01, seed: int = 1
) -> Values:
    """A day that goes up and down, a little noise; the same for the same seed. [T]"""
    phase = 2 * np.pi * (times % DAY_MS) / DAY_MS
    random = np.random.default_rng(seed).normal(0, noise, len(times))
    return (low + high) / 2 - (high - low) / 2 * np.cos(phase) + random


@dataclass
class Served:
    """A matrix, as a query client answers it."""

    labels: Sequence[Labels]
    times: Times
    values: Values


@dataclass
class FakeSource:
    """Serves series on the grid of their times: `metric`, `metric{…}`, `{__name__=~"…"}`, means over them."""

    times: Times
    series: Mapping[Labels, Values]
    down: bool = False
    refused: str = ""
    asked: list[tuple[str, int, int]] = field(default_factory=list)

    def query(self, expr: str, at_ms: int) -> list[tuple[Labels, float]]:
        self._check(expr)
        if expr.startswith("count by (__name__) ("):
            names = {label.metric for label in self._found(expr[len("count by (__name__) (") : -1])}
            return [(Labels({METRIC_NAME: name}), 1.0) for name in sorted(names)]
        assert expr.startswith("count("), expr
        found = self._found(expr[len("count(") : -1])
        return [(Labels(), float(len(found)))] if found else []

    def query_range(self, expr: str, start_ms: int, end_ms: int, step_ms: int) -> Served:
        self._check(expr)
        self.asked.append((expr, start_ms, end_ms))
        at = np.arange(start_ms, end_ms + 1, step_ms, dtype=np.int64)
        labels = self._found(expr)
        column = np.searchsorted(self.times, at)
        there = (column < len(self.times)) & (self.times[np.minimum(column, len(self.times) - 1)] == at)
        rows = [
            np.where(there, self.series[label][np.minimum(column, len(self.times) - 1)], np.nan)
            for label in labels
        ]
        kept = [number for number, row in enumerate(rows) if not np.isnan(row).all()]
        bare = expr.startswith("avg_over_time(")
        return Served(
            [labels[number].without_metric() if bare else labels[number] for number in kept],
            at,
            np.array([rows[number] for number in kept]).reshape(len(kept), len(at)),
        )

    def _check(self, expr: str) -> None:
        if self.down:
            raise Unavailable("connection refused", "http://ruler")
        if self.refused and self.refused in expr:
            raise QueryError("the server will not have it")

    def _found(self, expr: str) -> list[Labels]:
        inner = re.sub(r"^avg_over_time\((.*)\[[0-9a-z]+\]\)$", r"\1", expr)
        name, _, matchers = inner.partition("{")
        wanted = [("__name__", "=", name)] if name else []
        wanted += re.findall(r'([a-z_]+)(=~|!~|!=|=)"([^"]*)"', matchers)
        return [
            label for label in self.series if all(_matches(label[key], op, text) for key, op, text in wanted)
        ]


def _matches(value: str, op: str, text: str) -> bool:
    match op:
        case "=":
            return value == text
        case "!=":
            return value != text
        case "=~":
            return re.fullmatch(text, value) is not None
        case _:
            return re.fullmatch(text, value) is None


def a_host(times: Times, seed: int = 1, *, fault: slice | None = None) -> dict[Labels, Values]:
    """Days of a host and its application, as the default models want them; `fault`: the CPU is stuck high."""
    load = a_wave(times, low=0, high=1, noise=0.0)
    random = np.random.default_rng(seed)

    def noise(size: float) -> Values:
        return random.normal(0, size, len(times))

    calls = 100 + 400 * load + noise(5)
    cpu = 0.1 + 0.5 * load + noise(0.015)
    if fault is not None:
        cpu[fault] = 0.99
    memory = 4e9 + 2e9 * load + noise(5e7)
    return {
        a_series("system_cpu_usage_ratio"): np.clip(cpu, 0, 1),
        a_series("system_memory_used_bytes"): memory,
        a_series("system_memory_total_bytes"): np.full(len(times), 8e9),
        a_series("system_memory_usage_ratio"): memory / 8e9,
        a_series("system_disk_usage_ratio", mount="/"): 0.5
        + 0.2 * np.arange(len(times)) / len(times)
        + noise(0.0005),
        a_series("system_boot_time_seconds"): np.full(len(times), 1.6e9),
        a_series("app_response_time_seconds", component="api"): 0.05 + 0.2 * cpu + np.abs(noise(0.004)),
        a_series("app_throughput_requests_per_second", component="api"): calls / 6 + noise(1),
        a_series("app_error_ratio", component="api"): np.abs(noise(0.002)),
        a_series("business_api_calls_per_minute", endpoint="compliance"): calls,
    }
