"""The door: forms of answers, limits, notes, and where errors point."""

import math
from threading import Event

import numpy as np
import pytest

from promkit.errors import LimitError, QueryError, Unavailable
from promkit.labels import Labels
from ruler.promql import (
    Engine,
    Matrix,
    Options,
    RangeVector,
    Scalar,
    Shared,
    String,
    Vector,
)
from ruler.promql.functions import FUNCTIONS, ValueType
from ruler.store import Frame, is_absent
from tests.builders.series import ListSource, regular_frame

MINUTE = 60_000


def a_source() -> ListSource:
    source = ListSource()
    for name in ("a", "b"):
        source.add(Labels({"__name__": "up", "i": name}), [(t * MINUTE, float(t)) for t in range(10)])
    source.add(Labels({"__name__": "short"}), [(2 * MINUTE, 1.0)])
    source.add(Labels({"__name__": "drops", "le": "oops"}), [(0, 1.0)])
    return source


def test_forms() -> None:
    engine = Engine(a_source())
    at = 5 * MINUTE
    assert engine.instant("1 + 1", at).value == Scalar(at, 2.0)
    assert engine.instant("'x'", at).value == String(at, "x")
    vector = engine.instant("up", at).value
    assert isinstance(vector, Vector)
    assert [label["i"] for label in vector.labels] == ["a", "b"]
    assert vector.values.tolist() == [5.0, 5.0]
    ranged = engine.instant("up[2m]", at).value
    assert isinstance(ranged, RangeVector)
    assert ranged.samples[0][0].tolist() == [4 * MINUTE, at]
    matrix = engine.range("up > 3", 0, 9 * MINUTE, 3 * MINUTE).value
    assert isinstance(matrix, Matrix)
    assert is_absent(matrix.values)[:, 0].tolist() == [True, True, False, False]
    assert engine.range("nothing", 0, MINUTE, MINUTE).value.labels == []  # type: ignore[union-attr]


def test_matrices_leave_out_series_that_are_never_there() -> None:
    matrix = Engine(a_source()).range("{__name__=~'up|short'}", 8 * MINUTE, 9 * MINUTE, MINUTE).value
    assert isinstance(matrix, Matrix)
    assert [label.metric for label in matrix.labels] == ["up", "up"]


@pytest.mark.parametrize(
    ("query", "problem"),
    [("'x'", 'invalid expression type "string"'), ("up[5m]", 'invalid expression type "range vector"')],
)
def test_ranges_of_what_has_no_range(query: str, problem: str) -> None:
    with pytest.raises(QueryError, match=problem):
        Engine(a_source()).range(query, 0, MINUTE, MINUTE)


def test_limits() -> None:
    source = a_source()
    with pytest.raises(LimitError, match="maximum resolution of 11,000 points"):
        Engine(source).range("up", 0, 12_000, 1)
    with pytest.raises(LimitError, match="too many samples"):
        Engine(source, Options(samples_max=10)).instant("sum(up) + sum_over_time(up[5m])", MINUTE)
    with pytest.raises(QueryError, match="zero or negative"):
        Engine(source).range("up", 0, MINUTE, 0)
    with pytest.raises(QueryError, match="must not be before"):
        Engine(source).range("up", MINUTE, 0, 1)


def test_a_deadline_that_is_over() -> None:
    engine = Engine(a_source(), clock=lambda: 1_000)
    with pytest.raises(LimitError, match="timed out"):
        engine.instant("up", MINUTE, deadline_ms=1_000)
    assert engine.instant("up", MINUTE, deadline_ms=1_001).samples == 2


def test_cancelling_from_inside_a_query() -> None:
    cancel = Event()

    class Slow(ListSource):
        def select(self, *args: object) -> list[Frame]:
            cancel.set()
            return []

    with pytest.raises(Unavailable, match="canceled"):
        Engine(Slow()).instant("up + up2", MINUTE, cancel=cancel)


def test_lookback_of_one_query() -> None:
    engine = Engine(a_source())
    assert len(engine.instant("short", 6 * MINUTE).value.labels) == 1  # type: ignore[union-attr]
    assert len(engine.instant("short", 6 * MINUTE, lookback_ms=MINUTE).value.labels) == 0  # type: ignore[union-attr]


def test_notes_have_texts_and_places() -> None:
    engine = Engine(a_source())
    at = MINUTE
    result = engine.instant("1 +\n sum(rate(up[5m]))", at)
    not_a_counter = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket"
    assert result.infos == (f'PromQL info: {not_a_counter}: "up" (2:11)',)
    assert engine.instant("quantile(1.5, up)", at).warnings == (
        "PromQL warning: quantile value should be between 0 and 1, got 1.5 (1:10)",
    )
    bad_bucket = 'bucket label "le" is missing or has a malformed value of "oops" for metric name "drops"'
    warnings = engine.instant("histogram_quantile(0.9, drops)", at).warnings
    assert warnings == (f"PromQL warning: {bad_bucket} (1:25)",)


ERRORS = {
    "up + on() up": "found duplicate series for the match group {} on the right hand-side of the operation",
    "up + on() group_right() up": "on the left hand-side of the operation",
    "up + on(x) vector(1)": "multiple matches for labels: many-to-one matching must be explicit",
    "label_replace(up, 'i', '', '', '')": "vector cannot contain metrics with the same labelset",
    "label_replace(up, '', 'a', 'b', 'c')": "invalid destination label name in label_replace()",
    "label_replace(up, 'x', '$1', 'i', '(')": "invalid regular expression in label_replace(): (",
    "label_join(up, 'x', '-', '')": "invalid source label name in label_join()",
    "count_values('', up)": 'invalid label name ""',
    "topk(NaN, up)": "Parameter value is NaN",
    "topk(1e30, up)": "Scalar value 1e+30 overflows int64",
    "histogram_sum(up)": "histogram_sum() needs native histograms, which are not supported yet",
}


