"""Samples on their way from the store to PromQL: matrices, a row a scrape.

`times[T, C]` has a column for each clock: all series of a target share one, for a scrape gives them the same
instant. `clock[S]` says which column of `times` a series goes by. `values[T, S]` holds the samples.

    times            values
    web1   web2      up{web1}  load{web1}  up{web2}        clock = [0, 0, 1]
    10 000 10 300    1         0.3         1
    20 000 20 300    1         ABSENT      0
    30 000 PAD       1         0.5         ABSENT

Along T, a column of `times` rises strictly; where a clock has fewer rows than its frame, PAD fills the end.
Three NaNs are told apart by their bits: a real NaN is a value, STALE is Prometheus' marker that a series
ended (model/value: StaleNaN), ABSENT means that there is no sample here. Ask `is_absent` and `is_stale`,
never `isnan`.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from promkit.labels import Labels

__all__ = ["ABSENT", "PAD", "STALE", "Frame", "Mask", "Times", "Values", "is_absent", "is_stale"]

Values = NDArray[np.float64]
Times = NDArray[np.int64]
Mask = NDArray[np.bool_]

_STALE_BITS = np.int64(0x7FF0000000000002)
_ABSENT_BITS = np.int64(0x7FF80000004C554D)
STALE = np.array(_STALE_BITS).view(np.float64)[()]
ABSENT = np.array(_ABSENT_BITS).view(np.float64)[()]
PAD = np.iinfo(np.int64).max


def is_absent(values: Values) -> Mask:
    """Where there is no sample. Same shape as `values`, which may be of any strides."""
    return np.equal(np.ascontiguousarray(values).view(np.int64), _ABSENT_BITS)


def is_stale(values: Values) -> Mask:
    """Where a series was marked as ended. Same shape as `values`."""
    return np.equal(np.ascontiguousarray(values).view(np.int64), _STALE_BITS)


@dataclass(frozen=True, slots=True)
class Frame:
    """Some series that share rows; no series stands in two frames of one answer.

    `key`: frames of equal keys have equal labels in equal order, so that what was derived from them (groups,
    signatures) may be kept; None promises nothing.
    """

    labels: Sequence[Labels]  # [S]
    times: Times  # [T, C], milliseconds
    clock: NDArray[np.intp]  # [S], column of `times`
    values: Values  # [T, S]
    key: Hashable = None
