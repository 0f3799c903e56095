"""Cadence, timeout, caps; what a hung collector does, and does not do."""

import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from exporter.collector import Source
from exporter.scheduler import Reading, Scheduler, capped
from promkit.errors import Unavailable
from promkit.exposition import Family, gauge, histogram
from promkit.process import Stop
from tests.builders.sources import Scripted, a_source, values

WITHIN_S = 10.0


class Board:
    """Keeps readings, and waits for one that fits."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self._changed = threading.Condition()

    def put(self, reading: Reading) -> None:
        with self._changed:
            self.readings.append(reading)
            self._changed.notify_all()

    def wait(self, fits: Callable[[Reading], bool]) -> Reading:
        with self._changed:
            assert self._changed.wait_for(lambda: any(map(fits, self.readings)), WITHIN_S)
            return next(filter(fits, self.readings))


class Running:
    def __init__(self) -> None:
        self.board = Board()
        self.scheduler = Scheduler(self.board.put)
        self._stop = Stop()
        self._thread = threading.Thread(target=self.scheduler.watch, args=(self._stop,))
        self._thread.start()

    def start(self, source: Source, collector: Scripted) -> None:
        self.scheduler.apply([source], lambda _source, _before: collector)

    def end(self) -> None:
        self._stop.set()
        self._thread.join(WITHIN_S)
        assert not self._thread.is_alive()


@pytest.fixture
def running() -> Iterator[Running]:
    one = Running()
    yield one
    one.end()


def test_reads_again_and_again(running: Running) -> None:
    running.start(a_source(every=5), Scripted())
    reading = running.board.wait(lambda reading: reading.health.runs == 3)
    assert reading.health.success
    assert reading.health.series == 1
    assert reading.families is not None
    assert values(reading.families) == {"a_metric": 1.0}


def test_a_failure_is_told_when_it_begins_and_when_it_ends(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    outcomes = iter(["", "no such file", "no such file", ""])

    def collect() -> list[Family]:
        why = next(outcomes, "")
        if why:
            raise Unavailable(why)
        return []

    running.start(a_source(every=5), Scripted(collect))
    failed = running.board.wait(lambda reading: reading.health.failures == 1)
    assert failed.health.error == "no such file"
    assert failed.families is None
    running.board.wait(lambda reading: reading.health.runs == 4 and reading.health.success)
    told = [record.message for record in caplog.records if record.name == "exporter.scheduler"]
    assert told == ["collector failing", "collector works again"]


def test_a_bug_is_a_failure_with_a_traceback(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    running.start(a_source(every=60_000), Scripted(lambda: [1 / 0]))  # type: ignore[list-item]
    reading = running.board.wait(lambda reading: not reading.health.success)
    assert "ZeroDivisionError" in reading.health.error
    assert any(record.exc_info for record in caplog.records)


def test_a_hung_collector_is_told_and_not_started_twice(running: Running) -> None:
    collector = Scripted()
    collector.gate.clear()
    running.start(a_source(every=5, timeout=10), collector)
    late = running.board.wait(lambda reading: reading.health.timeouts == 1)
    assert "no answer within 0.01 s" in late.health.error
    assert late.families is None
    assert collector.runs == 1
    collector.gate.set()
    recovered = running.board.wait(lambda reading: reading.health.success)
    # The run that hung gave its values too late: they are of another time.
    assert recovered.health.runs == 2


def test_the_end_does_not_wait_for_what_hangs() -> None:
    one = Running()
    collector = Scripted()
    collector.gate.clear()
    one.start(a_source(timeout=10), collector)
    one.board.wait(lambda reading: reading.health.timeouts == 1)
    started = time.monotonic()
    one.end()
    assert time.monotonic() - started < 5
    collector.gate.set()


def test_a_poke_reads_at_once(running: Running) -> None:
    running.start(a_source(every=3_600_000), Scripted())
    running.board.wait(lambda reading: reading.health.runs == 1)
    running.scheduler.poke("scripted")
    running.board.wait(lambda reading: reading.health.runs == 2)


def test_a_reload_leaves_alone_what_did_not_change(running: Running) -> None:
    built: list[str] = []

    def build(source: Source, before: object) -> Scripted:
        built.append(f"{source.name} {source.settings.every} {'after one' if before else 'new'}")
        return Scripted()

    stays, changes, goes = (a_source(name, every=60_000) for name in ("stays", "changes", "goes"))
    running.scheduler.apply([stays, changes, goes], build)
    changed = Source("changes", changes.kind, a_source(every=70_000).settings)
    running.scheduler.apply([stays, changed], build)
    assert built == ["stays 60000 new", "changes 60000 new", "goes 60000 new", "changes 70000 after one"]


def some(count: int, name: str = "a") -> Family:
    return gauge(name, "A.", *(({"n": str(number)}, number) for number in range(count)))


CAPS = {
    "under": ([some(3)], 3, 3, 0),
    "over": ([some(5)], 3, 3, 2),
    "the later family loses": ([some(2), some(2, "b")], 3, 3, 1),
    "all of the later family": ([some(3), some(2, "b")], 3, 3, 2),
    "nothing": ([], 3, 0, 0),
}


@pytest.mark.parametrize(("families", "cap", "kept", "dropped"), CAPS.values(), ids=CAPS)
def test_cap(families: list[Family], cap: int, kept: int, dropped: int) -> None:
    found, lost = capped(families, cap)
    assert (sum(len(family.samples) for family in found), lost) == (kept, dropped)


def test_a_histogram_is_kept_whole() -> None:
    family = histogram("h", "H.", [({"n": str(n)}, {1.0: 1, float("inf"): 2}, 3.0) for n in range(3)])
    found, lost = capped([family], 2)
    assert lost == 1
    assert len(found[0].samples) == 8


def test_a_cap_is_counted(running: Running) -> None:
    running.start(a_source(every=5, series_max=2), Scripted(lambda: [some(5)]))
    reading = running.board.wait(lambda reading: reading.health.runs == 2)
    assert (reading.health.series, reading.health.dropped, reading.health.dropped_total) == (2, 3, 6)
