"""Texts over several lines, and that every text means what it was made from."""

from random import Random

import pytest

from ruler.promql import Features, parse, pretty
from ruler.promql import format as printed
from tests.builders.expressions import Expressions

ALL = Features(experimental_functions=True, duration_expr=True)

LONG = (
    'sum by (job, instance) (rate(requests_total{job="a-rather-long-name",code!~"5.."}[5m])) > bool '
    "on (job) group_left (team) quantile(0.9, clamp_max(-limits, 1000))"
)
LINES = """\
  sum by (job, instance) (rate(requests_total{code!~"5..",job="a-rather-long-name"}[5m]))
> bool on (job) group_left (team)
  quantile(0.9, clamp_max(-limits, 1000))"""

NESTED = f"topk(5, {LONG})"
NESTED_LINES = """\
topk(
  5,
    sum by (job, instance) (rate(requests_total{code!~"5..",job="a-rather-long-name"}[5m]))
  > bool on (job) group_left (team)
    quantile(0.9, clamp_max(-limits, 1000))
)"""


@pytest.mark.parametrize(("query", "text"), [("sum( a )", "sum(a)"), (LONG, LINES), (NESTED, NESTED_LINES)])
def test_pretty(query: str, text: str) -> None:
    assert pretty(parse(query)) == text


@pytest.mark.parametrize("seed", range(40))
def test_texts_mean_what_they_were_made_from(seed: int) -> None:
    query = Expressions(Random(seed), depth=5).vector().replace("NaN", "7")  # NaN equals nothing
    node = parse(query, ALL)
    assert parse(printed(node), ALL) == node
    assert parse(pretty(node), ALL) == node
