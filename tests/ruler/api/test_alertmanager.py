"""API v2 as Prometheus, amtool and karma use it."""

from typing import Any

import pytest

from promkit.labels import Labels
from ruler.api.wire import iso
from tests.builders.delivery import START_MS
from tests.builders.ruler import ARuler

HOUR_MS = 3_600_000


def posted(name: str, **more: Any) -> dict[str, Any]:
    return {"labels": {"alertname": name, **more.pop("labels", {})}, **more}


def silence(name: str = "A", **more: Any) -> dict[str, Any]:
    return {
        "matchers": [{"name": "alertname", "value": name, "isRegex": False, "isEqual": True}],
        "startsAt": iso(START_MS),
        "endsAt": iso(START_MS + HOUR_MS),
        "createdBy": "ann",
        "comment": "c",
        **more,
    }


def names(ruler: ARuler, **parameters: Any) -> list[str]:
    return [alert["labels"]["alertname"] for alert in ruler.get("/api/v2/alerts", **parameters).json]


def test_what_is_posted_is_there(ruler: ARuler) -> None:
    body = [posted("A", annotations={"summary": "s", "empty": ""}, generatorURL="http://p/graph")]
    assert ruler.post("/api/v2/alerts", body).status == 200
    (alert,) = ruler.get("/api/v2/alerts").json
    assert alert["labels"] == {"alertname": "A"}
    assert alert["annotations"] == {"summary": "s", "empty": ""}
    assert alert["generatorURL"] == "http://p/graph"
    assert alert["fingerprint"] == Labels({"alertname": "A"}).fingerprint_hex()
    assert alert["startsAt"] == alert["updatedAt"] == iso(START_MS)
    assert alert["endsAt"] == iso(START_MS + 300_000)
    assert alert["status"] == {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []}


def test_zero_times_stand_for_none_as_gos_clients_send_them(ruler: ARuler) -> None:
    zero = "0001-01-01T00:00:00Z"
    assert ruler.post("/api/v2/alerts", [posted("A", startsAt=zero, endsAt=zero)]).status == 200
    (alert,) = ruler.get("/api/v2/alerts").json
    assert alert["startsAt"] == iso(START_MS)


def test_an_end_in_the_past_resolves(ruler: ARuler) -> None:
    ruler.post("/api/v2/alerts", [posted("A")])
    ruler.later(60_000)
    ruler.post("/api/v2/alerts", [posted("A", endsAt=iso(START_MS + 30_000))])
    assert names(ruler) == []


