"""Prometheus' durations, "1h30m", as whole milliseconds and back."""

import re

from promkit.errors import ConfigError

__all__ = ["format_duration", "parse_duration"]

UNITS_MS = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
# Each unit at most once, the larger first, as in Prometheus' model.ParseDuration.
_PATTERN = re.compile("".join(rf"(?:(?P<{unit}>[0-9]+){unit})?" for unit in UNITS_MS))
_LENGTH_MAX = 64


def parse_duration(text: str) -> int:
    """Milliseconds of `1d12h`, `90s`, `0`.

    ConfigError: not a duration.
    """
    if text == "0":
        return 0
    match = _PATTERN.fullmatch(text) if 0 < len(text) <= _LENGTH_MAX else None
    if match is None:
        raise ConfigError(
            f"not a duration: {text!r}", remedy="write a number and a unit, as 30s, 5m or 1h30m"
        )
    return sum(int(number) * UNITS_MS[unit] for unit, number in match.groupdict().items() if number)


def format_duration(duration_ms: int) -> str:
    """Write the shortest exact form: 5_400_000 → `1h30m`. Weeks and years only where nothing remains.

    So it is in Prometheus' model.Duration.String.
    """
    if duration_ms == 0:
        return "0s"
    sign, rest = ("-", -duration_ms) if duration_ms < 0 else ("", duration_ms)
    for unit in ("y", "w"):
        if rest % UNITS_MS[unit] == 0:
            return f"{sign}{rest // UNITS_MS[unit]}{unit}"
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, UNITS_MS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return sign + "".join(parts)
