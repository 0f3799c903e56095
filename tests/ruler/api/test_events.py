"""The stream of events, the list of them, and what is posted."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from ruler.api.events import stream
from ruler.events import POSTED, Events, EventType
from ruler.events.log import KEPT_MAX, LISTENERS_MAX
from tests.builders.ruler import ARuler, a_ruler_in_memory

PATH = "/api/v1/lumina/events"
ADDED = EventType.RULE_ADDED


@pytest.fixture
def ruler(tmp_path: Path) -> Iterator[ARuler]:
    with a_ruler_in_memory(tmp_path) as ruler:
        yield ruler
        ruler.events.close()


@contextmanager
def streaming(ruler: ARuler, query: str = "", **headers: str) -> Iterator[HTTPResponse]:
    request = urllib.request.Request(ruler.url + PATH + query, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        yield answer


def message(answer: HTTPResponse) -> dict[str, str]:
    """The next message: its fields."""
    fields: dict[str, str] = {}
    while line := answer.readline().decode().rstrip("\n"):
        name, _, value = line.partition(": ")
        fields[name] = value
    return fields


def publish(ruler: ARuler, *names: str) -> None:
    for name in names:
        ruler.events.publish(ADDED, {"rule": name}, ruler.clock.at_ms)


def rule_of(found: dict[str, str]) -> Any:
    return json.loads(found["data"])["data"]["rule"]


def test_events_come_as_they_happen(ruler: ARuler) -> None:
    with streaming(ruler) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["Cache-Control"] == "no-store"
        assert message(answer) == {"retry": "3000"}
        publish(ruler, "a")
        found = message(answer)
        assert found["event"] == "rule_added"
        assert found["id"] == str(ruler.events.last_id)
        written = json.loads(found["data"])
        assert list(written) == ["id", "at", "at_ms", "type", "data"]
        assert (written["at_ms"], written["data"]) == (ruler.clock.at_ms, {"rule": "a"})


def test_only_what_was_asked_for_comes(ruler: ARuler) -> None:
    with streaming(ruler, "?types=rule_removed,%20rule_added") as answer:
        message(answer)
        ruler.events.publish(EventType.METRIC_RECORDED, {}, 1)
        publish(ruler, "a")
        assert rule_of(message(answer)) == "a"


@pytest.mark.parametrize("way", ["header", "parameter", "header before parameter"])
def test_it_goes_on_where_one_was(ruler: ARuler, way: str) -> None:
    publish(ruler, "a")
    after = str(ruler.events.last_id)
    publish(ruler, "b", "c")
    asked = {
        "header": ("", {"Last-Event-ID": after}),
        "parameter": (f"?after={after}", {}),
        "header before parameter": (f"?after={ruler.events.last_id}", {"Last-Event-ID": after}),
    }
    query, headers = asked[way]
    with streaming(ruler, query, **headers) as answer:
        assert "retry" in message(answer)
        assert [rule_of(message(answer)) for _ in range(2)] == ["b", "c"]


def test_a_gap_is_said_before_what_is_left(ruler: ARuler) -> None:
    publish(ruler, "a")
    with streaming(ruler, "?after=5") as answer:
        message(answer)
        found = message(answer)
        assert (found["event"], "id" in found) == ("gap", False)
        assert rule_of(message(answer)) == "a"


def test_the_last_word_when_the_ruler_stops(ruler: ARuler) -> None:
    with streaming(ruler) as answer:
        message(answer)
        ruler.events.close()
        assert message(answer) == {"event": "end", "data": '{"reason": "the ruler is stopping"}'}
        assert answer.read() == b""


def test_who_goes_away_is_forgotten(ruler: ARuler) -> None:
    with streaming(ruler) as answer:
        message(answer)
        assert listeners(ruler) == 1
    publish(ruler, "a")
    for _ in range(1000):
        if listeners(ruler) == 0:
            return
        ruler.get("/-/healthy")
    pytest.fail("still listens")


def listeners(ruler: ARuler) -> float:
    return next(f for f in ruler.events.families() if f.name == "ruler_event_listeners").samples[0].value


def test_one_stream_too_many_is_refused(ruler: ARuler) -> None:
    for _ in range(LISTENERS_MAX):
        ruler.events.listen({ADDED}, lambda _event: None)
    answer = ruler.get(PATH)
    assert answer.status == 503
    assert "streams of events are open already" in answer.json["error"]


async def read(events: Events, after: int, count: int, **options: float) -> list[str]:
    chunks = stream(events, {ADDED}, after, **options)
    return [await anext(chunks) for _ in range(count)]


def test_a_comment_comes_when_nothing_happens() -> None:
    events = Events(1)
    assert asyncio.run(read(events, events.last_id, 3, heartbeat_s=0.001)) == [
        "retry: 3000\n\n",
        ": still there\n\n",
        ": still there\n\n",
    ]


def test_who_reads_too_slowly_is_told_so_and_let_go() -> None:
    async def slowly() -> list[str]:
        events = Events(1)
        chunks = stream(events, {ADDED}, events.last_id)
        got = [await anext(chunks)]
        events.publish(ADDED, {"rule": "first"}, 1)
        got.append(await anext(chunks))
        for number in range(KEPT_MAX + 1):
            events.publish(ADDED, {"rule": number}, 1)
        return [*got, *[chunk async for chunk in chunks]]

    *_, first, last = asyncio.run(slowly())
    assert '"first"' in first
    assert last.startswith("event: end\ndata: ")
    assert "read too slowly" in last


LISTS = [("?format=json", {}), ("", {"Accept": "application/json"})]


@pytest.mark.parametrize(("query", "headers"), LISTS)
def test_a_list_of_what_is_kept(ruler: ARuler, query: str, headers: dict[str, str]) -> None:
    publish(ruler, *"abc")
    with streaming(ruler, query, **headers) as answer:
        found = json.loads(answer.read())["data"]
    assert [event["data"]["rule"] for event in found["events"]] == ["a", "b", "c"]
    assert found["gap"] is False


def test_a_list_is_as_long_as_was_asked_for(ruler: ARuler) -> None:
    publish(ruler, *"abc")
    first = ruler.get(PATH, format="json").data["events"][0]["id"]
    asked = {"newest": {"limit": 2}, "after": {"limit": 1, "after": first}}
    found = {
        name: [event["data"]["rule"] for event in ruler.get(PATH, format="json", **query).data["events"]]
        for name, query in asked.items()
    }
    assert found == {"newest": ["b", "c"], "after": ["b"]}


def test_what_analytics_has_to_tell(ruler: ARuler) -> None:
    body: list[dict[str, Any]] = [
        {"type": "model_trained", "at_ms": 5, "data": {"model": "cpu", "accuracy": 0.9}},
        {"type": "anomaly_detected", "data": {"labels": {"host": "a"}, "value": None}},
    ]
    assert ruler.post(PATH, body).data == {"accepted": 2}
    found = ruler.get(PATH, format="json").data["events"]
    assert [(event["type"], event["at_ms"], event["data"]) for event in found] == [
        ("model_trained", 5, body[0]["data"]),
        ("anomaly_detected", ruler.clock.at_ms, body[1]["data"]),
    ]


def an_event(**changes: Any) -> dict[str, Any]:
    return {"type": "prediction_made", "data": {}, **changes}


REFUSED = {
    "an unknown type": (an_event(type="model_trian"), "no such type of event: 'model_trian'"),
    "a type of the ruler's own": (an_event(type="alert_triggered"), "is told by the ruler itself"),
    "no data": ({"type": "model_trained"}, "1.data: field required"),
    "data that go deep": (an_event(data={"a": {"b": {"c": 1}}}), "data"),
    "an unknown key": (an_event(when=1), "when"),
    "an instant before time": (an_event(at_ms=-1), "at_ms"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_and_then_nothing_is_told(ruler: ARuler, name: str) -> None:
    event, words = REFUSED[name]
    answer = ruler.post(PATH, [an_event(), event])
    assert answer.status == 400
    assert words in answer.json["error"]
    assert ruler.get(PATH, format="json").data["events"] == []


def test_each_type_that_may_be_posted_is(ruler: ARuler) -> None:
    assert ruler.post(PATH, [an_event(type=kind.value) for kind in POSTED]).status == 200


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"types": "rule_aded"}, "did you mean 'rule_added'"),
        ({"format": "xml"}, "json or sse"),
    ],
)
def test_wrong_questions(ruler: ARuler, query: dict[str, str], words: str) -> None:
    answer = ruler.get(PATH, **query)
    assert answer.status == 400
    assert words in answer.json["remedy"]
