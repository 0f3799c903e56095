"""Simulated days of faults, crashes and people, one after the other: nothing is lost or told twice."""

import pytest

from tests.builders.soak import SEED, rounds
from tests.ruler.delivery.test_simulation import STEPS, World, check

pytestmark = pytest.mark.soak


def test_nothing_is_lost_or_told_twice() -> None:
    days = 0
    for seed in rounds():
        world = World(seed)
        for _ in range(STEPS):
            world.step()
        world.calm_down()
        try:
            check(world)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        days += 1
    print(f"\ndelivery: seed {SEED}, {days} simulated worlds of {STEPS} steps")
