"""`${NAME}` in values of keys that are ours."""

import re
from collections.abc import Mapping
from typing import Any

from promkit._config_model import Model
from promkit._config_shape import Shape, find_field, substitutes
from promkit._yaml import Document, Path, scalar
from promkit.errors import ConfigError

__all__ = ["Substitution"]

_VARIABLE = re.compile(r"\$(?:\$|\{([A-Z_][A-Z0-9_]*)\})")


class Substitution:
    """Replaces variables in a document's data, and remembers the texts that came of it."""

    def __init__(self, document: Document, env: Mapping[str, str]) -> None:
        self.texts: dict[Path, str] = {}
        self.faults: list[ConfigError] = []
        self._document = document
        self._env = env

    def apply(self, model: type[Model]) -> None:
        """Replace in all values of `model`'s keys; what is missing is in `faults`."""
        self._document.data = self._value(self._document.data, Shape((model,)), (), ours=True)

    def _value(self, value: Any, shape: Shape, path: Path, *, ours: bool) -> Any:  # noqa: ANN401 - YAML data
        if isinstance(value, dict):
            return {key: self._member(key, inner, shape, path, ours=ours) for key, inner in value.items()}
        if isinstance(value, list):
            return [
                self._value(inner, shape.at(index), (*path, index), ours=ours)
                for index, inner in enumerate(value)
            ]
        if ours and isinstance(value, str) and "$" in value:
            return self._text(value, path)
        return value

    def _member(self, key: str, value: Any, shape: Shape, path: Path, *, ours: bool) -> Any:  # noqa: ANN401 - as above
        for model in shape.models():
            field = find_field(model, key)
            if field is not None:
                ours = substitutes(model, field[0])
                break
        return self._value(value, shape.at(key), (*path, key), ours=ours)

    def _text(self, text: str, path: Path) -> str | int | float | bool | None:
        replaced = _VARIABLE.sub(lambda match: self._variable(match, path), text)
        if replaced == text:
            return text
        self.texts[path] = replaced
        # `${PORT}` becomes a number, as had it been written there; quoted too, for in {…} it must be.
        return scalar(replaced) if _VARIABLE.fullmatch(text) else replaced

    def _variable(self, match: re.Match[str], path: Path) -> str:
        name = match[1]
        if name is None:
            return "$"
        if name not in self._env:
            where = self._document.where(path)
            self.faults.append(
                ConfigError(
                    f"environment variable {name} is not set", where, "set it, or write $$ for a dollar sign"
                )
            )
        return self._env.get(name, "")
