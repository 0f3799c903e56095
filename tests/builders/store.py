"""Stores, and what is in them, for tests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from promkit.labels import METRIC_NAME, Labels
from promkit.matchers import Matcher, MatchOp
from ruler.store import PAD, Rejected, StorageOptions, Store, is_absent

Points = list[tuple[int, float]]


def a_store(directory: Path | None = None, now_ms: int = 0, **options: Any) -> Store:
    return Store.open(directory, StorageOptions(**{"retention_ms": 0, **options}), now_ms)


def a_series(metric: str = "x", **labels: str) -> Labels:
    return Labels({METRIC_NAME: metric, **labels})


def selector(metric: str = "x", **labels: str) -> list[Matcher]:
    pairs = {METRIC_NAME: metric, **labels}
    return [Matcher(name, MatchOp.EQUAL, value) for name, value in pairs.items()]


def samples(
    store: Store, matchers: Sequence[Matcher], start_ms: int = -(10**15), end_ms: int = 10**15
) -> dict[Labels, Points]:
    """Series → [(time, value), …] of what is stored; the frames are checked on the way."""
    found: dict[Labels, Points] = {}
    for frame in store.select(matchers, start_ms, end_ms):
        assert frame.values.shape == (len(frame.times), len(frame.labels))
        for column, labels in enumerate(frame.labels):
            assert labels not in found, "no series stands in two frames"
            times, values = frame.times[:, frame.clock[column]], frame.values[:, column]
            height = int(np.searchsorted(times, PAD))
            assert (np.diff(times[:height]) > 0).all()
            assert (times[:height] >= start_ms).all()
            assert (times[:height] <= end_ms).all()
            present = ~is_absent(values[:height])
            if present.any():
                found[labels] = list(
                    zip(times[:height][present].tolist(), values[:height][present].tolist(), strict=True)
                )
    return found


def add(store: Store, series: Labels, points: Points, *, imported: bool = False) -> Rejected:
    """Append samples (time, value) of one series."""
    times, values = zip(*points, strict=True)
    which = np.zeros(len(times), np.intp)
    return store.append_samples([series], which, np.array(times), np.array(values, float), imported=imported)
