"""Configuration files: YAML into frozen models, and every fault at once, at its line and column.

    class Listen(Model):
        address: str = field("127.0.0.1:19090", description="Where to listen.")
        timeout_ms: DurationMs = field(10_000, description="…")

    config = load(Path("ruler.yml"), Config, os.environ)
    # ruler.yml:3:5: unknown key 'adress' in listen: did you mean 'address'?

Keys are read as snake_case and camelCase. A key without a value counts as not there, and an unquoted number
is a text where a text is wanted: both as in Prometheus. `${NAME}` is replaced in values of our own keys.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from promkit._config_env import Substitution
from promkit._config_faults import Wrong, describe, locate
from promkit._config_model import Model, Place, field, resolve, reveal, where
from promkit._config_reference import Option, reference
from promkit._config_shape import Shape, find_field
from promkit._config_shown import shown
from promkit._config_types import ByteSize, DurationMs, Ratio, Secret, format_bytes
from promkit._yaml import Document, document
from promkit._yaml import Path as DocumentPath
from promkit.errors import ConfigError, ConfigErrors, Where

__all__ = [
    "ByteSize",
    "Document",
    "DurationMs",
    "Model",
    "Option",
    "Ratio",
    "Secret",
    "document",
    "field",
    "format_bytes",
    "load",
    "parse",
    "reference",
    "resolve",
    "reveal",
    "shown",
    "where",
]

M = TypeVar("M", bound=Model)

_FILE_BYTES_MAX = 32 << 20
_PASSES_MAX = 16
# Where a text was wanted: an unquoted 1.10 or `off` then stands for itself.
_TEXT_WANTED = {"string_type", "secret_type", "literal_error", "enum", "path_type", "expected"}


def load(path: Path, model: type[M], env: Mapping[str, str]) -> M:
    """Read a file; paths in it are seen from its folder.

    ConfigError, ConfigErrors: it cannot be read, or what is wrong in it.
    """
    return parse(read_text(path), model, str(path), env, path.parent)


def read_text(path: Path) -> str:
    """Read a file that a person wrote.

    ConfigError: it is not there, too large, or not UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(error.strerror or str(error), Where(str(path))) from None
    if len(content) > _FILE_BYTES_MAX:
        raise ConfigError(f"larger than {format_bytes(_FILE_BYTES_MAX)}", Where(str(path)))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError("not UTF-8", Where(str(path), line)) from None


def parse(text: str, model: type[M], source: str, env: Mapping[str, str], base: Path | None = None) -> M:
    """Read a text; `source` names it in faults, `base` is the folder that its paths are seen from.

    ConfigError, ConfigErrors: what is wrong in it.
    """
    read = document(text, source)
    if read.data is None:
        read.data = {}
    substitution = Substitution(read, env)
    substitution.apply(model)
    try:
        instance = _validated(read, model, substitution)
    except ValidationError as error:
        wrongs = [locate(detail, read) for detail in error.errors(include_url=False)]
        _raise([*substitution.faults, *describe(wrongs, read, Shape((model,)))])
    except ConfigError as error:
        raise ConfigError(error.problem, error.where or Where(source), error.remedy) from None
    faults = list(substitution.faults)
    _settle_places(instance, read, (), base, faults)
    if faults:
        _raise(faults)
    return instance


def _raise(faults: list[ConfigError]) -> Any:  # noqa: ANN401 - it never returns
    raise ConfigErrors(faults) if len(faults) > 1 else faults[0]


def _validated(read: Document, model: type[M], substitution: Substitution) -> M:
    """Validate; where Prometheus would take a value otherwise than pydantic does, change it and try again."""
    for _ in range(_PASSES_MAX):
        try:
            return _validate(read, model)
        except ValidationError as error:
            wrongs = [locate(detail, read) for detail in error.errors(include_url=False)]
            if not any([_adapt(read, wrong, substitution) for wrong in wrongs]):  # noqa: C419 - all of them
                raise
    return _validate(read, model)


def _validate(read: Document, model: type[M]) -> M:
    # As JSON, strict still lets a text be a path or an enumeration's member, but never a number.
    return model.model_validate_json(json.dumps(read.data), strict=True)


def _adapt(read: Document, wrong: Wrong, substitution: Substitution) -> bool:
    if not wrong.path or wrong.kind in {"missing", "extra_forbidden"}:
        return False
    *parents, key = wrong.path
    holder = read.data
    for parent in parents:
        holder = holder[parent]
    value = holder.get(key) if isinstance(holder, dict) else holder[key]
    if value is None:
        return isinstance(holder, dict) and holder.pop(key, read) is None
    spot = read.spots.get(wrong.path)
    if wrong.kind not in _TEXT_WANTED or isinstance(value, str | dict | list) or spot is None:
        return False
    holder[key] = substitution.texts.get(wrong.path, spot.text)
    return True


def _settle_places(
    value: object, read: Document, path: DocumentPath, base: Path | None, faults: list[ConfigError]
) -> None:
    """Tell each model where it was read, and find secrets that are given twice."""
    match value:
        case Model():
            value._place = Place(read, path, base)  # noqa: SLF001 - this room's own
            for key in _keys_at(read.data, path):
                found = find_field(type(value), key)
                if found is not None:
                    name = found[0]
                    _settle_places(getattr(value, name), read, (*path, key), base, faults)
                    if getattr(value, f"{name}_file", None) is not None and getattr(value, name) is not None:
                        problem = f"give {name!r} or '{name}_file', not both"
                        faults.append(ConfigError(problem, read.where_key((*path, key))))
        case dict():
            for key, member in value.items():
                _settle_places(member, read, (*path, key), base, faults)
        case list() | tuple():
            for index, member in enumerate(value):
                _settle_places(member, read, (*path, index), base, faults)


def _keys_at(data: Any, path: DocumentPath) -> list[str]:  # noqa: ANN401 - YAML data
    for key in path:
        data = data[key]
    return list(data) if isinstance(data, dict) else []
