"""A storm of random expressions: the real Prometheus and ours agree on each, as instant and as range."""

import re
from pathlib import Path
from random import Random

import pytest

from ruler.promql import Engine, Options
from tests.builders.compare import difference, ours, theirs
from tests.builders.expressions import Expressions
from tests.builders.prometheus import prometheus_with
from tests.builders.samples import samples
from tests.builders.series import ListSource
from tests.builders.soak import SEED, rounds

pytestmark = [pytest.mark.soak, pytest.mark.service]

# Differences that have a reason, counted apart.
EXPLAINED = {
    r"\binfo\(": "3.5 joins info metrics of other steps on sparse ranges",
    r"\b(sin|cos|tan|sinh|cosh|tanh|exp)\b": "the last digit of a function of huge numbers, magnified",
}


def test_answers_are_those_of_prometheus(tmp_path: Path) -> None:
    source = ListSource()
    for labels, points in samples().items():
        source.add(labels, points)
    engine = Engine(source, Options(experimental_functions=True, duration_expr=True))
    asked = answered = explained = 0
    differences = []
    with prometheus_with(samples(), tmp_path) as prometheus:
        for seed in rounds():
            query = Expressions(Random(seed * 1_000_003)).vector()
            for is_range in (False, True):
                real = theirs(prometheus, query, is_range=is_range)
                asked += 1
                answered += bool(real.series)
                found = difference(ours(engine, query, is_range=is_range), real)
                reason = next((why for pattern, why in EXPLAINED.items() if re.search(pattern, query)), None)
                explained += bool(found and reason)
                if found and not reason:
                    differences.append(
                        f"seed {seed}, {'range' if is_range else 'instant'}: {query}\n    {found}"
                    )
    print(
        f"\npromql: seed {SEED}, {asked} queries, {answered} with an answer, "
        f"{explained} differences that have a reason, {len(differences)} that have none"
    )
    assert not differences, "\n".join(differences[:20])
    assert answered > asked / 2
