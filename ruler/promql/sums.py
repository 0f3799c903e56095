"""Sums that keep what rounding drops.

Prometheus sums with Neumaier's variant of Kahan's algorithm. Knuth's two-sum finds the same error of each
addition without asking which of the two is larger, so it needs no branches.
"""

from collections.abc import Iterable

import numpy as np

from ruler.store import Mask, Values

__all__ = ["add", "halved", "mean", "total", "two_sum"]


def two_sum(one: Values, other: Values) -> tuple[Values, Values]:
    """The rounded sum, and what the rounding dropped (NaN where the sum is not finite)."""
    rounded = one + other
    part = rounded - one
    return rounded, (one - (rounded - part)) + (other - part)


def add(summed: Values, dropped: Values, more: Values, live: Mask | None) -> tuple[Values, Values]:
    """One addition, where `live`. → the new sum and all that was dropped so far."""
    rounded, error = two_sum(summed, more)
    error = dropped + error
    if live is None:
        return rounded, error
    return np.where(live, rounded, summed), np.where(live, error, dropped)


def halved(values: Values) -> tuple[Values, Values]:
    """The sums along the first axis, by halves, and what was dropped. [W, …] → […].

    For many rows of few cells: the number of steps in Python grows with the logarithm of W.
    """
    dropped = np.zeros(values.shape)
    while len(values) > 1:
        half = len(values) // 2
        summed, error = two_sum(values[:half], values[half : 2 * half])
        error += dropped[:half] + dropped[half : 2 * half]
        values = np.concatenate([summed, values[2 * half :]])
        dropped = np.concatenate([error, dropped[2 * half :]])
    return values[0], dropped[0]


def total(summed: Values, dropped: Values) -> Values:
    """The sum with what was dropped; infinities have dropped nothing that counts."""
    return np.where(np.isinf(summed), summed, summed + dropped)


def mean(parts: Iterable[tuple[Values, Mask | None]], shape: tuple[int, int]) -> Values:
    """The mean of each cell's values, however large they are.

    Sum by count, until the sum overflows: from there on the mean itself is carried along, as in Prometheus.
    """
    summed, dropped, count = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    incremental = np.zeros(shape, dtype=np.bool_)
    for more, live in parts:
        here = np.broadcast_to(np.True_ if live is None else live, shape)
        count = count + here
        first = here & (count == 1)
        rounded, error = two_sum(summed, more)
        error = dropped + error
        over = here & ~first & ~incremental & np.isinf(rounded)
        before = np.maximum(count - 1, 1)
        base = np.where(over, summed / before, summed)
        base_dropped = np.where(over, dropped / before, dropped)
        incremental |= over
        share = (count - 1) / np.maximum(count, 1)
        moved, moved_error = two_sum(share * base, np.broadcast_to(more, shape) / np.maximum(count, 1))
        moved_error = np.where(np.isinf(moved), 0.0, share * base_dropped + moved_error)
        error = np.where(first, 0.0, error)
        rounded = np.where(first, more, rounded)
        summed = np.where(here, np.where(incremental, moved, rounded), summed)
        dropped = np.where(here, np.where(incremental, moved_error, error), dropped)
    direct = summed / count + dropped / count
    return np.where(incremental, summed + dropped, direct)
