"""The evaluation loop: each group at its instants; vectors go to the book, results to the store.

Instants are multiples of a group's interval, shifted by a hash of its name, as in Prometheus: a restart keeps
them, and groups spread over time. Instants that were missed are counted, not made up for.
"""

import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from promkit import log
from promkit.errors import LuminaError, NotFound
from promkit.labels import Labels
from promkit.own import Registry
from promkit.process import Clock, Stop
from ruler.alerts import Book, alert_series
from ruler.promql import Engine, Shared
from ruler.rules import Group, Render, Rule, RuleKind, evaluate, recorded
from ruler.store import Store, Values

__all__ = ["Loop", "RuleStatus"]

_LOG = log.get(__name__)
TARGETS_MS_MAX = 60_000  # after a start, wait no longer for the first look at all targets
_LOOK_MS = 100
_WAKE_MS = 1_000  # the longest sleep: expiries are looked at as often


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """How the last evaluation of a rule or of a group went."""

    evaluated_ms: int | None = None
    took_ms: float = 0.0
    health: str = "unknown"  # ok | err | unknown
    error: str = ""


@dataclass(slots=True)
class _Schedule:
    group: Group
    due_ms: int
    last_ms: int | None = None
    written: dict[str, frozenset[Labels]] = field(default_factory=dict)  # rule → series of its last result


