"""Variables in queries: `$name` inside a matcher, and `[$__rate_interval]` in place of a window.

Both are spelled as in Grafana, so that one query serves here and there.
"""

import re
from collections.abc import Mapping

from promkit.duration import format_duration

__all__ = ["filled", "names_in"]

RATE_INTERVAL = "__rate_interval"
WINDOW_MS_MIN = 60_000  # four scrapes of 15 s: what a rate needs at least
_REFERENCE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))", re.ASCII)
_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")
_UNQUOTED = re.compile(r"[\x00-\x1f\"'\\]")


def names_in(text: str) -> list[str]:
    """The names of the variables in a text, each as often as it stands there."""
    return [braced or plain for braced, plain in _REFERENCE.findall(text)]


def filled(expr: str, chosen: Mapping[str, str], step_ms: int) -> str:
    """A query as it is asked. `chosen` has every variable, with "" where all values are meant.

    A value is matched literally. Variables stand inside quotes (loading sees to that), so what is put in is
    written with the escapes that both kinds of quotes know.
    """

    def put(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name == RATE_INTERVAL:
            return format_duration(max(step_ms, WINDOW_MS_MIN))
        if name not in chosen:
            return match[0]  # label_replace has references of its own
        if not chosen[name]:
            return ".*"
        pattern = _SPECIAL.sub(r"\\\1", chosen[name])
        return _UNQUOTED.sub(lambda found: f"\\u{ord(found[0]):04x}", pattern)

    return _REFERENCE.sub(put, expr)
