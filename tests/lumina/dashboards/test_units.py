"""Units, there and back."""

import pytest

from lumina.dashboards.units import is_grafana_unit, to_grafana, to_ours

OURS = ["", "ratio", "bytes", "bytes/s", "seconds", "per second", "req/s", "scans/min"]


@pytest.mark.parametrize("unit", OURS)
def test_there_and_back(unit: str) -> None:
    assert is_grafana_unit(to_grafana(unit))
    assert to_ours(to_grafana(unit)) == unit


@pytest.mark.parametrize("unit", ["percent", "reqps", "decbytes", "ms"])
def test_theirs_become_words_of_ours(unit: str) -> None:
    assert is_grafana_unit(unit)
    assert to_ours(unit)


def test_what_nobody_knows() -> None:
    assert not is_grafana_unit("furlong")
    assert to_ours("furlong") is None
