"""What the rooms do, as events. Pure: what happened → what there is to tell of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from promkit.errors import Where
from ruler.alerts import Alert, Happening, Override, Transition
from ruler.dashboards import Change
from ruler.events.kind import EventType
from ruler.events.log import Json
from ruler.ingest import TargetView
from ruler.rules import Group, Rule

__all__ = ["SeenRule", "Told", "rule_changes", "seen_rules", "told_of", "told_of_dashboard", "told_of_scrape"]

Told = tuple[EventType, Mapping[str, Json]]

_ALERTS: Mapping[Happening, EventType] = {
    Happening.PENDING: EventType.ALERT_PENDING,
    Happening.FIRING: EventType.ALERT_TRIGGERED,
    Happening.ACKNOWLEDGED: EventType.ALERT_ACKNOWLEDGED,
    Happening.ESCALATED: EventType.ALERT_ESCALATED,
    Happening.RESOLVED: EventType.ALERT_RESOLVED,
}
_SUCCESS = {"true": True, "false": False}


def told_of(transition: Transition) -> Told | None:
    """What happened to an alert, or was done about it; None: it is for the timeline alone."""
    alert, detail = transition.alert, transition.detail
    if transition.happening is Happening.REMEDY_FINISHED:
        return EventType.REMEDIATION_EXECUTED, {
            "alert": alert.fingerprint,
            "rule": alert.rule,
            "action": detail.get("action", ""),
            "target": detail.get("target", ""),
            "run": int(detail["run"]),
            "success": _SUCCESS.get(detail.get("success", "")),
            "error": detail.get("error", ""),
        }
    kind = _ALERTS.get(transition.happening)
    if kind is None:
        return None
    more: dict[str, Json] = {}
    match transition.happening:
        case Happening.ACKNOWLEDGED:
            more = {"by": detail.get("by", ""), "comment": detail.get("comment", "")}
        case Happening.ESCALATED:
            more = {"level": int(detail.get("level", alert.escalation_level))}
        case Happening.RESOLVED:
            more = {"by": detail.get("by", ""), "reason": alert.reason}
    return kind, {**_alert(alert), **more}


def told_of_dashboard(change: Change) -> Told:
    """What became of a dashboard."""
    data = {"dashboard": change.id, "name": change.name, "by": change.by}
    return EventType(f"dashboard_{change.deed}"), data


def _alert(alert: Alert) -> dict[str, Json]:
    return {
        "alert": alert.fingerprint,
        "rule": alert.rule,
        "name": alert.name,
        "severity": alert.severity,
        "message": alert.annotations.get("description") or alert.annotations.get("summary", ""),
        "labels": dict(alert.labels.items()),
        "value": alert.value,
        "phase": alert.phase.value,
        "starts_ms": alert.starts_ms,
    }


def told_of_scrape(target: TargetView) -> Told:
    """That a target was scraped."""
    return EventType.METRIC_RECORDED, {
        "source": "scrape",
        "job": target.labels["job"],
        "instance": target.labels["instance"],
        "samples": target.samples,
        "duration_ms": round(target.duration_ms, 3),
        "error": target.last_error,
    }


@dataclass(frozen=True, slots=True)
class SeenRule:
    """A rule as it was when one looked: what it says, where it stands, whether it is evaluated."""

    rule: Rule
    group: Group  # without its rules
    enabled: bool
    by: str  # who switched it; "": nobody did

    def says(self) -> tuple[Rule, Group]:
        """All that makes it another rule when it changes; not its line, nor what it is switched to."""
        source = self.rule.where.source
        return replace(self.rule, where=Where(source), enabled=True), self.group


def seen_rules(groups: Iterable[Group], overrides: Mapping[str, Override]) -> dict[str, SeenRule]:
    """All rules, by id."""
    found = {}
    for group in groups:
        bare = replace(group, rules=())
        for rule in group.rules:
            override = overrides.get(rule.id)
            enabled = rule.enabled if override is None else override.enabled
            found[rule.id] = SeenRule(rule, bare, enabled, "" if override is None else override.by)
    return found


def rule_changes(before: Mapping[str, SeenRule], after: Mapping[str, SeenRule], by: str) -> Sequence[Told]:
    """What became of the rules between two looks; `by`: who changed them, where somebody is known for it."""
    told: list[Told] = []
    for id_, seen in after.items():
        old = before.get(id_)
        if old is None:
            told.append((EventType.RULE_ADDED, _rule(seen, by)))
        elif old.says() != seen.says():
            told.append((EventType.RULE_UPDATED, _rule(seen, by)))
        if old is not None and old.enabled != seen.enabled:
            kind = EventType.RULE_ENABLED if seen.enabled else EventType.RULE_DISABLED
            told.append((kind, _rule(seen, by or seen.by)))
    told += [(EventType.RULE_REMOVED, _rule(seen, by)) for id_, seen in before.items() if id_ not in after]
    return told


def _rule(seen: SeenRule, by: str) -> dict[str, Json]:
    return {
        "rule": seen.rule.id,
        "name": seen.rule.name,
        "type": seen.rule.kind.value,
        "file": seen.rule.where.source,
        "line": seen.rule.where.line,
        "enabled": seen.enabled,
        "by": by,
    }
