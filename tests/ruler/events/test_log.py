"""The log of events: order, bounds, replay, and who hears of them."""

import json
import math

import pytest

from promkit.errors import Unavailable
from ruler.events import Event, Events, EventType
from ruler.events.log import BYTES_MAX, KEPT_MAX, LISTENERS_MAX, RECORDED_MAX, TEXT_LENGTH_MAX

NOW_MS = 1_764_061_200_000
ALL = frozenset(EventType)
ADDED, RECORDED = EventType.RULE_ADDED, EventType.METRIC_RECORDED


def a_log(*rules: str) -> Events:
    events = Events(NOW_MS)
    for rule in rules:
        events.publish(ADDED, {"rule": rule}, NOW_MS + 5)
    return events


def rules(events: Events, after: int = 0, limit: int = KEPT_MAX) -> list[str]:
    return [json.loads(event.data)["rule"] for event in events.after(after, {ADDED}, limit).events]


def test_an_event_as_it_goes_out() -> None:
    (event,) = a_log("é").after(0, ALL, 10).events
    assert json.loads(event.json()) == {
        "id": NOW_MS * 1000 + 1,
        "at": "2025-11-25T09:00:00.005Z",
        "at_ms": NOW_MS + 5,
        "type": "rule_added",
        "data": {"rule": "é"},
    }
    assert "\n" not in event.json()


def test_what_came_after_a_number_in_order() -> None:
    events = a_log("a", "b", "c")
    first = events.after(0, ALL, 1).events[0]
    assert rules(events, first.id) == ["b", "c"]
    assert rules(events, first.id, limit=1) == ["b"]
    assert rules(events, events.last_id) == []


def test_types_are_told_apart_and_their_order_is_kept() -> None:
    events = a_log("a")
    events.publish(RECORDED, {"job": "x"}, NOW_MS)
    events.publish(ADDED, {"rule": "b"}, NOW_MS)
    assert [event.kind for event in events.after(0, ALL, 10).events] == [ADDED, RECORDED, ADDED]
    assert [event.kind for event in events.after(0, {RECORDED}, 10).events] == [RECORDED]


def test_numbers_rise_over_a_restart() -> None:
    before = a_log(*"abc").last_id
    later = Events(NOW_MS + 1)
    later.publish(ADDED, {"rule": "d"}, NOW_MS + 1)
    batch = later.after(before, ALL, 10)
    assert batch.missed  # nobody knows what came between the two
    assert [event.id > before for event in batch.events] == [True]


def test_a_number_that_is_yet_to_come_asks_for_all() -> None:
    events = a_log("a", "b")
    assert rules(events, events.last_id + 10**9) == ["a", "b"]


def test_scrapes_push_out_no_other_event() -> None:
    events = a_log("a")
    first = events.last_id
    for number in range(RECORDED_MAX + 10):
        events.publish(RECORDED, {"samples": number}, NOW_MS)
    assert len(events.after(0, {RECORDED}, KEPT_MAX).events) == RECORDED_MAX
    assert rules(events) == ["a"]
    assert events.after(first, {RECORDED}, 1).missed
    assert not events.after(first, {ADDED}, 1).missed


def test_it_keeps_so_many_and_says_when_some_are_gone() -> None:
    events = a_log(*(str(number) for number in range(KEPT_MAX + 2)))
    kept = events.after(0, ALL, 2 * KEPT_MAX).events
    assert len(kept) == KEPT_MAX
    assert events.after(kept[0].id - 2, ALL, 1).missed
    assert not events.after(kept[0].id - 1, ALL, 1).missed


def test_it_keeps_no_more_than_so_many_bytes() -> None:
    events = Events(NOW_MS)
    texts = {f"k{number}": "x" * TEXT_LENGTH_MAX for number in range(100)}
    for _ in range(BYTES_MAX // (100 * TEXT_LENGTH_MAX) + 10):
        events.publish(EventType.PREDICTION_MADE, texts, NOW_MS)
    kept = events.after(0, ALL, KEPT_MAX).events
    assert BYTES_MAX * 0.9 < sum(len(event.data) for event in kept) <= BYTES_MAX


BOUNDED = [
    ({"value": math.nan, "to": math.inf}, {"value": None, "to": None}),
    ({"message": "x" * 3000}, {"message": "x" * (TEXT_LENGTH_MAX - 1) + "…"}),
    ({"labels": {"a": {"b": (1, True)}}}, {"labels": {"a": {"b": [1, True]}}}),
    ({"many": list(range(500))}, {"many": list(range(100))}),
]


@pytest.mark.parametrize(("given", "kept"), BOUNDED)
def test_data_are_what_json_can_say_and_no_longer_than_allowed(given: object, kept: object) -> None:
    events = Events(NOW_MS)
    events.publish(ADDED, given, NOW_MS)  # type: ignore[arg-type]  # what a room may come up with
    assert json.loads(events.after(0, ALL, 1).events[0].data) == kept


def test_who_listens_hears_each_of_its_types_until_it_stops() -> None:
    events = Events(NOW_MS)
    heard: list[Event | None] = []
    stop = events.listen({ADDED}, heard.append)
    events.publish(ADDED, {"rule": "a"}, NOW_MS)
    events.publish(RECORDED, {}, NOW_MS)
    events.close()
    stop()
    events.publish(ADDED, {"rule": "b"}, NOW_MS)
    assert [event and event.data for event in heard] == ['{"rule":"a"}', None]
    assert events.closed


def test_so_many_may_listen_and_no_more() -> None:
    events = Events(NOW_MS)
    stops = [events.listen(ALL, lambda _event: None) for _ in range(LISTENERS_MAX)]
    with pytest.raises(Unavailable, match=f"{LISTENERS_MAX} streams of events are open already"):
        events.check_room()
    stops[3]()
    events.check_room()


def test_it_tells_of_itself() -> None:
    events = a_log("a", "b")
    families = {family.name: [sample.value for sample in family.samples] for family in events.families()}
    assert families == {"ruler_events": [2.0], "ruler_events_kept": [2.0], "ruler_event_listeners": [0.0]}
