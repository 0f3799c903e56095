"""Rows of remediation: runs, audit, breakers. Each write is part of the caller's transaction.

The limits are counted from the same rows, in the same transaction, in which a started row is written: so they
hold across crashes, and for two threads that start a run at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, insert, or_, select, update

from promkit.errors import NotFound
from ruler.database import audit, breakers, runs
from ruler.remediation.guard import Breaker, Past
from ruler.remediation.run import DECIDED, OPEN, UNDER_WAY, Run

__all__ = ["AuditRow", "BreakerRow"]

RUNS_KEPT = 10_000
AUDIT_KEPT = 100_000
_IN_MAX = 500  # values in one statement


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A decision about a remedy: when, which, why, and who took it (`ruler`, or a person)."""

    id: int
    at_ms: int
    run: int | None
    rule: str
    fingerprint: str
    action: str
    target: str
    decision: str
    reason: str
    by: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BreakerRow:
    """A breaker that has counted failures in a row."""

    rule: str
    action: str
    breaker: Breaker


def add_run(connection: Connection, run: Run) -> Run:
    """Write a new row; the answer has its id."""
    key = connection.execute(insert(runs).values(_columns(run))).inserted_primary_key
    assert key is not None  # noqa: S101 - a row that was inserted has one
    return replace(run, id=key[0])


def store_run(connection: Connection, run: Run) -> None:
    connection.execute(update(runs).where(runs.c.id == run.id).values(_columns(run)))


def read_run(connection: Connection, run_id: int) -> Run:
    """One run. NotFound: there is none of this id, or none any more."""
    row = connection.execute(select(runs).where(runs.c.id == run_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"there is no remediation {run_id}")
    return _run(row)


def open_runs(connection: Connection) -> list[Run]:
    """All that are not over, the oldest first."""
    open_ones = select(runs).where(runs.c.phase.in_(sorted(OPEN))).order_by(runs.c.id)
    return [_run(row) for row in connection.execute(open_ones).mappings()]


def latest_runs(connection: Connection, limit: int) -> list[Run]:
    """The newest first."""
    latest = select(runs).order_by(runs.c.id.desc()).limit(limit)
    return [_run(row) for row in connection.execute(latest).mappings()]


def last_decided(connection: Connection, fingerprints: Sequence[str]) -> Mapping[tuple[str, str], Run]:
    """By rule and fingerprint, the newest run that came to something: from it the cooldown counts."""
    found = {}
    for first in range(0, len(fingerprints), _IN_MAX):
        newest = (
            select(func.max(runs.c.id))
            .where(runs.c.fingerprint.in_(fingerprints[first : first + _IN_MAX]))
            .where(or_(runs.c.started_ms.is_not(None), runs.c.phase.in_(sorted(DECIDED))))
            .group_by(runs.c.rule, runs.c.fingerprint)
        )
        rows = connection.execute(select(runs).where(runs.c.id.in_(newest))).mappings()
        found.update({(row["rule"], row["fingerprint"]): _run(row) for row in rows})
    return found


def past_runs(connection: Connection, action: str, since_ms: int) -> list[Past]:
    """Runs of an action that were started since, or are under way: what limits count."""
    counted = select(runs.c.target, runs.c.started_ms, runs.c.phase).where(
        runs.c.action == action,
        runs.c.started_ms.is_not(None),
        or_(runs.c.started_ms > since_ms, runs.c.phase.in_(sorted(UNDER_WAY))),
    )
    return [
        Past(target, started_ms, phase in UNDER_WAY)
        for target, started_ms, phase in connection.execute(counted)
    ]


def read_breaker(connection: Connection, rule: str, action: str) -> Breaker:
    row = connection.execute(
        select(breakers.c.failures, breakers.c.opened_ms).where(
            breakers.c.rule == rule, breakers.c.action == action
        )
    ).one_or_none()
    return Breaker() if row is None else Breaker(row.failures, row.opened_ms)


def store_breaker(connection: Connection, rule: str, action: str, breaker: Breaker) -> None:
    """Write it; one without failures has no row."""
    connection.execute(delete(breakers).where(breakers.c.rule == rule, breakers.c.action == action))
    if breaker.failures:
        connection.execute(
            insert(breakers).values(
                rule=rule, action=action, failures=breaker.failures, opened_ms=breaker.opened_ms
            )
        )


def all_breakers(connection: Connection) -> list[BreakerRow]:
    return [
        BreakerRow(row.rule, row.action, Breaker(row.failures, row.opened_ms))
        for row in connection.execute(select(breakers).order_by(breakers.c.rule, breakers.c.action))
    ]


def write_audit(connection: Connection, run: Run, at_ms: int, decision: str, reason: str, by: str) -> None:
    """Keep a decision with the plan and the result as they were when it was taken."""
    detail = {
        "plan": run.plan and run.plan.to_json(),
        "result": run.result and run.result.to_json(),
        "undone": run.undone and run.undone.to_json(),
    }
    connection.execute(
        insert(audit).values(
            at_ms=at_ms,
            run=run.id or None,
            rule=run.rule,
            fingerprint=run.fingerprint,
            action=run.action,
            target=run.target,
            decision=decision,
            reason=reason,
            by=by,
            detail={name: value for name, value in detail.items() if value},
        )
    )


def write_reset(connection: Connection, rule: str, action: str, by: str, at_ms: int) -> None:
    """Keep that a person reset a breaker: a decision without a run."""
    connection.execute(
        insert(audit).values(
            at_ms=at_ms,
            run=None,
            rule=rule,
            fingerprint="",
            action=action,
            target="",
            decision="breaker reset",
            reason="",
            by=by,
            detail={},
        )
    )


def counts(connection: Connection) -> Mapping[tuple[str, str], int]:
    """How many runs are kept, by action and phase."""
    grouped = select(runs.c.action, runs.c.phase, func.count()).group_by(runs.c.action, runs.c.phase)
    return {(action, phase): count for action, phase, count in connection.execute(grouped)}


def read_audit(connection: Connection, limit: int) -> list[AuditRow]:
    """The newest first."""
    rows = connection.execute(select(audit).order_by(audit.c.id.desc()).limit(limit)).mappings()
    return [AuditRow(**{str(name): value for name, value in row.items()}) for row in rows]


def prune(connection: Connection) -> None:
    """Forget the oldest rows over the limits; what is open is never forgotten."""
    newest_run = connection.execute(select(func.max(runs.c.id))).scalar() or 0
    connection.execute(
        delete(runs).where(runs.c.id <= newest_run - RUNS_KEPT, runs.c.phase.not_in(sorted(OPEN)))
    )
    newest_audit = connection.execute(select(func.max(audit.c.id))).scalar() or 0
    connection.execute(delete(audit).where(audit.c.id <= newest_audit - AUDIT_KEPT))


def _run(row: RowMapping) -> Run:
    return Run.from_row({str(name): value for name, value in row.items()})


def _columns(run: Run) -> Mapping[str, Any]:
    return {
        "rule": run.rule,
        "fingerprint": run.fingerprint,
        "action": run.action,
        "kind": run.kind,
        "target": run.target,
        "phase": run.phase,
        "plan": run.plan.to_json() if run.plan else {},
        "created_ms": run.created_ms,
        "started_ms": run.started_ms,
        "finished_ms": run.finished_ms,
        "state": run.state_json(),
    }
