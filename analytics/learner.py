"""One model's run: score what is new, learn where it is due, forecast. Pure.

Series go in blocks of at most `BLOCK`, each fitted and forecast as one matrix. Series that come later get
a block of their own at once, without the others being learned anew; `schedule` regroups them all.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analytics.align import Rows, align, rows_of, take, union
from analytics.anomaly import Alarms
from analytics.arrays import Arrays, Values, hold
from analytics.history import Table
from analytics.learned import summary
from analytics.models import MODELS, RECENT, RECENT_FEATURES, Forecast, Model
from analytics.result import ModelResult, ModelState, Prediction, Strangeness
from analytics.scoring import Scored, first_score, joined, score
from analytics.spec import ModelSpec, horizons
from promkit.labels import Labels

__all__ = ["BLOCK", "LIVE_MIN", "Block", "Live", "Outcome", "Settings", "Trained", "clamp", "run", "watched"]

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
BLOCK = 64  # what stays in the processor's cache: twice as fast as 512, and small in memory
PASS_ERROR = 1.0  # of the last value's error: a model that is worse than that has not passed its backtest
PASS_COVERED = 0.6  # of actual values inside intervals that are meant to hold 0.8
LIVE_MIN = 100  # predictions that have been judged before they speak for a model
_STALE = 3  # steps without a sample after which a series is not forecast


@dataclass(frozen=True, slots=True)
class Settings:
    """What all models share."""

    step_ms: int
    history_min_ms: int
    threshold: float  # of anomalies, in deviations

    @property
    def day(self) -> int:
        """Steps of a day."""
        return max(DAY_MS // self.step_ms, 2)


@dataclass(frozen=True, slots=True)
class Block:
    """Series learned together, and what has been told of them."""

    labels: Sequence[Labels]
    features: tuple[str, ...]
    state: Arrays  # without what is read again
    alarms: Alarms


@dataclass(frozen=True, slots=True)
class Trained:
    """What a model knows from earlier runs."""

    key: str  # of the specification that it was learned for
    blocks: Sequence[Block]
    trained_ms: int
    steps: int  # of history
    scored_ms: int  # up to which column


@dataclass(frozen=True, slots=True)
class Live:
    """How a model's published predictions have fared."""

    judged: int = 0
    right: int = 0
    inside: int = 0
    error: float = 0.0  # sum of absolute errors
    error_last: float = 0.0  # the same of the last value


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one model's run gives."""

    result: ModelResult
    trained: Trained | None
    scored: Scored | None = None
    predictions: Sequence[Prediction] = ()


def run(
    spec: ModelSpec,
    tables: Mapping[str, Table],
    before: Trained | None,
    live: Live,
    settings: Settings,
    now_ms: int,
    *,
    anew: bool = False,
) -> Outcome:
    """Bring one model up to the newest column of its tables; `anew`: learn, whatever the schedule says."""
    counts = {feature: len(tables[feature].labels) for feature in spec.features}
    target = watched(spec, tables)
    ready, longest_ms = _ready(target, settings)
    if not len(ready):
        learning = f"{_hours(longest_ms)} of {_hours(settings.history_min_ms)}"
        is_there = target.labels or target.begins
        state = ModelState.LEARNING if is_there else ModelState.IDLE
        detail = learning if is_there else f"no series match {spec.target}"
        return Outcome(ModelResult(spec.id, state, detail, features=counts), before)
    known = before if before is not None and before.key == _key(spec, settings) else None
    scored = _score(spec, target, ready, known, settings)
    used = () if spec.type == "anomaly_detection" else tuple(f for f in spec.features if counts[f])
    trained = _learn(spec, tables, target, scored, known, used, settings, now_ms, anew=anew)
    return _forecast(spec, tables, target, scored, trained, live, settings, counts)


def watched(spec: ModelSpec, tables: Mapping[str, Table]) -> Table:
    """The series that a model models: its target's, and the features' too where it looks for anomalies."""
    extra = spec.features if spec.type == "anomaly_detection" else ()
    return union([tables[expr] for expr in dict.fromkeys((spec.target, *extra))])


def clamp(share: Values) -> Values:
    """A measured share as a confidence: 0.1 to 0.95; the least where nothing was measured."""
    return np.clip(np.nan_to_num(share), 0.1, 0.95)


def _hours(duration_ms: int) -> str:
    hours = duration_ms / HOUR_MS
    return f"{hours:.0f} h" if hours >= 1 else f"{duration_ms // 60_000} min"


