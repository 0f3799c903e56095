import json

import pytest

from analytics.anomaly import Severity
from analytics.events import ANOMALIES_MAX, PREDICTIONS_MAX, of_cycle, of_models
from analytics.result import Anomaly, ModelResult, ModelState, Prediction, Results
from analytics.spec import ModelSpec
from tests.builders.made_history import a_series

SPEC = ModelSpec(id="a", name="A", type="time_series", target="x")


def anomalies(count: int) -> list[Anomaly]:
    return [
        Anomaly("a", a_series("x"), number, 9.0, 1.0, 8.0, Severity.CRITICAL, 0.95, 0.9, "x is 9")
        for number in range(count)
    ]


def predictions(count: int) -> list[Prediction]:
    return [
        Prediction("a", a_series("x", n=str(number)), 1, 2, 1.0, 2.0, 1.5, 2.5, 0.8, {"y": None})
        for number in range(count)
    ]


def test_one_event_a_model_however_many_series_it_has() -> None:
    found, left_out = of_cycle(Results(7, predictions=predictions(5_000)))
    assert left_out == 0
    assert [event.type for event in found] == ["prediction_made"]
    data = found[0].data
    assert (data["model"], data["series"], data["average_confidence"]) == ("a", 5_000, pytest.approx(0.8))
    assert data["for_ms"] == 2
    assert len(data["values"]) == PREDICTIONS_MAX
    assert data["values"]['x{instance="web1", job="exporter", n="0"}'] == 2.0


def test_anomalies_have_their_own_time_and_are_bounded() -> None:
    found, left_out = of_cycle(Results(7, anomalies=anomalies(ANOMALIES_MAX + 5)))
    assert left_out == 5
    assert [event.at_ms for event in found] == list(range(ANOMALIES_MAX))
    assert found[0].data["severity"] == "critical"


def test_a_model_is_trained_in_the_cycle_that_trained_it_alone() -> None:
    model = ModelResult("a", ModelState.READY, labels=[a_series("x")], trained_ms=7, trained_steps=99)
    (event,) = of_cycle(Results(7, [model]))[0]
    assert (event.type, event.data["model"], event.data["series"]) == ("model_trained", "a", 1)
    assert of_cycle(Results(8, [model]))[0] == []


def test_models_that_came_changed_and_went() -> None:
    other = SPEC.model_copy(update={"horizon": 1})
    new = SPEC.model_copy(update={"id": "b"})
    assert of_models([SPEC], [SPEC], 1) == []
    assert [event.type for event in of_models([SPEC], [other, new], 1)] == ["model_created", "model_updated"]
    (gone,) = of_models([SPEC], [], 1)
    assert json.loads(json.dumps(gone.document())) == {
        "type": "model_deleted",
        "at_ms": 1,
        "data": {"id": "a", "name": "A", "type": "time_series", "target": "x"},
    }
