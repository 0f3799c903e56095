"""Which of many values a bounded heap keeps.

Of equal values at the border, Prometheus' topk keeps those that happen to survive in Go's container/heap;
this is the same heap, step by step.
"""

import math
from collections.abc import Sequence

__all__ = ["largest"]


def largest(values: Sequence[float], k: int) -> list[int]:
    """The places of the k largest; NaN is smaller than all."""
    heap: list[int] = []
    for place, value in enumerate(values):
        if len(heap) < k:
            heap.append(place)
            _up(values, heap)
            continue
        smallest = values[heap[0]]
        if smallest < value or (math.isnan(smallest) and not math.isnan(value)):
            heap[0] = place
            _down(values, heap)
    return heap


def _less(values: Sequence[float], one: int, other: int) -> bool:
    return math.isnan(values[one]) or values[one] < values[other]


def _up(values: Sequence[float], heap: list[int]) -> None:
    child = len(heap) - 1
    while child:
        parent = (child - 1) // 2
        if not _less(values, heap[child], heap[parent]):
            return
        heap[child], heap[parent] = heap[parent], heap[child]
        child = parent


def _down(values: Sequence[float], heap: list[int]) -> None:
    parent = 0
    while (child := 2 * parent + 1) < len(heap):
        if child + 1 < len(heap) and _less(values, heap[child + 1], heap[child]):
            child += 1
        if not _less(values, heap[child], heap[parent]):
            return
        heap[child], heap[parent] = heap[parent], heap[child]
        parent = child
