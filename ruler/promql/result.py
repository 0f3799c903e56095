"""What a query answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from promkit.labels import Labels
from ruler.store import Times, Values

__all__ = ["Matrix", "RangeVector", "Result", "Scalar", "String", "Vector"]


@dataclass(frozen=True, slots=True)
class Scalar:
    """One number at one instant."""

    at_ms: int
    value: float


@dataclass(frozen=True, slots=True)
class String:
    """One text at one instant."""

    at_ms: int
    value: str


@dataclass(frozen=True, slots=True)
class Vector:
    """An instant vector: each series' value at `at_ms`, all of them present."""

    at_ms: int
    labels: Sequence[Labels]  # [S]
    values: Values  # [S]


@dataclass(frozen=True, slots=True)
class Matrix:
    """A range query's answer: ABSENT where a series has no value at a step, but never at all of them."""

    labels: Sequence[Labels]  # [S]
    times: Times  # [K], milliseconds, the steps
    values: Values  # [K, S]


@dataclass(frozen=True, slots=True)
class RangeVector:
    """An instant query that ends in a range (`up[5m]`): raw samples, each series at times of its own."""

    labels: Sequence[Labels]  # [S]
    samples: Sequence[tuple[Times, Values]]  # [S] of ([N], [N])


@dataclass(frozen=True, slots=True)
class Result:
    """A value with what Prometheus would remark on."""

    value: Scalar | String | Vector | Matrix | RangeVector
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    samples: int = field(default=0, compare=False)  # raw samples read
