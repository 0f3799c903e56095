"""The running process' state: fetches, runs cycles, keeps what they leave. Owned by the worker of `cycle`.

Others read `results`, `status` and the journal: frozen values, swapped whole.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from analytics import storage
from analytics.align import union
from analytics.config import Config
from analytics.cycle import Input, Memory, run, targets_of
from analytics.events import Event, of_cycle, of_models
from analytics.history import History, Source, Table
from analytics.journal import Journal
from analytics.learner import Live, Settings
from analytics.publish import families
from analytics.report import Status
from analytics.result import Results
from analytics.rules import Threshold, Trees, thresholds
from analytics.spec import ModelSpec
from analytics.truth import judge
from promkit.errors import LuminaError, QueryError, Unavailable
from promkit.exposition import Family
from promkit.log import get

__all__ = ["Api", "Service"]

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
_MONTH_MS = 31 * DAY_MS
_SAVED_MS = HOUR_MS
_WAITING_MAX = 4  # callers that wait for a training; more are answered at once
_STALE_CYCLES = 3  # that could not run: then the gauges of the last one are taken off the page
_LOGGED_MAX = 20  # anomalies of one cycle; the API has them all

log = get("analytics.service")
Tell = Callable[[Sequence[Event], int], None]  # events, and how many more were left out


class Api(Source, Protocol):
    """What the process asks of a Prometheus API."""

    def get(self, path: str, params: Mapping[str, str], /) -> Any:  # noqa: ANN401 - JSON
        """Any other endpoint's data."""
        ...


@dataclass(frozen=True, slots=True)
class Setup:
    """What a reload replaces, whole."""

    config: Config
    specs: Sequence[ModelSpec]


