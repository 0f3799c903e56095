"""Questions to the engine; what cannot be answered is None, never a guess."""

from dataclasses import dataclass
from typing import Protocol

from promkit.errors import LuminaError
from promkit.labels import Labels
from promkit.log import get
from ruler.promql.result import Result
from ruler.remediation.verify import holds, recovered
from ruler.rules.rule import Rule

__all__ = ["Asks", "Evidence"]

log = get("ruler.remediation")


class Asks(Protocol):
    """The PromQL engine, or a remote one."""

    def instant(self, query: str, at_ms: int) -> Result:
        """Evaluate at one instant. LuminaError: it cannot be."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the samples say."""

    engine: Asks

    def holds(self, expr: str, rule: Rule, labels: Labels, at_ms: int) -> bool | None:
        """Whether an expression holds for a rule's alert with these labels."""
        result = self._ask(expr, at_ms)
        # What the rule itself has put on the alert says nothing about its series.
        return None if result is None else holds(result, labels.without((*rule.labels, "alertname")))

    def recovered(self, rule: Rule, labels: Labels, at_ms: int) -> bool | None:
        """Whether the rule's own condition is false for this alert."""
        breached = self.holds(rule.expr, rule, labels, at_ms)
        present: bool | None = True
        if not breached and rule.present_expr is not None:
            present = self.holds(rule.present_expr, rule, labels, at_ms)
        return recovered(present=present, breached=breached)

    def _ask(self, query: str, at_ms: int) -> Result | None:
        try:
            return self.engine.instant(query, at_ms)
        except LuminaError as error:
            log.warning("remedy's question failed", query=query, error=error)
            return None
