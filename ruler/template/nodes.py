"""The syntax tree of a template. `at` is the offset in its source where a node begins."""

from dataclasses import dataclass

__all__ = [
    "Action",
    "Argument",
    "Break",
    "Chain",
    "Command",
    "Constant",
    "Continue",
    "Dot",
    "Field",
    "Function",
    "If",
    "Invoke",
    "Nil",
    "Node",
    "Pipe",
    "Plain",
    "Range",
    "Variable",
    "With",
]


@dataclass(frozen=True, slots=True)
class Plain:
    """Text outside of actions, trimmed."""

    at: int
    text: str


@dataclass(frozen=True, slots=True)
class Dot:
    """`.`."""

    at: int


@dataclass(frozen=True, slots=True)
class Nil:
    """`nil`."""

    at: int


@dataclass(frozen=True, slots=True)
class Constant:
    """A text, number or truth value as written."""

    at: int
    value: str | int | float | bool


@dataclass(frozen=True, slots=True)
class Field:
    """`.A.B`."""

    at: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """`$x.A.B`."""

    at: int
    name: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """A function's name."""

    at: int
    name: str


@dataclass(frozen=True, slots=True)
class Chain:
    """`(pipe).A.B`."""

    at: int
    inner: "Argument"
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A function, method or value, and what it is given."""

    at: int
    arguments: tuple["Argument", ...]


@dataclass(frozen=True, slots=True)
class Pipe:
    """`$x := a | b`: each command gets the value before it as its last argument."""

    at: int
    commands: tuple[Command, ...]
    names: tuple[str, ...] = ()
    assigns: bool = False  # `=` rather than `:=`


Argument = Dot | Nil | Constant | Field | Variable | Function | Chain | Pipe


@dataclass(frozen=True, slots=True)
class Action:
    """`{{ pipe }}`."""

    at: int
    pipe: Pipe


@dataclass(frozen=True, slots=True)
class If:
    """`{{ if }}…{{ else }}…{{ end }}`."""

    at: int
    pipe: Pipe
    body: tuple["Node", ...]
    other: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class With:
    """`{{ with }}…{{ else }}…{{ end }}`."""

    at: int
    pipe: Pipe
    body: tuple["Node", ...]
    other: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Range:
    """`{{ range }}…{{ else }}…{{ end }}`."""

    at: int
    pipe: Pipe
    body: tuple["Node", ...]
    other: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Invoke:
    """`{{ template "name" pipe }}`."""

    at: int
    name: str
    pipe: Pipe | None


@dataclass(frozen=True, slots=True)
class Break:
    """`{{ break }}`."""

    at: int


@dataclass(frozen=True, slots=True)
class Continue:
    """`{{ continue }}`."""

    at: int


Node = Plain | Action | If | With | Range | Invoke | Break | Continue
