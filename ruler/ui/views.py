"""What the pages show, as plain data for the templates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from promkit.duration import format_duration
from promkit.errors import LuminaError
from promkit.labels import METRIC_NAME, Labels
from ruler.alerts import Alert
from ruler.api import Ruler
from ruler.promql import Scalar, Vector
from ruler.rules import Comparison, Rule, RuleKind
from ruler.ui.chart import quantity

__all__ = ["RuleView", "alert_order", "labels_shown", "meter", "rule_views", "unit_of"]

_SUFFIXES = {"ratio": "ratio", "seconds": "seconds", "bytes": "bytes", "second": "per second"}


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule with its present value beside its threshold."""

    rule: Rule
    file: str
    group: str
    enabled: bool
    present: str  # the value nearest to, or furthest beyond, the threshold
    threshold: str
    breached: bool
    fraction: float | None  # of the threshold's place on a meter of twice its size, 0–1
    state: str  # inactive, pending, firing, off, error, no such series
    health: str
    error: str
    took_ms: float
    evaluated_ms: int | None
    active: int


def rule_views(ruler: Ruler, now_ms: int, *, short_form_only: bool = False) -> list[RuleView]:
    """Every alerting rule (and recording rules, unless only the short form's are wanted)."""
    active: dict[str, list[Alert]] = {}
    for alert in ruler.book.alerts():
        active.setdefault(alert.rule, []).append(alert)
    views = []
    for group in ruler.loop.groups():
        for rule in group.rules:
            if short_form_only and rule.condition is None:
                continue
            enabled = ruler.book.enabled(rule)
            views.append(
                _view(ruler, rule, group.file, group.name, active.get(rule.id, []), now_ms, enabled=enabled)
            )
    return views


def _view(
    ruler: Ruler, rule: Rule, file: str, group: str, active: Sequence[Alert], now_ms: int, *, enabled: bool
) -> RuleView:
    status = ruler.loop.rule_status(rule)
    present, breached, fraction = _present(ruler, rule, now_ms)
    if not enabled:
        state = "off"
    elif status.error:
        state = "error"
    elif active:
        state = "firing" if any(alert.firing for alert in active) else "pending"
    else:
        state = "inactive"
    threshold = ""
    if rule.condition is not None:
        number = quantity(unit_of(rule.condition.metric))(rule.condition.threshold)
        threshold = f"{rule.condition.comparison.operator} {number} for {format_duration(rule.timing.for_ms)}"
    return RuleView(
        rule=rule,
        file=file,
        group=group,
        enabled=enabled,
        present=present,
        threshold=threshold,
        breached=breached,
        fraction=fraction,
        state=state if rule.kind is RuleKind.ALERT or state == "error" else "recording",
        health=status.health,
        error=status.error,
        took_ms=status.took_ms,
        evaluated_ms=status.evaluated_ms,
        active=len(active),
    )


def _present(ruler: Ruler, rule: Rule, now_ms: int) -> tuple[str, bool, float | None]:
    """Today's value of what a short-form rule watches, the one nearest to a breach."""
    condition = rule.condition
    if condition is None:
        return "", False, None
    try:
        value = ruler.engine.instant(condition.metric, now_ms).value
    except LuminaError as error:
        return f"cannot be evaluated: {error.problem}", False, None
    match value:
        case Vector(_, _, values):
            numbers = [number for number in values.tolist() if not math.isnan(number)]
        case Scalar(_, number):
            numbers = [number]
        case _:
            numbers = []
    if not numbers:
        return "no such series" if not rule.optional else "no such series yet", False, None
    falling = condition.comparison in {Comparison.LT, Comparison.LE}
    worst = min(numbers) if falling else max(numbers)
    breached = _breaches(condition.comparison, worst, condition.threshold)
    full = 2 * condition.threshold
    fraction = min(max(worst / full, 0.0), 1.0) if full > 0 and math.isfinite(worst) else None
    return quantity(unit_of(condition.metric))(worst), breached, fraction


def _breaches(comparison: Comparison, value: float, threshold: float) -> bool:
    return {
        Comparison.GT: value > threshold,
        Comparison.LT: value < threshold,
        Comparison.EQ: value == threshold,
        Comparison.NE: value != threshold,
        Comparison.GE: value >= threshold,
        Comparison.LE: value <= threshold,
    }[comparison]


def unit_of(metric: str) -> str:
    """The unit that a metric's name ends in; "" where it says none."""
    name = metric.split("{", 1)[0].strip()
    return _SUFFIXES.get(name.rsplit("_", 1)[-1], "")


def alert_order(ruler: Ruler, alerts: Sequence[Alert]) -> list[Alert]:
    """The gravest first, then the latest."""

    def key(alert: Alert) -> tuple[int, int]:
        rank = ruler.settings.severities.rank(alert.severity)
        return -(rank if rank is not None else -1), -alert.starts_ms

    return sorted(alerts, key=key)


def labels_shown(labels: Labels) -> list[tuple[str, str]]:
    """Labels as they are shown beside an alert's name."""
    return [(name, value) for name, value in labels.items() if name not in {METRIC_NAME, "alertname"}]


def meter(fraction: float, breached: bool) -> str:  # noqa: FBT001 - a template calls it
    """A bar with the threshold's mark in the middle."""
    state = " breached" if breached else ""
    return (
        f'<svg class="meter{state}" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="track" width="100" height="8" rx="3"/>'
        f'<rect class="value" width="{fraction * 100:.1f}" height="8" rx="3"/>'
        f'<line class="mark" x1="50" x2="50" y1="0" y2="8"/></svg>'
    )
