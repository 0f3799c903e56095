"""Aggregations of groups of all sizes, beside exact arithmetic and Go's heap."""

import heapq
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from random import Random

import numpy as np
import pytest

from promkit.labels import Labels
from ruler.promql import Engine, Matrix, Vector
from ruler.promql.functions.natural import compare
from ruler.promql.heap import largest
from ruler.promql.xxhash import xxhash64
from ruler.store import ABSENT, Frame, is_absent
from tests.builders.series import regular_frame

SIZES = {"small groups": 40, "a group at the border": 64 * 3, "large groups": 3_000}
STEPS = 3


class Wide:
    """Series in three groups of uneven sizes, with holes."""

    def __init__(self, size: int, scale: float = 1.0) -> None:
        random = Random(size)
        self.labels = [
            Labels({"__name__": "x", "g": str(min(random.randrange(6), 2)), "i": str(i)}) for i in range(size)
        ]
        self.values = np.array(
            [[scale * random.uniform(-1, 3) for _ in range(size)] for _ in range(STEPS)], dtype=np.float64
        )
        holes = np.array([[random.random() < 0.2 for _ in range(size)] for _ in range(STEPS)])
        self.values[holes] = ABSENT

    def select(self, *_: object) -> list[Frame]:
        return [regular_frame(self.labels, np.arange(STEPS) * 1000, self.values, key=len(self.labels))]

    def group(self, name: str, step: int) -> list[float]:
        absent = is_absent(self.values[step])
        return [
            value
            for labels, value, gone in zip(self.labels, self.values[step].tolist(), absent, strict=True)
            if labels["g"] == name and not gone
        ]


ORACLES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sum": math.fsum,
    "avg": lambda values: math.fsum(values) / len(values),
    "min": min,
    "max": max,
    "count": lambda values: float(len(values)),
    "group": lambda _: 1.0,
    "stdvar": statistics.pvariance,
    "stddev": statistics.pstdev,
}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize("op", ORACLES)
def test_groups(op: str, size: int) -> None:
    source = Wide(size)
    matrix = Engine(source).range(f"{op} by (g) (x)", 0, 2_000, 1_000, lookback_ms=500).value
    assert isinstance(matrix, Matrix)
    for column, labels in enumerate(matrix.labels):
        for step in range(STEPS):
            wanted = ORACLES[op](source.group(labels["g"], step))
            assert matrix.values[step, column] == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_sums_keep_what_rounding_drops(size: int) -> None:
    source = Wide(size)
    source.values[:] = 1.0
    source.values[:, 3], source.values[:, -2] = 1e16, -1e16
    vector = Engine(source).instant("sum(x)", 0).value
    assert isinstance(vector, Vector)
    assert vector.values.tolist() == [size - 2.0]


@pytest.mark.parametrize("size", [5, 500])
def test_means_of_what_cannot_be_summed(size: int) -> None:
    source = Wide(size)
    source.values[:] = 1e308
    vector = Engine(source).instant("avg(x)", 0).value
    assert isinstance(vector, Vector)
    assert vector.values.tolist() == [pytest.approx(1e308)]
    source.values[0, 0] = -math.inf
    vector = Engine(source).instant("avg(x)", 0).value
    assert isinstance(vector, Vector)
    assert vector.values.tolist() == [-math.inf]


@pytest.mark.parametrize("seed", range(20))
def test_the_heap_keeps_the_largest(seed: int) -> None:
    random = Random(seed)
    values = [random.choice([1.0, 2.0, 3.0, 4.0, math.nan]) for _ in range(30)]
    kept = largest(values, 5)
    ranked = [-math.inf if math.isnan(value) else value for value in values]
    assert sorted((ranked[i] for i in kept), reverse=True) == heapq.nlargest(5, ranked)
    assert len(set(kept)) == 5


def test_topk_of_equals_keeps_what_prometheus_keeps() -> None:
    """A new largest value throws out the first of the equals, not the last (Go's container/heap)."""
    assert sorted(largest([1.0, 1.0, 2.0], 2)) == [1, 2]


@pytest.mark.parametrize(
    ("data", "hash_"),
    [(b"", 0xEF46DB3751D8E999), (b"a", 0xD24EC4F1A98C6E5B), (b"abc", 0x44BC2CF5AD770999),
     (b"Nobody inspects the spammish repetition", 0xFBCEA83C8A378BF1)],
)  # fmt: skip
def test_xxhash(data: bytes, hash_: int) -> None:
    assert xxhash64(data) == hash_


def test_natural_order() -> None:
    ordered = ["4m5", "4m600", "4m1000", "a", "a1", "a2", "a10", "a10b", "b"]
    for before, after in pairwise(ordered):
        assert compare(before, after) == -1
        assert compare(after, before) == 1
