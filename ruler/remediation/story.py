"""What everyone may know of a run: its row, the audit and the alert's timeline, written as one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sqlalchemy import Connection

from promkit.errors import NotFound
from promkit.labels import Labels
from promkit.log import get
from ruler.alerts import Alert, Happening, Transition
from ruler.remediation import ledger
from ruler.remediation.run import Run, RunPhase

__all__ = ["BookDoor", "Story"]

_TEXT_LENGTH_MAX = 1_000  # of a fact in a transition; the row keeps more

log = get("ruler.remediation")
_LOUD = {Happening.REMEDY_FAILED: log.warning, Happening.BREAKER_OPENED: log.error}


class BookDoor(Protocol):
    """What remediation needs of `ruler.alerts.Book`."""

    def alerts(self) -> Sequence[Alert]:
        """All that are not over."""

    def alert(self, fingerprint: str) -> Alert:
        """One, also if it is over. NotFound."""

    def silenced_by(self, labels: Labels, now_ms: int) -> Sequence[str]:
        """Ids of the active silences that match."""

    def record(self, transitions: Sequence[Transition]) -> Sequence[Transition]:
        """Write rows of the timeline; inside `Database.write` as part of that transaction."""


@dataclass(frozen=True, slots=True)
class Story:
    """Writes moves of runs. Each call is part of the caller's transaction."""

    book: BookDoor

    def alert_of(self, run: Run) -> Alert | None:
        """The run's alert as it is now, None when even its end is forgotten. Ask before a transaction."""
        try:
            return self.book.alert(run.fingerprint)
        except NotFound:
            return None

    def move(
        self,
        connection: Connection,
        run: Run,
        phase: RunPhase,
        at_ms: int,
        *,
        alert: Alert | None,
        happening: Happening | None = None,
        reason: str = "",
        by: str = "",
        detail: Mapping[str, str] | None = None,
    ) -> Run:
        """Bring a run into a phase and say so; the phase's own name is the audit's word for it."""
        over = replace(run, phase=phase)
        run = replace(over, reason=reason, finished_ms=None if over.open else at_ms)
        ledger.store_run(connection, run)
        self.note(
            connection,
            run,
            str(phase),
            at_ms,
            alert=alert,
            happening=happening,
            reason=reason,
            by=by,
            detail=detail,
        )
        return run

    def note(
        self,
        connection: Connection,
        run: Run,
        decision: str,
        at_ms: int,
        *,
        alert: Alert | None,
        happening: Happening | None = None,
        reason: str = "",
        by: str = "",
        detail: Mapping[str, str] | None = None,
    ) -> None:
        """Keep a decision that leaves the phase as it is."""
        ledger.write_audit(connection, run, at_ms, decision, reason, by or "ruler")
        if happening is None or alert is None:
            return
        facts = {
            "run": str(run.id),
            "action": run.action,
            "target": run.target,
            "plan": run.plan.text if run.plan else "",
            "reason": reason,
            "by": by,
            **(detail or {}),
        }
        kept = {name: text[-_TEXT_LENGTH_MAX:] for name, text in facts.items() if text}
        self.book.record([Transition(at_ms, happening, alert, kept)])
        say = _LOUD.get(happening, log.info)
        say(happening.value, alert=alert.name, rule=run.rule, **kept)
