"""Due times: each once, in step with the clock."""

from collections.abc import Hashable
from dataclasses import dataclass

from promkit.process import Stop
from ruler.ingest.schedule import Schedule


@dataclass
class ManualClock:
    now: int = 1_000_000

    def now_ms(self) -> int:
        return self.now

    def monotonic_ms(self) -> int:
        return self.now - 900_000


def run(schedule: Schedule, clock: ManualClock, until_ms: int) -> None:
    """Let one worker do all that is due, a millisecond at a time."""
    stop = Stop()
    while clock.now <= until_ms:
        while schedule.take_due(stop):
            pass
        clock.now += 1


def a_schedule(clock: ManualClock, took_ms: int = 0) -> tuple[Schedule, list[tuple[Hashable, int]]]:
    done: list[tuple[Hashable, int]] = []

    def work(key: Hashable, at_ms: int) -> None:
        done.append((key, at_ms))
        clock.now += took_ms

    return Schedule(clock, work, lambda: None), done


def test_everything_is_done_at_its_offset() -> None:
    clock = ManualClock()
    schedule, done = a_schedule(clock)
    schedule.put("a", 1000, 300)
    schedule.put("b", 500, 100)
    run(schedule, clock, 1_002_000)
    assert [at_ms for key, at_ms in done if key == "a"] == [1_000_300, 1_001_300]
    assert [at_ms for key, at_ms in done if key == "b"] == [1_000_100, 1_000_600, 1_001_100, 1_001_600]
    assert done == sorted(done, key=lambda one: one[1])


def test_what_takes_longer_than_its_interval_misses_instants() -> None:
    clock = ManualClock()
    schedule, done = a_schedule(clock, took_ms=1500)
    schedule.put("a", 1000, 0)
    run(schedule, clock, 1_006_000)
    assert [at_ms for _, at_ms in done] == [1_001_000, 1_003_000, 1_005_000]
    assert schedule.missed == 3, "the last one took until after the next"


def test_what_was_removed_is_not_done() -> None:
    clock = ManualClock()
    schedule, done = a_schedule(clock)
    schedule.put("a", 1000, 0)
    schedule.remove("a")
    run(schedule, clock, 1_003_000)
    assert done == []
