"""Use, size and share of a pool agree."""

from collections.abc import Sequence

import pytest

from exporter.pools import IN_USE, RATIO, SIZE, consistent
from promkit.exposition import Family, gauge
from tests.builders.sources import values

A, B = {"pool": "a", "type": "connections"}, {"pool": "b", "type": "connections"}
OTHER = gauge("business_x", "X.", ({}, 1.0))

CASES: dict[str, tuple[Sequence[Family], dict[str, float]]] = {
    "derived": ([gauge(IN_USE, "U.", (A, 3)), gauge(SIZE, "S.", (A, 4))], {"a": 0.75}),
    "corrected": (
        [gauge(IN_USE, "U.", (A, 3)), gauge(SIZE, "S.", (A, 4)), gauge(RATIO, "R.", (A, 75.0))],
        {"a": 0.75},
    ),
    "one that came alone stands": (
        [gauge(IN_USE, "U.", (A, 3)), gauge(SIZE, "S.", (A, 4)), gauge(RATIO, "R.", (B, 0.5))],
        {"a": 0.75, "b": 0.5},
    ),
    "a share alone": ([gauge(RATIO, "R.", (B, 0.5))], {"b": 0.5}),
    "use without size": ([gauge(IN_USE, "U.", (A, 3), (B, 1)), gauge(SIZE, "S.", (A, 4))], {"a": 0.75}),
    "nothing has no share": ([gauge(IN_USE, "U.", (A, 0)), gauge(SIZE, "S.", (A, 0))], {}),
    "grown beyond its size": ([gauge(IN_USE, "U.", (A, 6)), gauge(SIZE, "S.", (A, 4))], {"a": 1.5}),
    "no pool": ([], {}),
}


@pytest.mark.parametrize(("families", "shares"), CASES.values(), ids=CASES)
def test_consistent(families: Sequence[Family], shares: dict[str, float]) -> None:
    found = values(consistent([OTHER, *families]))
    expected = {f'{RATIO}{{pool="{pool}", type="connections"}}': share for pool, share in shares.items()}
    assert {name: value for name, value in found.items() if name.startswith(RATIO)} == expected
    assert found["business_x"] == 1
