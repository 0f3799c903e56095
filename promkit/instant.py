"""Instants for eyes and JSON: RFC 3339 in UTC, with milliseconds."""

from datetime import UTC, datetime

__all__ = ["format_instant"]


def format_instant(at_ms: int) -> str:
    """Write Unix milliseconds as `2026-01-31T12:00:00.000Z`."""
    text = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
