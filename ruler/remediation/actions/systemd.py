"""A unit of systemd, by `systemctl`: never a shell, never a question for a password.

What `systemctl` says decides first, then the unit's own state after it: a service that starts and fails at
once is no success. Cancelled or too late, `systemctl` ends; the job that it gave to systemd goes on there,
for half a restart would leave the service down.
"""

import os
import re
import shlex
import time
from collections.abc import Mapping, Sequence
from threading import Event
from typing import Any, ClassVar, Literal

from promkit.config import DurationMs, field
from promkit.errors import ConfigError
from ruler.remediation.action import Action, Outcome, Parameters, Plan, Result
from ruler.remediation.declaration import Declaration
from ruler.remediation.parameters import settle, target_of
from ruler.remediation.program import PATH, Program, run

__all__ = ["SYSTEMD", "Config"]

# As systemd.unit(5) has it, and nothing that systemctl would take for a pattern over several units.
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]{0,254}")
_OPPOSITE = {"start": "stop", "stop": "start"}
_ASK_MS = 5_000
# What `systemctl --user` finds its manager by.
_PASSED = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "HOME")


class Config(Declaration):
    """An action of kind `systemd` in ruler.yml."""

    places: ClassVar[tuple[str, ...]] = ("unit",)
    names_target: ClassVar[str | None] = "unit"

    kind: Literal["systemd"] = field(description="start, stop, restart or reload a unit of systemd")
    verb: Literal["start", "stop", "restart", "try-restart", "reload", "reload-or-restart"] = field(
        description="what systemctl is to do; start and stop are taken back when they did not help"
    )
    unit: str | None = field(
        None,
        description="the unit, `.service` may be left out; {name} is a parameter's place; left out, it is "
        "the parameter marked as target",
    )
    scope: Literal["system", "user"] = field(
        "system", description="whose manager: the system's or the user's"
    )
    timeout: DurationMs = field(90_000, description="systemctl is waited for this long", gt=0)


def plan(config: Config, name: str, parameters: Parameters) -> Plan:
    """Pure. ConfigError: a parameter that the operator does not allow, or no unit's name."""
    settled = settle(config.parameters, parameters)
    unit = config.named(config.unit, settled)
    if not _UNIT.fullmatch(unit):
        raise ConfigError(f"{unit!r} is not the name of one unit")
    details = {"verb": config.verb, "unit": unit, "scope": config.scope, "way_back": False}
    target = target_of(config.parameters, settled)
    return _plan(name, target, config.timeout, details)


def undo(plan: Plan, result: Result) -> Plan | None:
    """Start what was stopped, stop what was started: only where it was otherwise before."""
    verb = _OPPOSITE.get(plan.details["verb"])
    was_up = result.before.get("ActiveState") in {"active", "activating", "reloading"}
    if plan.details["way_back"] or verb is None or not result.before or was_up is (verb == "stop"):
        return None
    details = {**plan.details, "verb": verb, "way_back": True}
    return _plan(plan.action, plan.target, plan.timeout_ms, details)


def execute(plan: Plan, timeout_ms: int, cancel: Event) -> Result:
    """Look at the unit, give systemd the job, wait for it, look again."""
    started = time.monotonic()
    state, problem = _state(plan, timeout_ms, cancel)
    if problem is not None:
        return problem
    if state.get("LoadState") in {"not-found", "masked", "error", "bad-setting"}:
        return Result(Outcome.NOT_STARTED, f"{plan.details['unit']} is {state['LoadState']}")
    left_ms = timeout_ms - round((time.monotonic() - started) * 1000)
    ended = run(_program(_argv(plan.details)), max(1, left_ms), cancel)
    took_ms = round((time.monotonic() - started) * 1000)
    outcome, text = ended.outcome, ended.text
    after, _ = _state(plan, _ASK_MS, Event())
    if after:
        text = "; ".join(part for part in (text, _told(plan.details["unit"], after)) if part)
    if outcome is Outcome.DONE and _is_down(plan.details["verb"], after):
        outcome = Outcome.FAILED
    return Result(outcome, text, ended.output, took_ms, state)


def _plan(name: str, target: str, timeout_ms: int, details: Mapping[str, Any]) -> Plan:
    user = ["--user"] if details["scope"] == "user" else []
    text = shlex.join(["systemctl", *user, details["verb"], details["unit"]])
    return Plan(name, "systemd", target, text, timeout_ms, details)


def _argv(details: Mapping[str, Any]) -> list[str]:
    return [*_systemctl(details), details["verb"], "--", details["unit"]]


def _systemctl(details: Mapping[str, Any]) -> list[str]:
    return ["systemctl", f"--{details['scope']}", "--no-ask-password", "--no-pager"]


def _program(argv: Sequence[str]) -> Program:
    passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
    return Program(argv, {"PATH": os.environ.get("PATH", PATH), "LC_ALL": "C.UTF-8", **passed})


def _state(plan: Plan, timeout_ms: int, cancel: Event) -> tuple[Mapping[str, str], Result | None]:
    """The unit's state, or why it cannot be told."""
    asked = "--property=LoadState,ActiveState,SubState,Result"
    argv = [*_systemctl(plan.details), "show", asked, "--", plan.details["unit"]]
    ended = run(_program(argv), min(timeout_ms, _ASK_MS), cancel)
    if ended.ok:
        return dict(line.split("=", 1) for line in ended.output.splitlines() if "=" in line), None
    if ended.outcome is Outcome.FAILED:
        said = ended.output.strip().partition("\n")[0] or ended.text
        return {}, Result(Outcome.NOT_STARTED, f"systemctl show: {said}", ended.output, ended.took_ms)
    return {}, ended


def _told(unit: str, state: Mapping[str, str]) -> str:
    how = f"{unit} is {state.get('ActiveState', 'unknown')} ({state.get('SubState', '')})"
    result = state.get("Result", "success")
    return how if result == "success" else f"{how}, result {result}"


def _is_down(verb: str, after: Mapping[str, str]) -> bool:
    """Whether the unit failed though systemctl was content, as a service may right after its start."""
    return verb != "stop" and (
        after.get("ActiveState") == "failed" or after.get("SubState") == "auto-restart"
    )


SYSTEMD = Action("systemd", Config, plan, execute, undo)
