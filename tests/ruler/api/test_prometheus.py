"""API v1 as Grafana, promtool and client libraries ask it."""

from typing import Any

import pytest

from tests.builders.delivery import START_MS
from tests.builders.ruler import ARuler

AT = START_MS / 1000


def test_an_instant_query(reading: ARuler) -> None:
    data = reading.get("/api/v1/query", query="up", time=AT).data
    assert data["resultType"] == "vector"
    assert {one["metric"]["instance"]: one["value"] for one in data["result"]} == {
        "web1": [AT, "1"],
        "web2": [AT, "0"],
    }


def test_a_query_without_a_time_is_about_now(reading: ARuler) -> None:
    assert reading.get("/api/v1/query", query="time()").data["result"][1] == str(int(AT))


def test_a_query_comes_as_a_form_too(reading: ARuler) -> None:
    assert len(reading.form("/api/v1/query", query="up", time=AT).data["result"]) == 2
    rows = reading.form("/api/v1/query_range", query="up", start=AT - 30, end=AT, step=15).data["result"]
    assert [len(row["values"]) for row in rows] == [1, 1]


def test_a_range_query(firing: ARuler) -> None:
    firing.later(60_000)
    data = firing.get(
        "/api/v1/query_range", query='up{instance="web1"}', start=AT, end=AT + 60, step="30s"
    ).data
    assert data == {
        "resultType": "matrix",
        "result": [
            {
                "metric": {"__name__": "up", "instance": "web1", "job": "web"},
                "values": [[AT, "1"], [AT + 30, "1"], [AT + 60, "1"]],
            }
        ],
    }


