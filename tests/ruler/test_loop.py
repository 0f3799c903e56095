"""The evaluation loop: when it begins, what it writes, what it counts."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from promkit.matchers import Matcher, MatchOp
from promkit.process import Stop
from tests.builders.e2e import until
from tests.builders.ruler import ARuler, settings_of

RULES: dict[str, Any] = {
    "groups": [
        {
            "name": "g",
            "interval": "1s",
            "query_offset": "0s",
            "rules": [
                {"alert": "Bad", "expr": "value > 0", "for": "10m"},
                {"record": "value:twice", "expr": "value * 2"},
            ],
        }
    ]
}


@pytest.fixture
def ruler(tmp_path: Path) -> ARuler:
    return ARuler(settings_of(tmp_path, {"rule_files": ["rules.yml"]}, RULES))


def running(ruler: ARuler) -> tuple[threading.Thread, Stop]:
    stop = Stop()
    thread = threading.Thread(target=ruler.loop.run, args=(stop,), daemon=True)
    thread.start()
    return thread, stop


def evaluations(ruler: ARuler) -> int | None:
    return ruler.loop.group_status(ruler.loop.groups()[0]).evaluated_ms


def pending(ruler: ARuler) -> None:
    ruler.feed(("value", {}, 1.0))
    ruler.evaluate()
    assert ruler.alert("Bad").phase == "pending"


def finish(thread: threading.Thread, stop: Stop) -> None:
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def test_restored_alerts_wait_until_every_target_was_looked_at(ruler: ARuler) -> None:
    pending(ruler)
    before = evaluations(ruler)
    seen = threading.Event()
    ruler.loop.begin_when(seen.is_set)
    ruler.later(5_000)
    thread, stop = running(ruler)
    try:
        assert evaluations(ruler) == before
        seen.set()
        turned(ruler, lambda: evaluations(ruler) != before)
    finally:
        finish(thread, stop)


def test_a_target_that_never_answers_is_not_waited_for_beyond_a_minute(ruler: ARuler) -> None:
    pending(ruler)
    before = evaluations(ruler)
    ruler.loop.begin_when(lambda: False)
    thread, stop = running(ruler)
    try:
        turned(ruler, lambda: evaluations(ruler) != before, step_ms=10_000)
    finally:
        finish(thread, stop)


def test_without_alerts_nothing_is_waited_for(ruler: ARuler) -> None:
    ruler.loop.begin_when(lambda: False)
    thread, stop = running(ruler)
    try:
        turned(ruler, lambda: evaluations(ruler) is not None)
    finally:
        finish(thread, stop)


def turned(ruler: ARuler, condition: Callable[[], bool], step_ms: int = 1_000) -> None:
    """Turn the clock on, a step a look, until it holds."""

    def look() -> bool:
        ruler.later(step_ms)
        return condition()

    assert until(look)


def test_a_series_that_a_rule_no_longer_makes_ends(ruler: ARuler) -> None:
    ruler.feed(("value", {"x": "1"}, 1.0), ("value", {"x": "2"}, 1.0))
    ruler.evaluate()
    ruler.later(1_000)
    gone = next(labels for labels in ruler.store.series([[named("value")]], 0, 1 << 53) if labels["x"] == "2")
    ruler.store.end([gone], ruler.clock.at_ms)
    ruler.later(1_000)
    ruler.evaluate()
    value: Any = ruler.rooms.engine.instant("value:twice", ruler.clock.at_ms).value
    assert [labels["x"] for labels in value.labels] == ["1"]


def named(metric: str) -> Matcher:
    return Matcher("__name__", MatchOp.EQUAL, metric)


def test_missed_instants_are_counted_and_not_made_up_for(ruler: ARuler) -> None:
    schedule = ruler.loop._schedules[0]
    ruler.clock.at_ms = schedule.due_ms + 5_000
    ((_, at_ms),) = ruler.loop._take_due(ruler.clock.at_ms)
    assert at_ms == schedule.due_ms - 1_000
    assert at_ms + 1_000 > ruler.clock.at_ms
