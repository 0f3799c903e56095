"""What is known of a tree before it is evaluated."""

import pytest

from ruler.promql import Comparison, comparison, parse, selectors, window_ms
from ruler.promql.plan import Shared, is_invariant, repeated

LOOKBACK = 300_000


@pytest.mark.parametrize(
    ("query", "window"),
    [("1", 0), ("a", 300_000), ("a[1h]", 3_600_000), ("a[1h] offset 5m", 3_900_000), ("a offset -10m", 0),
     ("rate(a[5m])[1h:1m]", 3_900_000), ("rate(a[2h]) + b", 7_200_000),
     ("a[2h] @ 100", 0),
     ("sum_over_time(a[1h:] offset 1m)", 3_960_000)],
)  # fmt: skip
def test_window(query: str, window: int) -> None:
    assert window_ms(parse(query), LOOKBACK) == window


@pytest.mark.parametrize(
    ("query", "found"),
    [("a > 5", ("a", ">", 5.0)), ("5 > a", ("a", "<", 5.0)), ("(a) == (-1)", ("a", "==", -1.0)),
     ("rate(a[5m]) <= 1m", ("rate(a[5m])", "<=", 60.0)), ("a > b", None), ("a > bool 5", None),
     ("a + 5", None),
     ("a and b > 1", None), ("a", None), ("1 > bool 2", None)],
)  # fmt: skip
def test_comparison(query: str, found: tuple[str, str, float] | None) -> None:
    got = comparison(parse(query))
    if found is None:
        assert got is None
    else:
        assert got is not None
        assert (str(got.expr), got.op, got.constant) == found
        assert isinstance(got, Comparison)


def test_selectors() -> None:
    found = selectors(parse("max_over_time(a{x='1'}[5m:1m]) / rate(b[2m] offset 1m)"))
    assert [(one.name, one.range_ms, one.offset_ms) for one in found] == [("a", 0, 0), ("b", 120_000, 60_000)]


@pytest.mark.parametrize(
    ("query", "is_so"),
    [("a @ 5", True), ("a", False), ("rate(a[5m] @ end()) * 2", True), ("a @ 5 + b", False),
     ("time()", False),
     ("hour(a @ 5)", False), ("predict_linear(a[5m] @ 5, 60)", False), ("max_over_time(a[5m:1m] @ 1)", True)],
)  # fmt: skip
def test_invariant(query: str, *, is_so: bool) -> None:
    assert is_invariant(parse(query)) is is_so


def test_repeated() -> None:
    found = repeated(parse("rate(a[5m]) / (rate(a[5m]) + b) > 1"))
    assert {str(node) for node in found} == {"rate(a[5m])"}


def test_shared_is_bounded() -> None:
    shared = Shared(cells_max=10)
    shared.put("a", "first", 8)
    shared.put("b", "too much", 8)
    assert shared.get("a") == "first"
    assert shared.get("b") is None
