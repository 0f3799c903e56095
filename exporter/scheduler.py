"""Runs each source on its own cadence, with its own timeout, in its own thread.

    due ──▶ running ──▶ finished in time ──▶ values and health to the page, due again a cadence later
               │
               └─▶ overdue: told as failed; no second copy is started, what it gives in the end is thrown away

A thread that hangs in the kernel cannot be ended: it is left behind, and nothing waits for it.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from exporter.collector import Collector, Source
from promkit.errors import LuminaError
from promkit.exposition import Family, Sample
from promkit.labels import Labels
from promkit.log import get
from promkit.process import SYSTEM_CLOCK, Clock, Stop

__all__ = ["Health", "Reading", "Scheduler", "capped", "series_of"]

WATCH_MS = 200
END_MS = 1_000
ERROR_LENGTH_MAX = 500

log = get("exporter.scheduler")


@dataclass(frozen=True, slots=True)
class Health:
    """How a source does."""

    success: bool = False
    error: str = ""
    """Why the last run failed; "" after one that did not."""
    duration_ms: int = 0
    """How long the last run took, or takes by now."""
    last_run_ms: int | None = None
    last_success_ms: int | None = None
    runs: int = 0
    failures: int = 0
    timeouts: int = 0
    series: int = 0
    dropped: int = 0
    """Series over the cap in the last run."""
    dropped_total: int = 0

    @property
    def tried(self) -> bool:
        return self.runs > 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What the scheduler hands to the page; `families` None: the last ones stand, until they are stale."""

    source: Source
    health: Health
    families: Sequence[Family] | None


Publish = Callable[[Reading], None]
Build = Callable[[Source, Collector | None], Collector]
"""Builds a source's collector; the other one is the collector that ran under this name before."""


class Scheduler:
    """Owns the sources' threads."""

    def __init__(self, publish: Publish, clock: Clock = SYSTEM_CLOCK) -> None:
        self._publish = publish
        self._clock = clock
        self._runners: dict[str, _Runner] = {}

    def apply(self, sources: Sequence[Source], build: Build) -> Mapping[str, Collector]:
        """Run exactly these from now on → the collectors by source.

        A source that was running with these very settings goes on undisturbed; one that was changed is ended
        before its successor is built.
        """
        wanted = {source.name: source for source in sources}
        ended = {name: old for name, old in self._runners.items() if wanted.get(name) != old.source}
        self._end(list(ended.values()))
        running = {name: old for name, old in self._runners.items() if name not in ended}
        for name, source in wanted.items():
            if name not in running:
                before = ended[name].collector if name in ended else None
                running[name] = _Runner(source, build(source, before), self._publish, self._clock)
        self._runners = running
        return {name: runner.collector for name, runner in running.items()}

    def poke(self, name: str) -> None:
        """Run a source now, because something came in."""
        runner = self._runners.get(name)
        if runner is not None:
            runner.poke()

    def watch(self, stop: Stop) -> None:
        """Tell of runs that are overdue, until stopped; then stop all sources."""
        while not stop.wait(WATCH_MS):
            for runner in list(self._runners.values()):
                runner.check()
        self._end(list(self._runners.values()))

    def _end(self, runners: Sequence["_Runner"]) -> None:
        for runner in runners:
            runner.stop()
        deadline_ms = self._clock.monotonic_ms() + END_MS
        for runner in runners:
            runner.join(deadline_ms - self._clock.monotonic_ms())


