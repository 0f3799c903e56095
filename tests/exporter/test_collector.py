"""What holds for all collectors' settings."""

import pytest

from exporter.collector import Settings
from exporter.collectors import KINDS

AGES = {
    "three cadences": (Settings(every=10_000), 30_000),
    "as set": (Settings(every=10_000, stale_after=5_000), 5_000),
    "at once": (Settings(stale_after=0), 0),
}


@pytest.mark.parametrize(("settings", "expected_ms"), AGES.values(), ids=AGES)
def test_age_at_which_values_are_dropped(settings: Settings, expected_ms: int) -> None:
    assert settings.stale_after_ms == expected_ms


def test_default_cadences() -> None:
    """System 10 s, applications 15 s, business 30 s."""
    every = {kind.name: kind.settings.__dataclass_fields__["every"].default for kind in KINDS}
    assert {every[name] for name in ("cpu", "memory", "disk", "network", "host", "process")} == {10_000}
    assert (every["http"], every["access_log"], every["push"]) == (15_000, 15_000, 30_000)


def test_what_runs_without_being_asked() -> None:
    assert {kind.name for kind in KINDS if not kind.on} == {"http", "access_log", "json", "postgres", "sql"}
