"""Rules at one instant: from what the engine answers to what the state machine and the store take.

Prometheus form   the expression's vector, as in Prometheus (rules/alerting.go, recording.go)
short form        a selector: every sample since the previous evaluation must breach; the latest within the
                  lookback stands where none came since. Another expression: its value.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from promkit import log
from promkit.errors import LuminaError, QueryError
from promkit.labels import EMPTY, METRIC_NAME, Labels
from ruler.promql import RangeVector, Result, Scalar, Shared, Vector, VectorSelector
from ruler.rules.evaluation import Breach, Evaluation
from ruler.rules.presence import failing, named, present, recovered
from ruler.rules.rule import Comparison, Condition, Group, NoDataState, Rule
from ruler.rules.text import plain_selector
from ruler.store import Mask, Values

__all__ = ["Evaluator", "Render", "TemplateData", "evaluate", "recorded"]

_LOG = log.get(__name__)
_COMPARE: dict[Comparison, Callable[[Values, float], Mask]] = {
    Comparison.GT: np.greater,
    Comparison.GE: np.greater_equal,
    Comparison.LT: np.less,
    Comparison.LE: np.less_equal,
    Comparison.EQ: np.equal,
    Comparison.NE: np.not_equal,
}
_SINCE_MS_MAX = 3_600_000  # how far back samples are looked at after a pause
_UP = "up"


class Evaluator(Protocol):
    """What rules ask of an engine, embedded or remote."""

    def instant(self, query: str, at_ms: int, *, shared: Shared | None = None) -> Result:
        """What a query is worth at one instant."""


@dataclass(frozen=True, slots=True)
class TemplateData:
    """What the templates of labels and annotations are about."""

    labels: Labels  # of the series, before the rule's own
    value: float
    at_ms: int


Render = Callable[[str, TemplateData], str]


def unrendered(text: str, _data: TemplateData) -> str:
    """Leave a template as it stands: for those who need no texts."""
    return text


def evaluate(
    rule: Rule,
    group: Group,
    engine: Evaluator,
    at_ms: int,
    *,
    since_ms: int | None = None,
    known: Collection[Labels] = (),
    render: Render = unrendered,
    shared: Shared | None = None,
) -> Evaluation:
    """What an alerting rule finds. `since_ms`: its previous evaluation; `known`: label sets with a state.

    Whatever goes wrong is said in `error`.
    """
    instant = _Instant(engine, at_ms - group.query_offset_ms, shared)
    try:
        found = _found(rule, group, instant, since_ms)
        breaching = _breaches(rule, found.breached, render, at_ms)
        limit = group.limit
        if limit and len(breaching) > limit:
            problem = f"exceeded limit of {limit} with {len(breaching)} alerts"
            return Evaluation(rule, at_ms, error=problem, cleared=True)
        evaluation = Evaluation(
            rule,
            at_ms,
            breaching,
            present=None if rule.present_expr is None else frozenset(),
            samples=instant.samples,
            warnings=found.warnings,
            series=found.series,
        )
        if not known and rule.no_data.state is not NoDataState.ALERT:
            return evaluation
        return _with_presence(evaluation, found, instant, known)
    except LuminaError as error:
        return Evaluation(rule, at_ms, error=str(error))


def recorded(
    rule: Rule, group: Group, engine: Evaluator, at_ms: int, *, shared: Shared | None = None
) -> tuple[list[Labels], Values]:
    """The series that a recording rule makes.

    LuminaError: the query failed, made two series of one name, or more than the group's limit.
    """
    vector = _Instant(engine, at_ms - group.query_offset_ms, shared).vector(rule.expr)
    labels = [Labels({**source, **rule.labels, METRIC_NAME: rule.name}) for source in vector.labels]
    if len(set(labels)) < len(labels):
        raise QueryError("vector contains metrics with the same labelset after applying rule labels")
    if group.limit and len(labels) > group.limit:
        raise QueryError(f"exceeded limit of {group.limit} with {len(labels)} series")
    return labels, vector.values


@dataclass(slots=True)
class _Instant:
    """The engine at the evaluation's instant."""

    engine: Evaluator
    at_ms: int
    shared: Shared | None
    samples: int = 0

    def result(self, query: str) -> Result:
        result = self.engine.instant(query, self.at_ms, shared=self.shared)
        self.samples += result.samples
        return result

    def vector(self, query: str) -> Vector:
        """The query's vector; a scalar is one series without labels, as in Prometheus."""
        return _vector(self.result(query))


@dataclass(frozen=True, slots=True)
class _Found:
    """The series that breach, and all that the rule looks at, if that is known."""

    breached: Sequence[tuple[Labels, float]]
    looked_at: Sequence[Labels] | None
    series: int
    warnings: tuple[str, ...]


