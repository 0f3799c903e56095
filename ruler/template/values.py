"""What templates compute with.

Go             here
string         str (SafeHtml: not escaped again)
int            int
float64        float
bool           bool
nil            None
[]T            list, tuple
map[string]T   Pairs (texts: what is missing is ""), dict (anything: what is missing is NOTHING)
struct         Struct: its fields and methods, and nothing else of Python
time.Time      Instant
time.Duration  Span
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from promkit.errors import LuminaError, Where

__all__ = [
    "NOTHING",
    "Items",
    "Method",
    "Pairs",
    "SafeHtml",
    "Struct",
    "TemplateError",
    "Value",
    "shown",
    "truth",
    "type_name",
]

Value = object
Method = Callable[..., Value]


class TemplateError(LuminaError):
    """A template failed. `static`: whatever the data, so that it can be refused when it is loaded."""

    def __init__(self, problem: str, where: Where | str | None = None, *, static: bool = False) -> None:
        super().__init__(problem, where)
        self.static = static


class _Nothing:
    """What a map of anything has under a key that is not there."""

    def __str__(self) -> str:
        return "<no value>"


NOTHING = _Nothing()


class SafeHtml(str):
    """HTML that is meant as such."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Struct:
    """A record. A field may be a function without arguments: then it is computed when first asked for."""

    name: str
    fields: Mapping[str, Value]
    methods: Mapping[str, Method] = field(default_factory=dict)


class Pairs(dict[str, str]):
    """A map of texts, sorted by name: label sets, annotations. It has Alertmanager's KV methods."""

    def __init__(self, pairs: Mapping[str, str]) -> None:
        super().__init__(sorted(pairs.items()))

    def method(self, name: str) -> Method | None:
        methods: dict[str, Method] = {
            "SortedPairs": self._sorted_pairs,
            "Remove": self._remove,
            "Names": lambda: list(self),
            "Values": lambda: list(self.values()),
        }
        return methods.get(name)

    def _sorted_pairs(self) -> "PairList":
        # alertname leads, as in Alertmanager.
        names = sorted(self, key=lambda name: (name != "alertname", name))
        return PairList(Struct("Pair", {"Name": name, "Value": self[name]}) for name in names)

    def _remove(self, names: object) -> "Pairs":
        if not isinstance(names, list | tuple):
            raise TemplateError("Remove wants a list of names", static=True)
        return Pairs({name: value for name, value in self.items() if name not in names})

    def __str__(self) -> str:
        return str(self._sorted_pairs())


class Items(list[Struct]):
    """A list of records with methods of its own."""

    def __init__(self, items: Iterable[Struct], methods: Mapping[str, Method] | None = None) -> None:
        super().__init__(items)
        self._methods = methods or {}

    def method(self, name: str) -> Method | None:
        return self._methods.get(name)


class PairList(Items):
    """Label pairs in order."""

    def method(self, name: str) -> Method | None:
        methods: dict[str, Method] = {
            "Names": lambda: [pair.fields["Name"] for pair in self],
            "Values": lambda: [pair.fields["Value"] for pair in self],
        }
        return methods.get(name)

    def __str__(self) -> str:
        return ", ".join(f"{pair.fields['Name']}={pair.fields['Value']}" for pair in self)


def truth(value: Value) -> bool:
    """Whether `if` takes its body: not for zero, nothing and empty."""
    if value is None or value is NOTHING:
        return False
    if isinstance(value, bool | int | float | str | list | tuple | dict):
        return bool(value)
    return True


_NAMES: tuple[tuple[type, str], ...] = (
    (bool, "bool"),
    (int, "int"),
    (float, "float64"),
    (str, "string"),
    (Pairs, "map[string]string"),
    (dict, "map[string]interface {}"),
    (list, "[]interface {}"),
    (tuple, "[]interface {}"),
)


def type_name(value: Value) -> str:
    """Go's name of a value's type."""
    if value is None:
        return "<nil>"
    if isinstance(value, Struct):
        return value.name
    for kind, name in _NAMES:
        if isinstance(value, kind):
            return name
    return type(value).__name__


def shown(value: Value) -> str:  # noqa: PLR0911 - a type a case
    """Print as Go's `%v`."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case float():
            return float_text(value)
        case Pairs() | PairList():
            return str(value)
        case list() | tuple():
            return "[" + " ".join(shown(item) for item in value) + "]"
        case dict():
            items = sorted(value.items(), key=lambda item: str(item[0]))
            return "map[" + " ".join(f"{shown(key)}:{shown(item)}" for key, item in items) + "]"
        case Struct():
            return "{" + " ".join(shown(resolved(item)) for item in value.fields.values()) + "}"
        case _:
            return str(value)


def resolved(value: Value) -> Value:
    """Compute a field that is a function."""
    return value() if callable(value) else value


def float_text(value: float) -> str:  # noqa: PLR0911 - a range a case
    """Print a float as Go's `%v`: shortest, with an exponent below 1e-4 and from 1e6 on."""
    if value != value:  # noqa: PLR0124 - NaN alone differs from itself
        return "NaN"
    if value in {float("inf"), float("-inf")}:
        return "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return "-0" if str(value)[0] == "-" else "0"
    text = repr(value)
    mantissa, _, power = text.partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    figures = (whole + fraction).lstrip("0")
    exponent = int(power or 0) + len(whole) - 1
    if whole == "0":
        exponent = int(power or 0) - (len(fraction) - len(fraction.lstrip("0"))) - 1
    figures = figures.rstrip("0") or "0"
    if not -4 <= exponent < 6:
        tail = f".{figures[1:]}" if len(figures) > 1 else ""
        return f"{sign}{figures[0]}{tail}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{figures}"
    if len(figures) <= exponent + 1:
        return sign + figures + "0" * (exponent + 1 - len(figures))
    return f"{sign}{figures[: exponent + 1]}.{figures[exponent + 1 :]}"
