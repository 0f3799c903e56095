import numpy as np
import pytest

from analytics.history import Table
from analytics.truth import Pending, judge
from tests.builders.made_history import DAY, NOW_MS, STEP_MS, a_series, times_until

CPU = a_series("cpu")
HOUR_MS = 3_600_000


def a_table(*newest: float) -> dict[str, Table]:
    times = times_until(steps=DAY)
    values = np.full((1, DAY), 1.0)
    values[0, ::2] = 1.2  # a deviation of 0.1
    values[0, -len(newest) :] = newest
    return {"m": Table([CPU], times, values)}


def a_prediction(value: float, for_ms: int = NOW_MS, last: float = 2.0) -> Pending:
    return Pending(1, "m", CPU, for_ms, last, value, value - 0.3, value + 0.3)


@pytest.mark.parametrize(
    ("predicted", "actual", "right", "inside"),
    [(5.0, 5.1, True, True), (5.0, 5.5, True, False), (5.0, 7.0, False, False), (0.05, 0.0, True, True)],
)
def test_what_came_is_compared(predicted: float, actual: float, *, right: bool, inside: bool) -> None:
    [found] = judge([a_prediction(predicted)], a_table(actual), DAY, NOW_MS)
    assert found.actual == actual
    assert found.error == pytest.approx(predicted - actual)
    assert found.error_last == pytest.approx(abs(2.0 - actual))
    assert (found.right, found.inside) == (right, inside)


def test_a_value_that_is_late_is_waited_for_and_then_given_up() -> None:
    pending = [a_prediction(1.0)]
    assert judge(pending, a_table(np.nan), DAY, NOW_MS + STEP_MS) == []
    [found] = judge(pending, a_table(np.nan), DAY, NOW_MS + HOUR_MS + 1)
    assert found.actual is None
    [found] = judge(pending, {}, DAY, NOW_MS + HOUR_MS + 1)
    assert found.actual is None
