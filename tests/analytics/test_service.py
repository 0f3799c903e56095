import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from analytics.service import Service
from promkit.exposition import parse, render
from tests.builders.made_history import DAY_MS, NOW_MS, STEP_MS, FakeSource

HOUR_MS = 3_600_000
Make = Callable[[Path | None], Service]


def test_predictions_are_compared_with_what_came(make_service: Make) -> None:
    service = make_service(None)
    for step in range(16):
        assert service.cycle(NOW_MS + step * STEP_MS) is not None
    rows = service.journal.predictions(NOW_MS, "cpu-usage-predictor")
    told = [row for row in rows if row["actual"] is not None]
    assert {row["made_ms"] for row in told} == {NOW_MS + step * STEP_MS for step in range(4)}
    assert all(row["error"] == pytest.approx(row["value"] - row["actual"]) for row in told)
    assert all(abs(row["error"]) < 0.1 for row in told)
    assert service.live["cpu-usage-predictor"].judged == 4


def test_a_server_that_is_down_changes_nothing_and_is_said_once(
    make_service: Make, api: FakeSource, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    service = make_service(None)
    service.cycle(NOW_MS)
    before = service.results
    api.down = True
    for _ in range(3):
        assert service.cycle(NOW_MS + STEP_MS) is None
    assert service.results is before
    assert (service.status.is_up, "refused" in service.status.problem) == (False, True)
    api.down = False
    service.cycle(NOW_MS + 2 * STEP_MS)
    assert (service.status.is_up, service.status.problem) == (True, "")
    said = [record.getMessage() for record in caplog.records]
    assert said.count("history cannot be read") == 1
    assert said.count("history can be read again") == 1


def test_a_restart_fetches_and_learns_nothing_twice(
    make_service: Make, api: FakeSource, tmp_path: Path
) -> None:
    first = make_service(tmp_path)
    first.cycle(NOW_MS)
    first.close()
    api.asked.clear()
    second = make_service(tmp_path)
    results = second.cycle(NOW_MS + STEP_MS)
    assert results is not None
    assert {model.trained_ms for model in results.models} == {NOW_MS}
    fetched = [end - start for expr, start, end in api.asked if "[5m]" in expr]
    assert fetched
    assert max(fetched) <= STEP_MS
    assert not results.anomalies, "what was told before is not told again"
    assert second.journal.anomalies(NOW_MS - DAY_MS)


def test_findings_become_gauges(make_service: Make) -> None:
    service = make_service(None)
    assert service.families("analytics") == []
    service.cycle(NOW_MS)
    found = {family.name: family for family in parse(render(service.families("analytics")))}
    breach = found["analytics_seconds_to_breach"].samples[0]
    assert breach.labels["rule"] == "disk-full"
    assert len(found["analytics_prediction"].samples) == 9 * 3 * 3


def test_changed_models_count_from_the_next_cycle(make_service: Make) -> None:
    service = make_service(None)
    service.cycle(NOW_MS)
    service.use(service.config, service.specs[:1])
    results = service.cycle(NOW_MS + STEP_MS)
    assert results is not None
    assert [model.id for model in results.models] == ["anomaly-detector"]