def _key(spec: ModelSpec, settings: Settings) -> str:
    """What must be the same for learned state to be of use."""
    return "|".join([spec.type, spec.target, *spec.features, str(spec.horizon), str(settings.step_ms)])


def _ready(target: Table, settings: Settings) -> tuple[Rows, int]:
    """Rows with history enough that have not ended a day ago, and the longest history of all, in ms."""
    if not target.labels:
        return np.zeros(0, dtype=np.intp), 0
    known = ~np.isnan(target.values)
    steps = np.where(known.any(axis=1), known.shape[1] - known.argmax(axis=1), 0)
    span_ms = steps * settings.step_ms
    alive = known[:, -settings.day :].any(axis=1)
    return np.flatnonzero(alive & (span_ms >= settings.history_min_ms)), int(span_ms.max())


def _score(spec: ModelSpec, target: Table, ready: Rows, known: Trained | None, settings: Settings) -> Scored:
    """Score what is new of all ready series: those learned before, then those seen for the first time."""
    new = 0
    parts = []
    old: set[Labels] = set()
    for block in known.blocks if known else ():
        values = take(target.values, rows_of(target, block.labels))
        assert known is not None  # noqa: S101 - it has blocks
        new = min(int((target.times > known.scored_ms).sum()), settings.day)
        found = score(
            spec.id,
            block.labels,
            block.state,
            block.alarms,
            values,
            target.times,
            new,
            settings.threshold,
            settings.day,
        )
        parts.append(found)
        old.update(block.labels)
    least = settings.history_min_ms // settings.step_ms
    for rows in _chunks([row for row in ready if target.labels[row] not in old]):
        labels = [target.labels[row] for row in rows]
        parts.append(
            first_score(
                spec.id, labels, target.values[rows], target.times, settings.threshold, settings.day, least
            )
        )
    return joined(parts)


def _learn(
    spec: ModelSpec,
    tables: Mapping[str, Table],
    target: Table,
    scored: Scored,
    known: Trained | None,
    used: tuple[str, ...],
    settings: Settings,
    now_ms: int,
    *,
    anew: bool,
) -> Trained:
    """Keep blocks that still hold, with what was told of them; fit the others."""
    model = _model(spec, settings)
    at = {label: row for row, label in enumerate(scored.labels)}
    due = known is None or anew or now_ms - known.trained_ms >= spec.schedule
    kept = [
        replace(block, alarms=_pick(scored.alarms, [at[label] for label in block.labels]))
        for block in (known.blocks if known and not due else ())
        if block.features == used
    ]
    held = {label for block in kept for label in block.labels}
    rows = rows_of(target, scored.labels)
    fresh = []
    for chunk in _chunks([n for n, label in enumerate(scored.labels) if label not in held and rows[n] >= 0]):
        labels = [scored.labels[n] for n in chunk]
        values = take(target.values, rows[chunk])
        state = model.fit(values, _features(tables, used, labels, values.shape[1]))
        learned = {name: array for name, array in state.items() if name not in {RECENT, RECENT_FEATURES}}
        fresh.append(Block(labels, used, learned, _pick(scored.alarms, chunk)))
    steps = target.values.shape[1]
    return Trained(
        _key(spec, settings),
        [*kept, *fresh],
        now_ms if due or known is None else known.trained_ms,
        steps if due or known is None else known.steps,
        int(target.times[-1]),
    )


