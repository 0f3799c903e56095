"""What is understood, how it is printed, and where a fault is said to be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promkit.errors import QueryError
from ruler.promql import Features, caret, parse, value_type
from ruler.promql import format as printed
from ruler.promql.ast import Binary, VectorSelector, children, walk
from tests.builders.queries import BAD, GOOD

ALL = Features(experimental_functions=True, duration_expr=True)


@pytest.mark.parametrize("query", GOOD)
def test_printed(query: str) -> None:
    node = parse(query, ALL)
    assert printed(node) == (GOOD[query] or query)
    assert query == "nan" or parse(printed(node), ALL) == node


@pytest.mark.parametrize("query", BAD)
def test_faults(query: str) -> None:
    where, problem = BAD[query]
    with pytest.raises(QueryError) as caught:
        parse(query)
    assert str(caught.value).startswith(f"{where}: parse error: {problem}")
    assert caught.value.position is not None


def test_a_near_name_is_suggested() -> None:
    with pytest.raises(QueryError, match='did you mean "histogram_quantile"'):
        parse("histogram_quantil(0.9, foo)")


def test_caret() -> None:
    assert caret("a +\n\tb c", 7) == "\tb c\n\t  ^"


@pytest.mark.parametrize(
    ("query", "type_"),
    [("1", "scalar"), ("'a'", "string"), ("a", "vector"), ("a[5m]", "matrix"), ("a[5m:]", "matrix"),
     ("1 + 1", "scalar"), ("1 + a", "vector"), ("time()", "scalar"), ("-(a)", "vector")],
)  # fmt: skip
def test_types(query: str, type_: str) -> None:
    assert value_type(parse(query)) == type_


def test_binding() -> None:
    def shape(query: str) -> str:
        node = parse(query)
        left, right = children(node) if isinstance(node, Binary) else (None, None)
        return f"({left}) ({right})"

    assert shape("a or b and c") == "(a) (b and c)"
    assert shape("a + b * c") == "(a) (b * c)"
    assert shape("a * b + c") == "(a * b) (c)"
    assert shape("a ^ b ^ c") == "(a) (b ^ c)"
    assert shape("a - b - c") == "(a - b) (c)"
    assert shape("-a ^ b * c") == "(-a ^ b) (c)"
    assert shape("a == b + c") == "(a) (b + c)"


def test_every_node_knows_where_it_stood() -> None:
    query = 'sum by (a) (rate(foo{x="y"}[5m] offset 1m)) / on (a) group_left () -bar > bool (2)'
    for node in walk(parse(query)):
        assert query[node.span.start : node.span.end].strip() == query[node.span.start : node.span.end]
        if isinstance(node, VectorSelector):
            assert query[node.span.start :].startswith(node.name)


TOKENS = (
    *("foo", "a:b", "sum", "by", "on", "rate", "offset", "@", "start", "bool", "group_left", "info", "NaN"),
    *("(", ")", "[", "]", "{", "}", ",", ":", "+", "-", "*", "^", "==", "=~", "!=", "=", "and", "unless"),
    *("1", "5m", "1e3", "0x", "'s'", '"', "`x`", "[5m]", "{a='b'}", "#", "\n", "\\", "é", "topk", "time()"),
)


@given(st.lists(st.sampled_from(TOKENS), max_size=25), st.sampled_from(["", " "]))
def test_anything_is_a_tree_or_an_error(tokens: list[str], between: str) -> None:
    query = between.join(tokens)
    try:
        node = parse(query, ALL)
    except QueryError:
        return
    assert parse(printed(node), ALL) == node or "NaN" in query


def test_deep_nesting_is_refused_not_crashed() -> None:
    with pytest.raises(QueryError, match="nested deeper"):
        parse("(" * 5_000 + "1" + ")" * 5_000)
    with pytest.raises(QueryError, match="nested deeper"):
        parse(" or ".join(f"a{i}" for i in range(5_000)))
    with pytest.raises(QueryError, match="nested deeper"):
        parse("-" * 5_000 + "1")
    with pytest.raises(QueryError, match="nested deeper"):
        parse("a[" + "(" * 5_000 + "1m", ALL)
    with pytest.raises(QueryError, match="subquery is only allowed"):
        parse("a" + "[5m:]" * 5_000)
