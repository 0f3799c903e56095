"""What a model has learned, in short: what it says, on how many series, and how large it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from analytics.arrays import Arrays
from analytics.models import Model
from promkit.labels import Labels

__all__ = ["Learned", "summary"]


class Part(Protocol):
    """Series that were learned together."""

    @property
    def labels(self) -> Sequence[Labels]: ...
    @property
    def features(self) -> tuple[str, ...]: ...
    @property
    def state(self) -> Arrays: ...


@dataclass(frozen=True, slots=True)
class Learned:
    """A sentence, numbers by name (means over the series that have them), and sizes."""

    what: str
    values: Mapping[str, float]
    series: int
    numbers: int  # in all arrays of the state
    size_bytes: int


def summary(model: Model, parts: Sequence[Part]) -> Learned:
    """Sum up what was learned of all parts, each with the weight of its series."""
    total: dict[str, float] = {}
    count: dict[str, int] = {}
    what = ""
    for part in parts:
        found = model.about(part.state, part.features)
        what = found.what
        for name, value in found.values.items():
            total[name] = total.get(name, 0.0) + value * len(part.labels)
            count[name] = count.get(name, 0) + len(part.labels)
    arrays = [array for part in parts for array in part.state.values()]
    return Learned(
        what=what,
        values={name: total[name] / count[name] for name in total},
        series=sum(len(part.labels) for part in parts),
        numbers=sum(array.size for array in arrays),
        size_bytes=sum(array.nbytes for array in arrays),
    )
