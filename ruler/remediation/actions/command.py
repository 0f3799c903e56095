"""A program with its arguments: never a shell, a small environment, a process group of its own.

A parameter fills its place inside one argument and can never become a second one. The program itself is
fixed. Standard input is empty; the end of what it prints is kept.
"""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import ClassVar, Literal

from pydantic import field_validator

from promkit.config import DurationMs, field, resolve
from promkit.errors import ConfigError
from ruler.remediation.action import Action, Parameters, Plan, Result
from ruler.remediation.declaration import Declaration
from ruler.remediation.parameters import fill, placeholders, settle, target_of
from ruler.remediation.program import PATH, Program, run

__all__ = ["COMMAND", "Config"]


class Config(Declaration):
    """An action of kind `command` in ruler.yml."""

    places: ClassVar[tuple[str, ...]] = ("argv", "undo")

    kind: Literal["command"] = field(description="run a program, without a shell")
    argv: tuple[str, ...] = field(
        description="program and arguments; {name} is a parameter's place in an argument", min_length=1
    )
    undo: tuple[str, ...] | None = field(
        None, description="program and arguments that take it back when it did not help", min_length=1
    )
    timeout: DurationMs = field(30_000, description="the program is ended after this time", gt=0)
    directory: Path = field(
        Path("/"), description="the folder it runs in; a relative one is seen from the file's own folder"
    )
    environment: Mapping[str, str] = field(
        default_factory=dict, description="variables it gets, besides PATH; shown in plans: no secrets"
    )
    pass_environment: tuple[str, ...] = field(
        (), description="names of variables it gets from the ruler's own environment, as for secrets"
    )

    @field_validator("argv", "undo")
    @classmethod
    def _program_is_fixed(cls, argv: tuple[str, ...] | None) -> tuple[str, ...] | None:
        try:
            if argv is not None and (not argv[0] or placeholders(argv[0])):
                raise ValueError("the program itself cannot be a parameter")
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return argv


def plan(config: Config, name: str, parameters: Parameters) -> Plan:
    """Pure. ConfigError: a parameter that the operator does not allow."""
    settled = settle(config.parameters, parameters)
    argv = [fill(text, settled) for text in config.argv]
    undo_argv = [fill(text, settled) for text in config.undo] if config.undo else None
    return Plan(
        action=name,
        kind=config.kind,
        target=target_of(config.parameters, settled),
        text=shlex.join(argv),
        timeout_ms=config.timeout,
        details={
            "argv": argv,
            "undo": undo_argv,
            "directory": str(resolve(config, config.directory)),
            "environment": dict(config.environment),
            "pass_environment": list(config.pass_environment),
        },
    )


def undo(plan: Plan, result: Result) -> Plan | None:
    """The way back, where the operator declared one; what was done does not change it."""
    del result
    argv = plan.details["undo"]
    if argv is None:
        return None
    details = {**plan.details, "argv": argv, "undo": None}
    return Plan(plan.action, plan.kind, plan.target, shlex.join(argv), plan.timeout_ms, details)


def execute(plan: Plan, timeout_ms: int, cancel: Event) -> Result:
    """Run it to its end, to its deadline or until `cancel`; then its whole group is gone."""
    details = plan.details
    passed = {name: os.environ[name] for name in details["pass_environment"] if name in os.environ}
    environment = {"PATH": os.environ.get("PATH", PATH), **details["environment"], **passed}
    return run(Program(details["argv"], environment, Path(details["directory"])), timeout_ms, cancel)


COMMAND = Action("command", Config, plan, execute, undo)
