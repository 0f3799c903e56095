"""What a template function is, and those that every Go template has.

A function is a row: what it computes, and what it takes. `takes` has a letter for each argument: `s` a text,
`i` a whole number, `l` a list of texts, `a` anything; a `*` after the last: any number of them.
"""

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from ruler.template.clock import Instant, Span
from ruler.template.printf import sprint, sprintf, sprintln
from ruler.template.values import (
    NOTHING,
    Pairs,
    SafeHtml,
    Struct,
    TemplateError,
    Value,
    shown,
    truth,
    type_name,
)

__all__ = ["BUILT_IN", "Function", "FunctionSet", "called"]


@dataclass(frozen=True, slots=True)
class Function:
    """One function. `run` is None where it depends on the rendering: then that brings it."""

    run: Callable[..., Value] | None
    takes: str


@dataclass(frozen=True, slots=True)
class FunctionSet:
    """What templates of one kind may use."""

    functions: Mapping[str, Function]
    variables: frozenset[str] = field(default_factory=frozenset)  # set from the data, without $


def called(name: str, function: Function, run: Callable[..., Value], arguments: list[Value]) -> Value:
    """Call a function, once it is sure that it takes these arguments.

    TemplateError: it does not, or it failed.
    """
    takes = function.takes
    variadic = takes.endswith("*")
    kinds = takes.removesuffix("*")
    least = len(kinds) - 1 if variadic else len(kinds)
    if len(arguments) < least or (not variadic and len(arguments) > least):
        wanted = f"at least {least}" if variadic else str(least)
        raise TemplateError(f"{name} wants {wanted} arguments, got {len(arguments)}", static=True)
    checked = [
        _checked(name, kinds[min(index, len(kinds) - 1)], value) for index, value in enumerate(arguments)
    ]
    return run(*checked)


def _checked(name: str, kind: str, value: Value) -> Value:
    match kind:
        case "s" if not isinstance(value, str):
            wanted = "a text"
        case "i" if not isinstance(value, int) or isinstance(value, bool):
            wanted = "a whole number"
        case "l" if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            wanted = "a list of texts"
        case _:
            return value
    raise TemplateError(f"{name} wants {wanted}, got {type_name(value)} {shown(value)[:40]}", static=True)


# Comparison, as Go has it: only what is of one kind compares.


def _kind(value: Value) -> str:
    if isinstance(value, bool):
        return "bool"
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind.__name__
    return "nil" if value is None or value is NOTHING else ""


def _equal(first: Value, *others: Value) -> bool:
    if not others:
        raise TemplateError("eq wants something to compare with", static=True)
    for other in others:
        if isinstance(first, Instant | Span) and type(first) is type(other):
            if first == other:
                return True
            continue
        one, two = _kind(first), _kind(other)
        if "nil" not in {one, two} and (not one or not two):
            raise TemplateError(f"cannot compare {type_name(first)} and {type_name(other)}", static=True)
        if one != two and "nil" not in {one, two}:
            raise TemplateError(
                f"incompatible types for comparison: {type_name(first)} and {type_name(other)}", static=True
            )
        if one == two and first == other:
            return True
    return False


def _less(first: Value, second: Value) -> bool:
    if isinstance(first, str) and isinstance(second, str):
        return first < second
    for kind in (int, float):
        if _kind(first) == _kind(second) == kind.__name__ and isinstance(first, kind):
            return bool(first < second)  # type: ignore[operator]  # both of this kind
    raise TemplateError(
        f"incompatible types for comparison: {type_name(first)} and {type_name(second)}", static=True
    )


# Collections. Texts are bytes here, as in Go.


def _index(collection: Value, *keys: Value) -> Value:
    for key in keys:
        collection = _item(collection, key)
    return collection


