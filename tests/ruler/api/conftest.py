"""A ruler with two rules, one of which fires."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.ruler import ARuler, a_ruler_in_memory

RULES = {
    "groups": [
        {
            "name": "web",
            "interval": "30s",
            "rules": [
                {"record": "job:up:sum", "expr": "sum by (job) (up)"},
                {
                    "alert": "Down",
                    "expr": "up == 0",
                    "labels": {"severity": "page"},
                    "annotations": {"summary": "{{ $labels.instance }} is down"},
                },
                {"alert": "Slow", "expr": "latency_seconds > 2", "for": "5m"},
                {"alert": "Never", "expr": "absent(up)"},
            ],
        }
    ]
}


@pytest.fixture
def ruler(tmp_path: Path) -> Iterator[ARuler]:
    with a_ruler_in_memory(tmp_path, rules=RULES) as ruler:
        yield ruler


@pytest.fixture
def firing(ruler: ARuler) -> ARuler:
    """web1 is up, web2 is not: Down fires."""
    return _fired(ruler)


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ARuler]:
    """The same for all tests of a file, which only read."""
    with a_ruler_in_memory(tmp_path_factory.mktemp("reading"), rules=RULES) as ruler:
        yield _fired(ruler)


def _fired(ruler: ARuler) -> ARuler:
    ruler.feed(
        ("up", {"job": "web", "instance": "web1"}, 1),
        ("up", {"job": "web", "instance": "web2"}, 0),
        ("latency_seconds", {"instance": "web1"}, 3),
    )
    ruler.evaluate()
    return ruler
