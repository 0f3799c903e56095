"""Tells of rules that changed, whoever changed them: a file in git, the API, a switch whose time is up."""

import threading
from collections.abc import Mapping, Sequence

from ruler.alerts import Override
from ruler.events.log import Events
from ruler.events.tell import SeenRule, rule_changes, seen_rules
from ruler.rules import Group

__all__ = ["RuleWatch"]


class RuleWatch:
    """Remembers the rules as they were at the last look. The first look tells nothing."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._lock = threading.Lock()
        self._groups: Sequence[Group] | None = None
        self._overrides: Mapping[str, Override] = {}
        self._seen: Mapping[str, SeenRule] = {}

    def look(
        self, groups: Sequence[Group], overrides: Mapping[str, Override], now_ms: int, by: str = ""
    ) -> None:
        """Tell what is another than at the last look; `by`: who did it. Cheap where nothing changed."""
        with self._lock:
            first = self._groups is None
            # Both are replaced whole when they change, and items are compared by identity first.
            if self._groups == groups and self._overrides is overrides:
                return
            seen = seen_rules(groups, overrides)
            changes = () if first else rule_changes(self._seen, seen, by)
            self._groups, self._overrides, self._seen = list(groups), overrides, seen
            for kind, data in changes:
                self._events.publish(kind, data, now_ms)
