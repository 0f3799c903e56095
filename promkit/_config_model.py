"""What a part of a configuration file is: a frozen model that remembers where it was written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

from pydantic import AliasChoices, AliasGenerator, BaseModel, ConfigDict, Field, PrivateAttr
from pydantic.alias_generators import to_camel

from promkit._config_types import Secret
from promkit._yaml import Document
from promkit._yaml import Path as DocumentPath
from promkit.errors import ConfigError, Where

__all__ = ["Model", "Place", "field", "resolve", "reveal", "where"]

T = TypeVar("T")
_SECRET_FILE_BYTES_MAX = 65_536


class Place:
    """Where a model was read. Equal to everything, so that models from two files can be equal."""

    __slots__ = ("base", "document", "path")

    def __init__(
        self, document: Document | None = None, path: DocumentPath = (), base: Path | None = None
    ) -> None:
        self.document = document
        self.path = path
        self.base = base

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place)

    def __hash__(self) -> int:
        return 0


def _aliases(name: str) -> str | AliasChoices:
    # One word is the same in both; a discriminator, mostly `kind`, may have no choices.
    camel = to_camel(name)
    return name if camel == name else AliasChoices(name, camel)


class Model(BaseModel):
    """Frozen; refuses unknown keys; reads each key as snake_case and as camelCase.

    `env_substitution = False` where the keys are Prometheus' or Alertmanager's own, in which `${1}` has a
    meaning. It holds for the keys that the class itself defines, not for what a sub-class adds.
    `refused` names keys that others know and this release has not, each with what to say of it. (A validator
    of mode "before" could not: strict validation of what is inside then no longer reads JSON.)
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=AliasGenerator(validation_alias=_aliases),
        validate_by_name=True,
        validate_by_alias=True,
        protected_namespaces=(),
        hide_input_in_errors=True,
        allow_inf_nan=True,
    )
    env_substitution: ClassVar[bool] = True
    refused: ClassVar[Mapping[str, str]] = {}
    _place: Place = PrivateAttr(default_factory=Place)


def field(
    default: T | Any = ...,  # noqa: ANN401 - required when left out
    *,
    description: str,
    unit: str = "",
    default_factory: Any = None,  # noqa: ANN401 - what pydantic takes
    alias: str | None = None,
    discriminator: str | None = None,
    **limits: Any,  # noqa: ANN401 - pydantic's: ge, gt, le, lt, min_length, max_length, pattern
) -> Any:  # noqa: ANN401 - stands for a value of the field's own type, as pydantic.Field does
    """Describe a key, for the reference page too. `alias`: its YAML name, where Python needs another."""
    if default_factory is not None:
        limits["default_factory"] = default_factory
    else:
        limits["default"] = default
    if discriminator is not None:
        limits["discriminator"] = discriminator
    if alias is not None:
        limits["alias"] = alias
    if unit:
        limits["json_schema_extra"] = {"unit": unit}
    return Field(description=description, **limits)


def where(instance: Model, *path: str | int) -> Where:
    """`file:line:column` of a key of a loaded model; of the model itself without a path."""
    place = instance._place  # noqa: SLF001 - this room's own
    if place.document is None:
        return Where(type(instance).__name__)
    return place.document.where_key((*place.path, *path)) if path else place.document.where(place.path)


def resolve(instance: Model, path: Path) -> Path:
    """Give a path in a file as seen from that file's folder."""
    base = instance._place.base  # noqa: SLF001 - this room's own
    return base / path if base is not None else path


def reveal(instance: Model, name: str) -> str | None:
    """Give the secret of field `name`, or the content of the file that `name`_file names, read now.

    ConfigError: the file cannot be read.
    """
    secret = cast("Secret | None", getattr(instance, name))
    if secret is not None:
        return secret.reveal()
    path = cast("Path | None", getattr(instance, f"{name}_file", None))
    if path is None:
        return None
    path = resolve(instance, path)
    try:
        with path.open("rb") as file:
            content = file.read(_SECRET_FILE_BYTES_MAX + 1)
        if len(content) > _SECRET_FILE_BYTES_MAX:
            raise ConfigError(f"{name}_file: {path} is larger than 64 KiB", where(instance, f"{name}_file"))
        return content.decode().strip()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"{name}_file: {path}: {reason}", where(instance, f"{name}_file")) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{name}_file: {path} is not UTF-8", where(instance, f"{name}_file")) from None
