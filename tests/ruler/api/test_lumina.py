"""Our own API: what people do to alerts, what was sent and done, health and report."""

from pathlib import Path

import numpy as np
import pytest

from tests.builders.ruler import ARuler, a_ruler_in_memory

BASE = "/api/v1/lumina"


def test_an_alert_is_acknowledged_with_who_why_and_for_how_long(firing: ARuler) -> None:
    id_ = firing.alert("Down").fingerprint
    answer = firing.post(
        f"{BASE}/alerts/{id_}/acknowledge", {"by": "ann", "comment": "on it", "expires": "2h"}
    )
    assert answer.data["status"] == "acknowledged"
    assert answer.data["acknowledged_by"] == "ann"
    assert answer.data["acknowledgement_comment"] == "on it"
    acknowledged = firing.alert("Down").acknowledged
    assert acknowledged is not None
    assert acknowledged.until_ms == firing.clock.at_ms + 7_200_000


def test_an_acknowledgement_is_taken_back(firing: ARuler) -> None:
    id_ = firing.alert("Down").fingerprint
    firing.post(f"{BASE}/alerts/{id_}/acknowledge", {"by": "ann"})
    assert firing.post(f"{BASE}/alerts/{id_}/unacknowledge", {"by": "ben"}).data["status"] == "active"
    assert firing.post(f"{BASE}/alerts/{id_}/unacknowledge", {"by": "ben"}).status == 409


DEEDS = ["acknowledge", "unacknowledge", "resolve"]


@pytest.mark.parametrize("deed", DEEDS)
def test_nobody_does_anything_to_an_unknown_alert(reading: ARuler, deed: str) -> None:
    assert reading.post(f"{BASE}/alerts/0123456789abcdef/{deed}", {"by": "ann"}).status == 404


def test_a_pending_alert_cannot_be_acknowledged(reading: ARuler) -> None:
    answer = reading.post(f"{BASE}/alerts/{reading.alert('Slow').fingerprint}/acknowledge", {"by": "ann"})
    assert answer.status == 409
    assert answer.json["error"]


def test_a_resolved_alert_stays_to_be_read(firing: ARuler) -> None:
    id_ = firing.alert("Down").fingerprint
    assert firing.post(f"{BASE}/alerts/{id_}/resolve", {"by": "ann"}).data["status"] == "resolved"
    alert = firing.get(f"{BASE}/alerts/{id_}").data
    assert [step["happening"] for step in alert["timeline"]] == ["firing", "resolved"]
    assert alert["notifications"] == []
    assert [one["id"] for one in firing.get(f"{BASE}/alerts", hours=1).data] == [id_]
    assert firing.post(f"{BASE}/alerts/{id_}/resolve", {"by": "ann"}).status == 409


def test_an_alert_is_silenced_and_no_other(firing: ARuler) -> None:
    alert = firing.alert("Down")
    body = {"by": "ann", "comment": "moving", "duration": "1h"}
    id_ = firing.post(f"{BASE}/alerts/{alert.fingerprint}/silence", body).data["id"]
    (silence,) = firing.get("/api/v2/silences").json
    assert (silence["id"], silence["createdBy"], silence["comment"]) == (id_, "ann", "moving")
    assert {m["name"]: m["value"] for m in silence["matchers"]} == dict(alert.labels.items())
    assert firing.delivery.suppression(alert, firing.clock.at_ms).silenced_by == (id_,)


BODIES = {
    "a duration without a unit": ("silence", {"by": "ann", "comment": "x", "duration": 5}),
    "no duration": ("silence", {"by": "ann", "comment": "x"}),
    "nothing": ("silence", {"by": "ann", "comment": "x", "duration": "0s"}),
    "an unknown key": ("acknowledge", {"by": "ann", "coment": "x"}),
    "a name without end": ("acknowledge", {"by": "a" * 201}),
    "no object": ("acknowledge", [1]),
}


@pytest.mark.parametrize("name", BODIES)
def test_wrong_bodies_are_refused_in_words(reading: ARuler, name: str) -> None:
    deed, body = BODIES[name]
    answer = reading.post(f"{BASE}/alerts/{reading.alert('Down').fingerprint}/{deed}", body)
    assert answer.status in {400, 422}
    assert answer.json["status"] == "error"
    assert answer.json["error"]


def test_alerts_by_severity(reading: ARuler) -> None:
    assert [one["name"] for one in reading.get(f"{BASE}/alerts", severity="critical").data] == ["Down"]
    assert reading.get(f"{BASE}/alerts", severity="low").data == []


def test_the_timeline_is_read_on_from_where_one_was(reading: ARuler) -> None:
    rows = reading.get(f"{BASE}/timeline").data
    assert {(row["name"], row["happening"]) for row in rows} == {("Down", "firing"), ("Slow", "pending")}
    assert reading.get(f"{BASE}/timeline", after=rows[0]["seq"]).data == rows[1:]
    assert reading.get(f"{BASE}/timeline", limit=1).data == rows[:1]


