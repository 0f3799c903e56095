"""What the pages show, as plain data for the templates."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promkit.duration import format_duration
from promkit.errors import LuminaError
from promkit.quantity import quantity
from ruler.alerts import Alert, Override
from ruler.api import Ruler, rule_state, watched_by
from ruler.promql import Scalar, Vector, unit_of
from ruler.rules import Comparison, Condition, Group, Rule

__all__ = ["RuleView", "alert_order", "meter", "names_of", "rule_views"]

FRONT_MAX = 20  # rules on the front page
PRESENT_MAX = 100  # rules whose present value a page asks for
NAMED_MS, NAMED_MAX = 7 * 86_400_000, 2000


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule with its present value beside its threshold."""

    rule: Rule
    file: str
    group: str
    enabled: bool
    watched: Condition | None
    present: str  # the value nearest to, or furthest beyond, the threshold
    threshold: str
    breached: bool
    fraction: float | None  # of the threshold's place on a meter of twice its size, 0–1
    state: str  # inactive, pending, firing, recovering, off, error, recording
    health: str
    error: str
    took_ms: float
    evaluated_ms: int | None
    alerts: Sequence[Alert]  # active ones, the gravest first
    override: Override | None  # somebody's word against the file's


def rule_views(ruler: Ruler, now_ms: int, *, thresholds_only: bool = False) -> list[RuleView]:
    """Every rule, or only those that hold a value against a threshold (the front page's)."""
    active: dict[str, list[Alert]] = {}
    for alert in ruler.book.alerts():
        active.setdefault(alert.rule, []).append(alert)
    views: list[RuleView] = []
    for group in ruler.loop.groups():
        for rule in group.rules:
            watched = watched_by(rule)
            if thresholds_only and (watched is None or len(views) == FRONT_MAX):
                continue
            shown = watched if len(views) < PRESENT_MAX else None
            views.append(_view(ruler, rule, group, shown, active.get(rule.id, []), now_ms))
    return views


def _view(
    ruler: Ruler,
    rule: Rule,
    group: Group,
    watched: Condition | None,
    active: Sequence[Alert],
    now_ms: int,
) -> RuleView:
    status = ruler.loop.rule_status(rule)
    present, breached, fraction = _present(ruler, watched, now_ms, optional=rule.optional)
    threshold = ""
    if watched is not None:
        number = quantity(unit_of(watched.metric))(watched.threshold)
        threshold = f"{watched.comparison.operator} {number}{_held(rule)}"
    return RuleView(
        rule=rule,
        file=group.file,
        group=group.name,
        watched=watched,
        enabled=ruler.book.enabled(rule),
        present=present,
        threshold=threshold,
        breached=breached,
        fraction=fraction,
        state=rule_state(ruler, rule, active),
        health=status.health,
        error=status.error,
        took_ms=status.took_ms,
        evaluated_ms=status.evaluated_ms,
        alerts=alert_order(ruler, active),
        override=ruler.book.overrides().get(rule.id),
    )


def _held(rule: Rule) -> str:
    if rule.timing.breaches is not None:
        return " {} of {} times".format(*rule.timing.breaches)
    return f" for {format_duration(rule.timing.for_ms)}" if rule.timing.for_ms else ""


def _present(
    ruler: Ruler, condition: Condition | None, now_ms: int, *, optional: bool
) -> tuple[str, bool, float | None]:
    """The present value of what is watched, of several the one nearest to a breach."""
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
        return "no data yet" if optional else "no such series", False, None
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


def alert_order(ruler: Ruler, alerts: Sequence[Alert]) -> list[Alert]:
    """The gravest first, then the latest."""

    def key(alert: Alert) -> tuple[int, int]:
        rank = ruler.settings.severities.rank(alert.severity)
        return -(rank if rank is not None else -1), -alert.starts_ms

    return sorted(alerts, key=key)


def names_of(ruler: Ruler, now_ms: int) -> Mapping[str, str]:
    """The names of alerts that pages of messages and remedies speak of, by fingerprint."""
    known = [*ruler.book.resolved(now_ms - NAMED_MS, NAMED_MAX), *ruler.book.alerts()]
    return {alert.fingerprint: alert.name for alert in known}


def meter(fraction: float, *, breached: bool) -> str:
    """A bar with the threshold's mark in the middle."""
    state = " breached" if breached else ""
    return (
        f'<svg class="meter{state}" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="track" width="100" height="8" rx="3"/>'
        f'<rect class="value" width="{fraction * 100:.1f}" height="8" rx="3"/>'
        f'<line class="mark" x1="50" x2="50" y1="0" y2="8"/></svg>'
    )
