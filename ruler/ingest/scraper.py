"""The scraper: which targets there are, who scrapes them when, and what is told about them."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from threading import Lock, RLock

from promkit import log
from promkit.exposition import Family, counter, gauge
from promkit.labels import Labels
from promkit.process import Clock, Stop, Supervisor
from ruler.ingest.config import Scrape, ScrapeGlobal
from ruler.ingest.discovery import DnsTargets, FileTargets, static_groups
from ruler.ingest.runner import Runner
from ruler.ingest.schedule import Schedule
from ruler.ingest.target import Target, TargetView, targets_of
from ruler.store import Store

__all__ = ["OnScrape", "Scraper"]

_LOG = log.get(__name__)
_WORKERS_MAX = 256
_DROPPED_MAX = 1_000  # dropped targets of a job that are shown, where the configuration sets no bound
_DISCOVERY_MS = 5_000

OnScrape = Callable[[TargetView], None]
_Key = tuple[str, str]  # job, target


@dataclass(slots=True)
class _Job:
    config: Scrape
    files: FileTargets
    names: DnsTargets
    dropped: list[Labels]


class Scraper:
    """`apply` says what to scrape, `start` begins."""

    def __init__(self, store: Store, clock: Clock, on_scrape: OnScrape | None = None) -> None:
        self._store = store
        self._clock = clock
        self._on_scrape = on_scrape
        self._lock = RLock()
        self._learning = Lock()
        self._jobs: dict[str, _Job] = {}
        self._runners: dict[_Key, Runner] = {}
        self._schedule = Schedule(clock, self._scrape, self._want_worker)
        self._supervisor: Supervisor | None = None
        self._workers = 0
        self._scrapes = 0

    def apply(self, defaults: ScrapeGlobal, jobs: Sequence[Scrape]) -> None:
        """Take over a configuration; targets that stay keep their history and their instants."""
        with self._lock:
            whole = [job.within(defaults) for job in jobs]
            before = self._jobs
            self._jobs = {
                job.job_name: _Job(job, FileTargets(job), _names(job, before.get(job.job_name)), [])
                for job in whole
            }
            for job in self._jobs.values():
                job.files.refresh()
            self._settle()

    def start(self, supervisor: Supervisor) -> None:
        """Begin to scrape."""
        self._supervisor = supervisor
        for _ in range(2):
            self._want_worker()
        supervisor.start("discovery", self._discover)
        supervisor.at_end("scraper", self.close)

    def close(self) -> None:
        """Stop; series do not end, for the targets are still there."""
        with self._lock:
            for runner in self._runners.values():
                runner.close()

    def targets(self) -> list[TargetView]:
        """All targets, by job and URL."""
        with self._lock:
            views = [runner.view for runner in self._runners.values()]
        return sorted(views, key=lambda view: (view.job, view.url))

    def dropped(self) -> list[tuple[str, Labels]]:
        """Job and discovered labels of targets that relabelling dropped."""
        with self._lock:
            return [(name, labels) for name, job in self._jobs.items() for labels in job.dropped]

    def families(self) -> list[Family]:
        """What the ruler tells about its own scraping."""
        views = self.targets()
        health = [({"health": state}, sum(view.health == state for view in views)) for state in _HEALTH]
        return [
            gauge("ruler_scrape_targets", "Targets by how their last scrape went.", *health),
            counter("ruler_scrapes_total", "Scrapes made.", ({}, self._scrapes)),
            counter(
                "ruler_scrapes_missed_total",
                "Instants at which the scrape before was still going on.",
                ({}, self._schedule.missed),
            ),
        ]

    def scrape_now(self, at_ms: int) -> None:
        """Scrape every target once, one after the other: for tests and for tools without a schedule."""
        for key in list(self._runners):
            self._scrape(key, at_ms)

    def _settle(self) -> None:
        """Make the runners what the jobs and their discoveries say."""
        wanted: dict[_Key, tuple[Target, Scrape]] = {}
        for name, job in self._jobs.items():
            groups = [*static_groups(job.config), *job.files.groups(), *job.names.groups()]
            targets, dropped, faults = targets_of(job.config, groups)
            job.dropped = dropped[: job.config.keep_dropped_targets or _DROPPED_MAX]
            for fault in faults:
                _LOG.warning("target refused", job=name, error=fault)
            limit = job.config.target_limit
            if limit and len(targets) > limit:
                _LOG.error("target_limit exceeded, no target is scraped", job=name, targets=len(targets))
                targets = []
            wanted.update({(name, target.key): (target, job.config) for target in targets})
        for key in self._runners.keys() - wanted.keys():
            self._schedule.remove(key)
            self._runners.pop(key).end(self._clock.now_ms())
        for key, (target, config) in wanted.items():
            self._place(key, target, config)

    def _place(self, key: _Key, target: Target, config: Scrape) -> None:
        runner = self._runners.get(key)
        if runner is None:
            self._runners[key] = Runner(target, config, self._store, self._learning)
        else:
            before = runner.target
            if before != target or runner.job != config:
                runner.reconfigure(target, config)
            if before.interval_ms == target.interval_ms:
                return
        self._schedule.put(key, target.interval_ms, target.offset_ms)

    def _scrape(self, key: Hashable, at_ms: int) -> None:
        with self._lock:
            runner = self._runners.get(key)  # type: ignore[call-overload] # the schedule has no keys but ours
        if runner is not None and runner.scrape(at_ms):
            self._scrapes += 1
            if self._on_scrape is not None:
                self._on_scrape(runner.view)

    def _want_worker(self) -> None:
        if self._supervisor is not None and self._workers < min(_WORKERS_MAX, len(self._runners) + 2):
            self._workers += 1
            self._supervisor.start(f"scrape-{self._workers}", self._schedule.work)

    def _discover(self, stop: Stop) -> None:
        while True:
            with self._lock:
                jobs = list(self._jobs.values())
            # A name can take seconds: without the lock.
            changed = any([job.names.refresh(self._clock.monotonic_ms()) for job in jobs])  # noqa: C419 - each
            with self._lock:
                if any([job.files.refresh() for job in self._jobs.values()]) or changed:  # noqa: C419 - each
                    self._settle()
            if stop.wait(_DISCOVERY_MS):
                return


def _names(job: Scrape, before: _Job | None) -> DnsTargets:
    """Those of the same job before, where it asks for the same: what they found stays known."""
    if before is not None and before.config.dns_sd_configs == job.dns_sd_configs:
        return before.names
    return DnsTargets(job)


_HEALTH = ("up", "down", "unknown")
