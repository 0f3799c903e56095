import numpy as np
import pytest

from analytics.arrays import by_age, fill, hold, robust_spread, same_slots

NAN = np.nan


@pytest.mark.parametrize(
    ("row", "day", "filled"),
    [
        ([1, 2, 3], 0, [1, 2, 3]),
        ([1, NAN, 3], 0, [1, 2, 3]),
        ([NAN, NAN, 3, 4], 0, [3, 3, 3, 4]),
        ([1, 2, NAN, NAN], 0, [1, 2, 2, 2]),
        ([NAN, NAN, NAN], 0, [0, 0, 0]),
        ([NAN, NAN, NAN, 1, 2, 5], 2, [2, 1, 2, 1, 2, 5]),  # the first day is taken to have been before
        ([NAN, 1, 2], 5, [1, 1, 2]),  # less than a day is known
    ],
)
def test_fill(row: list[float], day: int, filled: list[float]) -> None:
    assert fill(np.array([row]), day)[0].tolist() == filled


@pytest.mark.parametrize(
    ("row", "held"),
    [
        ([1, NAN, NAN, 4], [1, 1, 1, 4]),
        ([NAN, 2, NAN], [2, 2, 2]),
        ([NAN, NAN], [0, 0]),
    ],
)
def test_hold_looks_back_only(row: list[float], held: list[float]) -> None:
    assert hold(np.array([row]))[0].tolist() == held


def test_robust_spread_ignores_a_few_outliers() -> None:
    values = np.random.default_rng(1).normal(5, 2, (1, 2000))
    values[0, :50] = 1e6
    assert robust_spread(values)[0] == pytest.approx(2, rel=0.1)
    assert robust_spread(np.array([[1.0, 1, 1, 1, 5]]))[0] > 0, "mostly equal: the deviation instead"
    assert robust_spread(np.zeros((2, 0))).tolist() == [0, 0]


def test_same_slots_are_those_of_the_days_before() -> None:
    values = np.arange(12.0)[None]  # three days of four steps
    assert same_slots(values, np.array([0, 3]), 4, 3)[0].tolist() == [[0, 3], [4, 7], [8, 11]]


def test_rows_of_one_age_are_judged_together_without_what_was_before_them() -> None:
    values = np.arange(40.0).reshape(4, 10)
    values[1, :3] = values[2, :4] = values[3, :] = np.nan
    found = [(rows.tolist(), part.shape[1]) for rows, part in by_age(values, 4, 64)]
    assert found == [([0, 3], 10), ([1, 2], 6)]
    assert [rows.tolist() for rows, _ in by_age(values, 4, 1)] == [[0], [3], [1], [2]]
    assert list(by_age(values[:0], 4, 64)) == []