@pytest.mark.parametrize("query", ERRORS)
def test_errors(query: str) -> None:
    with pytest.raises(QueryError) as caught:
        Engine(a_source()).instant(query, MINUTE)
    assert ERRORS[query] in caught.value.problem


def test_shared_parts_are_evaluated_once_and_keep_their_notes() -> None:
    class Counting(ListSource):
        selects = 0

        def select(self, *args: object) -> list[Frame]:
            self.selects += 1
            return ListSource.select(self, *args)  # type: ignore[arg-type]

    source = Counting(a_source().samples)
    engine, shared = Engine(source), Shared()
    first = engine.instant("sum(rate(up[5m])) > 0", 9 * MINUTE, shared=shared)
    second = engine.instant("sum(rate(up[5m])) * 2", 9 * MINUTE, shared=shared)
    assert source.selects == 1
    assert first.infos == second.infos
    engine.instant("rate(up[5m]) / rate(up[5m])", 9 * MINUTE)
    assert source.selects == 2


def test_long_chains_are_evaluated() -> None:
    engine, shared = Engine(a_source()), Shared()
    for query in (
        " or ".join(f"up{{n!='{i}'}}" for i in range(170)),
        "abs(" * 95 + "up" + ")" * 95,
        " + ".join("1" for _ in range(170)),
    ):
        engine.instant(query, MINUTE, shared=shared)
        engine.range(query, 0, 5 * MINUTE, MINUTE)


def test_a_cross_product_is_refused_before_it_is_made() -> None:
    source = ListSource()
    for i in range(3_000):
        source.add(Labels({"__name__": "x", "i": str(i)}), [(0, 1.0)])
    with pytest.raises(QueryError, match="found duplicate series for the match group"):
        Engine(source).instant("x * on () x", 0)


def test_derived_labels_follow_the_key() -> None:
    """Frames of one key have the same labels; a new key brings new ones."""

    class Keyed(ListSource):
        names: tuple[str, ...] = ("a", "b")
        key = 1

        def select(self, *args: object) -> list[Frame]:
            labels = [Labels({"__name__": "x_total", "i": name}) for name in self.names]
            times = np.arange(0, 10 * MINUTE, MINUTE)
            values = np.arange(10.0)[:, np.newaxis].repeat(len(labels), axis=1)
            return [regular_frame(labels, times, values, self.key)]

    source = Keyed()
    engine = Engine(source)
    for names, key in ((("a", "b"), 1), (("a", "b"), 1), (("c",), 2)):
        source.names, source.key = names, key
        vector = engine.instant("sum by (i) (rate(x_total[5m]))", 9 * MINUTE).value
        assert isinstance(vector, Vector)
        assert [labels["i"] for labels in vector.labels] == list(names)


def arguments(name: str) -> str:
    texts = {ValueType.VECTOR: "nothing", ValueType.MATRIX: "nothing[5m]", ValueType.SCALAR: "0.5"}
    function = FUNCTIONS[name]
    args = [texts.get(kind, "'x'") for kind in function.args]
    return ", ".join(args[:1] if function.labels_last else args)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_takes_nothing_for_an_answer(name: str) -> None:
    engine = Engine(a_source(), Options(experimental_functions=True))
    query = f"{name}({arguments(name)})"
    if name in {"histogram_count", "histogram_sum", "histogram_avg", "histogram_stddev", "histogram_stdvar"}:
        with pytest.raises(QueryError, match="native histograms"):
            engine.instant(query, MINUTE)
        return
    engine.instant(query, MINUTE)
    engine.range(query, 0, MINUTE, MINUTE)


def test_names_removed_late() -> None:
    options = Options(delayed_name_removal=True)
    vector = Engine(a_source(), options).instant("label_replace(-up, 'n', '$1', '__name__', '(.*)')", MINUTE)
    assert isinstance(vector.value, Vector)
    assert {labels["n"] for labels in vector.value.labels} == {"up"}
    assert {labels.metric for labels in vector.value.labels} == {""}


def test_not_a_number_is_a_value_and_absence_is_none() -> None:
    source = ListSource()
    source.add(Labels({"__name__": "x"}), [(0, math.nan)])
    vector = Engine(source).instant("x + 1", 0).value
    assert isinstance(vector, Vector)
    assert len(vector.labels) == 1
    assert math.isnan(vector.values[0])


def test_a_zero_keeps_its_sign_where_series_become_one() -> None:
    source = ListSource()
    source.add(Labels({"__name__": "a", "x": "1"}), [(0, 0.0)])
    source.add(Labels({"__name__": "b", "x": "1"}), [(10 * MINUTE, 5.0)])
    matrix = Engine(source).range("{__name__=~'a|b'} * -1", 0, 10 * MINUTE, 10 * MINUTE).value
    assert isinstance(matrix, Matrix)
    assert [str(value) for value in matrix.values[:, 0]] == ["-0.0", "-5.0"]


def test_a_minus_refuses_series_that_only_their_names_told_apart() -> None:
    source = ListSource()
    source.add(Labels({"__name__": "a", "x": "1"}), [(0, 1.0)])
    source.add(Labels({"__name__": "b", "x": "1"}), [(10 * MINUTE, 5.0)])
    with pytest.raises(QueryError, match="same labelset"):
        Engine(source).range("-{__name__=~'a|b'}", 0, 10 * MINUTE, 10 * MINUTE)
