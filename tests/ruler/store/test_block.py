"""Rings of rows."""

from collections.abc import Iterable

import numpy as np

from ruler.store.block import Block, Columns, Gather, Window
from ruler.store.frame import ABSENT, PAD, is_absent

WINDOW_MS = 10_000


def write(block: Block, clock: int, columns: Columns, times: Iterable[int], first: float = 0.0) -> None:
    for number, at_ms in enumerate(times):
        row = first + number + np.arange(len(columns)) / 10
        block.write(clock, columns, at_ms, row, WINDOW_MS)


def read(block: Block, columns: Columns, start_ms: int, end_ms: int) -> Window:
    window = block.read(Gather.of(block, columns), start_ms, end_ms)
    assert window is not None
    return window


def test_a_window_has_the_rows_from_start_to_end_inclusive() -> None:
    block = Block(8)
    clock = block.open_clock()
    columns = block.allocate(clock, 2)
    write(block, clock, columns, [1000, 2000, 3000, 4000])
    window = read(block, columns, 2000, 3000)
    assert window.times.tolist() == [[2000], [3000]]
    assert window.values.tolist() == [[1.0, 1.1], [2.0, 2.1]]
    assert block.read(Gather.of(block, columns), 4001, 9000) is None


def test_clocks_that_are_out_of_step_stand_side_by_side() -> None:
    block = Block(8)
    first, second = block.open_clock(), block.open_clock()
    columns = np.concatenate([block.allocate(first, 1), block.allocate(second, 1)])
    write(block, first, columns[:1], [1000, 2000, 3000])
    write(block, second, columns[1:], [1500, 2500], first=7.0)
    window = read(block, columns, 1200, 3000)
    assert window.times.tolist() == [[2000, 1500], [3000, 2500]]
    assert window.values.tolist() == [[1.0, 7.0], [2.0, 8.0]]
    window = read(block, columns, 1000, 3000)
    assert window.times.tolist() == [[1000, 1500], [2000, 2500], [3000, PAD]]
    assert is_absent(window.values).tolist() == [[False, False], [False, False], [False, True]]


def test_the_ring_forgets_the_oldest_and_grows_while_rows_are_wanted() -> None:
    block = Block(4)
    clock = block.open_clock()
    columns = block.allocate(clock, 3)
    write(block, clock, columns, range(0, 30_000, 1000))
    window = read(block, columns, 0, 30_000)
    assert window.times[-11:, 0].tolist() == list(range(19_000, 30_000, 1000)), "ten seconds are wanted"
    assert window.values[-1].tolist() == [29.0, 29.1, 29.2]
    assert len(window.times) <= 16, "but not everything"


def test_what_was_displaced_is_told() -> None:
    block = Block(2)
    clock = block.open_clock()
    columns = block.allocate(clock, 1)
    row = np.zeros(1)
    assert [block.write(clock, columns, at_ms, row, 0) for at_ms in (1, 2, 3, 4)] == [None, None, 1, 2]
    assert block.span(clock) == (3, 4)


def test_new_columns_have_no_samples_in_old_rows_and_old_ones_keep_theirs() -> None:
    block = Block(8)
    clock = block.open_clock()
    columns = block.allocate(clock, 60)
    write(block, clock, columns, [1, 2])
    more = np.concatenate([columns, block.allocate(clock, 500)])
    block.write(clock, more, 3, np.arange(560.0), WINDOW_MS)
    window = read(block, more, 0, 9)
    assert window.values[:2, :60].tolist() == (np.arange(2)[:, None] + np.arange(60) / 10).tolist()
    assert is_absent(window.values[:2, 60:]).all()
    assert window.values[2].tolist() == np.arange(560.0).tolist()


def test_a_released_column_is_clean_for_the_next_owner() -> None:
    block = Block(4)
    clock = block.open_clock()
    columns = block.allocate(clock, 2)
    write(block, clock, columns, [1, 2])
    block.release(columns)
    block.close_clock(clock)
    again = block.open_clock()
    fresh = block.allocate(again, 2)
    assert sorted(fresh.tolist()) == sorted(columns.tolist())
    block.write(again, fresh, 5, np.array([ABSENT, 1.0]), WINDOW_MS)
    window = read(block, fresh, 0, 9)
    assert window.times.tolist() == [[5]]


def test_many_clocks_with_starts_of_their_own_are_read_like_one_by_one() -> None:
    rng = np.random.default_rng(1)
    block = Block(16)
    owned = []
    for number in range(20):
        clock = block.open_clock()
        columns = block.allocate(clock, 3)
        times = 1000 * np.arange(rng.integers(1, 40)) + number
        write(block, clock, columns, times.tolist(), first=float(number))
        owned.append(columns)
    everything = np.concatenate(owned)
    for start, end in [(0, 50_000), (9_500, 31_000), (36_000, 37_000)]:
        whole = read(block, everything, start, end)
        for number, columns in enumerate(owned):
            alone = block.read(Gather.of(block, columns), start, end)
            height = 0 if alone is None else len(alone.times)
            assert (whole.times[height:, number] == PAD).all()
            if alone is not None:
                assert whole.times[:height, number].tolist() == alone.times[:, 0].tolist()
                assert np.array_equal(whole.values[:height, 3 * number : 3 * number + 3], alone.values)
