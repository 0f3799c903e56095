"""Reads exporter.yml, in a process of its own where the exporter is to stay light.

exporter ──starts──▶ python -m exporter.reader FILE ──JSON──▶ exporter
(pydantic, PyYAML)                       (neither)
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from exporter.config import Config, faults
from exporter.schema import built, model_of, plain, restored
from promkit.errors import ConfigError, ConfigErrors, Unavailable

__all__ = ["DEFAULTS", "Reading", "read"]

DEFAULTS = Path(__file__).parent / "defaults" / "exporter.yml"
READ_SECONDS = 30.0


def read(path: Path, env: Mapping[str, str]) -> Config:
    """Read and check a file, here. ConfigError, ConfigErrors: all that is wrong in it."""
    from promkit.config import load, where  # noqa: PLC0415 - pydantic's 12 MiB, only where they are needed

    model = load(path, model_of(Config), env)
    config = built(model, Config)
    found = [ConfigError(fault.problem, where(model, *fault.path), fault.remedy) for fault in faults(config)]
    if found:
        raise ConfigErrors(found) if len(found) > 1 else found[0]
    return config


class Reading:
    """A file that is being read, apart, while this process goes on."""

    def __init__(self, path: Path, env: Mapping[str, str]) -> None:
        # The other process finds modules where we did, and not in whatever folder this was started from.
        places = os.pathsep.join(place for place in sys.path if place)
        self._path = path
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "exporter.reader", str(path)],
            env={**env, "PYTHONPATH": places},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def result(self) -> Config:
        """Wait for it. ConfigError, ConfigErrors: what is wrong in the file. Unavailable: no answer."""
        try:
            output, errors = self._process.communicate(timeout=READ_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise Unavailable(f"{self._path} was not read within {READ_SECONDS:g} s") from None
        if self._process.returncode == 2:
            raise _faults(json.loads(output))
        if self._process.returncode != 0:
            last = errors.decode(errors="replace").strip().rpartition("\n")[2]
            raise Unavailable(f"{self._path} could not be read: {last or 'its reader was killed'}")
        config: Config = restored(Config, json.loads(output))
        return config


def _faults(given: Sequence[tuple[str, str | None, str | None]]) -> ConfigError:
    found = [ConfigError(problem, where, remedy) for problem, where, remedy in given]
    return ConfigErrors(found) if len(found) > 1 else found[0]


def main(argv: Sequence[str]) -> int:
    """Read the file, write JSON → 0, or 2 with what is wrong in it."""
    try:
        config = read(Path(argv[0]), os.environ)
    except ConfigError as error:
        given = error.faults if isinstance(error, ConfigErrors) else (error,)
        rows = [(one.problem, str(one.where) if one.where else None, one.remedy) for one in given]
        sys.stdout.write(json.dumps(rows))
        return 2
    sys.stdout.write(json.dumps(plain(config)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