def _found(rule: Rule, group: Group, instant: _Instant, since_ms: int | None) -> _Found:
    if rule.condition is None:
        result = instant.result(rule.expr)
        vector = _vector(result)
        breached = list(zip(vector.labels, vector.values.tolist(), strict=True))
        return _Found(breached, None, result.samples, result.warnings)
    result = instant.result(rule.condition.metric)
    vector = _vector(result)
    compare, threshold = _COMPARE[rule.condition.comparison], rule.condition.threshold
    columns = np.flatnonzero(compare(vector.values, threshold)).tolist()
    breached = [(vector.labels[column], float(vector.values[column])) for column in columns]
    selector = plain_selector(rule.condition.metric)
    if breached and selector is not None:
        since_ms = instant.at_ms - group.interval_ms if since_ms is None else since_ms - group.query_offset_ms
        window_ms = min(max(instant.at_ms - since_ms, 1), max(_SINCE_MS_MAX, group.interval_ms))
        breached = _throughout(breached, rule.condition, replace(selector, range_ms=window_ms), instant)
    return _Found(breached, vector.labels, len(vector.labels), result.warnings)


def _throughout(
    breached: list[tuple[Labels, float]], condition: Condition, selector: VectorSelector, instant: _Instant
) -> list[tuple[Labels, float]]:
    """Those whose every sample in the window breaches; without a sample there, the latest stands."""
    value = instant.result(str(selector)).value
    assert isinstance(value, RangeVector)  # noqa: S101 - a selector with a range gives nothing else
    wanted = {labels for labels, _ in breached}
    columns = [
        column
        for column, labels in enumerate(value.labels)
        if labels in wanted and len(value.samples[column][1])
    ]
    if not columns:
        return breached
    samples = [value.samples[column][1] for column in columns]
    starts = np.cumsum([0, *map(len, samples[:-1])])
    breaches = _COMPARE[condition.comparison](np.concatenate(samples), condition.threshold)
    throughout = np.logical_and.reduceat(breaches, starts)  # [columns]
    broken = {value.labels[column] for column, all_ in zip(columns, throughout, strict=True) if not all_}
    return [pair for pair in breached if pair[0] not in broken]


def _breaches(
    rule: Rule, breached: Sequence[tuple[Labels, float]], render: Render, at_ms: int
) -> list[Breach]:
    """The alerts' labels and texts."""
    moving_labels = {name: text for name, text in rule.labels.items() if "{{" in text}
    moving_texts = {name: text for name, text in rule.annotations.items() if "{{" in text}
    breaches = []
    for source, value in breached:
        data = TemplateData(source, value, at_ms)
        own = {name: _rendered(rule, text, data, render) for name, text in moving_labels.items()}
        texts = {name: _rendered(rule, text, data, render) for name, text in moving_texts.items()}
        annotations = {**rule.annotations, **texts} if texts else rule.annotations
        breaches.append(Breach(named(rule, source, own), value, annotations))
    if len({breach.labels for breach in breaches}) < len(breaches):
        raise QueryError("vector contains metrics with the same labelset after applying alert labels")
    return breaches


def _rendered(rule: Rule, text: str, data: TemplateData, render: Render) -> str:
    """The text, or what went wrong in its place: an alert is never lost for its texts."""
    try:
        return render(text, data)
    except LuminaError as error:
        _LOG.warning("template of a rule failed", rule=rule.id, error=error)
        return f"<error expanding template: {error}>"


def _with_presence(
    evaluation: Evaluation, found: _Found, instant: _Instant, known: Collection[Labels]
) -> Evaluation:
    """Add what tells of label sets that do not breach why they do not; asked only where there are any."""
    rule = evaluation.rule
    if rule.present_expr is None and rule.recover_expr is None:
        return evaluation
    breaching = {breach.labels for breach in evaluation.breaching}
    others = [labels for labels in known if labels not in breaching]
    remembers = rule.no_data.state is NoDataState.ALERT
    if not others and not remembers:
        return evaluation
    if rule.present_expr is not None:
        sources = found.looked_at
        if sources is None:
            sources = instant.vector(rule.present_expr).labels
        evaluation = replace(evaluation, present=present(rule, sources, others))
        if remembers:
            new = frozenset(named(rule, source, {}) for source in sources) - breaching
            evaluation = replace(evaluation, present=(evaluation.present or frozenset()) | new)
    if rule.recover_expr is not None and others:
        back = instant.vector(rule.recover_expr).labels
        evaluation = replace(evaluation, recovered=recovered(rule, back, others))
    missing = [] if evaluation.present is None else [one for one in others if one not in evaluation.present]
    if missing and rule.no_data.state is not NoDataState.RESOLVE:
        up = instant.vector(_UP)
        targets = list(zip(up.labels, up.values.tolist(), strict=True))
        evaluation = replace(evaluation, failing=failing(targets, missing), blind=not targets)
    return evaluation


def _vector(result: Result) -> Vector:
    match result.value:
        case Vector():
            return result.value
        case Scalar(at_ms=at_ms, value=value):
            return Vector(at_ms, [EMPTY], np.array([value]))
        case _:
            raise QueryError("rule result is not a vector or scalar")
