"""Rules, evaluations and alerts for tests: a case sets only what it is about."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from promkit.errors import Where
from promkit.labels import Labels
from ruler.rules import Breach, Comparison, Condition, Evaluation, Rule, RuleKind, Timing

NOW_MS = 1_750_000_000_000
STEP_MS = 30_000


def a_rule(id_: str = "busy", *, timing: Timing | None = None, short: bool = True, **fields: Any) -> Rule:
    """An alerting rule of the short form, `cpu > 5`, or of the Prometheus form."""
    rule = Rule(
        id=id_,
        kind=RuleKind.ALERT,
        name=fields.pop("name", "Busy"),
        expr="cpu > 5",
        where=Where("rules.yml", 1, 1),
        condition=Condition("cpu", Comparison.GT, 5) if short else None,
        present_expr="cpu" if short else None,
        labels=Labels({"severity": "high"}),
        severity="high",
        timing=timing or Timing(),
    )
    return replace(rule, **fields)


def alert_labels(rule: Rule, **labels: str) -> Labels:
    return Labels({**rule.labels, **labels, "alertname": rule.name})


def an_evaluation(
    rule: Rule,
    at_ms: int = NOW_MS,
    breaching: Iterable[Labels] | Mapping[Labels, float] = (),
    *,
    present: Iterable[Labels] = (),
    annotations: Mapping[str, str] | None = None,
    **fields: Any,
) -> Evaluation:
    values = breaching if isinstance(breaching, Mapping) else dict.fromkeys(breaching, 9.0)
    breaches = [Breach(labels, value, annotations or {}) for labels, value in values.items()]
    seen = None if rule.present_expr is None else frozenset(present)
    return Evaluation(rule=rule, at_ms=at_ms, breaching=breaches, present=seen, **fields)