def _forecast(
    spec: ModelSpec,
    tables: Mapping[str, Table],
    target: Table,
    scored: Scored,
    trained: Trained,
    live: Live,
    settings: Settings,
    counts: Mapping[str, int],
) -> Outcome:
    model = _model(spec, settings)
    wanted = horizons(spec)
    steps = np.array([max(ms // settings.step_ms, 1) for ms in wanted.values()], dtype=np.int64)
    forecasts, newest_of = [], []
    features: list[Sequence[Mapping[str, float | None]]] = []
    for block in trained.blocks:
        values = take(target.values, rows_of(target, block.labels))
        known = _features(tables, block.features, block.labels, values.shape[1])
        standing = model.advance(block.state, values, known)
        newest_of.append(hold(values[:, -_STALE:])[:, -1])
        forecasts.append(_hidden(model.predict(standing, steps, None), values))
        features.append(_latest(spec, tables, block, known))
    labels = [label for block in trained.blocks for label in block.labels]
    whole = Forecast(*(np.concatenate([getattr(f, name) for f in forecasts]) for name in Forecast.__slots__))
    result = _result(spec, model, trained, labels, whole, tuple(wanted), live, counts, scored.newest)
    first_ms = next(iter(wanted.values()))
    end_ms = int(target.times[-1])
    flat = [of_series for block in features for of_series in block]
    newest = np.concatenate(newest_of)
    assert result.confidence is not None  # noqa: S101 - _result sets it
    predictions = [
        Prediction(
            spec.id,
            label,
            end_ms,
            end_ms + first_ms,
            float(newest[row]),
            float(whole.mean[row, 0]),
            float(whole.lower[row, 0]),
            float(whole.upper[row, 0]),
            float(result.confidence[row]),
            flat[row],
        )
        for row, label in enumerate(labels)
        if np.isfinite(whole.mean[row, 0])
    ]
    return Outcome(result, trained, scored, predictions)


def _result(
    spec: ModelSpec,
    model: Model,
    trained: Trained,
    labels: Sequence[Labels],
    forecast: Forecast,
    wanted: tuple[str, ...],
    live: Live,
    counts: Mapping[str, int],
    newest: Strangeness,
) -> ModelResult:
    def learned(name: str) -> Values:
        return np.concatenate([block.state[name] for block in trained.blocks])

    error, covered = learned("error"), learned("covered")
    ratio = _ratio(error, learned("error_last"), learned("seen_high"))
    measured = live.right / live.judged if live.judged >= LIVE_MIN else None
    share = learned("hits") if measured is None else np.full(len(labels), measured)
    return ModelResult(
        id=spec.id,
        state=ModelState.READY,
        labels=labels,
        features=counts,
        trained_ms=trained.trained_ms,
        trained_steps=trained.steps,
        horizons=wanted,
        forecast=forecast,
        error_last=ratio,
        error_season=_ratio(error, learned("error_season"), learned("seen_high")),
        covered=covered,
        passed=(ratio <= PASS_ERROR) & (covered >= PASS_COVERED),
        confidence=clamp(share),
        strangeness=newest,
        learned=summary(model, trained.blocks),
    )


def _ratio(error: Values, other: Values, high: Values) -> Values:
    """How much of another method's error is left; 1 where both are perfect, but for rounding."""
    perfect = np.maximum(error, other) <= 1e-9 * np.maximum(np.abs(high), 1e-9)
    return np.where(perfect, 1.0, error / np.where(other > 0, other, np.nan))


def _model(spec: ModelSpec, settings: Settings) -> Model:
    return MODELS[spec.type](settings.day, max(spec.horizon // settings.step_ms, 1))


def _features(
    tables: Mapping[str, Table], used: Sequence[str], labels: Sequence[Labels], steps: int
) -> Values:
    """Features of each series, [F, S, T]."""
    if not used:
        return np.zeros((0, len(labels), steps))
    return np.stack([align(tables[feature], labels) for feature in used])


def _latest(
    spec: ModelSpec, tables: Mapping[str, Table], block: Block, known: Values
) -> list[dict[str, float | None]]:
    """Newest value of each feature for each series; None for one that was left out."""
    watched_now: dict[str, float | None] = dict.fromkeys(spec.features)
    if spec.type == "anomaly_detection":  # they are watched, not used: the mean says where they are
        for feature in spec.features:
            newest_of = tables[feature].values[:, -1]
            present = newest_of[~np.isnan(newest_of)]
            watched_now[feature] = float(present.mean()) if len(present) else None
    rows: list[dict[str, float | None]] = []
    for row in range(len(block.labels)):
        values: dict[str, float | None] = dict(watched_now)
        for number, feature in enumerate(block.features):
            newest = float(known[number, row, -1])
            values[feature] = newest if np.isfinite(newest) else None
        rows.append(values)
    return rows


def _hidden(forecast: Forecast, values: Values) -> Forecast:
    """No forecast of series that have ended."""
    ended = ~(~np.isnan(values[:, -_STALE:])).any(axis=1, keepdims=True)
    return Forecast(*(np.where(ended, np.nan, getattr(forecast, name)) for name in Forecast.__slots__))


def _pick(alarms: Alarms, rows: Sequence[int]) -> Alarms:
    return Alarms(*(getattr(alarms, name)[rows] for name in Alarms.__slots__))


def _chunks(rows: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(rows), BLOCK):
        yield list(rows[start : start + BLOCK])
