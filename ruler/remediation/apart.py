"""Executes a plan in a process of its own (`promkit.apart`).

It can be ended at any moment, whatever it waits for, and the client library that it needs weighs on the ruler
no longer than it runs.
"""

import json
import os
import sys
from pathlib import Path
from threading import Event

from promkit.apart import last_known
from ruler.remediation.action import Outcome, Plan, Result
from ruler.remediation.program import Program, run

__all__ = ["execute"]

_DEEDS = Path(__file__).parent / "deeds"


def execute(plan: Plan, timeout_ms: int, cancel: Event) -> Result:
    """Run the deed of the plan's kind, `deeds/KIND.py`, to its end, to its deadline or until `cancel`."""
    # -P: a file in the deed's own folder, or where the ruler was started, is never taken for a library.
    argv = [sys.executable, "-P", str(_DEEDS / f"{plan.kind}.py")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    ended = run(Program(argv, environment, stdin=json.dumps(plan.details).encode()), timeout_ms, cancel)
    known, output = last_known(ended.output)
    outcome, text = ended.outcome, ended.text
    if known.outcome and ended.ok:
        outcome, text = Outcome(known.outcome), known.text
    elif outcome in {Outcome.TIMEOUT, Outcome.CANCELLED}:
        text = f"{text}: {known.text}" if known.text else text
    elif ended.touched:
        outcome, text = Outcome.FAILED, f"it ended without an answer: {text or 'exit code 0'}"
    return Result(outcome, text, output, ended.took_ms, known.before)
