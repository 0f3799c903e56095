"""What all moves of a run stand on, and the moves that any phase allows.

Nothing is executed before its started row is stored, and a started row is never executed again: after a crash
it counts, is verified, and what it did is called unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from ruler.alerts import Alert, Happening
from ruler.database import Database
from ruler.remediation import ledger
from ruler.remediation.action import Plan
from ruler.remediation.actions import KINDS
from ruler.remediation.config import RemediationConfig
from ruler.remediation.evidence import Evidence
from ruler.remediation.run import Run, RunPhase
from ruler.remediation.runner import Runner
from ruler.remediation.story import Story
from ruler.rules.rule import OnFailure, Remedy, Rule

__all__ = ["NO_LONGER_ASKED", "Desk", "World", "wish"]

NO_LONGER_ASKED = "the rule no longer asks for it"
_LOOK_MS = 15_000  # between two looks where a rule's interval is not known
_HAPPENINGS = {
    RunPhase.CANCELLED: Happening.REMEDY_CANCELLED,
    RunPhase.REFUSED: Happening.REMEDY_REFUSED,
    RunPhase.NOT_BOUND: Happening.REMEDY_NOT_BOUND,
}


@dataclass(frozen=True, slots=True)
class World:
    """Configuration and rules in force: swapped whole at a reload."""

    config: RemediationConfig
    rules: Mapping[str, tuple[Rule, int]]  # id → rule, its group's interval in ms

    def remedy(self, rule_id: str, step: int = 0) -> Remedy | None:
        """What a rule asks for: at first (0), and after that did not help (1)."""
        rule, _ = self.rules.get(rule_id, (None, 0))
        remedy = rule.remedy if rule is not None and rule.enabled else None
        if remedy is None or step == 0:
            return remedy
        failure = remedy.on_failure
        if failure.then is None:
            return None
        end = OnFailure(escalate=failure.escalate)
        return replace(remedy, action=failure.then, parameters=failure.parameters, on_failure=end)

    def look_ms(self, rule_id: str) -> int:
        """How often a rule's vectors are new."""
        return self.rules[rule_id][1] if rule_id in self.rules else _LOOK_MS


@dataclass(slots=True)
class Desk:
    """The tools of a move. Those who move runs: the worker, and people's requests."""

    world: World
    story: Story
    database: Database
    evidence: Evidence
    runner: Runner
    settled_ms: int = 0  # from when on a series without a value is no longer one that has none yet

    def execute(self, run: Run, plan: Plan) -> None:
        self.runner.submit(run.id, plan, KINDS[plan.kind].execute)

    def stop(self, run: Run, reason: str, by: str, now_ms: int) -> None:
        """End an execution; its result follows."""
        with self.database.write() as connection:
            stored = ledger.read_run(connection, run.id)
            if stored.phase is not RunPhase.STARTED or stored.reason:
                return
            stored = replace(stored, reason=reason, by=by or stored.by)
            ledger.store_run(connection, stored)
            self.story.note(connection, stored, "stopping", now_ms, alert=None, reason=reason, by=by)
        self.runner.cancel(run.id)

    def close(self, run: Run, phase: RunPhase, reason: str, now_ms: int, by: str = "") -> Run:
        """End a run that is not executed now, for a reason outside of it."""
        alert = self.story.alert_of(run)
        happening = _HAPPENINGS[phase]
        with self.database.write() as connection:
            stored = ledger.read_run(connection, run.id)
            if stored.phase is not run.phase:
                return stored
            return self.story.move(
                connection, stored, phase, now_ms, alert=alert, happening=happening, reason=reason, by=by
            )


def wish(world: World, connection: Connection, alert: Alert, step: int, now_ms: int) -> Run | None:
    """Write that a remedy is due for an alert; the guards come next."""
    remedy = world.remedy(alert.rule, step)
    if remedy is None:
        return None
    run = Run(
        id=0,
        rule=alert.rule,
        fingerprint=alert.fingerprint,
        action=remedy.action,
        phase=RunPhase.WAITING,
        created_ms=now_ms,
        firing_ms=alert.starts_ms,
        due_ms=now_ms,
        step=step,
        labels=dict(alert.labels),
    )
    return ledger.add_run(connection, run)
