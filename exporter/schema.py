"""Between exporter.yml and the settings: strict models made of the dataclasses, and JSON between processes.

    dataclass ──model_of──▶ pydantic model, reads YAML ──built──▶ dataclass ◀──plain, restored──▶ JSON

The first half needs pydantic, and imports it only when it is used.
"""

import dataclasses
import types
from functools import cache
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from exporter.settings import Option, check_name, check_pattern
from promkit.secret import Secret

if TYPE_CHECKING:
    from promkit.config import Model

__all__ = ["built", "model_of", "plain", "restored"]

T = TypeVar("T")
_UNCHANGED: tuple[Any, ...] = (Literal, None)  # origins of annotations that pydantic reads as they are


def model_of(cls: Any) -> "type[Model]":  # noqa: ANN401 - a dataclass
    """The strict model that reads YAML into a dataclass of settings."""
    return _model_of(cls)


@cache
def _model_of(cls: Any) -> "type[Model]":  # noqa: ANN401 - a dataclass
    from pydantic import create_model, model_validator  # noqa: PLC0415 - see above

    from promkit.config import Model, field  # noqa: PLC0415

    def checked(model: Model) -> Model:
        built(model, cls)
        return model

    fields: dict[str, Any] = {}  # an annotation and a default each, as pydantic takes them
    declarations = {declared.name: declared for declared in dataclasses.fields(cls)}
    for name, annotation in get_type_hints(cls, include_extras=True).items():
        option = next(part for part in get_args(annotation) if isinstance(part, Option))
        keys: dict[str, Any] = {"description": option.description, "unit": option.unit, **option.limits}
        if option.alias:
            keys["alias"] = option.alias
        declared = declarations[name]
        if declared.default is not dataclasses.MISSING:
            keys["default"] = _default(declared.default)
        elif declared.default_factory is not dataclasses.MISSING:
            keys["default_factory"] = declared.default_factory
        fields[name] = (_in_yaml(annotation), field(**keys))
    validators: dict[str, Any] = {"checked": model_validator(mode="after")(checked)}
    return create_model(
        cls.__name__, __base__=Model, __doc__=cls.__doc__, __validators__=validators, **fields
    )


def built(model: "Model", cls: type[T]) -> T:
    """The dataclass that a model stands for; paths as seen from the file's folder.

    ValueError: what does not fit.
    """
    hints = get_type_hints(cls)
    return cls(**{name: _value(getattr(model, name), hints[name], model) for name in hints})


def _value(value: Any, annotation: Any, model: "Model") -> Any:  # noqa: ANN401 - of the annotation's type
    from promkit.config import Model, resolve  # noqa: PLC0415

    match value:
        case Model():
            return built(value, _of_kind(annotation, _is_settings))
        case Path():
            return resolve(model, value)
        case tuple():
            return tuple(_value(item, _argument(annotation, tuple), model) for item in value)
        case dict():
            inner = _argument(annotation, dict)
            return {key: _value(item, inner, model) for key, item in value.items()}
        case _:
            return value


def plain(value: Any) -> Any:  # noqa: ANN401 - settings or a part of them
    """Settings as what JSON can say. It holds the secrets: for a pipe between our own processes."""
    match value:
        case Secret():
            return value.reveal()
        case Path():
            return str(value)
        case tuple() | list():
            return [plain(item) for item in value]
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case _ if dataclasses.is_dataclass(value):
            return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        case _:
            return value


def restored(annotation: Any, data: Any) -> Any:  # noqa: ANN401 - of the annotation's type
    """What `plain` was given, once more."""
    match data:
        case dict():
            cls = _of_kind(annotation, _is_settings)
            if cls is not None:
                hints = get_type_hints(cls)
                return cls(**{name: restored(hints[name], item) for name, item in data.items()})
            inner = _argument(annotation, dict)
            return {key: restored(inner, item) for key, item in data.items()}
        case list():
            inner = _argument(annotation, tuple)
            return tuple(restored(inner, item) for item in data)
        case str():
            for cls in (Path, Secret):
                if cls in _alternatives(annotation):
                    return cls(data)
            return data
        case _:
            return data


def _default(value: Any) -> Any:  # noqa: ANN401 - of the field's type
    """A default as the model has it: what is a dataclass here is a model there."""
    cls: Any = type(value)
    return model_of(cls)() if _is_settings(cls) else value


def _in_yaml(annotation: Any) -> Any:  # noqa: ANN401 - any annotation
    """The annotation with which pydantic reads a value."""
    origin: Any = get_origin(annotation)
    arguments = get_args(annotation)
    if origin is Annotated:
        return _marked(_in_yaml(arguments[0]), arguments[1:])
    if origin in {Union, types.UnionType}:
        return Union[tuple(_in_yaml(argument) for argument in arguments)]  # noqa: UP007 - made at run time
    if origin in _UNCHANGED:
        return model_of(annotation) if _is_settings(annotation) else annotation
    inner = tuple(argument if argument is Ellipsis else _in_yaml(argument) for argument in arguments)
    return origin[inner]


def _marked(annotation: Any, marks: tuple[Any, ...]) -> Any:  # noqa: ANN401 - any annotation
    from pydantic import AfterValidator  # noqa: PLC0415 - see above

    from promkit.config import ByteSize, DurationMs  # noqa: PLC0415

    known: dict[str, Any] = {
        "duration": DurationMs,
        "size": ByteSize,
        "pattern": Annotated[str, AfterValidator(check_pattern)],
        "name": Annotated[str, AfterValidator(check_name)],
    }
    for mark in marks:
        if isinstance(mark, str):
            return known[mark]
    return annotation


def _is_settings(annotation: Any) -> bool:  # noqa: ANN401 - any annotation
    return dataclasses.is_dataclass(annotation)


def _alternatives(annotation: Any) -> list[Any]:  # noqa: ANN401 - any annotation
    """The members of a union, without their marks."""
    origin: Any = get_origin(annotation)
    if origin is Annotated:
        return _alternatives(get_args(annotation)[0])
    if origin in {Union, types.UnionType}:
        return [one for argument in get_args(annotation) for one in _alternatives(argument)]
    return [annotation]


def _of_kind(annotation: Any, is_kind: Any) -> Any:  # noqa: ANN401 - any annotation, a predicate
    return next((one for one in _alternatives(annotation) if is_kind(one)), None)


def _argument(annotation: Any, origin: Any) -> Any:  # noqa: ANN401 - any annotation
    """The type of the items of a tuple, or of the values of a dict."""
    found = _of_kind(annotation, lambda one: get_origin(one) is origin)
    arguments = [argument for argument in get_args(found) if argument is not Ellipsis]
    return arguments[-1] if arguments else Any
