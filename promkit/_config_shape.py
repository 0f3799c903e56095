"""What models a place in a file may belong to: asked by substitution, by faults and by the reference page."""

import inspect
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from promkit._config_model import Model

__all__ = ["Shape", "find_field", "key_names", "substitutes"]


def key_names(model: type[Model]) -> list[str]:
    """Give the keys of a model, as they are written in YAML."""
    return [info.alias or name for name, info in model.model_fields.items()]


@lru_cache(maxsize=4096)
def find_field(model: type[Model], key: str) -> tuple[str, FieldInfo] | None:
    """Find the field that a key of a file sets."""
    for name, info in model.model_fields.items():
        if key in {info.alias or name, name} or (info.alias is None and key == to_camel(name)):
            return name, info
    return None


def substitutes(model: type[Model], name: str) -> bool:
    """Tell whether `${NAME}` is replaced in a field: the class that defines it says so."""
    owner = next(parent for parent in model.__mro__ if name in inspect.get_annotations(parent))
    return bool(getattr(owner, "env_substitution", True))


@dataclass(frozen=True, slots=True)
class Shape:
    """The annotations that a value may have, unions taken apart."""

    annotations: tuple[Any, ...]

    @classmethod
    def of(cls, annotation: Any) -> "Shape":  # noqa: ANN401 - any annotation
        return cls(tuple(_alternatives(annotation)))

    def models(self) -> list[type[Model]]:
        return [a for a in self.annotations if isinstance(a, type) and issubclass(a, Model)]

    def at(self, key: str | int) -> "Shape":
        """Give the shape of an item: a model's field, a mapping's value, a list's member."""
        found: list[Any] = []
        for annotation in self.annotations:
            if isinstance(annotation, type) and issubclass(annotation, Model):
                field = find_field(annotation, str(key))
                if field is not None:
                    found.extend(_alternatives(field[1].annotation))
                continue
            arguments = [argument for argument in get_args(annotation) if argument is not Ellipsis]
            origin = get_origin(annotation)
            if not isinstance(origin, type) or not arguments:
                continue
            if issubclass(origin, Mapping) is isinstance(key, str):
                found.extend(_alternatives(arguments[-1]))
        return Shape(tuple(found))


def _alternatives(annotation: Any) -> Iterable[Any]:  # noqa: ANN401 - any annotation
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in {Union, types.UnionType}:
        for argument in get_args(annotation):
            yield from _alternatives(argument)
    elif annotation is type(None):
        return
    else:
        yield annotation
