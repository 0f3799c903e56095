"""Windows and lookback over frames of all sorts, beside the plainest way to find the same samples."""

from collections.abc import Iterator
from random import Random

import numpy as np
import pytest

from promkit.labels import Labels
from ruler.promql.index import Index
from ruler.promql.window import latest, rows_until, windows
from ruler.store import ABSENT, PAD, STALE, Frame, Times, Values, is_stale

LOOKBACK = 60
STEPS = np.array([0, 40, 55, 100, 130, 400], dtype=np.int64)
SHAPES = {"one clock": (1, 5, 0.0), "a clock each": (5, 5, 0.0), "shared clocks": (2, 6, 0.0),
          "holes": (2, 6, 0.3), "one clock, holes": (1, 4, 0.4), "mostly nothing": (3, 3, 0.9)}  # fmt: skip


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """As the engine does: a marker of an end is a signalling NaN, and summing one is no fault."""
    with np.errstate(all="ignore"):
        yield


def a_frame(random: Random, clocks: int, series: int, holes: float) -> Frame:
    """Clocks with from 0 to 12 ticks; values, holes, markers of ends, and real NaN."""
    lengths = [random.randrange(0, 13) for _ in range(clocks)]
    times = np.full((max(1, *lengths), clocks), PAD, dtype=np.int64)
    for clock, length in enumerate(lengths):
        times[:length, clock] = sorted(random.sample(range(-20, 140), length))
    clock_of = np.array([random.randrange(clocks) for _ in range(series)])
    values = np.full((len(times), series), ABSENT)
    for s in range(series):
        for t in range(lengths[clock_of[s]]):
            if random.random() >= holes:
                values[t, s] = random.choice([1.0, 2.0, np.nan, STALE, 3.0, 4.0, 5.0])
    return Frame([Labels({"s": str(s)}) for s in range(series)], times, clock_of, values)


def samples(frame: Frame, s: int) -> Iterator[tuple[int, float]]:
    absent = np.float64(ABSENT).view(np.int64)
    for t, value in zip(frame.times[:, frame.clock[s]].tolist(), frame.values[:, s], strict=True):
        if t != PAD and value.view(np.int64) != absent:
            yield t, value


def ended(value: float) -> bool:
    return bool(is_stale(np.array([value]))[0])


def bits(values: Values) -> list[int]:
    return np.ascontiguousarray(values).view(np.int64).ravel().tolist()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(12))
def test_windows(shape: str, seed: int) -> None:
    frame = a_frame(Random(seed), *SHAPES[shape])
    found = windows(frame, STEPS, STEPS, 50)
    laid, sizes = found.gathered(), np.broadcast_to(found.count, (len(STEPS), len(frame.labels)))
    for s in range(len(frame.labels)):
        for k, end in enumerate(STEPS.tolist()):
            wanted = [v for t, v in samples(frame, s) if end - 50 < t <= end and not ended(v)]
            assert sizes[k, s] == len(wanted)
            assert bits(laid[: len(wanted), k, s]) == bits(np.array(wanted, dtype=np.float64))
    assert found.samples() == int(sizes.sum())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(12))
def test_latest(shape: str, seed: int) -> None:
    frame = a_frame(Random(seed), *SHAPES[shape])
    table = latest(frame, Index(frame.labels), STEPS, LOOKBACK)
    present = table.mask()
    assert table.times is not None
    for s in range(len(frame.labels)):
        for k, end in enumerate(STEPS.tolist()):
            wanted = [(t, v) for t, v in samples(frame, s) if end - LOOKBACK < t <= end]
            is_there = bool(wanted) and not ended(wanted[-1][1])
            assert present[k, s] == is_there
            if is_there:
                assert (table.times[k, s], bits(table.values[k, s : s + 1])) == (
                    wanted[-1][0],
                    bits(np.array([wanted[-1][1]])),
                )


def test_rows_until_with_distant_times() -> None:
    times: Times = np.array([[-(10**15), 5], [0, 10**15], [PAD, PAD]])
    steps = np.array([-(10**15), 0, 5, 10**15], dtype=np.int64)
    assert rows_until(times, steps).tolist() == [[1, 0], [2, 0], [2, 1], [2, 2]]
    assert rows_until(times, steps[2:3]).tolist() == [[2, 1]]
