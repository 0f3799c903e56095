"""The room's door: what main starts, what the API and the UI ask.

    hear ─▶ (wakes) ─▶ tick: results → alerts → open runs        one worker decides
                         └─▶ runner: a thread an execution       they only execute

Which alerts want a remedy is read from the book each time, not from what was heard: so nothing is missed that
happened while nobody listened.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promkit.errors import ConfigError, Conflict, NotFound
from promkit.exposition import Family, gauge
from promkit.labels import EMPTY, Labels
from promkit.process import SYSTEM_CLOCK, Clock, ClockWatch, Stop, Supervisor
from ruler.alerts import Alert, Transition
from ruler.database import Database
from ruler.remediation import ledger
from ruler.remediation.action import Outcome, Plan, Result
from ruler.remediation.aftermath import Aftermath
from ruler.remediation.config import RemediationConfig, how_to_bind
from ruler.remediation.desk import Desk, World
from ruler.remediation.evidence import Asks, Evidence
from ruler.remediation.guard import considered_ms
from ruler.remediation.launch import Launch
from ruler.remediation.ledger import AuditRow, BreakerRow
from ruler.remediation.run import Run, RunPhase
from ruler.remediation.runner import Runner
from ruler.remediation.story import BookDoor, Story
from ruler.rules import Group
from ruler.rules.rule import Mode, Remedy

__all__ = ["Foreseen", "Remediation"]

BUSY_MS = 1_000  # between two looks while runs are open
IDLE_MS = 30_000  # between two readings of the book when nothing was heard
PRUNE_MS = 3_600_000
OPEN_MAX = 100  # runs; alerts beyond wait in the book for room, who fires longest first
SETTLE_MS = 60_000  # after a start, all rules have been evaluated by then


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would be done, or why nothing would."""

    action: str
    mode: Mode
    plan: Plan | None
    problem: str = ""


