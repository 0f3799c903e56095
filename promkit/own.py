"""What a process measures of itself. Standard library only, for the exporter too.

own = Registry("ruler")
sent = own.counter("ruler_notifications_total", "Notifications sent.", ("receiver",))
sent.inc("email")
own.collect_from(supervisor.families)       # families made at the scrape
page = render([*own.collect(), *process_families()])
"""

import contextlib
import math
import os
import platform
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from promkit._families import Family, MetricType, Sample, counter, gauge, histogram
from promkit.labels import EMPTY, Labels
from promkit.log import get

__all__ = ["SECONDS", "Counter", "Gauge", "Histogram", "Registry", "process_families"]

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SERIES_MAX = 1_000  # of one metric; what comes after is dropped and counted

log = get("own")


class _Metric:
    """Values by label values; a lock each."""

    def __init__(
        self, name: str, help_text: str, labels: Sequence[str], dropped: Callable[[str], None]
    ) -> None:
        self.name = name
        self._help = help_text
        self._label_names = tuple(labels)
        self._labels: dict[tuple[str, ...], Labels] = {}
        self._dropped = dropped
        self._lock = threading.Lock()

    def _admit(self, values: tuple[str, ...]) -> bool:
        """Tell whether there is room for these label values. Called under the lock."""
        if values in self._labels:
            return True
        if len(self._labels) >= _SERIES_MAX:
            self._dropped(self.name)
            return False
        self._labels[values] = Labels(zip(self._label_names, values, strict=True)) if values else EMPTY
        return True


class Counter(_Metric):
    """Only rises."""

    def __init__(
        self, name: str, help_text: str, labels: Sequence[str], dropped: Callable[[str], None]
    ) -> None:
        super().__init__(name, help_text, labels, dropped)
        self._values: dict[tuple[str, ...], float] = {}
        if not labels:
            self.inc(by=0)  # there from the start, so that the first rise is seen

    def inc(self, *labels: str, by: float = 1) -> None:
        """Add `by` to the series of these label values."""
        assert by >= 0, f"{self.name} is a counter"  # noqa: S101 - a bug of the caller
        with self._lock:
            if self._admit(labels):
                self._values[labels] = self._values.get(labels, 0) + by

    def family(self) -> Family:
        with self._lock:
            values = [(self._labels[key], value) for key, value in self._values.items()]
        return counter(self.name, self._help, *values)


class Gauge(_Metric):
    """Goes up and down."""

    def __init__(
        self, name: str, help_text: str, labels: Sequence[str], dropped: Callable[[str], None]
    ) -> None:
        super().__init__(name, help_text, labels, dropped)
        self._values: dict[tuple[str, ...], float] = {}

    def set(self, value: float, *labels: str) -> None:
        """Put `value` in the series of these label values."""
        with self._lock:
            if self._admit(labels):
                self._values[labels] = value

    def add(self, by: float, *labels: str) -> None:
        """Move the series of these label values up or, with a negative number, down."""
        with self._lock:
            if self._admit(labels):
                self._values[labels] = self._values.get(labels, 0) + by

    def remove(self, *labels: str) -> None:
        """Forget the series of these label values."""
        with self._lock:
            self._values.pop(labels, None)
            self._labels.pop(labels, None)

    def family(self) -> Family:
        with self._lock:
            values = [(self._labels[key], value) for key, value in self._values.items()]
        return gauge(self.name, self._help, *values)


class Histogram(_Metric):
    """Counts observations by upper bound."""

    def __init__(
        self,
        name: str,
        help_text: str,
        labels: Sequence[str],
        dropped: Callable[[str], None],
        bounds: Sequence[float] = SECONDS,
    ) -> None:
        super().__init__(name, help_text, labels, dropped)
        self._bounds = (*bounds, math.inf)
        self._counts: dict[tuple[str, ...], list[int]] = {}  # not cumulative
        self._sums: dict[tuple[str, ...], float] = {}

    def observe(self, value: float, *labels: str) -> None:
        """Count one observation in the series of these label values."""
        with self._lock:
            if not self._admit(labels):
                return
            counts = self._counts.get(labels)
            if counts is None:
                counts = self._counts[labels] = [0] * len(self._bounds)
            counts[bisect_left(self._bounds, value)] += 1
            self._sums[labels] = self._sums.get(labels, 0.0) + value

    @contextlib.contextmanager
    def time(self, *labels: str) -> Iterator[None]:
        """Observe how many seconds the block took."""
        start_ns = time.perf_counter_ns()
        try:
            yield
        finally:
            self.observe((time.perf_counter_ns() - start_ns) / 1e9, *labels)

    def family(self) -> Family:
        with self._lock:
            series = [
                (self._labels[key], dict(zip(self._bounds, accumulate(counts), strict=True)), self._sums[key])
                for key, counts in self._counts.items()
            ]
        return histogram(self.name, self._help, series)


