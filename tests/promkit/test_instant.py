"""Instants as RFC 3339."""

import pytest

from promkit.instant import format_instant


@pytest.mark.parametrize(
    ("at_ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_769_860_800_007, "2026-01-31T12:00:00.007Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ],
)
def test_milliseconds_in_utc(at_ms: int, text: str) -> None:
    assert format_instant(at_ms) == text
