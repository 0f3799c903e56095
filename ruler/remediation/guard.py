"""Whether a remedy may run now. Pure; asked in the transaction that would write the started row.

    somebody has it?  →  breaker  →  runs per window  →  share of targets  →  one at a time
    →  still breached?  →  only_if  →  dry run?  →  approval?  →  start

What costs a query is asked last, and only when nothing else says no.

Counting is by action and target, whichever rule asked, so that two rules cannot restart one service six times
an hour. A run counts from its started row on, whatever became of it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from promkit.duration import format_duration
from ruler.rules.rule import Limits, Mode, Remedy, Rule

__all__ = [
    "BREAKER_FAILURES",
    "BREAKER_QUIET_MS",
    "COOLDOWN_MS",
    "Breaker",
    "Decision",
    "Facts",
    "Past",
    "Verdict",
    "after_failure",
    "considered_ms",
    "decide",
]

BREAKER_FAILURES = 3
# An open breaker that nobody reset lets one run through after a day; fails that, it is open again at once.
BREAKER_QUIET_MS = 86_400_000
# Between two remedies for one alert, where neither rule nor limits say.
COOLDOWN_MS = 600_000
# How soon a guard that may let go at any moment is asked again.
_AGAIN_MS = 5_000


@dataclass(frozen=True, slots=True)
class Breaker:
    """Failures in a row of one rule's action.

    Open: no run until a person resets it, or the quiet time is over.
    """

    failures: int = 0
    opened_ms: int | None = None

    def closes_ms(self) -> int | None:
        """When it lets one run through by itself."""
        return None if self.opened_ms is None else self.opened_ms + BREAKER_QUIET_MS


def after_failure(breaker: Breaker, now_ms: int) -> Breaker:
    """One more remedy that did not help. A success makes it `Breaker()` again."""
    failures = breaker.failures + 1
    return Breaker(failures, now_ms if failures >= BREAKER_FAILURES else None)


@dataclass(frozen=True, slots=True)
class Past:
    """A run of the same action that was started."""

    target: str
    started_ms: int
    open: bool  # runs, is verified or is taken back


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the guard knows of the world."""

    enabled: bool  # the operator's `remediation.enabled`
    target: str
    targets_declared: int
    past: Sequence[Past]  # started within the window, or still open
    breaker: Breaker = Breaker()
    acknowledged_by: str = ""
    silenced_by: Sequence[str] = ()
    breached: bool | None = True  # the rule's condition at this moment; None: its series has no value
    settled: bool = True  # the ruler runs long enough for `breached` to be told
    only_if: bool | None = True  # None: it could not be asked
    approved_by: str = ""  # a person said yes to this very plan


