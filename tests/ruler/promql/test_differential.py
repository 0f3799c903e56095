"""Our answers beside a real Prometheus', on the same samples."""

from collections.abc import Iterator
from random import Random

import pytest

from promkit.errors import QueryError
from ruler.promql import Engine, Features, Options, parse
from ruler.promql import format as printed
from tests.builders.compare import difference, difference_of_order, format_query, ours, theirs
from tests.builders.expressions import Expressions
from tests.builders.prometheus import prometheus_with
from tests.builders.queries import BAD, GOOD
from tests.builders.samples import samples
from tests.builders.series import ListSource

pytestmark = pytest.mark.service
EXPRESSIONS = 200
SEED = 20_251_125
ALL = Features(experimental_functions=True, duration_expr=True)
# Prometheus prints duration expressions as written, quoted names as matchers, and forgets `ignoring ()` even
# where group_left stands after it.
PRINTED_OTHERWISE = frozenset(
    query
    for query in GOOD
    if "+5m" in query or "*(" in query or "(2 ^" in query or query.startswith('{"') or "group_left b" in query
)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus_with(samples(), tmp_path_factory.mktemp("prometheus")) as url:
        yield url


@pytest.fixture(scope="module")
def engine() -> Engine:
    source = ListSource()
    for labels, points in samples().items():
        source.add(labels, points)
    return Engine(source, Options(experimental_functions=True, duration_expr=True))


FIXED = (
    "sort(temperature)",
    "sort_desc(requests_total)",
    'sort_by_label(requests_total, "instance", "code")',
    'sort_by_label_desc(up, "job")',
    "topk(3, requests_total)",
    "bottomk by (job) (2, requests_total)",
    "count_values without (instance, code) ('job', up)",
    "quantile_over_time(scalar(up{job='api',instance='a'}), temperature[5m])",
    "up offset -1m or up @ end()",
    "max_over_time(rate(requests_total[1m])[5m:15s] @ start() offset -2m)",
    "sum_over_time(vector(1)[5m:17s])",
    "rate(requests_total[2m]) / ignoring (code) group_left () sum without (code) (rate(requests_total[2m]))",
    "up * on (job, instance) group_left (version) target_info",
    "target_info * on (job, instance) group_right (version) up",
    "up + on (job) group_left () (count by (job) (up) > 2)",
    "requests_total + on (job) up",
    "requests_total == on (instance, job) group_left () up",
    "limitk by (job) (1, up)",
    "limit_ratio(-0.4, requests_total)",
    "label_replace(up, 'x', '$1-${2}$$', 'instance', '(.)(.?)')",
    "label_replace(up, '__name__', 'down', '', '')",
    "absent(nothing{a='b',c=~'d',e='f',e='g'})",
    "absent_over_time(nothing{a='b'}[5m])",
    "histogram_quantile(0.5, requests_total)",
    "histogram_quantile(0.9, latency_seconds_bucket % 7)",
    "histogram_fraction(0.07, 0.3, latency_seconds_bucket)",
    "{job='api'} > 20",
    "-{__name__=~'up|requests_total',job='api',instance='a'}",
    "1 > bool 2 - 3 ^ 2 ^ 0.5",
    "time() - timestamp(up)",
    "year() + month() + day_of_month() + hour() + minute()",
    "info(up, {version='1.2'})",
    "stddev by (kind) (odd) or stdvar(odd)",
    "predict_linear(temperature[10m] offset 2m, 3600)",
    "double_exponential_smoothing(temperature[5m], 2, 0.5)",
)


@pytest.mark.parametrize("query", FIXED)
def test_chosen_expressions(prometheus: str, engine: Engine, query: str) -> None:
    for is_range in (False, True):
        mine = ours(engine, query, is_range=is_range)
        real = theirs(prometheus, query, is_range=is_range)
        assert difference(mine, real) is None
        if not is_range:
            assert difference_of_order(query, mine, real) is None


@pytest.mark.parametrize("query", [*GOOD, *BAD])
def test_what_is_understood(prometheus: str, query: str) -> None:
    try:
        mine = printed(parse(query, ALL))
    except QueryError:
        mine = None
    real = format_query(prometheus, query)
    if query in PRINTED_OTHERWISE:
        assert (mine is None) == (real is None)
    else:
        assert mine == real


def test_random_expressions(prometheus: str, engine: Engine) -> None:
    queries = [Expressions(Random(SEED + i)).vector() for i in range(EXPRESSIONS)]
    answered = 0
    differences = []
    for query in queries:
        for is_range in (False, True):
            real = theirs(prometheus, query, is_range=is_range)
            answered += bool(real.series)
            found = difference(ours(engine, query, is_range=is_range), real)
            if found:
                differences.append(f"{'range' if is_range else 'instant'} {query}\n    {found}")
    assert not differences, "\n".join(differences)
    assert answered > EXPRESSIONS  # most expressions have an answer: the comparison is worth something
