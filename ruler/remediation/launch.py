"""From the wish to the start: guards, dry run, approval."""

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from promkit.errors import ConfigError, Conflict
from ruler.alerts import Alert, Happening
from ruler.remediation import ledger
from ruler.remediation.action import Plan
from ruler.remediation.config import how_to_bind
from ruler.remediation.desk import NO_LONGER_ASKED, Desk, wish
from ruler.remediation.guard import Decision, Facts, Verdict, decide
from ruler.remediation.run import Run, RunPhase
from ruler.rules.rule import Remedy

__all__ = ["Launch"]

APPROVAL_MS = 86_400_000  # nobody said yes in a day: no


@dataclass(frozen=True, slots=True)
class Launch:
    """Brings a run from its wish to its start, or to why there is none."""

    desk: Desk

    def begin(self, alert: Alert, step: int, now_ms: int) -> Run | None:
        """A remedy is due for an alert."""
        with self.desk.database.write() as connection:
            return wish(self.desk.world, connection, alert, step, now_ms)

    def consider(self, run: Run, alert: Alert, now_ms: int) -> None:
        """Ask the guards about a waiting run, and do as they say."""
        remedy = self.desk.world.remedy(run.rule, run.step)
        if remedy is None:
            self.desk.close(run, RunPhase.CANCELLED, NO_LONGER_ASKED, now_ms)
            return
        try:
            plan = self.desk.world.config.plan(remedy.action, remedy.parameters, alert.labels)
        except ConfigError as error:
            self.desk.close(run, RunPhase.REFUSED, str(error), now_ms)
            return
        if plan is None:
            self.desk.close(run, RunPhase.NOT_BOUND, how_to_bind(remedy.action), now_ms)
            return
        if not self.desk.runner.free():
            return
        facts = self._facts(run.with_plan(plan), remedy, alert, now_ms)
        with self.desk.database.write() as connection:
            stored = ledger.read_run(connection, run.id)
            if stored.phase is not RunPhase.WAITING:
                return
            run = stored.with_plan(plan)
            verdict = decide(remedy, self._counted(connection, run, remedy, facts, now_ms), now_ms)
            run = self._follow(connection, run, alert, verdict, now_ms)
        if run.phase is RunPhase.STARTED:
            self.desk.execute(run, plan)

    def approve(self, run_id: int, by: str, now_ms: int) -> Run:
        """A person says yes: to the plan that they were shown, if the other guards still agree.

        NotFound. Conflict: not awaiting approval, another plan by now, the alert has ended, a guard says no.
        """
        run = self._awaiting(run_id)
        alert = self.desk.story.alert_of(run)
        remedy = self.desk.world.remedy(run.rule, run.step)
        if alert is None or not alert.firing:
            raise Conflict(f"remediation {run_id} cannot start: the alert has ended")
        if remedy is None or run.plan is None or self._plan_now(remedy, alert) != run.plan:
            raise Conflict(f"remediation {run_id} would do something else by now")
        if not self.desk.runner.free():
            raise Conflict("too many remedies are running", remedy="try again when one has ended")
        facts = self._facts(run, remedy, alert, now_ms, approved_by=by)
        with self.desk.database.write() as connection:
            run = self._awaiting(run_id, connection)
            verdict = decide(remedy, self._counted(connection, run, remedy, facts, now_ms), now_ms)
            if verdict.decision is not Decision.START:
                raise Conflict(f"remediation {run_id} cannot start: {verdict.reason}")
            run = self._start(connection, run, alert, f"approved by {by}", by, now_ms)
        if run.plan is not None:
            self.desk.execute(run, run.plan)
        return run

    def refuse(self, run_id: int, by: str, now_ms: int) -> Run:
        """A person says no. NotFound. Conflict: not awaiting approval."""
        return self.desk.close(self._awaiting(run_id), RunPhase.REFUSED, f"refused by {by}", now_ms, by)

    def _follow(self, connection: Connection, run: Run, alert: Alert, verdict: Verdict, now_ms: int) -> Run:
        match verdict.decision:
            case Decision.START:
                return self._start(connection, run, alert, "", "", now_ms)
            case Decision.PLAN:
                phase, happening = RunPhase.PLANNED, Happening.REMEDY_PLANNED
            case Decision.ASK:
                run = replace(run, due_ms=now_ms + APPROVAL_MS)
                phase, happening = RunPhase.APPROVAL, Happening.REMEDY_APPROVAL
            case Decision.HOLD:
                return self._hold(connection, run, alert, verdict, now_ms)
        return self.desk.story.move(
            connection, run, phase, now_ms, alert=alert, happening=happening, reason=verdict.reason
        )

    def _hold(self, connection: Connection, run: Run, alert: Alert, verdict: Verdict, now_ms: int) -> Run:
        held = replace(run, guard=verdict.guard, reason=verdict.reason, due_ms=verdict.again_ms)
        ledger.store_run(connection, held)
        # Asked every few seconds, the same guard says the same: once is enough.
        if verdict.guard != run.guard:
            self.desk.story.note(
                connection,
                held,
                "held",
                now_ms,
                alert=alert,
                happening=Happening.REMEDY_REFUSED,
                reason=verdict.reason,
                detail={"guard": verdict.guard},
            )
        return held

    def _start(
        self, connection: Connection, run: Run, alert: Alert, reason: str, by: str, now_ms: int
    ) -> Run:
        # A reason in a started row is why it is to end: none so far.
        run = replace(run, phase=RunPhase.STARTED, started_ms=now_ms, by=by, guard="", reason="")
        ledger.store_run(connection, run)
        self.desk.story.note(
            connection,
            run,
            "started",
            now_ms,
            alert=alert,
            happening=Happening.REMEDY_STARTED,
            reason=reason,
            by=by,
        )
        return run

    def _facts(self, run: Run, remedy: Remedy, alert: Alert, now_ms: int, approved_by: str = "") -> Facts:
        """What is known before the transaction, for no query may run under its lock."""
        acknowledged = alert.acknowledged
        facts = Facts(
            enabled=self.desk.world.config.enabled,
            target=run.target,
            targets_declared=self.desk.world.config.targets(run.action),
            past=(),
            acknowledged_by=acknowledged.by if acknowledged else "",
            silenced_by=tuple(self.desk.story.book.silenced_by(alert.labels, now_ms)),
            approved_by=approved_by,
        )
        with self.desk.database.read() as connection:
            counted = self._counted(connection, run, remedy, facts, now_ms)
        if decide(remedy, counted, now_ms).decision is Decision.HOLD:
            # Not asked; should that guard let go before the transaction, this one holds.
            return replace(facts, breached=None, settled=False)
        rule, _ = self.desk.world.rules[alert.rule]
        recovered = self.desk.evidence.recovered(rule, alert.labels, now_ms)
        only_if: bool | None = True
        if remedy.only_if is not None:
            only_if = self.desk.evidence.holds(remedy.only_if, rule, alert.labels, now_ms)
        return replace(
            facts,
            breached=None if recovered is None else not recovered,
            settled=now_ms >= self.desk.settled_ms,
            only_if=only_if,
        )

    def _counted(self, connection: Connection, run: Run, remedy: Remedy, facts: Facts, now_ms: int) -> Facts:
        """With what the transaction must count itself."""
        return replace(
            facts,
            past=ledger.past_runs(connection, run.action, now_ms - remedy.limits.per_ms),
            breaker=ledger.read_breaker(connection, run.rule, run.action),
        )

    def _awaiting(self, run_id: int, connection: Connection | None = None) -> Run:
        if connection is None:
            with self.desk.database.read() as reading:
                run = ledger.read_run(reading, run_id)
        else:
            run = ledger.read_run(connection, run_id)
        if run.phase is not RunPhase.APPROVAL:
            raise Conflict(f"remediation {run_id} is {run.phase}, it awaits no approval")
        return run

    def _plan_now(self, remedy: Remedy, alert: Alert) -> Plan | None:
        try:
            return self.desk.world.config.plan(remedy.action, remedy.parameters, alert.labels)
        except ConfigError:
            return None
