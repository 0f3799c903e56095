"""What the rooms do, as events."""

from dataclasses import replace

import pytest

from promkit.labels import Labels
from ruler.alerts import Alert, Happening, Override, Phase, Transition
from ruler.events import EventType, told_of
from ruler.events.kind import KINDS
from ruler.events.tell import rule_changes, seen_rules
from ruler.rules import RuleContext, RuleSet, parse_rules

ALERT = Alert(
    labels=Labels({"alertname": "Hot", "instance": "a"}),
    annotations={"summary": "too hot"},
    phase=Phase.FIRING,
    starts_ms=1,
    updated_ms=2,
    value=3.5,
    severity="high",
    rule="hot",
)
FILE = """
rules:
  - {id: hot, name: Hot, metric: t, condition: gt, threshold: 5}
  - {id: cold, metric: t, condition: lt, threshold: 1}
groups: [{name: g, rules: [{record: r, expr: sum(t)}]}]
"""

HAPPENINGS = [
    (Happening.PENDING, {}, EventType.ALERT_PENDING, {}),
    (Happening.FIRING, {}, EventType.ALERT_TRIGGERED, {}),
    (Happening.ESCALATED, {"level": "2"}, EventType.ALERT_ESCALATED, {"level": 2}),
    (Happening.RESOLVED, {"by": "ann"}, EventType.ALERT_RESOLVED, {"by": "ann", "reason": ""}),
    (
        Happening.ACKNOWLEDGED,
        {"by": "ann", "comment": "mine"},
        EventType.ALERT_ACKNOWLEDGED,
        {"by": "ann", "comment": "mine"},
    ),
]


@pytest.mark.parametrize(("happening", "detail", "kind", "more"), HAPPENINGS)
def test_alerts(
    happening: Happening, detail: dict[str, str], kind: EventType, more: dict[str, object]
) -> None:
    told = told_of(Transition(1, happening, ALERT, detail))
    assert told is not None
    assert told[0] is kind
    assert told[1] == {
        "alert": ALERT.fingerprint,
        "rule": "hot",
        "name": "Hot",
        "severity": "high",
        "message": "too hot",
        "labels": {"alertname": "Hot", "instance": "a"},
        "value": 3.5,
        "phase": "firing",
        "starts_ms": 1,
        **more,
    }
    assert list(told[1]) == list(KINDS[kind].data)


@pytest.mark.parametrize(
    ("said", "success", "error"),
    [("true", True, ""), ("false", False, "no such unit"), ("unknown", None, "")],
)
def test_an_executed_remedy(said: str, success: object, error: str) -> None:
    detail = {"run": "7", "action": "restart", "target": "api", "success": said, "error": error}
    told = told_of(Transition(1, Happening.REMEDY_FINISHED, ALERT, detail))
    assert told is not None
    assert told[0] is EventType.REMEDIATION_EXECUTED
    assert (told[1]["run"], told[1]["success"], told[1]["error"]) == (7, success, error)
    assert list(told[1]) == list(KINDS[told[0]].data)


@pytest.mark.parametrize("happening", [Happening.REMEDY_PLANNED, Happening.NOTIFIED, Happening.INACTIVE])
def test_the_rest_is_for_the_timeline(happening: Happening) -> None:
    assert told_of(Transition(1, happening, ALERT)) is None


def read(text: str) -> RuleSet:
    return parse_rules(text, "rules/mine.yml", RuleContext())


CHANGES = {
    "nothing": (FILE, []),
    "a comment, so that lines move": ("# new\n" + FILE, []),
    "a threshold": (FILE.replace("threshold: 5", "threshold: 6"), [("rule_updated", "hot")]),
    "one more": (FILE.replace("rules:", "rules:\n  - {id: x, metric: t, condition: gt, threshold: 9}", 1),
                 [("rule_added", "x")]),
    "one less": (FILE.replace("  - {id: cold, metric: t, condition: lt, threshold: 1}\n", ""),
                 [("rule_removed", "cold")]),
    "its group's interval": (FILE.replace("name: g,", "name: g, interval: 5s,"),
                             [("rule_updated", "rules/mine.yml;g;r")]),
    "switched off in the file": (FILE.replace("threshold: 5", "threshold: 5, enabled: false"),
                                 [("rule_disabled", "hot")]),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_changes_of_rule_files(name: str) -> None:
    text, told = CHANGES[name]
    before, after = (seen_rules(read(one).groups, {}) for one in (FILE, text))
    assert [(kind.value, data["rule"]) for kind, data in rule_changes(before, after, "")] == told


def test_what_is_said_of_a_rule() -> None:
    seen = seen_rules(read(FILE).groups, {})
    hot = next(data for _, data in rule_changes({}, seen, "ann") if data["rule"] == "hot")
    assert hot == {
        "rule": "hot",
        "name": "Hot",
        "type": "alert",
        "file": "rules/mine.yml",
        "line": 3,
        "enabled": True,
        "by": "ann",
    }
    assert list(hot) == list(KINDS[EventType.RULE_ADDED].data)


def test_a_switch_and_who_turned_it() -> None:
    groups = read(FILE).groups
    off = {"hot": Override(enabled=False, by="ann", at_ms=1)}
    on, switched = seen_rules(groups, {}), seen_rules(groups, off)
    assert [(kind, data["by"]) for kind, data in rule_changes(on, switched, "")] == [
        (EventType.RULE_DISABLED, "ann")
    ]
    assert [(kind, data["by"]) for kind, data in rule_changes(switched, on, "")] == [
        (EventType.RULE_ENABLED, "")
    ]
    disabled = replace(groups[0].rules[0], enabled=False)
    assert rule_changes(on, {**on, disabled.id: replace(on[disabled.id], enabled=True)}, "") == []
