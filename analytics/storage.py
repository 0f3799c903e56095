"""Arrays on disk: the history that was fetched and what was learned, so that a restart does neither again.

    history-300000.npz   one array a query, with its labels and the time of its last column
    models/ID.npz        one array for each key of each block's state

numpy's own format without pickle; labels and times as JSON inside it. Written beside and renamed, so a
file is whole or not there; one that cannot be read is left aside, for all of it can be had again.
"""

import json
import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.anomaly import Alarms
from analytics.history import Columns
from analytics.learner import Block, Trained
from promkit.errors import Unavailable
from promkit.labels import Labels
from promkit.log import get

__all__ = ["forget_others", "load_history", "load_trained", "save_history", "save_trained"]

log = get("analytics.storage")

_META = "meta"
Found = dict[str, NDArray[np.float64]]


def save_history(path: Path, columns: Iterable[tuple[str, Columns]]) -> None:
    """Write all that is held. Unavailable: it cannot be written."""
    arrays: Found = {}
    meta = []
    for number, (text, held) in enumerate(columns):
        labels = [dict(label.items()) for label in held.labels]
        meta.append({"query": text, "labels": labels, "end_ms": held.end_ms, "known_ms": held.known_ms})
        arrays[str(number)] = held.values.astype(np.float32)
    _write(path, meta, arrays)


def load_history(path: Path) -> dict[str, Columns]:
    """Read it back; nothing where it is not there or broken."""
    meta, arrays = _read(path)
    found: dict[str, Columns] = {}
    for number, entry in enumerate(meta or ()):
        values = arrays[str(number)].astype(np.float64)
        columns = Columns(values.shape[1])
        columns.labels = [Labels(label) for label in entry["labels"]]
        columns.values = values
        columns.end_ms, columns.known_ms = int(entry["end_ms"]), int(entry["known_ms"])
        found[str(entry["query"])] = columns
    return found


def save_trained(folder: Path, model: str, trained: Trained) -> None:
    """Write what a model has learned. Unavailable: it cannot be written."""
    arrays: Found = {}
    blocks = []
    for number, block in enumerate(trained.blocks):
        labels = [dict(label.items()) for label in block.labels]
        blocks.append({"labels": labels, "features": block.features})
        arrays |= {f"{number}/{name}": array for name, array in block.state.items()}
        arrays |= {f"{number}/alarms/{name}": getattr(block.alarms, name) for name in Alarms.__slots__}
    meta = {
        "key": trained.key,
        "trained_ms": trained.trained_ms,
        "steps": trained.steps,
        "scored_ms": trained.scored_ms,
        "blocks": blocks,
    }
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / f"{model}.npz", meta, arrays)


def load_trained(folder: Path, models: Iterable[str]) -> dict[str, Trained]:
    """Read back what these models have learned."""
    found = {}
    for model in models:
        meta, arrays = _read(folder / f"{model}.npz")
        if meta is not None:
            found[model] = _trained(meta, arrays)
    return found


def forget_others(folder: Path, models: Iterable[str]) -> None:
    """Delete what models have learned that are no more."""
    kept = {f"{model}.npz" for model in models}
    for path in folder.glob("*.npz"):
        if path.name not in kept:
            path.unlink(missing_ok=True)


def _trained(meta: Mapping[str, Any], arrays: Found) -> Trained:
    blocks = []
    for number, entry in enumerate(meta["blocks"]):
        mine = {key.partition("/")[2]: array for key, array in arrays.items() if key.startswith(f"{number}/")}
        alarms = Alarms(*(mine.pop(f"alarms/{name}") for name in Alarms.__slots__))
        labels = [Labels(label) for label in entry["labels"]]
        blocks.append(Block(labels, tuple(entry["features"]), mine, alarms))
    return Trained(meta["key"], blocks, meta["trained_ms"], meta["steps"], meta["scored_ms"])


def _write(path: Path, meta: object, arrays: Found) -> None:
    aside = path.with_suffix(".tmp")
    text = np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)
    try:
        with aside.open("wb") as file:
            np.savez(file, **{_META: text}, **arrays)  # type: ignore[arg-type]  # its stub takes allow_pickle alone
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        raise Unavailable(f"cannot be written: {error.strerror}", str(path)) from None


def _read(path: Path) -> tuple[Any, Found]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            meta = json.loads(file[_META].tobytes())
            return meta, {name: file[name] for name in file.files if name != _META}
    except FileNotFoundError:
        return None, {}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        log.warning("saved arrays left aside", file=path, error=error)
        return None, {}
