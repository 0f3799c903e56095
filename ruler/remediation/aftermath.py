"""From the end of an execution to what came of it: verified, taken back, the next action, a person."""

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from promkit.duration import format_duration
from promkit.errors import NotFound
from promkit.labels import Labels
from ruler.alerts import Alert, Happening
from ruler.remediation import ledger
from ruler.remediation.action import Outcome, Plan, Result
from ruler.remediation.actions import KINDS
from ruler.remediation.desk import NO_LONGER_ASKED, Desk, wish
from ruler.remediation.guard import Breaker, after_failure
from ruler.remediation.run import Run, RunPhase
from ruler.remediation.verify import Judgement, Watch, judge
from ruler.rules.rule import Remedy

__all__ = ["Aftermath"]

# Reasons for which an alert ends though nobody saw its condition false.
VANISHED = frozenset({"gone", "no data", "not watched", "severity changed"})


@dataclass(frozen=True, slots=True)
class Aftermath:
    """Follows a run that was started to its end."""

    desk: Desk

    def finished(self, run_id: int, result: Result, now_ms: int) -> None:
        """An execution has ended, or is found to have been cut off by a crash."""
        with self.desk.database.read() as connection:
            run = ledger.read_run(connection, run_id)
        alert = self.desk.story.alert_of(run)
        way_back = None
        with self.desk.database.write() as connection:
            run = ledger.read_run(connection, run_id)
            if run.phase is RunPhase.UNDOING:
                self._conclude(connection, replace(run, undone=result), alert, now_ms)
            elif run.phase is RunPhase.STARTED:
                way_back = self._executed(connection, replace(run, result=result), result, alert, now_ms)
        if way_back is not None:
            self.desk.execute(run, way_back)

    def look(self, run: Run, now_ms: int) -> None:
        """One look at whether it helped."""
        rule, _ = self.desk.world.rules.get(run.rule, (None, 0))
        remedy = self.desk.world.remedy(run.rule, run.step)
        if rule is None or remedy is None or run.watch is None:
            self.desk.close(run, RunPhase.CANCELLED, NO_LONGER_ASKED, now_ms)
            return
        expr, labels = remedy.verify.expr, Labels(run.labels)
        if expr is None:
            seen = self.desk.evidence.recovered(rule, labels, now_ms)
        else:
            seen = self.desk.evidence.holds(expr, rule, labels, now_ms)
        watch, judgement = judge(remedy.verify, run.watch, seen=seen, now_ms=now_ms)
        self._judged(run, watch, judgement, _finding(remedy, judgement, seen=seen), now_ms)

    def alert_ended(self, run: Run, now_ms: int) -> None:
        """What becomes of an open run whose alert no longer fires."""
        alert = self.desk.story.alert_of(run)
        why = alert.reason if alert is not None else "it is forgotten"
        remedy = self.desk.world.remedy(run.rule, run.step)
        asked = remedy is not None and remedy.verify.expr is not None
        match run.phase:
            case RunPhase.UNDOING:
                return
            case RunPhase.STARTED | RunPhase.VERIFYING if why in VANISHED:
                return  # a service that restarts is not scraped for a while: that is no end
            case RunPhase.STARTED:
                self.desk.stop(run, "the alert has ended", "", now_ms)
            case RunPhase.VERIFYING if asked:
                return  # what the rule's author asked to see decides
            case RunPhase.VERIFYING if not why and run.watch is not None:
                self._judged(run, run.watch, Judgement.RECOVERED, "the alert has resolved", now_ms)
            case _:
                ended = f"the alert has ended: {why}" if why else "the alert has ended"
                self.desk.close(run, RunPhase.CANCELLED, ended, now_ms)

    def watch_anew(self, run: Run, now_ms: int) -> None:
        """Give a run that was being verified its whole time again: nobody looked while the ruler was down."""
        with self.desk.database.write() as connection:
            due_ms = now_ms + self.desk.world.look_ms(run.rule)
            ledger.store_run(connection, replace(run, watch=Watch(now_ms), due_ms=due_ms))

    def reset_breaker(self, rule: str, action: str, by: str, now_ms: int) -> None:
        """A person lets remedies run again. NotFound: that breaker has counted nothing."""
        with self.desk.database.write() as connection:
            if not ledger.read_breaker(connection, rule, action).failures:
                raise NotFound(f"no breaker of {action!r} has counted failures for rule {rule!r}")
            ledger.store_breaker(connection, rule, action, Breaker())
            ledger.write_reset(connection, rule, action, by, now_ms)

    def _executed(
        self, connection: Connection, run: Run, result: Result, alert: Alert | None, now_ms: int
    ) -> Plan | None:
        if result.outcome is Outcome.CANCELLED and run.reason:
            self.desk.story.move(
                connection,
                run,
                RunPhase.CANCELLED,
                now_ms,
                alert=alert,
                happening=Happening.REMEDY_CANCELLED,
                reason=run.reason,
                by=run.by,
            )
            return None
        # Ended with the ruler, by drain or crash: what it did is not known, so later vectors tell.
        unknown = result.outcome in {Outcome.UNKNOWN, Outcome.CANCELLED}
        self.desk.story.note(
            connection,
            run,
            "finished",
            now_ms,
            alert=alert,
            happening=Happening.REMEDY_FINISHED,
            reason=result.text,
            detail={
                "success": "unknown" if unknown else str(result.ok).lower(),
                "error": "" if result.ok else result.text,
                "output": "" if result.ok else result.output,
            },
        )
        if not (result.ok or unknown):
            return self._did_not_help(connection, run, result.text, alert, now_ms)
        look_ms = now_ms + self.desk.world.look_ms(run.rule)
        run = replace(run, watch=Watch(now_ms), due_ms=look_ms)
        self.desk.story.move(connection, run, RunPhase.VERIFYING, now_ms, alert=alert)
        return None

    def _judged(self, run: Run, watch: Watch, judgement: Judgement, finding: str, now_ms: int) -> None:
        alert = self.desk.story.alert_of(run)
        way_back = None
        with self.desk.database.write() as connection:
            stored = ledger.read_run(connection, run.id)
            if stored.phase is not RunPhase.VERIFYING:
                return
            run = replace(stored, watch=watch, due_ms=now_ms + self.desk.world.look_ms(run.rule))
            match judgement:
                case Judgement.PENDING:
                    ledger.store_run(connection, run)
                case Judgement.RECOVERED:
                    ledger.store_breaker(connection, run.rule, run.action, Breaker())
                    self.desk.story.move(
                        connection,
                        run,
                        RunPhase.RECOVERED,
                        now_ms,
                        alert=alert,
                        happening=Happening.REMEDY_RECOVERED,
                        reason=finding,
                    )
                case Judgement.FAILED:
                    way_back = self._did_not_help(connection, run, finding, alert, now_ms)
        if way_back is not None:
            self.desk.execute(run, way_back)

    def _did_not_help(
        self, connection: Connection, run: Run, reason: str, alert: Alert | None, now_ms: int
    ) -> Plan | None:
        """Count it; give the plan of the way back, which is to be executed after the commit."""
        breaker = after_failure(ledger.read_breaker(connection, run.rule, run.action), now_ms)
        ledger.store_breaker(connection, run.rule, run.action, breaker)
        if breaker.opened_ms is not None:
            self.desk.story.note(
                connection,
                run,
                "breaker opened",
                now_ms,
                alert=alert,
                happening=Happening.BREAKER_OPENED,
                reason=f"{breaker.failures} remedies in a row did not help: a person is needed",
            )
        way_back = self._way_back(run)
        if way_back is None:
            self._conclude(connection, replace(run, reason=reason), alert, now_ms)
            return None
        self.desk.story.move(connection, run, RunPhase.UNDOING, now_ms, alert=None, reason=reason)
        return way_back

    def _conclude(self, connection: Connection, run: Run, alert: Alert | None, now_ms: int) -> None:
        """It failed, and what could be taken back was: the next action, or a person."""
        remedy = self.desk.world.remedy(run.rule, run.step)
        firing = alert is not None and alert.firing
        following = remedy.on_failure.then if remedy is not None and firing else None
        escalate = remedy is not None and firing and following is None and remedy.on_failure.escalate
        self.desk.story.move(
            connection,
            run,
            RunPhase.FAILED,
            now_ms,
            alert=alert,
            happening=Happening.REMEDY_FAILED,
            reason=run.reason,
            detail={
                "undone": "" if run.undone is None else str(run.undone.outcome),
                "next": following or "",
                "escalate": "true" if escalate else "",
            },
        )
        if following is not None and alert is not None:
            wish(self.desk.world, connection, alert, run.step + 1, now_ms)

    def _way_back(self, run: Run) -> Plan | None:
        if run.plan is None or run.result is None or not run.result.touched:
            return None
        return KINDS[run.kind].undo(run.plan, run.result) if self.desk.world.config.enabled else None


def _finding(remedy: Remedy, judgement: Judgement, *, seen: bool | None) -> str:
    what = remedy.verify.expr or "the rule's condition"
    within = format_duration(remedy.verify.within_ms)
    match judgement, seen:
        case Judgement.RECOVERED, _:
            return f"{what} holds" if remedy.verify.expr else f"{what} is false"
        case Judgement.FAILED, None:
            return f"{what} could not be told within {within}"
        case _:
            return f"{what} did not recover within {within}"