class Service:
    """One worker runs `cycle`; the lock is for what a reload swaps."""

    def __init__(
        self,
        api: Api,
        config: Config,
        specs: Sequence[ModelSpec],
        data: Path | None,
        tell: Tell = lambda _events, _left_out: None,
    ) -> None:
        self.results: Results | None = None
        self.live: Mapping[str, Live] = {}
        self.left_out = 0  # series beyond the limit
        self.journal = Journal(data)
        self.status = Status(config.datasource.url, True, "", 0, None, None, 0)
        self._api = api
        self._tell = tell
        self._data = data
        self._setup = Setup(config, specs)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._to_train: set[str] = set()
        self._waiting = 0
        self._history = self._restored(History(api, config.step, config.history, config.series_max), "steps")
        self._months = self._restored(History(api, HOUR_MS, _MONTH_MS, config.series_max), "hours")
        self._hourly: Mapping[str, Table] = {}
        self._hour_ms = 0
        self._thresholds: Sequence[Threshold] = ()
        self._trees = Trees(api.get)
        learned = storage.load_trained(data / "learned", [spec.id for spec in specs]) if data else {}
        self._memory = Memory(learned)
        self._saved_ms = 0
        self._families: Sequence[Family] = ()

    @property
    def specs(self) -> Sequence[ModelSpec]:
        """The models in force."""
        return self._setup.specs

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self._setup.config

    def families(self, _namespace: str) -> list[Family]:
        """What the last cycle found, for /metrics."""
        return list(self._families)

    def use(self, config: Config, specs: Sequence[ModelSpec], now_ms: int) -> None:
        """Take up a changed configuration from the next cycle on."""
        with self._lock:
            before, self._setup = self._setup.specs, Setup(config, specs)
        self._tell(of_models(before, specs, now_ms), 0)

    def train(self, model: str) -> None:
        """Have a model learn anew in the next cycle, whatever its schedule says."""
        with self._lock:
            self._to_train.add(model)

    def wait_trained(self, model: str, timeout_ms: int) -> bool:
        """Wait until the cycle that was to train a model is over; False: it is not within that time."""
        with self._changed:
            if self._waiting >= _WAITING_MAX:
                return model not in self._to_train
            self._waiting += 1
            try:
                return self._changed.wait_for(lambda: model not in self._to_train, timeout_ms / 1000)
            finally:
                self._waiting -= 1

    def cycle(self, now_ms: int) -> Results | None:
        """Fetch what is new and run once. None: the history could not be read; what was found stays."""
        with self._lock:
            setup, train = self._setup, frozenset(self._to_train)
        try:
            return self._cycle(setup, train, now_ms)
        finally:
            with self._changed:
                self._to_train -= train
                self._changed.notify_all()

    def _cycle(self, setup: Setup, train: frozenset[str], now_ms: int) -> Results | None:
        try:
            tables, refused = self._fetch(setup, now_ms)
        except Unavailable as error:
            self._is_down(error, now_ms)
            return None
        self._is_up()
        settings = Settings(setup.config.step, setup.config.history_min, setup.config.anomalies.threshold)
        self._settle(setup, tables, settings, now_ms)
        given = Input(
            setup.specs,
            tables,
            self._hourly,
            refused,
            self._thresholds,
            self.live,
            settings,
            setup.config.breach_horizon,
            train,
        )
        before = self._memory
        results, self._memory = run(given, before, now_ms)
        self.journal.record(results.predictions, results.anomalies)
        self._save(before, now_ms)
        self.results = results
        self._families = families(results, self.live)
        self.status = replace(
            self.status,
            cycles=self.status.cycles + 1,
            last_cycle_ms=now_ms,
            series=len({label for table in tables.values() for label in table.labels}),
        )
        self._tell(*of_cycle(results))
        for anomaly in results.anomalies[:_LOGGED_MAX]:
            log.info("anomaly", model=anomaly.model, severity=anomaly.severity, what=anomaly.description)
        if len(results.anomalies) > _LOGGED_MAX:
            log.info("more anomalies", count=len(results.anomalies) - _LOGGED_MAX)
        return results

    def next_at(self, when_ms: int) -> None:
        """Say when the next cycle is due."""
        self.status = replace(self.status, next_cycle_ms=when_ms)

    def close(self) -> None:
        """Save what is held and close the journal."""
        try:
            self._save_all()
        finally:
            self.journal.close()

    def _fetch(self, setup: Setup, now_ms: int) -> tuple[dict[str, Table], dict[str, LuminaError]]:
        self._thresholds = self._ask_thresholds()
        targets = targets_of(setup.specs)
        tables, refused = self._history.refresh(
            [*targets, *(threshold.expr for threshold in self._thresholds)], now_ms
        )
        if now_ms // HOUR_MS > self._hour_ms // HOUR_MS:
            self._hourly, _ = self._months.refresh(targets, now_ms)
            self._hour_ms = now_ms
        if self._history.left_out != self.left_out:
            log.warning("series left out", count=self._history.left_out, limit=setup.config.series_max)
            self.left_out = self._history.left_out
        return tables, refused

    def _ask_thresholds(self) -> Sequence[Threshold]:
        """The rules' thresholds; where the server does not say (not all have rules), what it said last."""
        try:
            answer = self._api.get("/api/v1/rules", {"type": "alert"})
        except (Unavailable, QueryError):
            return self._thresholds
        self._trees.begin()
        return thresholds(answer.get("groups") or (), self._trees)

    def _settle(self, setup: Setup, tables: Mapping[str, Table], settings: Settings, now_ms: int) -> None:
        """Compare predictions whose time has come with what came."""
        pending = self.journal.pending(now_ms)
        by_model = {
            spec.id: union(
                [tables[expr] for expr in dict.fromkeys((spec.target, *spec.features)) if expr in tables]
            )
            for spec in setup.specs
            if spec.target in tables
        }
        self.journal.settle(judge(pending, by_model, settings.day, now_ms))
        self.live = self.journal.live()

    def _save(self, before: Memory, now_ms: int) -> None:
        """Keep what was newly learned at once, and everything once an hour."""
        if self._data is None:
            return
        for model, trained in self._memory.trained.items():
            old = before.trained.get(model)
            if old is None or old.trained_ms != trained.trained_ms or len(old.blocks) != len(trained.blocks):
                log.info(
                    "model trained", model=model, series=sum(len(block.labels) for block in trained.blocks)
                )
                storage.save_trained(self._data / "learned", model, trained)
        if now_ms - self._saved_ms >= _SAVED_MS:
            self._saved_ms = now_ms
            self._save_all()

    def _save_all(self) -> None:
        if self._data is None:
            return
        for name, history in (("steps", self._history), ("hours", self._months)):
            storage.save_history(self._data / f"history-{name}.npz", history.arrays())
        storage.forget_others(self._data / "learned", self._memory.trained)
        for model, trained in self._memory.trained.items():
            storage.save_trained(self._data / "learned", model, trained)

    def _restored(self, history: History, name: str) -> History:
        if self._data is not None:
            history.restore(storage.load_history(self._data / f"history-{name}.npz"))
        return history

    def _is_down(self, error: Unavailable, now_ms: int) -> None:
        if self.status.is_up:
            log.warning("history cannot be read", datasource=self.status.datasource, error=error)
        self.status = replace(self.status, is_up=False, problem=str(error))
        stale_ms = now_ms - (self.status.last_cycle_ms or now_ms)
        if stale_ms > _STALE_CYCLES * self.config.interval:  # no rule may act on what was found long ago
            self._families = ()

    def _is_up(self) -> None:
        if not self.status.is_up:
            log.info("history can be read again", datasource=self.status.datasource)
        self.status = replace(self.status, is_up=True, problem="")