FAULTS: dict[str, tuple[str, dict[str, Any], int, str, str]] = {
    "no expression": ("/api/v1/query", {}, 400, "bad_data", "query"),
    "a broken expression": ("/api/v1/query", {"query": "sum("}, 400, "bad_data", "1:5: parse error"),
    "a time that is none": ("/api/v1/query", {"query": "up", "time": "soon"}, 400, "bad_data", "timestamp"),
    "no start": ("/api/v1/query_range", {"query": "up", "end": 1, "step": 1}, 400, "bad_data", "start"),
    "an end before its start": (
        "/api/v1/query_range",
        {"query": "up", "start": 2, "end": 1, "step": 1},
        400,
        "bad_data",
        "end timestamp must not be before start time",
    ),
    "no step": ("/api/v1/query_range", {"query": "up", "start": 1, "end": 2}, 400, "bad_data", "step"),
    "a step of nought": (
        "/api/v1/query_range",
        {"query": "up", "start": 1, "end": 2, "step": 0},
        400,
        "bad_data",
        "zero or negative",
    ),
    "too many steps": (
        "/api/v1/query_range",
        {"query": "up", "start": 0, "end": 100_000, "step": 1},
        400,
        "bad_data",
        "11,000 points",
    ),
    "series without a selector": ("/api/v1/series", {}, 400, "bad_data", "no match[]"),
    "a selector that is none": ("/api/v1/series", {"match[]": "sum(up)"}, 400, "bad_data", "match[]"),
    "a limit that is none": ("/api/v1/labels", {"limit": "many"}, 400, "bad_data", "limit"),
    "a kind of rules that is none": ("/api/v1/rules", {"type": "both"}, 400, "bad_data", "both"),
    "a range of ranges": (
        "/api/v1/query_range",
        {"query": "up[5m]", "start": 1, "end": 2, "step": 1},
        400,
        "bad_data",
        'invalid expression type "range vector" for range query',
    ),
    "many to many": (
        "/api/v1/query",
        {"query": "up * on (job) up"},
        422,
        "execution",
        "many-to-many",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_come_in_prometheus_envelope(reading: ARuler, name: str) -> None:
    path, parameters, status, kind, text = FAULTS[name]
    answer = reading.get(path, **parameters)
    assert (answer.status, answer.json["status"], answer.json["errorType"]) == (status, "error", kind)
    assert text in answer.json["error"]


def test_labels_and_series(reading: ARuler) -> None:
    assert reading.get("/api/v1/labels", **{"match[]": "up"}).data == ["__name__", "instance", "job"]
    assert reading.get("/api/v1/label/instance/values").data == ["web1", "web2"]
    assert reading.get("/api/v1/label/instance/values", **{"match[]": "latency_seconds"}).data == ["web1"]
    assert reading.get("/api/v1/label/none/values").data == []
    found = reading.get("/api/v1/series", **{"match[]": ['up{instance="web1"}', "latency_seconds"]}).data
    assert [series["__name__"] for series in found] == ["latency_seconds", "up"]


def test_a_limit_is_kept_and_said(reading: ARuler) -> None:
    answer = reading.get("/api/v1/label/instance/values", limit=1)
    assert answer.data == ["web1"]
    assert answer.json["warnings"] == ["results truncated due to limit"]


def test_label_names_of_any_kind(ruler: ARuler) -> None:
    ruler.feed(("up", {"host name": "a"}, 1))
    assert ruler.get("/api/v1/label/U__host_20_name/values").data == ["a"]


def test_warnings_and_infos_stand_beside_the_data(firing: ARuler) -> None:
    firing.later(15_000)
    firing.feed(("latency_seconds", {"instance": "web1"}, 4))
    answer = firing.get("/api/v1/query", query="rate(latency_seconds[5m])")
    assert any("might not be a counter" in text for text in answer.json["infos"])


def test_expressions_are_formatted(reading: ARuler) -> None:
    assert reading.get("/api/v1/format_query", query="sum by(a)(up)").data == "sum by (a) (up)"


def test_rules_and_their_alerts(reading: ARuler) -> None:
    (group,) = reading.get("/api/v1/rules").data["groups"]
    assert (group["name"], group["interval"]) == ("web", 30)
    by_name = {rule["name"]: rule for rule in group["rules"]}
    assert by_name["job:up:sum"]["type"] == "recording"
    assert {name: rule.get("state") for name, rule in by_name.items()} == {
        "job:up:sum": None,
        "Down": "firing",
        "Slow": "pending",
        "Never": "inactive",
    }
    (alert,) = by_name["Down"]["alerts"]
    assert alert["labels"] == {"alertname": "Down", "instance": "web2", "job": "web", "severity": "page"}
    assert alert["annotations"] == {"summary": "web2 is down"}
    assert alert["value"] == "0e+00"
    assert all(rule["health"] == "ok" for rule in by_name.values())


def test_a_threshold_rule_says_what_it_watches(reading: ARuler) -> None:
    (group,) = reading.get("/api/v1/rules").data["groups"]
    watched = {rule["name"]: rule.get("lumina") for rule in group["rules"]}
    assert watched["Never"] is None
    assert watched["job:up:sum"] is None
    slow = watched["Slow"]
    assert (slow["metric"], slow["condition"], slow["threshold"], slow["for_ms"]) == (
        "latency_seconds",
        "gt",
        2,
        300_000,
    )


RULE_FILTERS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "alerts": ({"type": "alert"}, ["Down", "Slow", "Never"]),
    "records": ({"type": "record"}, ["job:up:sum"]),
    "by name": ({"rule_name[]": ["Down", "Slow"]}, ["Down", "Slow"]),
    "of another group": ({"rule_group[]": "db"}, []),
    "of a group": ({"rule_group[]": "web", "type": "record"}, ["job:up:sum"]),
}


@pytest.mark.parametrize("name", RULE_FILTERS)
def test_rules_are_filtered(reading: ARuler, name: str) -> None:
    parameters, expected = RULE_FILTERS[name]
    groups = reading.get("/api/v1/rules", **parameters).data["groups"]
    assert [rule["name"] for group in groups for rule in group["rules"]] == expected


def test_alerts_of_rules(reading: ARuler) -> None:
    alerts = reading.get("/api/v1/alerts").data["alerts"]
    assert {(alert["labels"]["alertname"], alert["state"]) for alert in alerts} == {
        ("Down", "firing"),
        ("Slow", "pending"),
    }


def test_recorded_series_and_alerts_are_series_too(reading: ARuler) -> None:
    (row,) = reading.get("/api/v1/query", query="job:up:sum", time=AT).data["result"]
    assert row["value"][1] == "1"
    (row,) = reading.get("/api/v1/query", query='ALERTS{alertstate="firing"}', time=AT).data["result"]
    assert row["metric"]["alertname"] == "Down"


@pytest.mark.parametrize("what", ["buildinfo", "config", "flags", "runtimeinfo"])
def test_status(reading: ARuler, what: str) -> None:
    assert reading.get(f"/api/v1/status/{what}").data


def test_other_alertmanagers_are_none(reading: ARuler) -> None:
    assert reading.get("/api/v1/alertmanagers").data["activeAlertmanagers"] == []
