"""The option reference, read off the models."""

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from promkit._config_model import Model
from promkit._config_types import ByteSize, DurationMs, Ratio, Secret, format_bytes
from promkit.duration import format_duration

__all__ = ["Option", "reference"]

_WORDS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    Secret: "secret",
    type(None): "",
}
# The markers by which the annotated types of this package are known again.
_SPECIAL: dict[object, tuple[str, Callable[[Any], str]]] = {
    get_args(DurationMs)[1]: ("duration", format_duration),
    get_args(ByteSize)[1]: ("size", format_bytes),
    get_args(Ratio)[1]: ("ratio", str),
}


@dataclass(frozen=True, slots=True)
class Option:
    """One key. `default` is as it would be written in YAML, or "" where the key is required or has none."""

    path: str  # scrape_configs[].job_name, channels.<name>
    type: str
    default: str
    unit: str
    description: str
    required: bool


def reference(model: type[Model]) -> list[Option]:
    """List every key of a model and of the models inside it, in the order in which they are defined."""
    return list(_options(model, "", (model,)))


def _options(model: type[Model], prefix: str, above: tuple[type[Model], ...]) -> Iterator[Option]:
    for name, info in model.model_fields.items():
        path = f"{prefix}{info.alias or name}"
        extra = info.json_schema_extra
        unit = str(extra.get("unit", "")) if isinstance(extra, dict) else ""
        default = _default(info)
        word = _word(info.annotation, info.metadata)
        yield Option(path, word, default, unit, info.description or "", info.is_required())
        for suffix, inner in _models(info.annotation):
            if inner not in above:
                yield from _options(inner, f"{path}{suffix}.", (*above, inner))


def _default(info: FieldInfo) -> str:  # noqa: PLR0911 - a kind of value a return
    value = info.default
    if value is PydanticUndefined and info.default_factory is not None:
        value = info.get_default(call_default_factory=True, validated_data={})
    for marker in (*info.metadata, *_markers(info.annotation)):
        if marker in _SPECIAL and isinstance(value, int | float):
            return _SPECIAL[marker][1](value)
    if value is PydanticUndefined or value is None or isinstance(value, Model):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple | list | dict | frozenset) and not value:
        return ""
    if isinstance(value, tuple | list | frozenset):
        return "[" + ", ".join(str(member) for member in value) + "]"
    return str(value)


def _markers(annotation: Any) -> Iterator[Any]:  # noqa: ANN401 - any annotation
    """The markers inside a union, as of `duration or one of off`."""
    if get_origin(annotation) in {Union, types.UnionType}:
        for argument in get_args(annotation):
            yield from getattr(argument, "__metadata__", ())


def _word(annotation: Any, metadata: Sequence[Any] = ()) -> str:  # noqa: ANN401, PLR0911 - any annotation
    for marker in metadata:
        if marker in _SPECIAL:
            return _SPECIAL[marker][0]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _word(arguments[0], arguments[1:])
    if origin in {Union, types.UnionType}:
        return " or ".join(dict.fromkeys(word for word in map(_word, arguments) if word))
    if origin is Literal:
        return "one of " + ", ".join(str(argument) or '""' for argument in arguments)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"mapping of {_word(arguments[-1])}"
    if isinstance(origin, type) and arguments:
        return f"list of {_word(arguments[0])}"
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return "mapping"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "one of " + ", ".join(str(member.value) for member in annotation)
    return _WORDS.get(annotation, "anything")


def _models(annotation: Any, suffix: str = "") -> Iterator[tuple[str, type[Model]]]:  # noqa: ANN401 - any annotation
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield suffix, annotation
    elif origin is Annotated:
        yield from _models(arguments[0], suffix)
    elif origin in {Union, types.UnionType}:
        for argument in arguments:
            yield from _models(argument, suffix)
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        yield from _models(arguments[-1], f"{suffix}.<name>")
    elif isinstance(origin, type) and arguments:
        yield from _models(arguments[0], f"{suffix}[]")