WRONG: dict[str, tuple[Any, int, str]] = {
    "no labels": ([{"labels": {}}], 400, "at least one label pair"),
    "labels without a value": ([{"labels": {"a": ""}}], 400, "at least one label pair"),
    "no label key at all": ([{"annotations": {}}], 422, "labels"),
    "an end before its start": (
        [posted("A", startsAt=iso(START_MS), endsAt=iso(START_MS - 1))],
        400,
        "start time must be before end time",
    ),
    "a time that is none": ([posted("A", startsAt="soon")], 400, "RFC 3339"),
    "no list": ({"labels": {"alertname": "A"}}, 400, "array"),
    "a number for a label": ([{"labels": {"alertname": 5}}], 400, "string"),
    "a link that is none": ([posted("A", generatorURL="not a url")], 422, "0.generatorURL"),
    "nothing": (b"", 422, "required"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_alerts_are_refused_in_words(reading: ARuler, name: str) -> None:
    body, status, text = WRONG[name]
    before = names(reading)
    answer = reading.post("/api/v2/alerts", body)
    assert answer.status == status
    assert text in answer.json
    assert names(reading) == before


def test_of_several_the_good_ones_are_stored(ruler: ARuler) -> None:
    assert ruler.post("/api/v2/alerts", [posted("A"), {"labels": {}}, posted("B")]).status == 400
    assert sorted(names(ruler)) == ["A", "B"]


def test_no_json_is_refused(ruler: ARuler) -> None:
    assert ruler.post("/api/v2/alerts", b"not json").status == 400


@pytest.fixture(scope="module")
def three(reading: ARuler) -> ARuler:
    """web1 critical, web2 low, db silenced; with Down, which a rule fires."""
    reading.post(
        "/api/v2/alerts",
        [
            posted("Web", labels={"host": "web1", "severity": "critical"}),
            posted("Web", labels={"host": "web2", "severity": "low"}),
            posted("Db", labels={"host": "db"}),
        ],
    )
    reading.post("/api/v2/silences", silence("Db"))
    return reading


FILTERS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "all": ({}, ["Db", "Down", "Web", "Web"]),
    "by a label": ({"filter": 'host="web1"'}, ["Web"]),
    "without quotes": ({"filter": "host=web1"}, ["Web"]),
    "by a regular expression": ({"filter": 'host=~"web.*"'}, ["Web", "Web"]),
    "by what it is not": ({"filter": 'alertname!~"Web|Down"'}, ["Db"]),
    "by several": ({"filter": ['host=~"web.*"', 'severity="low"']}, ["Web"]),
    "a label that is not there": ({"filter": 'host=""'}, ["Down"]),
    "without the silenced": ({"silenced": "false"}, ["Down", "Web", "Web"]),
    "only the silenced": ({"active": "false"}, ["Db"]),
    "a word that Go takes for false": ({"active": "maybe"}, ["Db"]),
    "of a receiver": ({"receiver": "u."}, ["Db", "Down", "Web", "Web"]),
    "of another receiver": ({"receiver": "u"}, []),
}


@pytest.mark.parametrize("name", FILTERS)
def test_alerts_are_filtered(three: ARuler, name: str) -> None:
    parameters, expected = FILTERS[name]
    assert sorted(names(three, **parameters)) == expected


@pytest.mark.parametrize("parameters", [{"filter": "host"}, {"filter": 'host=~"("'}, {"filter": "="}])
def test_filters_that_are_none_are_refused(three: ARuler, parameters: dict[str, str]) -> None:
    answer = three.get("/api/v2/alerts", **parameters)
    assert answer.status == 400
    assert isinstance(answer.json, str)


def test_alerts_are_sorted_by_fingerprint(three: ARuler) -> None:
    found = [alert["fingerprint"] for alert in three.get("/api/v2/alerts").json]
    assert found == sorted(found)


def test_a_silenced_alert_names_its_silence(three: ARuler) -> None:
    (alert,) = three.get("/api/v2/alerts", active="false").json
    (stands,) = three.get("/api/v2/silences").json
    assert alert["status"]["state"] == "suppressed"
    assert alert["status"]["silencedBy"] == [stands["id"]]


def test_pending_alerts_are_not_alertmanagers_business(three: ARuler) -> None:
    assert "Slow" not in names(three)


def test_status_and_receivers(three: ARuler) -> None:
    status = three.get("/api/v2/status").json
    assert status["cluster"]["status"] == "disabled"
    assert status["versionInfo"]["version"].startswith("0.33")
    assert three.get("/api/v2/receivers").json == [{"name": "ui", "labels": {"name": "ui"}}]


def test_a_silence_is_made_read_and_ended(ruler: ARuler) -> None:
    id_ = ruler.post("/api/v2/silences", silence()).json["silenceID"]
    stands = ruler.get(f"/api/v2/silence/{id_}").json
    assert stands["status"] == {"state": "active"}
    assert (stands["createdBy"], stands["comment"], stands["endsAt"]) == ("ann", "c", iso(START_MS + HOUR_MS))
    for _ in range(2):  # it may have ended already
        assert ruler.ask("DELETE", f"/api/v2/silence/{id_}").status == 200
    assert ruler.get(f"/api/v2/silence/{id_}").json["status"] == {"state": "expired"}


def test_a_silence_is_prolonged_under_its_id(ruler: ARuler) -> None:
    id_ = ruler.post("/api/v2/silences", silence()).json["silenceID"]
    later = iso(START_MS + 2 * HOUR_MS)
    assert ruler.post("/api/v2/silences", silence(id=id_, endsAt=later)).json["silenceID"] == id_
    assert ruler.get(f"/api/v2/silence/{id_}").json["endsAt"] == later


def test_other_matchers_make_a_new_silence_and_end_the_old(ruler: ARuler) -> None:
    id_ = ruler.post("/api/v2/silences", silence("A")).json["silenceID"]
    new = ruler.post("/api/v2/silences", silence("B", id=id_)).json["silenceID"]
    assert new != id_
    states = {one["id"]: one["status"]["state"] for one in ruler.get("/api/v2/silences").json}
    assert states == {id_: "expired", new: "active"}


def test_an_unknown_silence_is_not_found(ruler: ARuler) -> None:
    unknown = "00000000-0000-0000-0000-000000000000"
    assert ruler.get(f"/api/v2/silence/{unknown}").status == 404
    assert ruler.ask("DELETE", f"/api/v2/silence/{unknown}").status == 404
    assert ruler.post("/api/v2/silences", silence(id=unknown)).status == 404
    assert ruler.get("/api/v2/silence/no-id").status == 422


WRONG_SILENCES: dict[str, tuple[int, dict[str, Any]]] = {
    "without matchers": (422, {"matchers": []}),
    "with matchers that match everything": (
        400,
        {"matchers": [{"name": "a", "value": ".*", "isRegex": True, "isEqual": True}]},
    ),
    "that ends before it starts": (400, {"endsAt": iso(START_MS - HOUR_MS)}),
    "that has ended": (400, {"startsAt": iso(START_MS - 2 * HOUR_MS), "endsAt": iso(START_MS - HOUR_MS)}),
    "without an end": (400, {"endsAt": "0001-01-01T00:00:00Z"}),
    "with half an expression": (
        400,
        {"matchers": [{"name": "a", "value": "(", "isRegex": True, "isEqual": True}]},
    ),
    "with a matcher without a value": (422, {"matchers": [{"name": "a", "isRegex": False}]}),
    "with a number for who": (400, {"createdBy": 5}),
}


@pytest.mark.parametrize("name", WRONG_SILENCES)
def test_wrong_silences_are_refused_in_words(three: ARuler, name: str) -> None:
    status, changes = WRONG_SILENCES[name]
    answer = three.post("/api/v2/silences", silence(**changes))
    assert answer.status == status
    assert isinstance(answer.json, str)
    assert len(three.get("/api/v2/silences").json) == 1


def test_silences_are_sorted_active_by_end_then_pending_by_start_then_expired(ruler: ARuler) -> None:
    def make(name: str, start: int, end: int) -> str:
        times = {"startsAt": iso(START_MS + start * HOUR_MS), "endsAt": iso(START_MS + end * HOUR_MS)}
        id_: str = ruler.post("/api/v2/silences", silence(name, **times)).json["silenceID"]
        return id_

    late, soon = make("a", 0, 9), make("b", 0, 2)
    next_, then = make("c", 1, 3), make("d", 5, 6)
    ended = make("e", 0, 1)
    ruler.ask("DELETE", f"/api/v2/silence/{ended}")
    found = [one["id"] for one in ruler.get("/api/v2/silences").json]
    assert found == [soon, late, next_, then, ended]
    assert len(ruler.get("/api/v2/silences", expired="false").json) == 4
    assert [one["id"] for one in ruler.get("/api/v2/silences", filter='alertname="c"').json] == [next_]
    assert ruler.get("/api/v2/silences", filter='alertname=~"c"').json == []