class Decision(StrEnum):
    """What to do with a wish."""

    START = "start"
    PLAN = "plan"  # a dry run
    ASK = "ask"  # a person's approval
    HOLD = "hold"  # not now


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision; held ones say by which guard, why, and when it is worth asking again."""

    decision: Decision
    guard: str = ""
    reason: str = ""
    again_ms: int = 0


def decide(remedy: Remedy, facts: Facts, now_ms: int) -> Verdict:
    """Ask the guards in order; the first that says no is heard."""
    held = (
        _somebody_has_it(facts, now_ms)
        or _breaker(facts, now_ms)
        or _runs(remedy.limits, facts, now_ms)
        or _share(remedy.limits, facts, now_ms)
        or _concurrent(remedy.limits, facts, now_ms)
        or _breached(facts, now_ms)
        or _only_if(remedy, facts, now_ms)
    )
    if held:
        return held
    if remedy.mode is Mode.DRY_RUN:
        return Verdict(Decision.PLAN, reason="the rule asks for a dry run")
    if not facts.enabled:
        return Verdict(Decision.PLAN, reason="remediation.enabled is false in ruler.yml")
    if remedy.mode is Mode.APPROVE and not facts.approved_by:
        return Verdict(Decision.ASK, reason="the rule asks for a person's approval")
    return Verdict(Decision.START)


def considered_ms(rule: Rule, remedy: Remedy, firing_ms: int, last: tuple[int, int] | None) -> int | None:
    """When a remedy is due for an alert that fires since `firing_ms`; None: never again for this firing.

    `last`: firing and instant of the last decision for this alert, if there was one.
    """
    due_ms = firing_ms + remedy.after_ms
    if last is None:
        return due_ms
    last_firing_ms, decided_ms = last
    pause_ms = _first(remedy.limits.cooldown_ms, rule.cooldown_ms, COOLDOWN_MS)
    if last_firing_ms == firing_ms and rule.repeat_ms is not None:
        if rule.repeat_ms == 0:
            return None
        pause_ms = rule.repeat_ms
    return max(due_ms, decided_ms + pause_ms)


def allowed_targets(limits: Limits, declared: int) -> int:
    """How many distinct targets may be touched within the window: rounded up, at least one."""
    # 0.07 * 100 is a little over 7: a share that is whole must not be rounded up by float noise.
    return max(1, math.ceil(round(limits.targets_ratio * declared, 9)))


def _somebody_has_it(facts: Facts, now_ms: int) -> Verdict | None:
    # Who approved a run has seen the alert: an acknowledgement must not stop their own remedy.
    if facts.approved_by:
        return None
    if facts.acknowledged_by:
        return Verdict(
            Decision.HOLD, "acknowledged", f"{facts.acknowledged_by} has acknowledged it", now_ms + _AGAIN_MS
        )
    if facts.silenced_by:
        return Verdict(
            Decision.HOLD, "silenced", f"silenced by {', '.join(facts.silenced_by)}", now_ms + _AGAIN_MS
        )
    return None


def _breached(facts: Facts, now_ms: int) -> Verdict | None:
    """Neither an alert that recovers nor one that was only read back after a restart calls for a deed."""
    if facts.breached is False:
        return Verdict(Decision.HOLD, "condition", "the condition is not breached now", now_ms + _AGAIN_MS)
    if facts.breached is None and not facts.settled:
        return Verdict(Decision.HOLD, "condition", "no values yet since the start", now_ms + _AGAIN_MS)
    return None


def _only_if(remedy: Remedy, facts: Facts, now_ms: int) -> Verdict | None:
    if remedy.only_if is None or facts.only_if:
        return None
    why = "does not hold" if facts.only_if is False else "could not be evaluated"
    return Verdict(Decision.HOLD, "only_if", f"{remedy.only_if} {why}", now_ms + _AGAIN_MS)


def _breaker(facts: Facts, now_ms: int) -> Verdict | None:
    closes_ms = facts.breaker.closes_ms()
    if closes_ms is None or now_ms >= closes_ms:
        return None
    reason = (
        f"the breaker is open after {facts.breaker.failures} remedies that did not help: "
        f"a person must reset it (by itself in {format_duration(_whole_seconds(closes_ms - now_ms))})"
    )
    return Verdict(Decision.HOLD, "breaker", reason, now_ms + _AGAIN_MS)


def _runs(limits: Limits, facts: Facts, now_ms: int) -> Verdict | None:
    window = sorted(
        past.started_ms
        for past in facts.past
        if past.target == facts.target and past.started_ms > now_ms - limits.per_ms
    )
    if len(window) < limits.runs:
        return None
    if limits.runs == 0:
        return Verdict(Decision.HOLD, "runs", "limits.runs is 0", now_ms + limits.per_ms)
    again_ms = window[-limits.runs] + limits.per_ms
    reason = (
        f"{len(window)} runs in {format_duration(limits.per_ms)}{_on(facts.target)}: at most {limits.runs}"
    )
    return Verdict(Decision.HOLD, "runs", reason, again_ms)


def _share(limits: Limits, facts: Facts, now_ms: int) -> Verdict | None:
    newest: dict[str, int] = {}
    for past in facts.past:
        if past.target != facts.target and (past.open or past.started_ms > now_ms - limits.per_ms):
            newest[past.target] = max(past.started_ms, newest.get(past.target, 0))
    allowed = allowed_targets(limits, facts.targets_declared)
    if len(newest) < allowed:
        return None
    touched = ", ".join(sorted(newest))
    reason = (
        f"{touched} touched in {format_duration(limits.per_ms)}: at most {allowed} "
        f"of {facts.targets_declared} targets ({limits.targets_ratio:.0%})"
    )
    return Verdict(
        Decision.HOLD, "targets", reason, max(now_ms + _AGAIN_MS, min(newest.values()) + limits.per_ms)
    )


def _concurrent(limits: Limits, facts: Facts, now_ms: int) -> Verdict | None:
    running = [past for past in facts.past if past.open]
    again_ms = now_ms + _AGAIN_MS
    if any(past.target == facts.target for past in running):
        return Verdict(Decision.HOLD, "concurrent", f"another run is under way{_on(facts.target)}", again_ms)
    if len(running) < limits.concurrent:
        return None
    reason = f"{len(running)} under way: at most {limits.concurrent} at a time"
    return Verdict(Decision.HOLD, "concurrent", reason, again_ms)


def _on(target: str) -> str:
    return f" on {target}" if target else ""


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)


def _whole_seconds(duration_ms: int) -> int:
    return -(-duration_ms // 1000) * 1000