class Registry:
    """The metrics of one process; `namespace` begins their names."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self._metrics: dict[str, Counter | Gauge | Histogram] = {}
        self._sources: list[Callable[[str], list[Family]]] = []
        self._lock = threading.Lock()
        self._dropped = self.counter(
            f"{namespace}_metrics_series_dropped_total",
            f"Observations of own metrics left out, a metric having {_SERIES_MAX} series already.",
            ("metric",),
        )

    def counter(self, name: str, help_text: str, labels: Sequence[str] = ()) -> Counter:
        """Register a counter; its name ends in `_total`."""
        metric = Counter(name, help_text, labels, self._drop)
        self._register(metric)
        return metric

    def gauge(self, name: str, help_text: str, labels: Sequence[str] = ()) -> Gauge:
        """Register a gauge."""
        metric = Gauge(name, help_text, labels, self._drop)
        self._register(metric)
        return metric

    def histogram(
        self, name: str, help_text: str, labels: Sequence[str] = (), bounds: Sequence[float] = SECONDS
    ) -> Histogram:
        """Register a histogram; `bounds` rise, and +Inf is added."""
        metric = Histogram(name, help_text, labels, self._drop, bounds)
        self._register(metric)
        return metric

    def collect_from(self, source: Callable[[str], list[Family]]) -> None:
        """Ask `source(namespace)` for families at each scrape."""
        with self._lock:
            self._sources.append(source)

    def collect(self) -> list[Family]:
        """Give all families as they are now. A source that fails is left out and logged."""
        with self._lock:
            metrics, sources = list(self._metrics.values()), list(self._sources)
        families = [metric.family() for metric in metrics]
        for source in sources:
            try:
                families.extend(source(self.namespace))
            except Exception:
                log.exception("own metrics source failed by a bug")
        return families

    def _register(self, metric: Counter | Gauge | Histogram) -> None:
        with self._lock:
            assert metric.name not in self._metrics, f"{metric.name} is there"  # noqa: S101 - as above
            self._metrics[metric.name] = metric

    def _drop(self, name: str) -> None:
        if name != self._dropped.name:
            self._dropped.inc(name)


def process_families() -> list[Family]:
    """Give the usual `process_*` metrics and `python_info`; without a /proc, those that can be known."""
    families = [
        counter("process_cpu_seconds_total", "CPU time of this process.", ({}, time.process_time())),
        Family(
            "python_info",
            MetricType.GAUGE,
            "The interpreter.",
            (
                Sample(
                    "python_info",
                    Labels(
                        {
                            "implementation": platform.python_implementation(),
                            "version": platform.python_version(),
                        }
                    ),
                    1,
                ),
            ),
        ),
        gauge("process_threads", "Threads of this process.", ({}, threading.active_count())),
    ]
    with contextlib.suppress(OSError, ValueError):
        families.extend(_proc_families())
    return families


def _proc_families() -> list[Family]:
    # After the command's name, which may hold anything, in parentheses: proc_pid_stat(5), fields 3 and on.
    fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    start_seconds = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    boot_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    resident_bytes = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    open_files = sum(1 for _ in Path("/proc/self/fd").iterdir())  # one of them is this listing's own
    import resource  # noqa: PLC0415 - POSIX alone has it, as /proc above

    return [
        gauge("process_virtual_memory_bytes", "Virtual memory.", ({}, int(fields[20]))),
        gauge("process_resident_memory_bytes", "Resident memory.", ({}, resident_bytes)),
        gauge(
            "process_start_time_seconds",
            "When this process started, Unix time.",
            ({}, round(boot_ns / 1e9 + start_seconds, 2)),
        ),
        gauge("process_open_fds", "Open file descriptors.", ({}, open_files - 1)),
        gauge(
            "process_max_fds",
            "Most file descriptors allowed.",
            ({}, resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        ),
    ]
