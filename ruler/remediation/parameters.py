"""Parameters of actions: what the operator declared, and whether what a rule says is inside.

A rule file may be written by other people than ruler.yml, and labels come from whoever is scraped. So a text
must be listed (`enum`) or fit a whole `pattern`, a number must have both bounds, nothing may carry control
characters, and only a listed text may begin with `-`, which programs read as an option.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal, Self

from pydantic import field_validator, model_validator

from promkit.config import Model, field
from promkit.errors import ConfigError, QueryError
from promkit.labels import Labels
from promkit.matchers import compile_anchored
from ruler.remediation.action import Parameters
from ruler.rules.rule import Parameter

__all__ = [
    "Declared",
    "check",
    "fill",
    "from_labels",
    "placeholders",
    "settle",
    "target_of",
    "targets_declared",
]

_TEXT_LENGTH_MAX = 1024
_LABEL = re.compile(r"\{\{\s*\$labels\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}|[{}]")


class Declared(Model):
    """One parameter of an action, as its operator allows it."""

    type: Literal["string", "int", "float", "bool"] = field("string", description="what the value is")
    enum: tuple[Parameter, ...] | None = field(None, description="the values that are allowed", min_length=1)
    pattern: str | None = field(None, description="RE2 expression that the whole text must match")
    min: float | None = field(None, description="smallest number allowed")
    max: float | None = field(None, description="largest number allowed")
    default: Parameter | None = field(None, description="value where a rule gives none; without: required")
    target: bool = field(
        default=False, description="this value names what is acted on: limits count per target"
    )

    @field_validator("pattern")
    @classmethod
    def _pattern_compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                compile_anchored(pattern)
            except QueryError as error:
                raise ValueError(error.problem) from None
        return pattern

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.enum is None and self.type == "string" and self.pattern is None:
            raise ValueError("a text needs `enum` or `pattern`, so that a rule cannot pass just anything")
        if self.enum is None and self.type in {"int", "float"} and (self.min is None or self.max is None):
            raise ValueError("a number needs `min` and `max`, or `enum`")
        for value in (*(self.enum or ()), *(() if self.default is None else (self.default,))):
            if problem := fault(self, value):
                raise ValueError(problem)
        return self


def fault(declared: Declared, value: Parameter) -> str | None:
    """Say what is wrong with a value, or None."""
    if not _has_type(declared.type, value):
        return f"{value!r} is not of type {declared.type}"
    if declared.enum is not None:
        allowed = ", ".join(str(one) for one in declared.enum)
        return None if value in declared.enum else f"{value!r} is not allowed: one of {allowed}"
    if isinstance(value, str):
        return _text_fault(declared, value)
    if declared.type in {"int", "float"} and not _between(declared.min, float(value), declared.max):
        return f"{value!r} is not allowed: from {declared.min:g} to {declared.max:g}"
    return None


def check(declared: Mapping[str, Declared], parameters: Parameters) -> None:
    """Refuse what the operator does not allow; a value from a label is only known when the alert fires.

    ConfigError: an unknown, missing or refused parameter.
    """
    if unknown := [name for name in parameters if name not in declared]:
        names = ", ".join(sorted(declared)) or "none"
        raise ConfigError(f"unknown parameter {unknown[0]!r}", remedy=f"declared parameters: {names}")
    for name, one in declared.items():
        if name in parameters:
            value = parameters[name]
            if isinstance(value, str) and _LABEL.fullmatch(value):
                continue
            if problem := fault(one, value):
                raise ConfigError(f"parameter {name!r}: {problem}")
        elif one.default is None:
            raise ConfigError(f"parameter {name!r} is missing", remedy="the action declares no default")


def from_labels(parameters: Parameters, labels: Labels) -> Parameters:
    """Put an alert's labels where a parameter is, wholly, `{{ $labels.name }}`.

    ConfigError: the alert has no such label.
    """
    return {name: _from_label(name, value, labels) for name, value in parameters.items()}


def settle(declared: Mapping[str, Declared], parameters: Parameters) -> Parameters:
    """All values, defaults filled in, each allowed. ConfigError: see `check`."""
    defaults = {name: one.default for name, one in declared.items() if one.default is not None}
    settled = {**defaults, **parameters}
    check(declared, settled)
    for name, value in settled.items():
        if isinstance(value, str) and _LABEL.fullmatch(value):
            raise ConfigError(f"parameter {name!r} comes from a label: there is no alert to take it from")
    return settled


def target_of(declared: Mapping[str, Declared], settled: Parameters) -> str:
    """Value of the parameter that names the target, "" where none does."""
    return next((as_text(settled[name]) for name, one in declared.items() if one.target), "")


def targets_declared(declared: Mapping[str, Declared]) -> int:
    """How many distinct targets the operator listed; 1 where a pattern leaves them open, or there is none."""
    for one in declared.values():
        if one.target:
            return len(set(one.enum)) if one.enum is not None else 1
    return 1


def placeholders(text: str) -> Sequence[str]:
    """Names in `{name}`. ConfigError: a lone brace (`{{` and `}}` stand for braces)."""
    names = []
    for match in _PLACEHOLDER.finditer(text):
        if match[0] in {"{", "}"}:
            raise ConfigError(f"lone {match[0]!r} in {text!r}", remedy="write {{ or }} for a brace itself")
        if match[1]:
            names.append(match[1])
    return names


def fill(text: str, settled: Parameters) -> str:
    """Put the values where `{name}` stands."""
    return _PLACEHOLDER.sub(lambda match: as_text(settled[match[1]]) if match[1] else match[0][0], text)


def as_text(value: Parameter) -> str:
    """Write a value as programs read it: true and false in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _from_label(name: str, value: Parameter, labels: Labels) -> Parameter:
    match = _LABEL.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    if match[1] not in labels:
        raise ConfigError(f"parameter {name!r}: the alert has no label {match[1]!r}")
    return labels[match[1]]


def _has_type(wanted: str, value: Parameter) -> bool:
    match wanted:
        case "string":
            return isinstance(value, str)
        case "bool":
            return isinstance(value, bool)
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case _:
            return isinstance(value, int | float) and not isinstance(value, bool)


def _between(least: float | None, value: float, most: float | None) -> bool:
    # Written so that NaN is outside.
    return least is not None and most is not None and least <= value <= most


def _text_fault(declared: Declared, value: str) -> str | None:
    if len(value) > _TEXT_LENGTH_MAX:
        return f"longer than {_TEXT_LENGTH_MAX} characters"
    if not value.isprintable():
        return f"{value!r} has control characters"
    if value.startswith("-"):
        return f"{value!r} begins with '-', which a program may read as an option: list it in `enum`"
    if declared.pattern is not None and not compile_anchored(declared.pattern)(value):
        return f"{value!r} does not match the pattern {declared.pattern!r}"
    return None
