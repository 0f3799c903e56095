import pytest

from ruler.ui.units import ticks

TICKS = {
    "a share": (0, 1, "ratio", [0, 0.25, 0.5, 0.75, 1]),
    "a load": (0, 7.3, "", [0, 2, 4, 6, 8]),
    "below nought": (-3, 3, "", [-4, -2, 0, 2, 4]),
    "small": (0, 0.0007, "seconds", [0, 0.0002, 0.0004, 0.0006, 0.0008]),
    "mebibytes": (0, 5 * 2**20, "bytes", [0, 2 * 2**20, 4 * 2**20, 6 * 2**20]),
    "nearly a mebibyte a tick": (0, 3.9 * 2**20, "bytes/s", [n * 2**20 for n in range(5)]),
    "a little over a mebibyte": (0, 1.4 * 2**20, "bytes", [0, 2**19, 2**20, 1.5 * 2**20]),
    "kibibytes": (0, 400 * 2**10, "bytes", [n * 100 * 2**10 for n in range(5)]),
}


@pytest.mark.parametrize("name", TICKS)
def test_ticks_are_round_in_the_unit_that_is_read(name: str) -> None:
    low, high, unit, expected = TICKS[name]
    assert ticks(low, high, unit) == pytest.approx(expected)
