"""A rule as API and pages show it: what it says, where it stands, how it fares."""

from collections.abc import Mapping, Sequence

from ruler.alerts import Alert, Phase
from ruler.api.bodies import Json
from ruler.api.context import Ruler
from ruler.api.watched import watched_by
from ruler.api.wire import iso
from ruler.rules import Group, Origin, Rule, RuleKind
from ruler.settings import API_RULES

__all__ = ["alerts_by_rule", "rule_json", "rule_state"]

_GRAVEST = (Phase.FIRING, Phase.RECOVERING, Phase.PENDING)


def alerts_by_rule(ruler: Ruler) -> Mapping[str, Sequence[Alert]]:
    """What is active, by the rule's id."""
    found: dict[str, list[Alert]] = {}
    for alert in ruler.book.alerts():
        found.setdefault(alert.rule, []).append(alert)
    return found


def rule_state(ruler: Ruler, rule: Rule, active: Sequence[Alert]) -> str:
    """The gravest phase of its alerts, else inactive; off, error or recording go before."""
    failed = bool(ruler.loop.rule_status(rule).error)
    if rule.kind is RuleKind.RECORD and not (failed and ruler.book.enabled(rule)):
        return "recording"
    if not ruler.book.enabled(rule):
        return "off"
    if failed:
        return "error"
    phases = {alert.phase for alert in active}
    return next((phase.value for phase in _GRAVEST if phase in phases), "inactive")


def rule_json(ruler: Ruler, rule: Rule, group: Group, active: Sequence[Alert]) -> dict[str, Json]:
    """A rule; `metric`, `condition` and `threshold` are null where it is no comparison with a number."""
    status, watched = ruler.loop.rule_status(rule), watched_by(rule)
    override = ruler.book.overrides().get(rule.id)
    return {
        "id": rule.id,
        "name": rule.name,
        "description": rule.description,
        "type": rule.kind.value,
        "metric": watched and watched.metric,
        "condition": watched and watched.comparison.value,
        "threshold": watched and watched.threshold,
        "expr": rule.expr,
        "for_ms": rule.timing.for_ms,
        "cooldown_ms": rule.cooldown_ms,
        "severity": rule.severity,
        "channels": list(rule.channels),
        "auto_remediation": rule.remedy
        and {"action": rule.remedy.action, "parameters": dict(rule.remedy.parameters)},
        "group": group.name,
        "interval_ms": group.interval_ms,
        "file": rule.where.source,
        "line": rule.where.line,
        "editable": rule.where.source == API_RULES,
        **_origin_json(rule.origin),
        "enabled": ruler.book.enabled(rule),
        "override": override
        and {
            "enabled": override.enabled,
            "by": override.by,
            "at": iso(override.at_ms),
            "until": None if override.until_ms is None else iso(override.until_ms),
        },
        "state": rule_state(ruler, rule, active),
        "alerts": [alert.fingerprint for alert in active],
        "health": status.health,
        "error": status.error,
        "evaluated": None if status.evaluated_ms is None else iso(status.evaluated_ms),
    }


def _origin_json(origin: Origin | None) -> dict[str, str | None]:
    """Who and when; null: nobody over the API."""
    if origin is None:
        return dict.fromkeys(("created_by", "created", "changed_by", "changed"))
    return {
        "created_by": origin.created_by,
        "created": iso(origin.created_ms),
        "changed_by": origin.changed_by or None,
        "changed": None if origin.changed_ms is None else iso(origin.changed_ms),
    }
