"""Samples in, frames out: the store in memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruler.store import ABSENT, STALE, is_stale
from tests.builders.store import a_series, a_store, add, samples, selector


def test_appended_instants_come_back_in_one_frame() -> None:
    store = a_store()
    series = [a_series(i="a"), a_series(i="b")]
    for at_ms in (1000, 2000, 3000):
        store.append(series, np.array([at_ms / 1000, 7.0]), at_ms)
    frames = store.select(selector(), 2000, 3000)
    assert len(frames) == 1
    assert frames[0].times.tolist() == [[2000], [3000]]
    assert frames[0].values.tolist() == [[2.0, 7.0], [3.0, 7.0]]
    assert store.select(selector(), 2000, 3000)[0].key == frames[0].key
    assert store.span() == (1000, 3000)


def test_a_selection_follows_series_that_come() -> None:
    store = a_store()
    store.append([a_series(i="a")], np.ones(1), 1000)
    assert len(samples(store, selector())) == 1
    store.append([a_series(i="a"), a_series(i="b")], np.ones(2), 2000)
    assert samples(store, selector()) == {
        a_series(i="a"): [(1000, 1.0), (2000, 1.0)],
        a_series(i="b"): [(2000, 1.0)],
    }


def test_an_ended_series_is_marked_and_may_come_back() -> None:
    store = a_store()
    store.append([a_series()], np.ones(1), 1000)
    store.end([a_series()], 2000)
    frame = store.select(selector(), 0, 9000)[0]
    assert is_stale(frame.values[:, 0]).tolist() == [False, True]
    store.append([a_series()], np.ones(1), 3000)
    assert len(store.select(selector(), 0, 9000)[0].times) == 3


def test_series_are_listed_by_when_they_had_samples() -> None:
    store = a_store()
    store.append([a_series(i="old")], np.ones(1), 1000)
    store.end([a_series(i="old")], 2000)
    store.append([a_series("y", i="new")], np.ones(1), 5000)
    assert store.series([], 0, 1500) == [a_series(i="old")]
    assert store.series([], 3000, 9000) == [a_series("y", i="new")]
    assert store.series([selector(), selector("y")], 0, 9000) == [a_series(i="old"), a_series("y", i="new")]
    assert store.label_names([], 0, 9000) == ["__name__", "i"]
    assert store.label_values("i", [], 0, 9000) == ["new", "old"]
    assert store.label_values("i", [selector("y")], 0, 9000) == ["new"]


def test_what_ended_long_ago_is_given_back() -> None:
    store = a_store()
    for at_ms in range(0, 2_000_000, 10_000):
        store.append([a_series(i="stays")], np.ones(1), at_ms)
        if at_ms == 10_000:
            store.append([a_series("y")], np.ones(1), at_ms)
            store.end([a_series("y")], at_ms + 1)
    assert store.stats().series == 2
    store.maintain(2_000_000)
    assert store.stats().series == 1
    assert samples(store, selector("y")) == {}
    store.append([a_series("y")], np.full(1, 5.0), 2_000_000)
    assert samples(store, selector("y")) == {a_series("y"): [(2_000_000, 5.0)]}


def test_lanes_share_a_frame_and_slots_are_used_again() -> None:
    store = a_store()
    lanes = [store.lane("job", f"target{number}", 10_000) for number in range(3)]
    for number, lane in enumerate(lanes):
        lane.slots([a_series(target=str(number), i=str(i)) for i in range(4)])
    for tick in range(200):
        for number, lane in enumerate(lanes):
            row = lane.blank()
            row[:2] = tick
            if tick == 0:
                row[2:] = 1.0
            elif tick == 1:
                row[2:] = STALE
                lane.retire(np.array([2, 3]), tick * 10_000)
            lane.write(tick * 10_000 + number, row)
    assert len(store.select(selector(), 1_000_000, 2_000_000)) == 1
    store.maintain(2_000_000)
    assert store.stats().series == 6
    slots = lanes[0].slots([a_series("new")])
    assert slots.tolist()[0] in {2, 3}, "a freed slot"
    row = lanes[0].blank()
    row[slots] = 3.0
    lanes[0].write(2_000_000, row)
    assert samples(store, selector("new")) == {a_series("new"): [(2_000_000, 3.0)]}


def test_a_lane_that_ends_marks_its_series() -> None:
    store = a_store()
    lane = store.lane("job", "t", 1000)
    lane.slots([a_series()])
    lane.write(1000, np.ones(1))
    lane.end(2000)
    frame = store.select(selector(), 0, 9000)[0]
    assert is_stale(frame.values[:, 0]).tolist() == [False, True]
    assert store.lane("job", "t", 1000) is not lane


def test_one_series_of_two_lanes_is_one_series() -> None:
    store = a_store()
    for number, at_ms in enumerate((1000, 1500)):
        lane = store.lane("job", str(number), 1000)
        lane.slots([a_series()])
        lane.write(at_ms, np.full(1, float(number)))
    assert samples(store, selector()) == {a_series(): [(1000, 0.0), (1500, 1.0)]}


def test_a_row_that_is_not_later_than_the_last_goes_in_where_it_belongs() -> None:
    store = a_store()
    lane = store.lane("job", "t", 1000)
    lane.slots([a_series(i="a"), a_series(i="b")])
    lane.write(10_000, np.array([1.0, 2.0]))
    lane.write(5_000, np.array([3.0, ABSENT]))
    assert samples(store, selector()) == {
        a_series(i="a"): [(5000, 3.0), (10_000, 1.0)],
        a_series(i="b"): [(10_000, 2.0)],
    }


ORDER: dict[str, tuple[list[tuple[int, float]], list[tuple[int, float]], int, int]] = {
    "in order": ([(1, 1.0), (2, 2.0)], [], 0, 0),
    "late, within the window": ([(100_000, 1.0)], [(1, 2.0)], 0, 0),
    "late, beyond the window": ([(10_000_000, 1.0)], [(1, 2.0)], 1, 0),
    "the same again": ([(1, 1.0)], [(1, 1.0)], 0, 0),
    "another value at an instant": ([(1, 1.0)], [(1, 2.0)], 0, 1),
    "before 1970": ([(-5, 1.0)], [(-9, 2.0)], 0, 0),
}


@pytest.mark.parametrize("name", ORDER)
def test_samples_out_of_order(name: str) -> None:
    first, then, too_old, duplicate = ORDER[name]
    store = a_store()
    assert add(store, a_series(), first).total == 0
    if then:
        rejected = add(store, a_series(), then)
        assert (rejected.too_old, rejected.duplicate) == (too_old, duplicate)
    kept = dict(then if not (too_old or duplicate) else []) | dict(first)
    assert samples(store, selector()) == {a_series(): sorted(kept.items())}


def test_imports_are_not_bounded_by_the_window() -> None:
    store = a_store()
    add(store, a_series(), [(10**9, 1.0)])
    assert add(store, a_series(), [(-5, 2.0)], imported=True).total == 0
    assert samples(store, selector()) == {a_series(): [(-5, 2.0), (10**9, 1.0)]}


def test_metadata_is_kept() -> None:
    store = a_store()
    store.describe({"x": ("counter", "What.", "")})
    assert store.metadata() == {"x": ("counter", "What.", "")}


point = st.tuples(st.sampled_from("abc"), st.integers(-50, 50), st.floats(allow_nan=False))


@given(st.lists(st.lists(point, max_size=8), max_size=6), st.integers(-60, 60), st.integers(0, 60))
def test_any_samples_come_back_as_they_were_first_given(
    batches: list[list[tuple[str, int, float]]], start: int, length: int
) -> None:
    store = a_store()
    expected: dict[str, dict[int, float]] = {}
    for batch in batches:
        series = [a_series(i=name) for name in "abc"]
        which = np.array(["abc".index(name) for name, _, _ in batch], np.intp)
        times = np.array([time for _, time, _ in batch], np.int64)
        store.append_samples(series, which, times, np.array([value for *_, value in batch], float))
        for name, time, value in batch:
            expected.setdefault(name, {}).setdefault(time, value)
    within = {
        a_series(i=name): sorted((t, v) for t, v in points.items() if start <= t <= start + length)
        for name, points in expected.items()
    }
    found = samples(store, selector(), start, start + length)
    assert found == {labels: points for labels, points in within.items() if points}
