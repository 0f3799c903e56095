"""Instants for eyes and JSON: RFC 3339 in UTC, with milliseconds."""

from datetime import UTC, datetime

from promkit.errors import ConfigError

__all__ = ["format_instant", "read_instant"]


def format_instant(at_ms: int) -> str:
    """Write Unix milliseconds as `2026-01-31T12:00:00.000Z`."""
    text = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def read_instant(text: str) -> int:
    """Unix milliseconds of an RFC 3339 instant.

    ConfigError: not one.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise ConfigError(f"not an RFC 3339 time: {text!r}", remedy="write 2026-01-31T12:00:00Z")
    return round(instant.timestamp() * 1000)