class Remediation:
    """Runs remedies for alerts that fire, within the operator's limits, and says what came of them."""

    def __init__(
        self,
        config: RemediationConfig,
        book: BookDoor,
        database: Database,
        engine: Asks,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._book = book
        self._database = database
        self._clock = clock
        self._woken = threading.Event()
        self._heard = True
        self._read_ms = 0
        self._pruned_ms = 0
        self._due: dict[str, int | None] = {}  # fingerprint → when a remedy is due
        self._crowded = 0
        self._runner = Runner(self._woken.set)
        self._desk = Desk(World(config, {}), Story(book), database, Evidence(engine), self._runner)
        self._launch = Launch(self._desk)
        self._aftermath = Aftermath(self._desk)

    # Life

    def reload(self, config: RemediationConfig, groups: Sequence[Group]) -> None:
        """Put a configuration and the rules into force; call it once before `start` as well."""
        rules = {rule.id: (rule, group.interval_ms) for group in groups for rule in group.rules}
        self._desk.world = World(config, rules)
        self._due = {}
        self._wake()

    def start(self, supervisor: Supervisor) -> None:
        """Begin to work in a thread of the supervisor's; what runs when it drains is ended and noted."""
        supervisor.at_end("remediation", self.close)
        supervisor.start("remediation", self.work)

    def work(self, stop: Stop) -> None:
        """Tick until told to stop."""
        self.recover(self._clock.now_ms())
        clock = ClockWatch(self._clock)
        while not stop.is_set():
            if delta_ms := clock.step_ms():
                self.clock_stepped(delta_ms)
            wait_ms = self.tick(self._clock.now_ms())
            self._woken.wait(min(wait_ms, BUSY_MS) / 1000)
            self._woken.clear()

    def close(self) -> None:
        """End what runs and note how it ended; the next start verifies it."""
        self._runner.close()
        self._take_results(self._clock.now_ms())

    def hear(self, transitions: Sequence[Transition]) -> None:
        """Something happened to alerts: look at once. Cheap, for it is called where alerts move."""
        if transitions:
            self._wake()

    def recover(self, now_ms: int) -> None:
        """Settle what a crash left: what was executing is never executed again, but counted and verified."""
        self._desk.settled_ms = now_ms + SETTLE_MS
        with self._database.read() as connection:
            left = ledger.open_runs(connection)
        unknown = Result(Outcome.UNKNOWN, "the ruler ended while it ran")
        for run in left:
            if self._runner.has(run.id):
                continue
            if run.phase in {RunPhase.STARTED, RunPhase.UNDOING}:
                self._aftermath.finished(run.id, unknown, now_ms)
            elif run.phase is RunPhase.VERIFYING:
                self._aftermath.watch_anew(run, now_ms)

    def clock_stepped(self, delta_ms: int) -> None:
        """The wall clock was put forward (or back, below 0) by that much: waits go on as they were."""
        self._desk.settled_ms += delta_ms
        self._due, self._read_ms, self._pruned_ms = {}, 0, 0
        with self._database.write() as connection:
            for run in ledger.open_runs(connection):
                ledger.store_run(connection, run.moved_by(delta_ms))

    def tick(self, now_ms: int) -> int:
        """Do all that is due now → milliseconds until something may be due again."""
        self._take_results(now_ms)
        if self._heard or now_ms >= self._read_ms:
            self._heard = False
            self._read_ms = self._read_book(now_ms)
        open_ones = self._open_runs()
        for run in open_ones:
            if run.due_ms <= now_ms:
                self._advance(run, now_ms)
        if now_ms >= self._pruned_ms + PRUNE_MS:
            self._prune(now_ms)
        return BUSY_MS if open_ones else max(0, self._read_ms - now_ms)

    # Questions and orders of people

    def runs(self, limit: int = 1_000) -> list[Run]:
        """The newest first."""
        with self._database.read() as connection:
            return ledger.latest_runs(connection, limit)

    def run(self, run_id: int) -> Run:
        """One run. NotFound."""
        with self._database.read() as connection:
            return ledger.read_run(connection, run_id)

    def audit(self, limit: int = 1_000) -> list[AuditRow]:
        """Every decision with its reason, the newest first."""
        with self._database.read() as connection:
            return ledger.read_audit(connection, limit)

    def breakers(self) -> list[BreakerRow]:
        """Those that have counted failures; open ones have `opened_ms`."""
        with self._database.read() as connection:
            return ledger.all_breakers(connection)

    def unbound(self) -> Sequence[str]:
        """Well-known names behind which nothing stands so far."""
        return self._desk.world.config.unbound

    def enabled(self) -> bool:
        """False: a dry run."""
        return self._desk.world.config.enabled

    def foresee(self, rule: str) -> list[Foreseen]:
        """What a rule's remedy would do now, and what follows if it does not help; [] where it asks for none.

        It is told for the rule's alert that fires longest, or for none. NotFound: there is no such rule.
        """
        world = self._desk.world
        if rule not in world.rules:
            raise NotFound(f"there is no rule {rule!r}")
        alert = next((one for one in self._firing().values() if one.rule == rule), None)
        steps = [world.remedy(rule, step) for step in range(2)]
        labels = EMPTY if alert is None else alert.labels
        return [_foreseen(world.config, remedy, labels) for remedy in steps if remedy is not None]

    def approve(self, run_id: int, by: str, now_ms: int) -> Run:
        """Start a run that awaits approval. NotFound. Conflict: it cannot start, with the reason."""
        run = self._launch.approve(run_id, by, now_ms)
        self._wake()
        return run

    def refuse(self, run_id: int, by: str, now_ms: int) -> Run:
        """End a run that awaits approval. NotFound. Conflict."""
        return self._launch.refuse(run_id, by, now_ms)

    def cancel(self, run_id: int, by: str, now_ms: int) -> Run:
        """End a run: a program that runs is ended, with its group. NotFound. Conflict: it is over."""
        run = self.run(run_id)
        reason = f"cancelled by {by}"
        if run.phase is RunPhase.STARTED:
            self._desk.stop(run, reason, by, now_ms)
        elif run.open and run.phase is not RunPhase.UNDOING:
            self._desk.close(run, RunPhase.CANCELLED, reason, now_ms, by)
        else:
            raise Conflict(f"remediation {run_id} is {run.phase}: there is nothing to cancel")
        return self.run(run_id)

    def reset_breaker(self, rule: str, action: str, by: str, now_ms: int) -> None:
        """Let remedies run again. NotFound: that breaker has counted nothing."""
        self._aftermath.reset_breaker(rule, action, by, now_ms)
        self._wake()

    def families(self) -> list[Family]:
        """The room's own metrics."""
        with self._database.read() as connection:
            phases = ledger.counts(connection)
            breakers = ledger.all_breakers(connection)
        opened = sum(row.breaker.opened_ms is not None for row in breakers)
        return [
            gauge(
                "ruler_remediation_runs",
                "Remediation runs kept, by action and phase.",
                *(({"action": action, "phase": phase}, count) for (action, phase), count in phases.items()),
            ),
            gauge("ruler_remediation_breakers_open", "Breakers that wait for a person.", ({}, opened)),
            gauge(
                "ruler_remediation_alerts_without_room",
                f"Alerts whose remedy is due while {OPEN_MAX} runs are open.",
                ({}, self._crowded),
            ),
            gauge("ruler_remediation_enabled", "0 in a dry run.", ({}, int(self.enabled()))),
        ]

    # Parts of a tick

    def _wake(self) -> None:
        self._heard = True
        self._woken.set()

    def _open_runs(self) -> list[Run]:
        with self._database.read() as connection:
            return ledger.open_runs(connection)

    def _take_results(self, now_ms: int) -> None:
        for run_id, result in self._runner.results():
            self._aftermath.finished(run_id, result, now_ms)

    def _read_book(self, now_ms: int) -> int:
        """Begin what is due, end what lost its alert → when it should be read again."""
        firing = self._firing()
        busy = set()
        for run in self._open_runs():
            alert = firing.get(run.fingerprint)
            if alert is None or alert.rule != run.rule:
                self._aftermath.alert_ended(run, now_ms)
            busy.add(run.fingerprint)
        free = {fingerprint: alert for fingerprint, alert in firing.items() if fingerprint not in busy}
        self._due = self._due_of(free)
        due = [one for one, due_ms in self._due.items() if due_ms is not None and due_ms <= now_ms]
        self._crowded = max(0, len(busy) + len(due) - OPEN_MAX)
        for fingerprint in due[: max(0, OPEN_MAX - len(busy))]:
            del self._due[fingerprint]
            self._launch.begin(free[fingerprint], 0, now_ms)
        later = [due_ms for due_ms in self._due.values() if due_ms is not None and due_ms > now_ms]
        return min([now_ms + IDLE_MS, *later])

    def _firing(self) -> Mapping[str, Alert]:
        """By fingerprint, those whose rule asks for a remedy: who fires longest comes first."""
        world = self._desk.world
        asking = (one for one in self._book.alerts() if one.firing and world.remedy(one.rule) is not None)
        return {one.fingerprint: one for one in sorted(asking, key=lambda one: (one.starts_ms, one.labels))}

    def _due_of(self, alerts: Mapping[str, Alert]) -> dict[str, int | None]:
        """When a remedy is due for alerts of which no run is open; None: never in this firing.

        That changes only by a run of the alert's own: read once, it is remembered until then.
        """
        unknown = [fingerprint for fingerprint in alerts if fingerprint not in self._due]
        with self._database.read() as connection:
            decided = ledger.last_decided(connection, unknown)
        due = {}
        for fingerprint, alert in alerts.items():
            if fingerprint in self._due:
                due[fingerprint] = self._due[fingerprint]
            else:
                due[fingerprint] = self._due_ms(alert, decided.get((alert.rule, fingerprint)))
        return due

    def _due_ms(self, alert: Alert, run: Run | None) -> int | None:
        rule, _ = self._desk.world.rules[alert.rule]
        if rule.remedy is None:
            return None
        if run is None:
            return considered_ms(rule, rule.remedy, alert.starts_ms, None)
        if run.phase is RunPhase.NOT_BOUND and run.firing_ms == alert.starts_ms:
            # Said once a firing; a reload that binds the name is noticed.
            return run.created_ms if run.action in self._desk.world.config.actions else None
        decided_ms = run.started_ms or run.finished_ms or run.created_ms
        return considered_ms(rule, rule.remedy, alert.starts_ms, (run.firing_ms, decided_ms))

    def _advance(self, run: Run, now_ms: int) -> None:
        match run.phase:
            case RunPhase.WAITING:
                alert = self._desk.story.alert_of(run)
                if alert is not None and alert.firing:
                    self._launch.consider(run, alert, now_ms)
            case RunPhase.APPROVAL:
                self._desk.close(run, RunPhase.REFUSED, "nobody approved it in a day", now_ms)
            case RunPhase.VERIFYING:
                self._aftermath.look(run, now_ms)

    def _prune(self, now_ms: int) -> None:
        self._pruned_ms = now_ms
        with self._database.write() as connection:
            ledger.prune(connection)


def _foreseen(config: RemediationConfig, remedy: Remedy, labels: Labels) -> Foreseen:
    try:
        plan = config.plan(remedy.action, remedy.parameters, labels)
    except ConfigError as error:
        return Foreseen(remedy.action, remedy.mode, None, str(error))
    return Foreseen(remedy.action, remedy.mode, plan, "" if plan else how_to_bind(remedy.action))
