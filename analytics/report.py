"""The figures of reports and health as JSON values. How they look is the business of `lumina report`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from analytics.anomaly import Severity
from analytics.journal import Journal
from analytics.learner import LIVE_MIN, Live
from analytics.publish import typical
from analytics.result import Breach, ModelResult, ModelState, Results, Trend
from analytics.spec import ModelSpec
from promkit.labels import Labels

__all__ = ["Status", "breaches", "health", "models", "report", "trends"]

_LAST = 10  # anomalies in a report
_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Status:
    """How the process itself does."""

    datasource: str
    is_up: bool
    problem: str  # why it is not
    cycles: int
    last_cycle_ms: int | None
    next_cycle_ms: int | None
    series: int


def models(
    specs: Sequence[ModelSpec], results: Results | None, live: Mapping[str, Live]
) -> list[dict[str, Any]]:
    """Each model with type, where it stands, accuracy and when and on what it was trained."""
    found = {model.id: model for model in results.models} if results else {}
    return [_model(spec, found.get(spec.id), live.get(spec.id, Live())) for spec in specs]


def trends(results: Results | None, range_: str | None) -> list[dict[str, Any]]:
    """Trends over one range, or all."""
    return [_trend(trend) for trend in (results.trends if results else ()) if range_ in {None, trend.range}]


def breaches(results: Results | None) -> list[dict[str, Any]]:
    """Time to breach of each rule and series, the soonest and likeliest first."""
    rows = sorted(
        results.breaches if results else (),
        key=lambda row: (row.seconds is None, row.seconds or 0, -row.probability),
    )
    return [_breach(row) for row in rows]


def report(
    specs: Sequence[ModelSpec],
    results: Results | None,
    live: Mapping[str, Live],
    journal: Journal,
    hours: int,
    now_ms: int,
) -> dict[str, Any]:
    """Models, predictions and anomalies of the last hours, trends and breaches."""
    since_ms = now_ms - hours * _HOUR_MS
    by_model = journal.summary(since_ms)
    count = sum(row["count"] for row in by_model)
    confidence = sum(row["count"] * row["average_confidence"] for row in by_model)
    anomalies = journal.anomalies(since_ms)
    severities = Counter(row["severity"] for row in anomalies)
    return {
        "generated_ms": now_ms,
        "hours": hours,
        "models": models(specs, results, live),
        "predictions": {
            "count": count,
            "average_confidence": confidence / count if count else None,
            "by_model": {row.pop("model"): row for row in by_model},
        },
        "anomalies": {
            "count": len(anomalies),
            "by_severity": {level.value: severities[level.value] for level in Severity},
            "last": anomalies[:_LAST],
        },
        "trends": trends(results, None),
        "breaches": breaches(results),
    }


def health(
    specs: Sequence[ModelSpec], results: Results | None, journal: Journal, status: Status, now_ms: int
) -> dict[str, Any]:
    """Healthy when there are models and the history can be read, else warning; with counts."""
    states = Counter(model.state.value for model in (results.models if results else ()))
    problems = []
    if not specs:
        problems.append("there are no models")
    if not status.is_up:
        problems.append(f"the history cannot be read: {status.problem}")
    if states[ModelState.FAILED.value]:
        problems.append(f"{states[ModelState.FAILED.value]} models failed")
    since_ms = now_ms - 24 * _HOUR_MS
    return {
        "status": "warning" if problems else "healthy",
        "problems": problems,
        "models": len(specs),
        "models_by_state": {state.value: states[state.value] for state in ModelState},
        "series": status.series,
        "predictions_24h": sum(row["count"] for row in journal.summary(since_ms)),
        "anomalies_24h": len(journal.anomalies(since_ms)),
        "trends": len(results.trends) if results else 0,
        "datasource": {"url": status.datasource, "up": status.is_up, "problem": status.problem},
        "cycles": status.cycles,
        "last_cycle_ms": status.last_cycle_ms,
        "next_cycle_ms": status.next_cycle_ms,
    }


def _model(spec: ModelSpec, found: ModelResult | None, live: Live) -> dict[str, Any]:
    state = found.state.value if found else ModelState.IDLE.value
    measured = live.judged >= LIVE_MIN
    return {
        "id": spec.id,
        "name": spec.title,
        "description": spec.description,
        "type": spec.type,
        "target": spec.target,
        "features": {feature: found.features.get(feature, 0) if found else 0 for feature in spec.features},
        "enabled": spec.enabled,
        "state": state,
        "detail": found.detail if found else "no cycle has run yet",
        "series": len(found.labels) if found else 0,
        "trained_ms": found.trained_ms if found else None,
        "trained_on": {"steps": found.trained_steps, "series": len(found.labels)}
        if found and found.trained_ms
        else None,
        "model_data": asdict(found.learned) if found and found.learned else None,
        "accuracy": _mean(found.confidence) if found else None,
        "accuracy_from": "live" if measured else "backtest",
        "predictions_judged": live.judged,
        "error_ratio": {
            "last_value": typical(found.error_last) if found else None,
            "yesterday": typical(found.error_season) if found else None,
            "live": live.error / live.error_last if measured and live.error_last > 0 else None,
        },
        "coverage": _mean(found.covered) if found else None,
        "coverage_live": live.inside / live.judged if measured else None,
        "series_passed": int(found.passed.sum()) if found and found.passed is not None else 0,
    }


def _mean(values: Any) -> float | None:  # noqa: ANN401 - an array or None
    known = values[np.isfinite(values)] if values is not None else ()
    return float(np.mean(known)) if len(known) else None


def _trend(trend: Trend) -> dict[str, Any]:
    return {
        **_series(trend.series),
        "range": trend.range,
        "trend": trend.direction.value,
        "slope_per_hour": trend.slope_per_hour,
        "lower": trend.lower,
        "upper": trend.upper,
        "confidence": trend.confidence,
        "at_ms": trend.at_ms,
    }


def _breach(row: Breach) -> dict[str, Any]:
    return {
        "rule": row.rule,
        **_series(row.series),
        "condition": row.condition,
        "threshold": row.threshold,
        "severity": row.severity,
        "value": row.value,
        "seconds": row.seconds,
        "lower": row.lower,
        "upper": row.upper,
        "probability": row.probability,
        "within": row.within,
    }


def _series(series: Labels) -> dict[str, Any]:
    return {"metric": series.metric, "labels": dict(series.without_metric().items())}
