import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics.anomaly import Severity
from analytics.journal import Journal
from analytics.learner import Live
from analytics.result import Anomaly, Prediction
from analytics.truth import Judged
from promkit.errors import Conflict, Unavailable
from tests.builders.made_history import NOW_MS, a_series

CPU = a_series("cpu")


def a_prediction(model: str = "m", made_ms: int = NOW_MS, value: float = 0.5) -> Prediction:
    return Prediction(
        model, CPU, made_ms, made_ms + 3_600_000, 0.4, value, 0.3, 0.7, 0.9, {"memory": 3.0, "calls": None}
    )


def an_anomaly(at_ms: int = NOW_MS) -> Anomaly:
    return Anomaly("m", CPU, at_ms, 0.9, 0.4, 7.0, Severity.CRITICAL, 0.95, 0.8, "cpu is high")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path)
    yield journal
    journal.close()


def test_predictions_are_read_back_as_they_were(journal: Journal) -> None:
    journal.record([a_prediction(), a_prediction("other")], [])
    [row] = journal.predictions(NOW_MS, "m")
    assert row == {
        "metric": "cpu",
        "labels": {"instance": "web1", "job": "exporter"},
        "model": "m",
        "made_ms": NOW_MS,
        "for_ms": NOW_MS + 3_600_000,
        "value": 0.5,
        "lower": 0.3,
        "upper": 0.7,
        "confidence": 0.9,
        "features": {"memory": 3.0, "calls": None},
        "actual": None,
        "error": None,
    }
    assert len(journal.predictions(NOW_MS)) == 2
    assert journal.predictions(NOW_MS + 1) == []


def test_what_then_happened_is_filled_in_and_counted(journal: Journal) -> None:
    journal.record([a_prediction(), a_prediction(value=0.6)], [])
    assert journal.pending(NOW_MS) == []
    pending = journal.pending(NOW_MS + 3_600_000)
    assert [(row.model, row.series, row.value) for row in pending] == [("m", CPU, 0.5), ("m", CPU, 0.6)]
    judged = [
        Judged(pending[0].id, "m", 0.55, -0.05, 0.15, right=True, inside=True),
        Judged(pending[1].id, "m", None),
    ]
    journal.settle(judged)
    assert journal.pending(NOW_MS + 3_600_000) == []
    rows = journal.predictions(NOW_MS)
    assert [(row["actual"], row["error"]) for row in rows] == [(None, None), (0.55, -0.05)]
    assert journal.live() == {"m": Live(1, 1, 1, 0.05, 0.15)}
    journal.forget("m")
    assert journal.live() == {}


def test_anomalies_are_kept_once(journal: Journal) -> None:
    journal.record([], [an_anomaly(), an_anomaly(), an_anomaly(NOW_MS + 1)])
    rows = journal.anomalies(NOW_MS)
    assert [row["at_ms"] for row in rows] == [NOW_MS + 1, NOW_MS]
    assert rows[0]["severity"] == "critical"
    assert rows[0]["description"] == "cpu is high"


def test_it_stays_within_its_bounds(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.journal.PREDICTIONS_MAX", 30)
    monkeypatch.setattr("analytics.journal.ANOMALIES_MAX", 5)
    monkeypatch.setattr("analytics.journal._A_RUN_MAX", 20)
    many = [a_prediction(f"m{number}") for number in range(50)]
    told = set()
    for run in range(3):
        journal.record(many, [an_anomaly(NOW_MS + run * 10 + number) for number in range(4)])
        told |= {row["model"] for row in journal.predictions(0)}
    assert len(journal.predictions(0)) == 30
    assert len(journal.anomalies(0)) == 5
    assert len(told) == 50, "of many series a part is written in each run, in turn"


def test_it_survives_a_restart(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    first.record([a_prediction()], [an_anomaly()])
    first.close()
    second = Journal(tmp_path)
    assert len(second.predictions(0)) == 1
    assert len(second.anomalies(0)) == 1
    assert second.summary(0)[0]["average_confidence"] == pytest.approx(0.9)
    second.close()


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "analytics.db")
    database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(Conflict, match="newer version"):
        Journal(tmp_path)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be opened"):
        Journal(tmp_path / "no")
