"""A service over made history, without a server or a worker of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analytics.config import load_config, models_of
from analytics.service import Service
from tests.builders.analytics import FakeApi
from tests.builders.made_history import DAY, DAY_MS, NOW_MS, a_host, times_until


@pytest.fixture
def api() -> FakeApi:
    """Four days of a host, one of them still to come; its CPU was stuck high in the last hours."""
    times = times_until(NOW_MS + DAY_MS, 5 * DAY)
    return FakeApi(times, a_host(times, fault=slice(-DAY - 30, -DAY - 20)))


MakeService = Callable[[Path | None], Service]


@pytest.fixture
def make_service(api: FakeApi) -> Iterator[MakeService]:
    made: list[Service] = []

    def make(data: Path | None) -> Service:
        config = load_config(None, {})
        made.append(Service(api, config, models_of(config, {}), data))
        return made[-1]

    yield make
    for service in made:
        service.journal.close()
