"""Our own API, /api/v1/lumina/remediations: what was done or would be, and what people decide about it."""

from dataclasses import asdict

from fastapi import APIRouter
from pydantic import Field

from promkit.config import Model
from promkit.errors import ConfigError
from ruler.api.bodies import Json, Operator, named
from ruler.api.context import NowMs, TheRuler
from ruler.api.wire import iso, success
from ruler.remediation import Foreseen, Run

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/lumina/remediations", tags=["Lumina"])


class Breaker(Model):
    """Which breaker."""

    rule: str
    action: str
    by: str = Field("", max_length=200, description="who; the login's name wins where there is one")


class Decision(Model):
    """Somebody approves, refuses or cancels a remedy."""

    by: str = Field("", max_length=200, description="who; the login's name wins where there is one")


@router.get("")
def remediations(ruler: TheRuler, limit: int = 200) -> Json:
    """Runs of remedies, the latest first."""
    return success([run_json(run) for run in ruler.remediation.runs(min(max(limit, 1), 10_000))])


@router.get("/audit")
def audit(ruler: TheRuler, limit: int = 200) -> Json:
    """Every decision about a remedy with its reason, the latest first."""
    return success([asdict(row) for row in ruler.remediation.audit(min(max(limit, 1), 10_000))])


@router.get("/plan")
def plan(rule: str, ruler: TheRuler) -> Json:
    """What the remedy of a rule would do now, and what follows if it does not help. 404: no such rule."""
    steps = [foreseen_json(step) for step in ruler.remediation.foresee(rule)]
    return success({"rule": rule, "enabled": ruler.remediation.enabled(), "steps": steps})


@router.get("/breakers")
def breakers(ruler: TheRuler) -> Json:
    """Breakers that have counted failures in a row; one that is open lets nothing run."""
    return success(
        [
            {
                "rule": row.rule,
                "action": row.action,
                "failures": row.breaker.failures,
                "opened": None if row.breaker.opened_ms is None else iso(row.breaker.opened_ms),
            }
            for row in ruler.remediation.breakers()
        ]
    )


@router.post("/breakers/reset")
def reset_breaker(body: Breaker, ruler: TheRuler, now_ms: NowMs, who: Operator) -> Json:
    """Let a rule's action run again after it failed too often. 404: no such breaker."""
    ruler.remediation.reset_breaker(body.rule, body.action, named(who, body.by), now_ms)
    return success({"rule": body.rule, "action": body.action})


@router.get("/{run}")
def remediation(run: int, ruler: TheRuler) -> Json:
    """One run of a remedy. 404: no such run."""
    return success(run_json(ruler.remediation.run(run)))


@router.post("/{run}/{decision}")
def decide(run: int, decision: str, body: Decision, ruler: TheRuler, now_ms: NowMs, who: Operator) -> Json:
    """`approve`, `refuse` or `cancel` a run. 404: no such run. 409: it is past that."""
    deeds = {
        "approve": ruler.remediation.approve,
        "refuse": ruler.remediation.refuse,
        "cancel": ruler.remediation.cancel,
    }
    if decision not in deeds:
        raise ConfigError(f"no such decision: {decision!r}", remedy=f"one of {', '.join(deeds)}")
    deeds[decision](run, named(who, body.by), now_ms)
    return success({"id": run, "decision": decision})


def run_json(run: Run) -> Json:
    """A remedy's run."""
    return {
        "id": run.id,
        "rule": run.rule,
        "alert": run.fingerprint,
        "action": run.action,
        "target": run.target,
        "phase": run.phase.value,
        "created": iso(run.created_ms),
        "started": None if run.started_ms is None else iso(run.started_ms),
        "finished": None if run.finished_ms is None else iso(run.finished_ms),
        "by": run.by or "ruler",
        "reason": run.reason,
        "plan": run.plan and run.plan.to_json(),
        "result": run.result and run.result.to_json(),
        "undone": run.undone and run.undone.to_json(),
    }


def foreseen_json(step: Foreseen) -> Json:
    """What would be done, or why nothing would."""
    return {
        "action": step.action,
        "mode": step.mode.value,
        "plan": step.plan and step.plan.to_json(),
        "problem": step.problem,
    }
