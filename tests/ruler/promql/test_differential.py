"""Our answers beside a real Prometheus', on the same samples."""

from collections.abc import Iterator
from random import Random

import pytest

from ruler.promql import Engine, Options
from tests.builders.compare import difference, ours, theirs
from tests.builders.expressions import Expressions
from tests.builders.prometheus import prometheus_with
from tests.builders.samples import samples
from tests.builders.series import ListSource

pytestmark = pytest.mark.service
EXPRESSIONS = 200
SEED = 20_251_125


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
