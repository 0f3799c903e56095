"""Severities: the five of the house, and the words of other people's files that count as one of them."""

from collections.abc import Mapping

from promkit.errors import ConfigError

__all__ = ["SEVERITIES", "Severities"]

SEVERITIES = ("info", "low", "medium", "high", "critical")  # rising
_WORDS = {
    "page": "critical",
    "emergency": "critical",
    "error": "high",
    "warning": "medium",
    "warn": "medium",
    "notice": "info",
    "none": "info",
}


class Severities:
    """What a severity counts as, for order, counts and colours; labels are never changed."""

    def __init__(self, words: Mapping[str, str] | None = None) -> None:
        """Take `severities:` of ruler.yml, from word to one of the five, over the usual words.

        ConfigError: a word stands for none of the five.
        """
        for word, level in (words or {}).items():
            if level not in SEVERITIES:
                raise ConfigError(
                    f"severity {word!r} counts as {level!r}, which is unknown",
                    remedy=f"write one of {', '.join(reversed(SEVERITIES))}",
                )
        self._levels = {**{name: name for name in SEVERITIES}, **_WORDS, **(words or {})}

    def level(self, severity: str) -> str | None:
        """One of the five; None: unordered."""
        return self._levels.get(severity.lower())

    def rank(self, severity: str) -> int | None:
        """4 for critical down to 0 for info; None: unordered."""
        level = self.level(severity)
        return None if level is None else SEVERITIES.index(level)
