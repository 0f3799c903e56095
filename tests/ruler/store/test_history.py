"""The data directory: what was stored is there after a restart, a kill, damage, and when the disk is full."""

import errno
import logging
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promkit.errors import Conflict
from ruler.store import Store, StoreStats
from ruler.store.frame import is_stale
from tests.builders.store import a_series, a_store, add, samples, selector

MINUTE = 60_000
DAY = 86_400_000


def write_rows(store: Store, count: int, first: int = 0, width: int = 3, step: int = 1000) -> None:
    lane = store.lane("job", "target", step)
    slots = lane.slots([a_series(i=str(number)) for number in range(width)])
    for tick in range(first, first + count):
        row = lane.blank()
        row[slots] = tick + np.arange(width) / 10
        lane.write(tick * step, row)


def rows_of(store: Store) -> int:
    found = samples(store, selector())
    lengths = {len(points) for points in found.values()}
    assert len(lengths) <= 1, "rows are whole"
    for labels, points in found.items():
        assert [value for _, value in points] == [tick + int(labels["i"]) / 10 for tick in range(len(points))]
    return lengths.pop() if lengths else 0


def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    write_rows(store, 1000)
    store.append([a_series("ALERTS", alertname="a")], np.ones(1), 5000)
    store.end([a_series("ALERTS", alertname="a")], 6000)
    add(store, a_series("late"), [(-5, 1.0), (7, 2.0)], imported=True)
    store.describe({"x": ("gauge", "Help.", "")})
    before = samples(store, selector()), samples(store, selector("late"))
    store.close()
    store = a_store(tmp_path, 1_000_000)
    assert (samples(store, selector()), samples(store, selector("late"))) == before
    assert store.metadata() == {"x": ("gauge", "Help.", "")}
    assert store.span() == (-5, 999_000)
    window = store.select(selector(), 500_000, 999_000)
    assert window[0].key is not None, "the rings are whole at once: no file is read"
    assert len(window[0].times) == 500
    ended = store.select(selector("ALERTS"), 0, 9000)[0]
    assert is_stale(ended.values[-1]).all()
    write_rows(store, 5, first=1000)
    assert rows_of(store) == 1005
    store.close()


