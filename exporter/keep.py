"""What outlives a restart: small JSON files in the data folder, replaced whole."""

import contextlib
import json
from pathlib import Path
from typing import Any

from promkit.errors import Unavailable

__all__ = ["keep", "kept"]


def keep(path: Path, state: object) -> None:
    """Write `state` so that a crash leaves the old file or the new one. Unavailable: it cannot be written."""
    new = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(json.dumps(state), encoding="utf-8")
        new.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise Unavailable(f"cannot write {path}: {error.strerror}") from error


def kept(path: Path) -> Any:  # noqa: ANN401 - what JSON gives
    """What was kept, or None where nothing was. ValueError, OSError: it cannot be read."""
    if not path.exists():
        return None
    return json.loads(path.read_text(encoding="utf-8"))
