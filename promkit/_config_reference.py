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

    path: str  # scrape_configs[].job_name, channels.<name>, actions.<name> (docker).verb
    type: str
    default: str
    unit: str
    description: str
    required: bool


def reference(model: type[Model]) -> list[Option]:
    """List every key of a model and of the models inside it, in the order in which they are defined."""
    return list(_options(model, "", (model,)))


def _options(
    model: type[Model], prefix: str, above: tuple[type[Model], ...], names: Sequence[str] | None = None
) -> Iterator[Option]:
    for name in model.model_fields if names is None else names:
        info = model.model_fields[name]
        path = f"{prefix}{info.alias or name}"
        extra = info.json_schema_extra
        unit = str(extra.get("unit", "")) if isinstance(extra, dict) else ""
        default = _default(info)
        word = _word(info.annotation, info.metadata)
        yield Option(path, word, default, unit, info.description or "", info.is_required())
        grouped: dict[str, list[type[Model]]] = {}
        for suffix, inner in _models(info.annotation):
            if inner not in above:
                grouped.setdefault(f"{path}{suffix}", []).append(inner)
        for place, models in grouped.items():
            yield from _union(models, place, above)


def _union(models: Sequence[type[Model]], place: str, above: tuple[type[Model], ...]) -> Iterator[Option]:
    """The keys of models of which one stands in a place; where a key tells them apart, told apart by it."""
    tag = next((name for name in models[0].model_fields if all(_tag(one, name) for one in models)), None)
    if tag is None or len(models) == 1:
        for model in models:
            yield from _options(model, f"{place}.", (*above, model))
        return
    told = [{name: _same(info) for name, info in one.model_fields.items()} for one in models]
    shared = [name for name in told[0] if all(told[0][name] == one.get(name) for one in told)]
    yield from _options(models[0], f"{place}.", (*above, models[0]), shared)
    for model in models:
        own = [name for name in model.model_fields if name not in {tag, *shared}]
        yield from _options(model, f"{place} ({_tag(model, tag)}).", (*above, model), [tag, *own])


def _tag(model: type[Model], name: str) -> str | None:
    """The one text that a key of a model can be."""
    info = model.model_fields.get(name)
    values = get_args(info.annotation) if info and get_origin(info.annotation) is Literal else ()
    return values[0] if len(values) == 1 and isinstance(values[0], str) else None


def _same(info: FieldInfo) -> tuple[Any, ...]:
    return info.annotation, repr(info.default), info.description


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