def test_a_fold_changes_nothing_but_the_size(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    write_rows(store, 3000, width=40)
    before = samples(store, selector())
    size = store.stats().log_bytes
    store.fold(3_000_000)
    assert samples(store, selector()) == before
    stats = store.stats()
    assert stats.chunks == 1
    assert stats.chunk_bytes + stats.log_bytes < size / 20
    write_rows(store, 10, first=3000, width=40)
    store.close()
    store = a_store(tmp_path, 3_010_000)
    assert rows_of(store) == 3010
    assert store.series([selector()], 0, 1000) == sorted(before)
    assert store.label_values("i", [], 0, 1000) == sorted(str(number) for number in range(40))
    store.close()


def test_series_that_are_gone_from_memory_are_found_on_the_disk(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.append([a_series("gone")], np.ones(1), 1000)
    store.end([a_series("gone")], 2000)
    write_rows(store, 2000)
    for folded in (False, True):
        if folded:
            store.fold(2_000_000)
        store.maintain(2_000_000)
        store._history.writer.flush()  # type: ignore[union-attr]
        assert store.stats().series == 3
        assert samples(store, selector("gone"))[a_series("gone")][0] == (1000, 1.0)
        assert a_series("gone") in store.series([], 0, 3000)
        assert store.series([selector("gone")], 1_500_000, 1_600_000) == []
    store.append([a_series("gone")], np.full(1, 2.0), 2_000_000)
    assert [point[0] for point in samples(store, selector("gone"))[a_series("gone")]] == [
        1000,
        2000,
        2_000_000,
    ]
    store.close()


def test_past_days_are_merged_and_old_ones_dropped(tmp_path: Path) -> None:
    store = a_store(tmp_path, retention_ms=3 * DAY)
    for day in range(3):
        for half in range(2):
            start = day * DAY + half * DAY // 2
            points = [(start + number * MINUTE, float(number)) for number in range(100)]
            add(store, a_series(), points, imported=True)
            store.fold(start)
    before = samples(store, selector())
    assert store.stats().chunks == 6
    store.maintain(2 * DAY + 1)
    assert store.stats().chunks == 4, "two days are over"
    assert samples(store, selector()) == before
    store.maintain(4 * DAY)
    assert samples(store, selector())[a_series()][0] == (DAY, 0.0), "the first day is past retention"
    store.maintain(9 * DAY)
    assert samples(store, selector()) == {}
    store.close()


def test_files_beyond_the_size_are_dropped_the_oldest_first(tmp_path: Path) -> None:
    store = a_store(tmp_path, size_bytes_max=30_000)
    rng = np.random.default_rng(1)
    for number in range(6):
        points = [(number * DAY + place, value) for place, value in enumerate(rng.random(1000).tolist())]
        add(store, a_series(), points, imported=True)
        store.fold(number * DAY)
    store.maintain(5 * DAY)
    stats: StoreStats = store.stats()
    assert stats.chunk_bytes <= 30_000
    assert samples(store, selector())[a_series()][-1][0] == 5 * DAY + 999
    store.close()


def test_a_second_owner_is_told_who_has_it(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    with pytest.raises(Conflict, match=f"process {os.getpid()} has this data directory open"):
        a_store(tmp_path)
    store.close()
    a_store(tmp_path).close()


WRITER = """
import sys, time
from pathlib import Path
from tests.builders.store import a_store
from tests.ruler.store.test_history import write_rows
store = a_store(Path(sys.argv[1]), sync=sys.argv[2])
first = int(sys.argv[3])
while True:
    write_rows(store, 1, first=first)
    first += 1
    print(first, time.time(), flush=True)
    if sys.argv[2] != "always":
        time.sleep(0.002)
    if first % 150 == 0:
        store.fold(first * 1000)
"""


@pytest.mark.parametrize("sync", ["second", "always"])
def test_a_kill_loses_at_most_the_last_second(tmp_path: Path, sync: str) -> None:
    root = Path(__file__).parents[3]
    rng = random.Random(7)
    stored = 0
    for _ in range(2):
        argv = [sys.executable, "-c", WRITER, str(tmp_path / "data"), sync, str(stored)]
        with (tmp_path / "out").open("wb") as out:
            process = subprocess.Popen(argv, cwd=root, stdout=out)
            deadline = time.monotonic() + 20
            while not (tmp_path / "out").stat().st_size and time.monotonic() < deadline:
                time.sleep(0.01)  # until the first row is told
            time.sleep(rng.uniform(0.2, 1.6))
            process.kill()
            killed = time.time()
            process.wait()
        told = [line.split() for line in (tmp_path / "out").read_text().splitlines()[:-1]]
        owed = [int(number) for number, at in told if sync == "always" or float(at) < killed - 1.2]
        store = a_store(tmp_path / "data", 10**7)
        stored = rows_of(store)
        store.close()
        assert stored >= max(owed, default=0)


@pytest.fixture
def a_log(tmp_path: Path) -> Path:
    store = a_store(tmp_path)
    write_rows(store, 50)
    store.close()
    (path,) = (path for path in (tmp_path / "log").iterdir() if path.stat().st_size > 16)
    return path


@pytest.mark.parametrize("place", range(0, 100, 9))
def test_a_torn_log_keeps_what_is_whole(a_log: Path, place: int) -> None:
    os.truncate(a_log, a_log.stat().st_size * place // 100)
    store = a_store(a_log.parents[1])
    assert rows_of(store) >= 50 * place // 100 - 5
    write_rows(store, 3, first=rows_of(store))
    kept = rows_of(store)
    store.close()
    store = a_store(a_log.parents[1])
    assert rows_of(store) == kept
    store.close()


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_log_is_said_and_read_up_to_the_damage(
    a_log: Path, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    content = bytearray(a_log.read_bytes())
    place = random.Random(seed).randrange(len(content))
    content[place] ^= 0x55
    a_log.write_bytes(content)
    with caplog.at_level(logging.INFO):
        store = a_store(a_log.parents[1])
    assert rows_of(store) <= 50
    assert rows_of(store) >= 50 * place // len(content) - 5
    store.close()
    if 8 <= place < 16 or rows_of_padding(content, place):
        return
    assert [record.message for record in caplog.records if record.name.startswith("ruler.store")]


def rows_of_padding(content: bytearray, place: int) -> bool:
    """Whether damage cannot be seen, for nothing is read from there: zeros between frames."""
    position = 16
    while position < len(content):
        length = int.from_bytes(content[position : position + 4], "little")
        end = position + 16 + length
        if position <= place < end:
            return False
        position = end + -length % 8
    return True


def test_a_damaged_chunk_is_said_once_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = a_store(tmp_path)
    for day in range(2):
        add(store, a_series(), [(day * DAY + n, n * 1.1) for n in range(500)], imported=True)
        store.fold(day * DAY)
    store.close()
    first = min((tmp_path / "chunks").iterdir())
    content = bytearray(first.read_bytes())
    content[len(content) // 3] ^= 0x55
    first.write_bytes(content)
    store = a_store(tmp_path)
    for _ in range(2):
        assert [time for time, _ in samples(store, selector())[a_series()]] == list(range(DAY, DAY + 500))
    store.maintain(9 * DAY)
    store.close()
    told = [record for record in caplog.records if record.message.startswith("chunk file is damaged")]
    assert len(told) == 1


def test_what_a_cut_fold_left_is_removed(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    write_rows(store, 20)
    store.close()
    for name in ("1-0.tmp", "9-0.chunk"):
        (tmp_path / "chunks" / name).write_bytes(b"half a chunk")
    store = a_store(tmp_path)
    assert rows_of(store) == 20
    assert not list((tmp_path / "chunks").iterdir())
    store.close()


def test_a_full_disk_is_said_once_and_nothing_is_lost_when_there_is_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    store = a_store(tmp_path, sync="always")
    write_rows(store, 5)

    def full(file: int, buffers: list[bytes]) -> int:
        os.write(file, b"some of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("ruler.store.writer.os.writev", full)
        write_rows(store, 5, first=5)
        assert rows_of(store) == 10, "samples are still taken and served"
    write_rows(store, 5, first=10)
    store.close()
    store = a_store(tmp_path)
    assert rows_of(store) == 15
    store.close()
    said = [record.message for record in caplog.records if "log " in record.message]
    assert said.count("log cannot be written, samples stay in memory") == 1
    assert said.count("log is written again") == 1


operation = st.one_of(
    st.tuples(st.just("rows"), st.integers(1, 30), st.sampled_from([1, 2, 4])),
    st.tuples(st.just("late"), st.integers(-100, 60_000), st.integers(0, 3)),
    st.tuples(st.just("fold"), st.just(0), st.just(0)),
    st.tuples(st.just("restart"), st.just(0), st.just(0)),
    st.tuples(st.just("maintain"), st.just(0), st.just(0)),
)


@settings(max_examples=12, deadline=None)
@given(st.lists(operation, max_size=12))
def test_no_order_of_writes_folds_and_restarts_changes_what_is_stored(
    tmp_path_factory: pytest.TempPathFactory, operations: list[tuple[str, int, int]]
) -> None:
    directory = tmp_path_factory.mktemp("data")
    options = {"ring_ms_min": 20_000, "ring_ms_max": 20_000}
    store, plain = a_store(directory, **options), a_store()
    tick = 0
    for kind, number, width in operations:
        if kind == "rows":
            for one in (store, plain):
                write_rows(one, number, first=tick, width=width)
            tick += number
        elif kind == "late":
            for one in (store, plain):
                add(one, a_series(i=str(width)), [(2 * number + 1, 0.5)], imported=True)
        elif kind == "fold":
            store.fold(tick * 1000)
        elif kind == "maintain":
            store.maintain(tick * 1000)
        else:
            store.close()
            store = a_store(directory, tick * 1000, **options)
    store._history.writer.flush()  # type: ignore[union-attr]
    for start, end in [(-1000, 10**6), (tick * 1000 - 30_000, tick * 1000 - 10_000), (500, 1500)]:
        assert samples(store, selector(), start, end) == samples(plain, selector(), start, end)
    store.close()
