"""What an action is: a kind's record of functions, the plan they pass on, and what came of it.

    config, parameters → plan (pure) → execute → result
                          └──────────────── + → undo (pure) → plan of the way back, or None

The plan is what the dry run prints, the audit keeps and `execute` receives, so they cannot differ. It is
plain JSON inside: a plan that was stored before a crash is read back after it.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from threading import Event
from typing import Any

from ruler.rules.rule import Parameter

__all__ = ["Action", "Outcome", "Parameters", "Plan", "Result"]

Parameters = Mapping[str, Parameter]


@dataclass(frozen=True, slots=True)
class Plan:
    """One deed, ready to be done: nothing that a rule or a label says can change it any more."""

    action: str  # its name in ruler.yml
    kind: str
    target: str  # value of the parameter marked `target: true`, "" without one
    text: str  # what a person reads: `systemctl restart api`
    timeout_ms: int
    details: Mapping[str, Any] = field(default_factory=dict)  # JSON; what the kind's `execute` needs

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Plan":
        return cls(**stored)


class Outcome(StrEnum):
    """How an execution ended."""

    DONE = "done"
    FAILED = "failed"
    NOT_STARTED = "not started"  # nothing was done at all
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"  # the ruler ended while it ran


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an execution; `output` is the end of what it printed."""

    outcome: Outcome
    text: str = ""
    output: str = ""
    took_ms: int = 0
    before: Mapping[str, Any] = field(default_factory=dict)  # JSON; what it found, for the way back

    @property
    def ok(self) -> bool:
        return self.outcome is Outcome.DONE

    @property
    def touched(self) -> bool:
        """Whether it may have changed something."""
        return self.outcome is not Outcome.NOT_STARTED

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Result":
        return cls(**{**stored, "outcome": Outcome(stored["outcome"])})


@dataclass(frozen=True, slots=True)
class Action:
    """A kind of action. All but `execute` are pure.

    plan(config, name, parameters): ConfigError for what the operator did not declare.
    execute(plan, timeout_ms, cancel): blocks until done, `timeout_ms` is over or `cancel` is set, and then no
    process or request of it is left. Never raises for what the world does: that is a result.
    undo(plan, result): the plan of the way back from what was done, where there is one. A way back has none.
    """

    kind: str
    config: type[Any]  # the pydantic model of its YAML; each kind's functions take its own
    plan: Callable[[Any, str, Parameters], Plan]
    execute: Callable[[Plan, int, Event], Result]
    undo: Callable[[Plan, Result], Plan | None]
