"""Does the deeds of a kind of action, as the runner would."""

import json
from threading import Event
from typing import Any

from promkit.apart import Do, attempt
from ruler.remediation.action import Action, Outcome, Plan, Result

__all__ = ["back", "do", "here", "plan"]


def plan(action: Action, chosen: dict[str, Any] | None = None, /, **declared: Any) -> Plan:
    """The plan of a declaration as it stands in ruler.yml."""
    config = action.config.model_validate_json(json.dumps({"kind": action.kind, **declared}), strict=True)
    return action.plan(config, "remedy", chosen or {})


def do(action: Action, planned: Plan, timeout_ms: int = 30_000, cancel: Event | None = None) -> Result:
    """Execute a plan; its result as it is read back from storage."""
    result = action.execute(planned, timeout_ms, cancel or Event())
    return Result.from_json(json.loads(json.dumps(result.to_json())))


def here(do_it: Do, planned: Plan) -> Result:
    """Execute a plan whose deed is done apart in this process instead: starting another takes a second."""
    known = attempt(do_it, planned.details, lambda known: None)
    return Result(Outcome(known.outcome), known.text, before=json.loads(json.dumps(known.before)))


def back(action: Action, planned: Plan, result: Result) -> Result | None:
    """Execute the way back, where there is one."""
    undo = action.undo(planned, result)
    return None if undo is None else do(action, undo)
