"""One run: history → forecasts, anomalies, trends, time to breach. Pure: sight and memory go in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from analytics.align import union
from analytics.breach import breach
from analytics.history import Table
from analytics.learner import Live, Outcome, Settings, Trained
from analytics.learner import run as run_model
from analytics.result import Breach, ModelResult, ModelState, Results, Strangeness, Trend
from analytics.rules import Threshold
from analytics.spec import ModelSpec
from analytics.trend import RANGES, trends
from promkit.duration import format_duration
from promkit.errors import LuminaError
from promkit.labels import Labels

__all__ = ["Input", "Memory", "run", "targets_of"]

_LOOKS = 48  # a range's trends are found anew after this part of it
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Memory:
    """What one run leaves to the next."""

    trained: Mapping[str, Trained] = field(default_factory=dict)  # by model
    trends: Mapping[str, tuple[int, Sequence[Trend]]] = field(default_factory=dict)  # range → when, what
    newest: Mapping[str, Strangeness] = field(default_factory=dict)  # by model


@dataclass(frozen=True, slots=True)
class Input:
    """All that a run sees."""

    specs: Sequence[ModelSpec]
    tables: Mapping[str, Table]  # by target or feature, at the step of the models
    hourly: Mapping[str, Table]  # the same for the last month, an hour a step
    refused: Mapping[str, LuminaError]  # targets that the server would not answer
    thresholds: Sequence[Threshold]
    live: Mapping[str, Live]
    settings: Settings
    breach_horizon_ms: int
    train: frozenset[str] = frozenset()  # models that a person wants to learn anew


def targets_of(specs: Sequence[ModelSpec]) -> list[str]:
    """Everything that models ask for, each once."""
    return list(
        dict.fromkeys(expr for spec in specs if spec.enabled for expr in (spec.target, *spec.features))
    )


def run(given: Input, memory: Memory, now_ms: int) -> tuple[Results, Memory]:
    """Bring everything up to the newest column of the tables."""
    outcomes = [_model(spec, given, memory, now_ms) for spec in given.specs]
    outcomes = [_carried(outcome, memory) for outcome in _once(given, outcomes)]
    found, kept = _trends(given, memory, now_ms)
    results = Results(
        at_ms=now_ms,
        models=[outcome.result for outcome in outcomes],
        predictions=[row for outcome in outcomes for row in outcome.predictions],
        anomalies=[row for outcome in outcomes if outcome.scored for row in outcome.scored.anomalies],
        trends=found,
        breaches=[row for threshold in given.thresholds for row in _breaches(threshold, given)],
    )
    trained = {outcome.result.id: outcome.trained for outcome in outcomes if outcome.trained is not None}
    newest = {model.id: model.strangeness for model in results.models if model.strangeness is not None}
    return results, Memory(trained, kept, newest)


def _model(spec: ModelSpec, given: Input, memory: Memory, now_ms: int) -> Outcome:
    before = memory.trained.get(spec.id)
    if not spec.enabled:
        return Outcome(ModelResult(spec.id, ModelState.DISABLED), before)
    refused = [expr for expr in (spec.target, *spec.features) if expr in given.refused]
    if refused:
        detail = f"{refused[0]}: {given.refused[refused[0]]}"
        return Outcome(ModelResult(spec.id, ModelState.FAILED, detail), before)
    live = given.live.get(spec.id, Live())
    anew = spec.id in given.train
    return run_model(spec, given.tables, before, live, given.settings, now_ms, anew=anew)


def _once(given: Input, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """A series that an anomaly_detection model watches is not told of by the others too."""
    told: set[Labels] = set()
    order = sorted(range(len(outcomes)), key=lambda n: given.specs[n].type != "anomaly_detection")
    changed = dict(enumerate(outcomes))
    for number in order:
        outcome = outcomes[number]
        if outcome.scored is None:
            continue
        newest = outcome.scored.newest
        rows = [row for row, label in enumerate(newest.labels) if label not in told]
        anomalies = [row for row in outcome.scored.anomalies if row.series not in told]
        told.update(newest.labels)
        changed[number] = replace(
            outcome,
            scored=replace(outcome.scored, anomalies=anomalies),
            result=replace(outcome.result, strangeness=newest.rows(rows)),
        )
    return [changed[number] for number in range(len(outcomes))]


def _carried(outcome: Outcome, memory: Memory) -> Outcome:
    """A series without a new step since the run before stands where it stood."""
    now, before = outcome.result.strangeness, memory.newest.get(outcome.result.id)
    if now is None or before is None or not np.isnan(now.score).any():
        return outcome
    place = {label: row for row, label in enumerate(before.labels)}
    rows = np.array([place.get(label, -1) for label in now.labels], dtype=np.intp)
    old = np.isnan(now.score) & (rows >= 0)
    values = (np.where(old, getattr(before, name)[rows], getattr(now, name)) for name in Strangeness.values())
    return replace(outcome, result=replace(outcome.result, strangeness=Strangeness(now.labels, *values)))


def _trends(
    given: Input, memory: Memory, now_ms: int
) -> tuple[list[Trend], dict[str, tuple[int, Sequence[Trend]]]]:
    kept: dict[str, tuple[int, Sequence[Trend]]] = {}
    for name, range_ms in RANGES.items():
        made_ms, rows = memory.trends.get(name, (0, ()))
        if now_ms - made_ms >= range_ms // _LOOKS:
            tables = given.hourly if range_ms > 7 * _DAY_MS else given.tables
            made_ms, rows = now_ms, _trends_of(_everything(given, tables), name, range_ms)
        kept[name] = (made_ms, rows)
    return [row for _, rows in kept.values() for row in rows], kept


def _everything(given: Input, tables: Mapping[str, Table]) -> Table | None:
    parts = [tables[expr] for expr in targets_of(given.specs) if expr in tables]
    return union(parts) if parts else None


def _trends_of(table: Table | None, name: str, range_ms: int) -> list[Trend]:
    if table is None or not table.labels:
        return []
    step_ms = int(table.times[1] - table.times[0])
    found = trends(table.values, step_ms, range_ms)
    return [
        Trend(
            label,
            name,
            direction,
            float(found.slope[row]),
            float(found.lower[row]),
            float(found.upper[row]),
            float(found.confidence[row]),
            int(table.times[-1]),
        )
        for row, (label, direction) in enumerate(zip(table.labels, found.direction, strict=True))
        if direction is not None
    ]


def _breaches(threshold: Threshold, given: Input) -> list[Breach]:
    table = given.tables.get(threshold.expr)
    if table is None or not table.labels:
        return []
    limits = np.full(len(table.labels), threshold.value)
    found = breach(
        table.values,
        given.settings.step_ms,
        limits,
        above=threshold.above,
        horizon_ms=given.breach_horizon_ms,
    )
    known = ~np.isnan(table.values)
    newest = table.values.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    alive = [bool(known[row, -given.settings.day :].any()) for row in range(len(table.labels))]
    return [
        Breach(
            rule=threshold.rule,
            series=label,
            condition=threshold.condition,
            threshold=threshold.value,
            value=float(table.values[row, newest[row]]),
            seconds=_or_none(found.seconds[row]),
            lower=_or_none(found.lower[row]),
            upper=_or_none(found.upper[row]),
            probability=float(found.probability[row]),
            within=format_duration(given.breach_horizon_ms),
            severity=threshold.severity,
        )
        for row, label in enumerate(table.labels)
        if alive[row] and np.isfinite(found.probability[row])
    ]


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
