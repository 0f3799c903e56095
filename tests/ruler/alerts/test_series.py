from promkit.labels import METRIC_NAME, Labels
from ruler.alerts import Phase, State, alert_series
from tests.builders.rules import NOW_MS, a_rule, alert_labels


def test_alerts_and_since_when() -> None:
    rule = a_rule()
    phases = [Phase.PENDING, Phase.FIRING, Phase.RECOVERING, Phase.RESOLVED, Phase.INACTIVE]
    states = {
        alert_labels(rule, instance=phase.value): State(phase, 1.0, NOW_MS, active_ms=NOW_MS + 999)
        for phase in phases
    }
    labels, values = alert_series(rule, states)
    shown = {
        (one["instance"], one.metric, one["alertstate"]): value
        for one, value in zip(labels, values, strict=True)
    }
    since = NOW_MS // 1000
    assert shown == {
        ("pending", "ALERTS", "pending"): 1,
        ("pending", "ALERTS_FOR_STATE", ""): since,
        ("firing", "ALERTS", "firing"): 1,
        ("firing", "ALERTS_FOR_STATE", ""): since,
        ("recovering", "ALERTS", "firing"): 1,
        ("recovering", "ALERTS_FOR_STATE", ""): since,
    }
    assert labels[0] == Labels(
        {
            METRIC_NAME: "ALERTS",
            "alertname": "Busy",
            "alertstate": "pending",
            "instance": "pending",
            "severity": "high",
        }
    )