def test_a_rule_is_switched_off_and_on_whatever_its_id(firing: ARuler) -> None:
    id_ = 'rules.yml;web;Down{severity="page"}'
    path = "/".join(["", "api", "v1", "lumina", "rules", id_.replace("{", "%7B").replace("}", "%7D")])
    path = path.replace('"', "%22") + "/switch"
    assert firing.post(path, {"enabled": False, "by": "ann"}).data == {"rule": id_, "enabled": False}
    assert "Down" not in {alert.name for alert in firing.book.alerts()}
    assert firing.post(path, {"enabled": True}).data["enabled"] is True
    assert firing.post(f"{BASE}/rules/none/switch", {"enabled": True}).status == 404


HEALTH = {
    "nothing is wrong": ([], "healthy"),
    "a critical alert": ([("up", {"instance": "a"}, 0.0)], "critical"),
}


@pytest.mark.parametrize("name", HEALTH)
def test_health(ruler: ARuler, name: str) -> None:
    samples, status = HEALTH[name]
    ruler.feed(("up", {"instance": "b"}, 1), *samples)
    ruler.evaluate()
    health = ruler.get(f"{BASE}/health").data
    assert health["status"] == status
    assert health["alerts"] == len(samples)
    assert health["rules"] == 4
    assert health["recent_metrics"] > 0


def test_a_report_has_each_metrics_figures(ruler: ARuler) -> None:
    values = list(range(1, 21))
    for value in values:
        ruler.feed(("system_load1", {"host": "a"}, value), ("up", {}, 1))
        ruler.later(15_000)
    (series,) = ruler.get(f"{BASE}/report", range="1h").data["series"]
    assert (series["metric"], series["labels"], series["count"]) == ("system_load1", {"host": "a"}, 20)
    assert (series["min"], series["max"], series["avg"], series["latest"]) == (1, 20, 10.5, 20)
    assert series["p95"] == pytest.approx(np.percentile(values, 95))
    assert series["p99"] == pytest.approx(np.percentile(values, 99))


def test_a_report_of_another_range_is_refused(ruler: ARuler) -> None:
    answer = ruler.get(f"{BASE}/report", range="2h")
    assert answer.status == 400
    assert "24h" in answer.json["remedy"]


def test_nothing_was_sent_or_done_yet(ruler: ARuler) -> None:
    for what in (
        "notifications",
        "dead-letters",
        "remediations",
        "remediations/audit",
        "remediations/breakers",
    ):
        assert ruler.get(f"{BASE}/{what}").data == []
    assert ruler.post(f"{BASE}/dead-letters/7/retry").status == 404
    assert ruler.post(f"{BASE}/remediations/7/approve", {}).status == 404
    assert ruler.post(f"{BASE}/remediations/7/applaud", {}).status == 400
    assert ruler.post(f"{BASE}/remediations/breakers/reset", {"rule": "r", "action": "a"}).status == 404
    message = {"receiver": "nobody", "subject": "s", "text": "t"}
    assert ruler.post(f"{BASE}/messages", message).status == 404


def test_explanations(reading: ARuler) -> None:
    told = reading.get(f"{BASE}/alerts/{reading.alert('Down').fingerprint}/explain").data
    assert told["phase"] == "firing"
    assert told["receivers"][0]["receiver"] == "ui"
    assert reading.get(f"{BASE}/alerts/0123456789abcdef/explain").status == 404


# Escalations.

ESCALATING = {
    "channels": {"webhook": {"url": "http://127.0.0.1:9/"}},
    "escalations": {"on-call": {"steps": [{"after": "1m", "notify": ["webhook"]}]}},
}
ESCALATED = {
    "rules": [
        {"id": "a", "metric": "up", "condition": "lt", "threshold": 1, "escalation": "on-call"},
        {"id": "b", "metric": "up", "condition": "lt", "threshold": 2},
    ]
}


def test_a_person_escalates(tmp_path: Path) -> None:
    with a_ruler_in_memory(tmp_path, ESCALATING, ESCALATED) as ruler:
        ruler.feed(("up", {}, 0))
        ruler.evaluate()
        path = f"{BASE}/alerts/{ruler.alert('a').fingerprint}"
        coming = ruler.get(path).data["escalation"]
        assert (coming["level"], coming["levels"], coming["next"]["to"]) == (0, 1, ["webhook"])
        assert ruler.post(f"{path}/escalate", {"level": 2}).status == 400
        answer = ruler.post(f"{path}/escalate", {"by": "ann"}).data
        assert answer["escalation_level"] == 1
        row = ruler.get(path).data["timeline"][-1]
        assert (row["happening"], row["detail"]["by"], row["detail"]["to"]) == ("escalated", "ann", "webhook")
        again = ruler.post(f"{path}/escalate", {"by": "ann"})
        assert again.status == 409
        assert "at the top" in again.json["error"]
        explained = ruler.get(f"{path}/explain").data["escalation"]
        assert (explained["next"], explained["why"]) == (None, "at the top: nobody is left to be told")
        assert ruler.post(f"{BASE}/alerts/{ruler.alert('b').fingerprint}/escalate", {}).status == 409
        assert ruler.post(f"{BASE}/alerts/0123456789abcdef/escalate", {}).status == 404
