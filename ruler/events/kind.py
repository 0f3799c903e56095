"""What can be told of: the types of S29, each with what its data say. Their page is made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["KINDS", "POSTED", "EventKind", "EventType"]


class EventType(StrEnum):
    """The types, as they stand on the wire."""

    METRIC_RECORDED = "metric_recorded"
    RULE_ADDED = "rule_added"
    RULE_UPDATED = "rule_updated"
    RULE_REMOVED = "rule_removed"
    RULE_ENABLED = "rule_enabled"
    RULE_DISABLED = "rule_disabled"
    ALERT_PENDING = "alert_pending"
    ALERT_TRIGGERED = "alert_triggered"
    ALERT_ACKNOWLEDGED = "alert_acknowledged"
    ALERT_ESCALATED = "alert_escalated"
    ALERT_RESOLVED = "alert_resolved"
    REMEDIATION_EXECUTED = "remediation_executed"
    DASHBOARD_CREATED = "dashboard_created"
    DASHBOARD_UPDATED = "dashboard_updated"
    DASHBOARD_DELETED = "dashboard_deleted"
    DASHBOARDS_UPDATED = "dashboards_updated"
    MODEL_CREATED = "model_created"
    MODEL_UPDATED = "model_updated"
    MODEL_DELETED = "model_deleted"
    MODEL_TRAINED = "model_trained"
    PREDICTION_MADE = "prediction_made"
    ANOMALY_DETECTED = "anomaly_detected"


@dataclass(frozen=True, slots=True)
class EventKind:
    """One type: when it comes, and the keys of its data."""

    when: str
    data: Mapping[str, str] = field(default_factory=dict)


_RULE = {
    "rule": "its id",
    "name": "its name",
    "type": "alert or record",
    "file": "the file it stands in",
    "line": "the line it stands at",
    "enabled": "whether it is evaluated",
    "by": "who did it; empty: whoever changed the file",
}
_ALERT = {
    "alert": "its fingerprint, the id of alert and API",
    "rule": "the rule's id; empty for a posted alert",
    "name": "its name",
    "severity": "its severity",
    "message": "what is wrong",
    "labels": "its labels",
    "value": "the value of the last breach; null: none, or no number",
    "phase": "pending, firing, recovering or resolved",
    "starts_ms": "breached or firing since",
}
_DASHBOARD = {"dashboard": "its id", "name": "its name", "by": "who did it"}
_MODEL = {"id": "its id", "name": "its name", "type": "what kind it is", "target": "what it predicts"}

KINDS: Mapping[EventType, EventKind] = {
    EventType.METRIC_RECORDED: EventKind(
        "a scrape, a remote write or an import was stored: one event each, not one a sample",
        {
            "source": "scrape, remote_write or import",
            "job": "of a scrape: its job",
            "instance": "of a scrape: its target",
            "samples": "how many",
            "duration_ms": "of a scrape: how long it took",
            "error": "of a scrape: why it failed; empty: it did not",
        },
    ),
    EventType.RULE_ADDED: EventKind("a rule is new, from a file or by the API", _RULE),
    EventType.RULE_UPDATED: EventKind("a rule says something else than before", _RULE),
    EventType.RULE_REMOVED: EventKind("a rule is gone", _RULE),
    EventType.RULE_ENABLED: EventKind("a rule is evaluated again", _RULE),
    EventType.RULE_DISABLED: EventKind("a rule is no longer evaluated", _RULE),
    EventType.ALERT_PENDING: EventKind("a rule's condition is breached, not yet for its whole time", _ALERT),
    EventType.ALERT_TRIGGERED: EventKind("an alert fires", _ALERT),
    EventType.ALERT_ACKNOWLEDGED: EventKind(
        "somebody has it in hand", _ALERT | {"by": "who", "comment": "what they said"}
    ),
    EventType.ALERT_ESCALATED: EventKind("the next are told", _ALERT | {"level": "how far it has come"}),
    EventType.ALERT_RESOLVED: EventKind(
        "an alert is over",
        _ALERT | {"by": "who resolved it by hand", "reason": "why, where its condition is not what ended it"},
    ),
    EventType.REMEDIATION_EXECUTED: EventKind(
        "an action has run to its end; a dry run is no execution",
        {
            "alert": "the alert's fingerprint",
            "rule": "the rule's id",
            "action": "the action's name",
            "target": "what it was done to",
            "run": "its number under /api/v1/lumina/remediations",
            "success": "true, false, or null where nobody can know",
            "error": "what went wrong; empty: nothing",
        },
    ),
    EventType.DASHBOARD_CREATED: EventKind("a dashboard is new", _DASHBOARD),
    EventType.DASHBOARD_UPDATED: EventKind("a dashboard is another than before", _DASHBOARD),
    EventType.DASHBOARD_DELETED: EventKind("a dashboard is gone", _DASHBOARD),
    EventType.DASHBOARDS_UPDATED: EventKind(
        "dashboards have new values", {"dashboards": "how many there are"}
    ),
    EventType.MODEL_CREATED: EventKind("a model is new", _MODEL),
    EventType.MODEL_UPDATED: EventKind("a model says something else than before", _MODEL),
    EventType.MODEL_DELETED: EventKind("a model is gone", _MODEL),
    EventType.MODEL_TRAINED: EventKind(
        "a model was trained",
        {
            "model": "its id",
            "series": "how many series it is for",
            "steps": "how many steps of history it was trained on",
            "accuracy": "mean confidence of its series, from 0 to 1; null: not known yet",
            "error_ratio": "its typical error beside the values",
        },
    ),
    EventType.PREDICTION_MADE: EventKind(
        "a model has predicted: one event a cycle",
        {
            "model": "its id",
            "series": "how many series it has predicted",
            "for_ms": "the instant it is for",
            "average_confidence": "from 0.1 to 0.95",
            "values": "the predictions by series, the first twenty",
        },
    ),
    EventType.ANOMALY_DETECTED: EventKind(
        "a value is far from what was expected",
        {
            "model": "which model says so",
            "metric": "what of",
            "labels": "the series' labels",
            "at_ms": "when the value was measured",
            "value": "what it is",
            "expected": "what was expected",
            "deviation": "in standard deviations",
            "severity": "low, medium, high or critical",
            "confidence": "up to 0.95",
            "score": "from 0 to 1",
            "description": "a sentence",
        },
    ),
}
# What comes from outside: analytics, or a program in its place, posts these.
POSTED = frozenset(
    {
        EventType.MODEL_CREATED,
        EventType.MODEL_UPDATED,
        EventType.MODEL_DELETED,
        EventType.MODEL_TRAINED,
        EventType.PREDICTION_MADE,
        EventType.ANOMALY_DETECTED,
    }
)
