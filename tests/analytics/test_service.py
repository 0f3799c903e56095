import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from analytics.config import load_config, models_of
from analytics.events import Event
from analytics.service import Service
from analytics.spec import ModelSpec
from promkit.exposition import parse, render
from tests.builders.analytics import FakeApi
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
    assert len(found["analytics_prediction"].samples) == 12 * 3 * 3


def test_gauges_of_long_ago_are_taken_off_the_page(make_service: Make, api: FakeSource) -> None:
    service = make_service(None)
    service.cycle(NOW_MS)
    api.down = True
    service.cycle(NOW_MS + 3 * STEP_MS)
    assert service.families("analytics"), "it may come back at once"
    service.cycle(NOW_MS + 4 * STEP_MS)
    assert service.families("analytics") == [], "no rule acts on what was found long ago"
    api.down = False
    service.cycle(NOW_MS + 5 * STEP_MS)
    assert service.families("analytics")


def test_a_second_cycle_in_one_window_leaves_the_gauges_as_they_stand(make_service: Make) -> None:
    service = make_service(None)
    service.cycle(NOW_MS)
    before = render(service.families("analytics"))
    service.cycle(NOW_MS + 1_000)
    assert render(service.families("analytics")) == before


def test_a_model_learns_anew_when_asked(make_service: Make) -> None:
    service = make_service(None)
    service.cycle(NOW_MS)
    service.train("cpu-usage-predictor")
    assert not service.wait_trained("cpu-usage-predictor", 1)
    results = service.cycle(NOW_MS + STEP_MS)
    assert service.wait_trained("cpu-usage-predictor", 1)
    assert results is not None
    trained = {model.id: model.trained_ms for model in results.models}
    assert trained.pop("cpu-usage-predictor") == NOW_MS + STEP_MS
    assert set(trained.values()) == {NOW_MS}
    again = service.cycle(NOW_MS + 2 * STEP_MS)
    assert again is not None
    assert max(model.trained_ms or 0 for model in again.models) == NOW_MS + STEP_MS


def test_events_say_what_happened(api: FakeApi) -> None:
    told: list[tuple[str, str]] = []

    def tell(events: Sequence[Event], left_out: int) -> None:
        assert left_out == 0
        told.extend((event.type, event.data.get("model") or event.data["id"]) for event in events)

    config = load_config(None, {})
    specs = models_of(config, {})
    service = Service(api, config, specs, None, tell)
    service.cycle(NOW_MS)
    ids = {spec.id for spec in specs}
    assert {model for kind, model in told if kind == "model_trained"} == ids
    assert sorted(model for kind, model in told if kind == "prediction_made") == sorted(ids)
    assert ("anomaly_detected", "anomaly-detector") in told
    told.clear()
    changed = specs[1].model_copy(update={"target": "other"})
    new = ModelSpec(id="new", type="regression", target="x")
    service.use(config, [changed, *specs[2:], new], NOW_MS)
    assert told == [
        ("model_created", "new"),
        ("model_updated", specs[1].id),
        ("model_deleted", specs[0].id),
    ]
    service.journal.close()


def test_changed_models_count_from_the_next_cycle(make_service: Make) -> None:
    service = make_service(None)
    service.cycle(NOW_MS)
    service.use(service.config, service.specs[:1], NOW_MS)
    results = service.cycle(NOW_MS + STEP_MS)
    assert results is not None
    assert [model.id for model in results.models] == ["anomaly-detector"]