def _item(collection: Value, key: Value) -> Value:
    if isinstance(collection, Pairs):
        return collection.get(str(_checked("index", "s", key)), "")
    if isinstance(collection, dict):
        return collection.get(key, NOTHING)
    if isinstance(collection, str | list | tuple):
        items: Sequence[Value] = collection.encode() if isinstance(collection, str) else collection
        if not isinstance(key, int) or isinstance(key, bool):
            raise TemplateError(f"index wants a whole number, got {type_name(key)}", static=True)
        if not 0 <= key < len(items):
            raise TemplateError(f"index out of range: {key}")
        return items[key]
    if collection is None or collection is NOTHING:
        raise TemplateError("index of nothing")
    raise TemplateError(f"cannot index {type_name(collection)}", static=True)


def _slice(collection: Value, *bounds: Value) -> Value:
    if not isinstance(collection, str | list | tuple):
        raise TemplateError(f"cannot slice {type_name(collection)}", static=True)
    items = collection.encode() if isinstance(collection, str) else list(collection)
    numbers = [int(str(_checked("slice", "i", bound))) for bound in bounds]
    first = numbers[0] if numbers else 0
    last = numbers[1] if len(numbers) > 1 else len(items)
    if not 0 <= first <= last <= len(items):
        raise TemplateError(f"slice out of range: {first}:{last}")
    cut = items[first:last]
    return cut.decode(errors="replace") if isinstance(cut, bytes) else cut


def _len(value: Value) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, list | tuple | dict):
        return len(value)
    raise TemplateError(f"len of type {type_name(value)}", static=not (value is None or value is NOTHING))


# Escaping.


def html_escape(text: str) -> str:
    """Escape as Go's HTMLEscapeString."""
    return html.escape(text, quote=True).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")


_JS = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "<": "\\u003C",
    ">": "\\u003E",
    "&": "\\u0026",
    "=": "\\u003D",
}


def js_escape(text: str) -> str:
    """Escape as Go's JSEscapeString."""
    out = []
    for sign in text:
        if sign in _JS:
            out.append(_JS[sign])
        elif not sign.isprintable() and ord(sign) < 0x10000:
            out.append(f"\\u{ord(sign):04X}")
        else:
            out.append(sign)
    return "".join(out)


BUILT_IN: dict[str, Function] = {
    # and, or: the interpreter's own, since they stop at the first that decides.
    "and": Function(None, "aa*"),
    "or": Function(None, "aa*"),
    "not": Function(lambda value: not truth(value), "a"),
    "eq": Function(_equal, "aa*"),
    "ne": Function(lambda a, b: not _equal(a, b), "aa"),
    "lt": Function(_less, "aa"),
    "le": Function(lambda a, b: _less(a, b) or _equal(a, b), "aa"),
    "gt": Function(lambda a, b: not (_less(a, b) or _equal(a, b)), "aa"),
    "ge": Function(lambda a, b: not _less(a, b), "aa"),
    "index": Function(_index, "aa*"),
    "slice": Function(_slice, "aa*"),
    "len": Function(_len, "a"),
    "print": Function(lambda *values: sprint(values), "a*"),
    "println": Function(lambda *values: sprintln(values), "a*"),
    "printf": Function(lambda form, *values: sprintf(form, values), "sa*"),
    "html": Function(lambda *values: html_escape(sprint(values)), "a*"),
    "js": Function(lambda *values: js_escape(sprint(values)), "a*"),
    "urlquery": Function(lambda *values: quote_plus(sprint(values), safe=""), "a*"),
}


def json_ready(value: Value) -> object:  # noqa: PLR0911 - a type a case
    """Turn a value into what json can write, fields named as Go's tags name them."""
    match value:
        case Struct():
            return {
                name[0].lower() + name[1:]: json_ready(inner() if callable(inner) else inner)
                for name, inner in value.fields.items()
            }
        case Instant():
            return value.format("2006-01-02T15:04:05.999999999Z07:00")
        case Span():
            return value.nanoseconds
        case dict():
            return {str(key): json_ready(value[key]) for key in sorted(value, key=str)}
        case list() | tuple():
            return [json_ready(item) for item in value]
        case SafeHtml():
            return str(value)
        case _:
            return None if value is NOTHING else value
