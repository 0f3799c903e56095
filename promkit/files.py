"""Files that are written whole: whoever reads one, or comes after a crash, finds the old text or the new."""

import os
import tempfile
from pathlib import Path

from promkit.errors import Unavailable

__all__ = ["remove", "write_whole"]


def write_whole(path: Path, text: str) -> None:
    """Put a text in the place of a file, making its folder; it is on the disk when this returns.

    Unavailable: it cannot be written; what was there is there still.
    """
    beside = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(number, "w", encoding="utf-8") as file:
            os.fchmod(number, path.stat().st_mode & 0o777 if path.exists() else 0o644)
            file.write(text)
            file.flush()
            os.fsync(number)
        Path(beside).replace(path)
        _settle(path.parent)
    except OSError as error:
        if beside:
            Path(beside).unlink(missing_ok=True)
        raise Unavailable(f"cannot be written: {error.strerror}", str(path)) from None


def remove(path: Path) -> None:
    """Remove a file for good. Unavailable: it cannot be removed."""
    try:
        path.unlink(missing_ok=True)
        _settle(path.parent)
    except OSError as error:
        raise Unavailable(f"cannot be removed: {error.strerror}", str(path)) from None


def _settle(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
