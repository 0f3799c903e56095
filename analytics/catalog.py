"""The models in force: those of the user's files, and those made by API, files in the data directory.

A file of the user is never touched: changing or deleting its model by API is refused, naming the file.
"""

from collections.abc import Mapping
from pathlib import Path

from analytics.config import Config, models_of
from analytics.spec import ModelSpec, load_models
from promkit.config import where
from promkit.errors import Conflict, NotFound
from promkit.files import remove, write_whole

__all__ = ["Catalog"]


class Catalog:
    """Reads and writes model files."""

    def __init__(self, config: Config, env: Mapping[str, str], data: Path | None) -> None:
        self._config = config
        self._env = env
        self._made = data / "models" if data is not None else None

    def load(self) -> list[ModelSpec]:
        """All models. ConfigError: one file is wrong, or two have one id."""
        return models_of(self._config, self._env, self._made)

    def create(self, spec: ModelSpec) -> None:
        """Write a new model. Conflict: there is one of this id, or no data directory."""
        for known in self.load():
            if known.id == spec.id:
                raise Conflict(f"there is a model {spec.id!r} already", where(known), "choose another id")
        self._write(spec)

    def update(self, spec: ModelSpec) -> None:
        """Replace a model that was made by API. NotFound: no such model. Conflict: it is in a file."""
        self._own(spec.id)
        self._write(spec)

    def delete(self, model: str) -> None:
        """Remove a model that was made by API. NotFound: no such model. Conflict: it is in a file."""
        remove(self._own(model))

    def _own(self, model: str) -> Path:
        """The file of a model made by API."""
        for known in self.load():
            if known.id == model:
                path = self._path(model)
                if path is not None and load_models([path], self._env) == [known]:
                    return path
                raise Conflict(f"model {model!r} is in a file of yours", where(known), "edit it there")
        raise NotFound(f"there is no model {model!r}")

    def _path(self, model: str) -> Path | None:
        path = self._made / f"{model}.yml" if self._made is not None else None
        return path if path is not None and path.exists() else None

    def _write(self, spec: ModelSpec) -> None:
        if self._made is None:
            raise Conflict("without a data directory no model can be made", remedy="start with --data DIR")
        write_whole(self._made / f"{spec.id}.yml", spec.as_text())
