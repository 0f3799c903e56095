"""One consideration of a remedy for an alert, from the wish to what came of it.

waiting ─┬─▶ planned                      dry run: said, not done
         ├─▶ not bound                    nothing stands behind the name
         ├─▶ approval ──▶ refused         a person said no, or nobody said yes in a day
         │      ▼
         └─▶ started ──▶ verifying ─┬─▶ recovered
                │                   └─▶ undoing ──▶ failed ──▶ the next action: a run of its own
                └──────────▶ failed
cancelled: from any of them, when the alert ends or a person says so
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from ruler.remediation.action import Plan, Result
from ruler.remediation.verify import Watch

__all__ = ["DECIDED", "OPEN", "UNDER_WAY", "Run", "RunPhase"]


class RunPhase(StrEnum):
    """Where a run stands."""

    WAITING = "waiting"
    APPROVAL = "approval"
    STARTED = "started"
    VERIFYING = "verifying"
    UNDOING = "undoing"
    RECOVERED = "recovered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    PLANNED = "planned"
    NOT_BOUND = "not bound"


UNDER_WAY = frozenset({RunPhase.STARTED, RunPhase.VERIFYING, RunPhase.UNDOING})
# Over without a start, and yet an answer: it is not asked again before the cooldown ends.
DECIDED = frozenset({RunPhase.PLANNED, RunPhase.NOT_BOUND, RunPhase.REFUSED})
OPEN = UNDER_WAY | {RunPhase.WAITING, RunPhase.APPROVAL}


@dataclass(frozen=True, slots=True)
class Run:
    """A row of `runs`. Instants are Unix milliseconds."""

    id: int
    rule: str
    fingerprint: str
    action: str
    phase: RunPhase
    created_ms: int
    firing_ms: int  # since when the alert fires: which of its firings this run is for
    due_ms: int = 0  # looked at next
    step: int = 0  # 0: the rule's remedy; 1: what on_failure.then names
    kind: str = ""
    target: str = ""
    plan: Plan | None = None
    started_ms: int | None = None
    finished_ms: int | None = None
    by: str = ""  # who approved or ended it; "": the ruler alone
    guard: str = ""  # the guard that held it last
    reason: str = ""
    result: Result | None = None
    undone: Result | None = None
    watch: Watch | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        return self.phase in OPEN

    @property
    def under_way(self) -> bool:
        return self.phase in UNDER_WAY

    def with_plan(self, plan: Plan) -> "Run":
        return replace(self, action=plan.action, kind=plan.kind, target=plan.target, plan=plan)

    def moved_by(self, delta_ms: int) -> "Run":
        """With its waits, not its history, later by `delta_ms`: the clock was put forward by it."""
        return replace(
            self,
            due_ms=self.due_ms + delta_ms,
            firing_ms=self.firing_ms + delta_ms,
            watch=self.watch and self.watch.moved_by(delta_ms),
        )

    def state_json(self) -> dict[str, Any]:
        """What has no column of its own."""
        return {
            "firing_ms": self.firing_ms,
            "due_ms": self.due_ms,
            "step": self.step,
            "by": self.by,
            "guard": self.guard,
            "reason": self.reason,
            "result": self.result and self.result.to_json(),
            "undone": self.undone and self.undone.to_json(),
            "watch": self.watch and [self.watch.since_ms, self.watch.holds_since_ms],
            "labels": dict(self.labels),
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Run":
        """Read a row back."""
        state = row["state"]
        return cls(
            id=row["id"],
            rule=row["rule"],
            fingerprint=row["fingerprint"],
            action=row["action"],
            phase=RunPhase(row["phase"]),
            created_ms=row["created_ms"],
            firing_ms=state["firing_ms"],
            due_ms=state["due_ms"],
            step=state["step"],
            kind=row["kind"],
            target=row["target"],
            plan=Plan.from_json(row["plan"]) if row["plan"] else None,
            started_ms=row["started_ms"],
            finished_ms=row["finished_ms"],
            by=state["by"],
            guard=state["guard"],
            reason=state["reason"],
            result=Result.from_json(state["result"]) if state["result"] else None,
            undone=Result.from_json(state["undone"]) if state["undone"] else None,
            watch=Watch(*state["watch"]) if state["watch"] else None,
            labels=state["labels"],
        )
