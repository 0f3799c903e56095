"""Groups that outlive a restart, and end."""

from pathlib import Path

import pytest

from exporter.collector import Context
from exporter.collectors.push import Push, Settings
from promkit.errors import LimitError
from promkit.exposition import Family, gauge, histogram
from tests.builders.sources import values

A = gauge("business_a", "A.", ({"type": "x"}, 1.5))
H = histogram("business_h_seconds", "H.", [({}, {1.0: 1, float("inf"): 2}, 3.5)])


def a_push(data: Path | None = None, settings: Settings | None = None) -> Push:
    return Push(settings or Settings(), Context(data), "push")


def pushed(push: Push, now_ms: int) -> dict[str, float]:
    return {name: value for name, value in values(push.collect(now_ms)).items() if "exporter_" not in name}


def test_groups_outlive_a_restart(tmp_path: Path) -> None:
    first = a_push(tmp_path)
    first.accept("g", [A, H], None, 1_000)
    first.collect(1_000)
    second = a_push(tmp_path)
    assert pushed(second, 2_000) == values([A, H])
    assert pushed(second, 301_000) == {}


def test_a_dropped_group_stays_dropped(tmp_path: Path) -> None:
    first = a_push(tmp_path)
    first.accept("g", [A], None, 0)
    first.collect(0)
    assert first.remove("g")
    first.collect(0)
    assert pushed(a_push(tmp_path), 1) == {}


@pytest.mark.parametrize(
    "text", ["", "[]", '{"g": 1}', '{"g": {"page": "bad{", "pushed_ms": 1, "expires_ms": 9}}', "\x00"]
)
def test_a_file_that_was_spoilt_is_begun_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "push.json").write_text(text)
    assert pushed(a_push(tmp_path), 0) == {}


LIMITS: dict[str, tuple[Settings, list[Family], int | None]] = {
    "a time that is none": (Settings(), [A], 0),
    "a time too long": (Settings(ttl_max=1_000), [A], 1_001),
    "groups": (Settings(groups_max=1), [A], None),
}


@pytest.mark.parametrize(("settings", "families", "ttl_ms"), LIMITS.values(), ids=LIMITS)
def test_limits(settings: Settings, families: list[Family], ttl_ms: int | None) -> None:
    push = a_push(settings=settings)
    push.accept("first", [], 1_000, 0)
    with pytest.raises(LimitError):
        push.accept("second", families, ttl_ms, 0)


def test_a_group_whose_time_is_over_makes_room() -> None:
    push = a_push(settings=Settings(groups_max=1))
    push.accept("first", [A], 1_000, 0)
    push.accept("second", [A], 1_000, 1_000)
    found = values(push.collect(1_000))
    assert found["exporter_push_groups"] == 1
    assert found["exporter_push_expired_total"] == 1
    assert found['exporter_push_last_timestamp_seconds{group="second"}'] == 1


def test_a_reload_keeps_the_groups() -> None:
    first, second = a_push(), a_push(settings=Settings(ttl=1))
    first.accept("g", [A], None, 0)
    second.inherit(first)
    assert pushed(second, 1) == values([A])
