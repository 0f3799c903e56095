"""Instants as RFC 3339."""

import pytest

from promkit.errors import ConfigError
from promkit.instant import format_instant, read_instant


@pytest.mark.parametrize(
    ("at_ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_769_860_800_007, "2026-01-31T12:00:00.007Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ],
)
def test_milliseconds_in_utc_and_back(at_ms: int, text: str) -> None:
    assert format_instant(at_ms) == text
    assert read_instant(text) == at_ms


def test_another_zone() -> None:
    assert format_instant(read_instant("2026-01-31T14:00:00+02:00")) == "2026-01-31T12:00:00.000Z"


@pytest.mark.parametrize("text", ["", "noon", "2026-01-31", "2026-01-31T12:00:00", "2026-13-31T12:00:00Z"])
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(ConfigError, match="not an RFC 3339 time"):
        read_instant(text)
