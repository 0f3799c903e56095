"""What is understood, how it is printed, and where a fault is said to be."""

import pytest

from promkit.errors import QueryError
from ruler.promql import Features, caret, parse, value_type
from ruler.promql import format as printed
from ruler.promql.ast import Binary, VectorSelector, children, walk

ALL = Features(experimental_functions=True, duration_expr=True)

# query: as Prometheus prints it; None: as it stands
GOOD: dict[str, str | None] = {
    "1": None,
    "- 1": "-1",
    "--1": "1",
    "0x1F": "31",
    "017": "15",
    "1_000.5": "1000.5",
    ".5": "0.5",
    "5.": "5",
    "1e21": "1e+21",
    "inF": "+Inf",
    "nan": "NaN",
    "1h30m": None,
    "90s": "1m30s",
    "foo:bar": None,
    "sum": None,
    "sum + by": None,
    "offset{end='x'}": 'offset{end="x"}',
    "SUM BY (a, b,) (foo)": "sum by (a, b) (foo)",
    "sum(foo) without (a)": "sum without (a) (foo)",
    "sum by () (foo)": "sum(foo)",
    'sum by ("a b", on, a:b) (foo)': 'sum by ("a b", on, a:b) (foo)',
    "topk by (a) (1, foo)": None,
    'count_values("v", foo)': None,
    "foo[300]": "foo[5m]",
    "foo[5m] offset 1m @ 10": "foo[5m] @ 10.000 offset 1m",
    "foo offset -5m @ start()": "foo @ start() offset -5m",
    "foo @ -5.123": None,
    "rate(foo[5m])[1h:]": None,
    "(foo)[1h:5m] @ end() offset 1m": None,
    'foo{b="2",a!="1",}': 'foo{a!="1",b="2"}',
    '{"my.metric", "x y"=~"z"}': '{"my.metric","x y"=~"z"}',
    '{"foo"}': "foo",
    "foo{a='it\\'s',b=`\\n`}": 'foo{a="it\'s",b="\\\\n"}',
    'foo{a="\\x41\\u00e9\\101"}': 'foo{a="AéA"}',
    "a + on(x) group_left(y, z) b": "a + on (x) group_left (y, z) b",
    "a and ignoring() b": "a and b",
    "a / ignoring() group_left b": "a / ignoring () group_left () b",
    "a and on() b": "a and on () b",
    "a > bool on(x) b": "a > bool on (x) b",
    "a ATAN2 b": "a atan2 b",
    "a # a comment\n+ b": "a + b",
    "- - a": "--a",
    "foo[5m+5m]": "foo[10m]",
    "foo[2*(1m + 30s)]": "foo[3m]",
    "foo offset (2 ^ 3)": "foo offset 8s",
    "info(foo, {a=~'.*'})": 'info(foo, {a=~".*"})',
    "hour()": None,
    "label_join(foo, 'a', '-')": 'label_join(foo, "a", "-")',
}

# query: where, and how the problem begins
BAD = {
    "": ("1:1", "no expression found in input"),
    "rat(foo[5m])": ("1:1", 'unknown function with name "rat"'),
    "rate(foo)": ("1:6", 'expected type range vector in call to function "rate", got instant vector'),
    "rate(foo[5m], 1)": ("1:1", 'expected 1 argument(s) in call to "rate", got 2'),
    "round(foo, 1, 2)": ("1:1", 'expected at most 2 argument(s) in call to "round", got 3'),
    'label_join(foo, "a")': ("1:1", 'expected at least 3 argument(s) in call to "label_join", got 2'),
    "1 +\n  sum(": ("2:7", "unexpected end of input"),
    "foo bar": ("1:5", 'unexpected identifier "bar"'),
    "foo)": ("1:4", 'unexpected ")"'),
    "bool": ("1:1", "unexpected <bool>"),
    "foo + group_left(a) bar": ("1:7", "unexpected <group_left>"),
    "1.5m": ("1:1", 'bad number or duration syntax: "1.5m"'),
    "1m1h": ("1:1", "not a valid duration string"),
    "0x": ("1:1", "bad number or duration syntax"),
    "foo.bar": ("1:4", "unexpected character: '.'"),
    '"abc': ("1:1", "unterminated quoted string"),
    'foo{a="\\q"}': ("1:7", "invalid syntax in string"),
    "foo{a=b}": ("1:7", 'unexpected identifier "b" in label matching, expected string'),
    "foo{a=~'['}": ("1:8", "not a regular expression"),
    "foo{__name__='bar'}": ("1:1", 'metric name must not be set twice: "foo" or "bar"'),
    "{}": ("1:1", "vector selector must contain at least one non-empty matcher"),
    "{a=~'.*'}": ("1:1", "vector selector must contain at least one non-empty matcher"),
    "foo[0s]": ("1:5", "duration must be greater than 0"),
    "foo[5m][5m]": ("1:8", "ranges only allowed for vector selectors"),
    "foo offset 1m [5m]": ("1:15", "no offset modifiers allowed before range"),
    "foo offset 1m offset 1m": ("1:15", "offset may not be set multiple times"),
    "(foo) offset 1m": ("1:7", "offset modifier must be preceded by"),
    "foo @ 1 @ 2": ("1:9", "@ <timestamp> may not be set multiple times"),
    "foo @ inf": ("1:7", "timestamp out of bounds"),
    "1[5m:1m]": ("1:1", "subquery is only allowed on instant vector, got scalar instead"),
    "sum(foo[5m])": ("1:5", "expected type instant vector in aggregation expression, got range vector"),
    "topk(foo)": ("1:1", "wrong number of arguments for aggregate expression provided, expected 2, got 1"),
    "topk('1', foo)": ("1:6", "expected type scalar in aggregation parameter, got string"),
    "1 == 1": ("1:1", "comparisons between scalars must use BOOL modifier"),
    "foo + bool bar": ("1:1", "bool modifier can only be used on comparison operators"),
    "foo and 1": ("1:1", 'set operator "and" not allowed in binary scalar expression'),
    "foo + on(a) 1": ("1:1", "vector matching only allowed between instant vectors"),
    "foo or on(a) group_left() bar": ("1:14", 'no grouping allowed for "or" operation'),
    "foo + on(a) group_left(a) bar": ("1:13", 'label "a" must not occur in ON and GROUP clause at once'),
    "foo[5m] + 1": ("1:1", "binary expression must contain only scalar and instant vector types"),
    "-foo[5m]": ("1:1", "unary expression only allowed on expressions of type scalar or instant vector"),
    "sum(foo,)": ("1:9", "trailing commas not allowed"),
    "mad_over_time(foo[5m])": ("1:1", 'function "mad_over_time" is not enabled'),
    "limitk(1, foo)": ("1:1", "limitk() is experimental"),
    "foo[5m+5m]": ("1:7", "experimental duration expression is not enabled"),
}


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


def test_deep_nesting_is_refused_not_crashed() -> None:
    with pytest.raises(QueryError, match="nested deeper"):
        parse("(" * 5_000 + "1" + ")" * 5_000)
