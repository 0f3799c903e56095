"""Resource pools: the share in use always is what is in use by the size, whoever gives them. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from promkit.exposition import Family, gauge
from promkit.labels import Labels

__all__ = ["IN_USE", "RATIO", "SIZE", "consistent"]

IN_USE = "resource_pool_in_use"
SIZE = "resource_pool_size"
RATIO = "resource_pool_utilization_ratio"


def consistent(families: Sequence[Family]) -> Sequence[Family]:
    """The families of a source, with the share of every pool that has use and size.

    A share that came along with both is replaced, one that came alone stands. A pool of size 0 has none; one
    that was let grow beyond its size has more than 1.
    """
    given = {family.name: family for family in families if family.name in {IN_USE, SIZE, RATIO}}
    if IN_USE not in given or SIZE not in given:
        return families
    sizes = _values(given[SIZE])
    uses = {labels: used for labels, used in _values(given[IN_USE]).items() if labels in sizes}
    shares = [(labels, used / sizes[labels]) for labels, used in uses.items() if sizes[labels] > 0]
    family = gauge(RATIO, "Share of the pool that is in use, 0 to 1.", *shares)
    if RATIO in given:
        alone = tuple(sample for sample in given[RATIO].samples if sample.labels not in uses)
        family = replace(given[RATIO], samples=(*alone, *family.samples))
    return [*(one for one in families if one.name != RATIO), family]


def _values(family: Family) -> dict[Labels, float]:
    return {sample.labels: sample.value for sample in family.samples}