class _Runner:
    """A source's thread. The lock guards health and who may publish; nothing is read or sent under it."""

    def __init__(self, source: Source, collector: Collector, publish: Publish, clock: Clock) -> None:
        self.source = source
        self.collector = collector
        self._publish = publish
        self._clock = clock
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = False
        self._health = Health()
        self._started_ms: int | None = None  # monotonic; of a run that goes on
        self._overdue = False
        self._thread = threading.Thread(target=self._loop, name=f"collect-{source.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._wake.set()

    def join(self, wait_ms: int) -> None:
        """Wait for a run that is about to end; one that hangs is left behind."""
        self._thread.join(max(0, wait_ms) / 1000)

    def poke(self) -> None:
        self._wake.set()

    def check(self) -> None:
        """Tell of a run that takes too long, once."""
        with self._lock:
            if self._started_ms is None or self._overdue or self._stopped:
                return
            taken_ms = self._clock.monotonic_ms() - self._started_ms
            if taken_ms <= self.source.settings.timeout:
                return
            self._overdue = True
            error = f"no answer within {self.source.settings.timeout / 1000:g} s, still waiting for it"
            health = replace(self._failed(error, taken_ms), timeouts=self._health.timeouts + 1)
            self._tell(health)
            self._health = health
        self._publish(Reading(self.source, health, None))

    def _loop(self) -> None:
        while not self._stopped:
            started_ms = self._clock.monotonic_ms()
            self._wake.clear()
            self._run(started_ms)
            every_ms = self.source.settings.every
            if self._health.runs == 1 and self.source.kind.warm_up_ms:
                every_ms = min(every_ms, self.source.kind.warm_up_ms)
            # A run that was late does not make the next ones hurry: missed runs are missed.
            wait_ms = started_ms + every_ms - self._clock.monotonic_ms()
            self._wake.wait(max(wait_ms, 0) / 1000)

    def _run(self, started_ms: int) -> None:
        with self._lock:
            self._started_ms, self._overdue = started_ms, False
        families: Sequence[Family] | None = None
        error = ""
        try:
            families = self.collector.collect(self._clock.now_ms())
        except LuminaError as failure:
            error = str(failure)
        except Exception as bug:
            log.exception("collector failed by a bug", collector=self.source.name)
            error = f"{type(bug).__name__}: {bug}"
        reading = self._finished(families, error, self._clock.monotonic_ms() - started_ms)
        if reading is not None:
            self._publish(reading)

    def _finished(self, families: Sequence[Family] | None, error: str, taken_ms: int) -> Reading | None:
        with self._lock:
            self._started_ms = None
            if self._stopped or self._overdue:
                return None  # it was told as failed; these values are of another time
            if families is None:
                health = self._failed(error, taken_ms)
            else:
                families, dropped = capped(families, self.source.settings.series_max)
                health = self._succeeded(families, dropped, taken_ms)
            self._tell(health)
            self._health = health
            return Reading(self.source, health, families)

    def _failed(self, error: str, taken_ms: int) -> Health:
        return replace(
            self._health,
            success=False,
            error=error[:ERROR_LENGTH_MAX] or "no reason given",
            duration_ms=taken_ms,
            last_run_ms=self._clock.now_ms(),
            runs=self._health.runs + 1,
            failures=self._health.failures + 1,
        )

    def _succeeded(self, families: Sequence[Family], dropped: int, taken_ms: int) -> Health:
        now_ms = self._clock.now_ms()
        return replace(
            self._health,
            success=True,
            error="",
            duration_ms=taken_ms,
            last_run_ms=now_ms,
            last_success_ms=now_ms,
            runs=self._health.runs + 1,
            series=sum(len(series_of(family)) for family in families),
            dropped=dropped,
            dropped_total=self._health.dropped_total + dropped,
        )

    def _tell(self, health: Health) -> None:
        """Log what changed: a failure when it begins and when it ends."""
        before, name = self._health, self.source.name
        if not health.success and (before.success or not before.tried):
            log.warning("collector failing", collector=name, error=health.error)
        elif health.success and before.tried and not before.success:
            log.info("collector works again", collector=name)
        if health.dropped and not before.dropped:
            log.warning(
                "series over the cap are left out",
                collector=name,
                dropped=health.dropped,
                series_max=self.source.settings.series_max,
            )
        elif before.dropped and not health.dropped and health.success:
            log.info("series are within the cap again", collector=name)


_WITHIN = ("le", "quantile")


def series_of(family: Family) -> dict[Labels, list[Sample]]:
    """A family's samples by series: all buckets of one histogram are one."""
    found: dict[Labels, list[Sample]] = {}
    for sample in family.samples:
        labels = sample.labels
        key = labels.without(_WITHIN) if "le" in labels or "quantile" in labels else labels
        found.setdefault(key, []).append(sample)
    return found


def capped(families: Sequence[Family], series_max: int) -> tuple[Sequence[Family], int]:
    """The first `series_max` series, whole ones, and how many more there were."""
    if sum(len(family.samples) for family in families) <= series_max:
        return families, 0
    kept: list[Family] = []
    left, dropped = series_max, 0
    for family in families:
        series = list(series_of(family).values())
        samples = tuple(sample for group in series[:left] for sample in group)
        dropped += max(0, len(series) - left)
        left -= min(left, len(series))
        if samples:
            kept.append(replace(family, samples=samples))
    return kept, dropped
