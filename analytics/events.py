"""What happened, as events for the ruler's stream. Pure; `outbox.py` sends them.

model_created, model_updated, model_deleted    {id, name, type, target}
model_trained      {model, series, steps, accuracy, error_ratio}
prediction_made    {model, series, for_ms, average_confidence, values}: one a model and cycle, with the
                   first twenty of its predictions by series
anomaly_detected   {model, metric, labels, at_ms, value, expected, deviation, severity, …}, at most a
                   hundred a cycle: what is beyond is counted, and in the journal
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.publish import typical
from analytics.result import Anomaly, ModelResult, Prediction, Results
from analytics.spec import ModelSpec

__all__ = ["ANOMALIES_MAX", "PREDICTIONS_MAX", "Event", "of_cycle", "of_models"]

PREDICTIONS_MAX = 20  # of one model in one event
ANOMALIES_MAX = 100  # of one cycle


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    type: str
    at_ms: int
    data: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """As it is posted."""
        return {"type": self.type, "at_ms": self.at_ms, "data": dict(self.data)}


def of_models(before: Sequence[ModelSpec], after: Sequence[ModelSpec], at_ms: int) -> list[Event]:
    """Models that came, changed and went, whether by API or by file."""
    old, new = {spec.id: spec for spec in before}, {spec.id: spec for spec in after}
    found = [Event("model_created", at_ms, _spec(spec)) for key, spec in new.items() if key not in old]
    found += [
        Event("model_updated", at_ms, _spec(spec))
        for key, spec in new.items()
        if key in old and old[key] != spec
    ]
    return found + [Event("model_deleted", at_ms, _spec(spec)) for key, spec in old.items() if key not in new]


def of_cycle(results: Results) -> tuple[list[Event], int]:
    """Events of one cycle, and how many anomalies were left out."""
    found = [*_trained(results), *_predicted(results)]
    found += [
        Event("anomaly_detected", row.at_ms, _anomaly(row)) for row in results.anomalies[:ANOMALIES_MAX]
    ]
    return found, max(len(results.anomalies) - ANOMALIES_MAX, 0)


def _trained(results: Results) -> Iterator[Event]:
    for model in results.models:
        if model.trained_ms == results.at_ms:
            yield Event("model_trained", results.at_ms, _learned(model))


def _predicted(results: Results) -> Iterator[Event]:
    by_model: dict[str, list[Prediction]] = {}
    for row in results.predictions:
        by_model.setdefault(row.model, []).append(row)
    for model, rows in by_model.items():
        data = {
            "model": model,
            "series": len(rows),
            "for_ms": rows[0].for_ms,
            "average_confidence": float(np.mean([row.confidence for row in rows])),
            "values": {str(row.series): row.value for row in rows[:PREDICTIONS_MAX]},
        }
        yield Event("prediction_made", results.at_ms, data)


def _spec(spec: ModelSpec) -> dict[str, Any]:
    return {"id": spec.id, "name": spec.title, "type": spec.type, "target": spec.target}


def _learned(model: ModelResult) -> dict[str, Any]:
    confidence = model.confidence
    return {
        "model": model.id,
        "series": len(model.labels),
        "steps": model.trained_steps,
        "accuracy": float(confidence.mean()) if confidence is not None and len(confidence) else None,
        "error_ratio": typical(model.error_last),
    }


def _anomaly(row: Anomaly) -> dict[str, Any]:
    return {
        "model": row.model,
        "metric": row.series.metric,
        "labels": dict(row.series.without_metric().items()),
        "at_ms": row.at_ms,
        "value": row.value,
        "expected": row.expected,
        "deviation": row.deviation,
        "severity": row.severity.value,
        "confidence": row.confidence,
        "score": row.score,
        "description": row.description,
    }
