"""What a collector can be told, as plain dataclasses. Standard library only.

Each field is declared once, with its description, unit and limits; `schema.py` makes the strict models that
read YAML out of these. They are apart because pydantic alone would take 12 MiB and 100 ms of the exporter's
32 MiB and 200 ms, for something that is over once the file is read.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from promkit.errors import Unavailable
from promkit.secret import Secret

__all__ = [
    "ByteSize",
    "DurationMs",
    "Name",
    "Option",
    "Pattern",
    "check_name",
    "check_pattern",
    "compiled",
    "revealed",
]

PATTERN_LENGTH_MAX = 1_000
SECRET_BYTES_MAX = 64 * 1024

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")

# The second part says to schema.py how the value is written in YAML.
DurationMs = Annotated[int, "duration"]
ByteSize = Annotated[int, "size"]
Pattern = Annotated[str, "pattern"]
Name = Annotated[str, "name"]


class Option:
    """What there is to say of a key of exporter.yml; `alias`: its name there, where Python has another.

    `limits` are pydantic's: ge, le, min_length, max_length.
    """

    def __init__(self, description: str, *, unit: str = "", alias: str | None = None, **limits: int) -> None:
        self.description = description
        self.unit = unit
        self.alias = alias
        self.limits = limits


def revealed(secret: Secret | None, file: Path | None) -> str | None:
    """The secret that was given, or what its file holds now. Unavailable: the file cannot be read."""
    if secret is not None or file is None:
        return secret.reveal() if secret is not None else None
    try:
        with file.open("rb") as opened:
            return opened.read(SECRET_BYTES_MAX).decode().strip()
    except OSError as error:
        raise Unavailable(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise Unavailable(f"not UTF-8: {file}") from None


@lru_cache(maxsize=1_024)
def compiled(text: str) -> re.Pattern[str]:
    """A pattern of the configuration, compiled once."""
    return re.compile(text)


def check_pattern(text: str) -> str:
    """The same text. ValueError: it is no regular expression, or too long for one."""
    if len(text) > PATTERN_LENGTH_MAX:
        raise ValueError(f"longer than {PATTERN_LENGTH_MAX} characters")
    try:
        compiled(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return text


def check_name(text: str) -> str:
    """The same text. ValueError: it is no name."""
    if not _NAME.fullmatch(text):
        raise ValueError("a name is 1 to 63 letters, digits, '_', '-' and '.', the first a letter or digit")
    return text