class Loop:
    """Owns the schedule of all groups. `run` is its worker."""

    def __init__(
        self, store: Store, engine: Engine, book: Book, render: Render, clock: Clock, own: Registry
    ) -> None:
        self._store, self._engine, self._book, self._clock = store, engine, book, clock
        self._render = render
        self._lock = threading.Lock()
        self._schedules: list[_Schedule] = []
        self._status: dict[str, RuleStatus] = {}
        self._evaluated: Callable[[Group], None] = lambda _group: None
        self._seen: Callable[[], bool] = lambda: True
        self.reload_succeeded = True
        self._evaluations = own.counter("ruler_rule_evaluations_total", "Rule evaluations.", ("health",))
        self._missed = own.counter(
            "ruler_group_iterations_missed_total", "Instants of groups that were missed."
        )
        self._duration = own.histogram("ruler_group_duration_seconds", "Time an evaluation of a group took.")

    def on_evaluated(self, listener: Callable[[Group], None]) -> None:
        """Have `listener` called after each evaluation of a group: delivery waits for the first."""
        self._evaluated = listener

    def begin_when(self, seen: Callable[[], bool]) -> None:
        """Where alerts were restored, do not evaluate before `seen` says that all targets were looked at.

        Else a pending alert would end, and begin anew, for want of samples that are just being fetched.
        """
        self._seen = seen

    def apply(self, groups: Sequence[Group], now_ms: int) -> None:
        """Take over a new set of groups; those that stay keep their instants."""
        with self._lock:
            known = {(schedule.group.file, schedule.group.name): schedule for schedule in self._schedules}
            self._schedules = [
                _Schedule(group, _next_instant(group, now_ms))
                if (old := known.get((group.file, group.name))) is None
                or old.group.interval_ms != group.interval_ms
                else replace(old, group=group)
                for group in groups
            ]

    def groups(self) -> list[Group]:
        """The groups in force."""
        with self._lock:
            return [schedule.group for schedule in self._schedules]

    def rule(self, identifier: str) -> Rule:
        """One rule. NotFound: there is none of this id."""
        for group in self.groups():
            for rule in group.rules:
                if rule.id == identifier:
                    return rule
        raise NotFound(f"no rule has the id {identifier!r}")

    def rule_status(self, rule: Rule) -> RuleStatus:
        """How the rule's last evaluation went."""
        return self._status.get(rule.id, RuleStatus())

    def group_status(self, group: Group) -> RuleStatus:
        """How the group's last evaluation went; `took_ms` is for all of it."""
        return self._status.get(_key(group), RuleStatus())

    def run(self, stop: Stop) -> None:
        """Evaluate what is due until told to stop."""
        self._await_targets(stop)
        while not stop.is_set():
            now_ms = self._clock.now_ms()
            self._book.expire(now_ms)
            due = self._take_due(now_ms)
            for schedule, at_ms in due:
                if stop.is_set():
                    return
                self.evaluate(schedule.group, at_ms, schedule)
            stop.wait(self._idle_ms())

    def _await_targets(self, stop: Stop) -> None:
        if not self._book.alerts():
            return
        deadline_ms = self._clock.monotonic_ms() + TARGETS_MS_MAX
        while not self._seen() and self._clock.monotonic_ms() < deadline_ms:
            if stop.wait(_LOOK_MS):
                return
        now_ms = self._clock.now_ms()
        with self._lock:
            for schedule in self._schedules:
                schedule.due_ms = max(schedule.due_ms, _next_instant(schedule.group, now_ms))

    def _take_due(self, now_ms: int) -> list[tuple[_Schedule, int]]:
        with self._lock:
            due = []
            for schedule in self._schedules:
                interval_ms = schedule.group.interval_ms
                if schedule.due_ms - now_ms > interval_ms:  # the clock was set back
                    schedule.due_ms = _next_instant(schedule.group, now_ms)
                if schedule.due_ms > now_ms:
                    continue
                at_ms = schedule.due_ms + (now_ms - schedule.due_ms) // interval_ms * interval_ms
                self._missed.inc(by=(at_ms - schedule.due_ms) // interval_ms)
                schedule.due_ms = at_ms + interval_ms
                due.append((schedule, at_ms))
            return sorted(due, key=lambda pair: pair[1])

    def _idle_ms(self) -> float:
        with self._lock:
            next_ms = min((schedule.due_ms for schedule in self._schedules), default=None)
        if next_ms is None:
            return _WAKE_MS
        return min(max(next_ms - self._clock.now_ms(), 0), _WAKE_MS)

    def evaluate(self, group: Group, at_ms: int, schedule: _Schedule) -> None:
        """Evaluate one group at one instant; a rule that fails says so and does not stop the others."""
        begun_ms = self._clock.monotonic_ms()
        shared = Shared()
        for rule in group.rules:
            if self._book.enabled(rule):
                self._evaluate_rule(rule, group, at_ms, schedule, shared)
        schedule.last_ms = at_ms
        took_ms = self._clock.monotonic_ms() - begun_ms
        self._status[_key(group)] = RuleStatus(at_ms, took_ms, "ok")
        self._duration.observe(took_ms / 1000)
        self._evaluated(group)

    def _evaluate_rule(
        self, rule: Rule, group: Group, at_ms: int, schedule: _Schedule, shared: Shared
    ) -> None:
        begun_ms = self._clock.monotonic_ms()
        before = self._status.get(rule.id, RuleStatus())
        run = self._record if rule.kind is RuleKind.RECORD else self._alert
        try:
            error = run(rule, group, at_ms, schedule, shared)
        except LuminaError as failure:
            error = str(failure)
        except Exception as bug:  # noqa: BLE001 - one rule's bug must not keep the others from running
            error = f"internal error: {bug}"
            _LOG.exception("rule evaluation failed by a bug", rule=rule.id)
        if error and error != before.error:
            _LOG.warning("rule cannot be evaluated", rule=rule.id, error=error)
        elif before.error and not error:
            _LOG.info("rule can be evaluated again", rule=rule.id)
        took_ms = self._clock.monotonic_ms() - begun_ms
        health = "err" if error else "ok"
        self._evaluations.inc(health)
        self._status[rule.id] = RuleStatus(at_ms, took_ms, health, error)

    def _record(self, rule: Rule, group: Group, at_ms: int, schedule: _Schedule, shared: Shared) -> str:
        labels, values = recorded(rule, group, self._engine, at_ms, shared=shared)
        self._write(rule, labels, values, at_ms - group.query_offset_ms, schedule)
        return ""

    def _alert(self, rule: Rule, group: Group, at_ms: int, schedule: _Schedule, shared: Shared) -> str:
        evaluation = evaluate(
            rule,
            group,
            self._engine,
            at_ms,
            since_ms=schedule.last_ms,
            known=self._book.states(rule.id).keys(),
            render=self._render,
            shared=shared,
        )
        self._book.advance(evaluation, at_ms)
        if evaluation.error:
            return evaluation.error
        labels, values = alert_series(rule, self._book.states(rule.id))
        written_ms = at_ms - group.query_offset_ms
        self._write(rule, labels, np.asarray(values, np.float64), written_ms, schedule)
        return ""

    def _write(
        self, rule: Rule, labels: Sequence[Labels], values: Values, at_ms: int, schedule: _Schedule
    ) -> None:
        """Append a rule's series, and end those of its last result that this one has not."""
        present = frozenset(labels)
        ended = schedule.written.get(rule.id, frozenset()) - present
        if labels:
            self._store.append(labels, values, at_ms)
        if ended:
            self._store.end(sorted(ended), at_ms)
        schedule.written[rule.id] = present


def _key(group: Group) -> str:
    return f"{group.file};{group.name}"


def _next_instant(group: Group, now_ms: int) -> int:
    offset_ms = zlib.crc32(_key(group).encode()) % group.interval_ms
    return (now_ms - offset_ms) // group.interval_ms * group.interval_ms + group.interval_ms + offset_ms
