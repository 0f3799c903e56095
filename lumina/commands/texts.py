"""Texts that a person gives: a file, standard input, or what they make of one in their editor."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from promkit.errors import ConfigError

__all__ = ["edited", "given"]

LETTERS_MAX = 4 << 20


def given(file: Path) -> tuple[str, str]:
    """The text of a file, or of standard input for `-`, and what faults call it."""
    from promkit.config import read_text  # noqa: PLC0415 - pydantic is not needed to list

    if str(file) != "-":
        return read_text(file), str(file)
    text = sys.stdin.read(LETTERS_MAX + 1)
    if len(text) > LETTERS_MAX:
        raise ConfigError("larger than 4 MiB", "standard input")
    return text, "standard input"


def edited(text: str, name: str) -> tuple[str, str]:
    """What a person makes of a text in their editor. ConfigError: no terminal, or the editor failed."""
    from promkit.config import read_text  # noqa: PLC0415 - as above

    if not sys.stdin.isatty():
        raise ConfigError("there is no terminal to edit on", remedy="name a file, or - for standard input")
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.yml"
        path.write_text(text, "utf-8")
        argv = [*shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"), str(path)]
        try:
            status = subprocess.run(argv, check=False).returncode
        except OSError as error:
            raise ConfigError(f"{argv[0]}: {error.strerror}", remedy="set EDITOR") from None
        if status:
            raise ConfigError(f"{argv[0]} ended with exit code {status}: nothing was changed")
        return read_text(path), f"{name}.yml"
