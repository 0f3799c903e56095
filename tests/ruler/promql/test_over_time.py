"""Functions of windows give the same however the work is cut up, and whichever way long windows go."""

from random import Random

import numpy as np
import pytest

from promkit.labels import Labels
from ruler.promql import Engine, Matrix, Options, window
from ruler.promql.functions import FUNCTIONS, ValueType
from ruler.store import ABSENT, PAD, Frame, is_absent

EXTRA = {"predict_linear": ", 60", "double_exponential_smoothing": ", 0.5, 0.3"}
QUERIES = [
    f"{name}({'0.7, ' if name == 'quantile_over_time' else ''}x_total[100s]{EXTRA.get(name, '')})"
    for name, function in FUNCTIONS.items()
    if ValueType.MATRIX in function.args
]
WAYS = {
    "long windows": {"ROWS_FEW": 2, "CELLS_MANY": 1 << 30},
    "a column at a time": {"CELLS_MAX": 1},
    "a few steps at a time": {"GATHERED_MAX": 40},
    "all at once": {"ROWS_FEW": 2, "CELLS_MANY": 1 << 30, "GATHERED_MAX": 40},
}


class Ragged:
    """Series on clocks of their own and on shared ones, with holes, resets, NaN and flat stretches."""

    def __init__(self) -> None:
        random = Random(3)
        rows, clocks, series = 60, 3, 7
        times = np.full((rows, clocks), PAD, dtype=np.int64)
        for clock, length in enumerate((60, 50, 1)):
            times[:length, clock] = np.sort(np.array(random.sample(range(0, 900_000, 7), length)))
        clock_of = np.array([0, 0, 0, 1, 1, 1, 2])
        values = np.full((rows, series), ABSENT)
        for s in range(series):
            level = 5.0
            for row in range(int((times[:, clock_of[s]] != PAD).sum())):
                level = 0.0 if random.random() < 0.1 else level + random.choice((0, 0, 1, 2.5))
                if random.random() < 0.9:
                    values[row, s] = np.nan if s == 5 and random.random() < 0.2 else level
        labels = [Labels({"__name__": "x_total", "s": str(s)}) for s in range(series)]
        self.frame = Frame(labels, times, clock_of, values)

    def select(self, *_: object) -> list[Frame]:
        return [self.frame]


def answer(query: str) -> Matrix:
    options = Options(experimental_functions=True)
    matrix = Engine(Ragged(), options).range(query, 0, 950_000, 13_000).value
    assert isinstance(matrix, Matrix)
    return matrix


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("query", QUERIES)
def test_ways(query: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = answer(query)
    for name, value in WAYS[way].items():
        monkeypatch.setattr(window, name, value)
    pieces = answer(query)
    assert pieces.labels == whole.labels
    assert (is_absent(pieces.values) == is_absent(whole.values)).all()
    np.testing.assert_allclose(pieces.values, whole.values, rtol=1e-9, atol=1e-12)
