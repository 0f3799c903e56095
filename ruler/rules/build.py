"""From what is written to rules as the engine uses them, with every fault on the way."""

import math
from dataclasses import replace
from pathlib import Path

from promkit.config import where
from promkit.errors import ConfigError, QueryError, Where
from promkit.instant import read_instant
from promkit.labels import Labels
from ruler.promql import Binary, Node, Paren, VectorSelector, comparison, value_type
from ruler.promql import format as format_query
from ruler.rules.context import RuleContext
from ruler.rules.faults import Faults
from ruler.rules.rule import (
    Comparison,
    Condition,
    Escalation,
    EscalationStep,
    NoData,
    NoDataState,
    Origin,
    Rule,
    RuleKind,
    Timing,
)
from ruler.rules.schema import (
    AlertKeys,
    EscalationConfig,
    GroupConfig,
    GroupRule,
    NoDataConfig,
    ShortRule,
    numbers_of,
)
from ruler.rules.text import comparing, described, number_text
from ruler.rules.wish import remedy_of

__all__ = ["API_FILE", "Builder", "escalation_of"]

API_FILE = "api.yml"  # whatever its folder: `check` reads it from elsewhere
KEEP_AFTER_MS = 900_000  # DESIGN 5.4: 15m by default
_RISING = {Comparison.GT, Comparison.GE}
_FALLING = {Comparison.LT, Comparison.LE}
_BY_OPERATOR = {one.operator: one for one in Comparison}
_Compared = tuple[Node, str, Comparison, float]  # what is compared, its text, how, with what
_OF_RECORDING = {"id", "enabled", "labels"}


def escalation_of(name: str, config: EscalationConfig) -> Escalation:
    """A policy as the engine uses it."""
    steps = tuple(EscalationStep(step.after, step.notify, step.repeat) for step in config.steps)
    return Escalation(name, config.until, steps)


class Builder:
    """Builds the rules of one file. Where `faults` gathers anything, what is built is of no use."""

    def __init__(self, text: str, source: str, context: RuleContext) -> None:
        self._source, self._context = source, context
        self._faults = Faults(text, context)
        self._ids: dict[str, int] = {}
        self.doubts: list[tuple[Where, str]] = []

    @property
    def faults(self) -> list[ConfigError]:
        """What is wrong with the file so far."""
        return self._faults.found

    def fault(self, problem: str, at: Where, remedy: str | None = None) -> None:
        """Note what is wrong."""
        self._faults.add(problem, at, remedy)

    def group_rules(self, group: GroupConfig) -> tuple[Rule, ...]:
        """The rules of a group of the Prometheus form."""
        self._faults.labels(group, group.labels)
        rules = (self._group_rule(group, written) for written in group.rules)
        return tuple(rule for rule in rules if rule is not None)

    def short_rule(self, written: ShortRule) -> Rule | None:
        """A rule of the short form; None: its metric is no expression."""
        self._check_short(written)
        metric = self._faults.expression(written, "metric", written.metric)
        if metric is None:
            return None
        self._check_metric(written, metric)
        name = written.name or written.id
        condition = Condition(written.metric, written.condition, written.threshold)
        annotations = {**written.annotations}
        annotations.setdefault("description", described(written.description, name, condition))
        self._faults.template(written.description, where(written, "description"), "description")
        return self._alert(
            written,
            Rule(
                id=written.id,
                kind=RuleKind.ALERT,
                name=name,
                expr=comparing(metric, written.metric, condition.comparison.operator, condition.threshold),
                where=where(written, "id"),
                condition=condition,
                present_expr=written.metric,
                timing=Timing(written.duration),
                labels={**written.labels, "severity": written.severity},
                annotations=annotations,
                severity=written.severity,
                description=written.description,
                origin=self._origin(written),
            ),
            comparing_to=(metric, written.metric, condition.comparison, condition.threshold),
        )

    def _group_rule(self, group: GroupConfig, written: GroupRule) -> Rule | None:
        if bool(written.alert) == bool(written.record):
            both = "only one of 'record' and 'alert' may be set"
            self.fault(both if written.alert else "one of 'record' or 'alert' must be set", where(written))
            return None
        node = self._faults.expression(written, "expr", written.expr)
        if node is None:
            return None
        if value_type(node) not in {"vector", "scalar"}:
            self.doubts.append((where(written, "expr"), "the result is no vector: the rule will fail"))
        labels = {**group.labels, **written.labels}
        severity = labels.get("severity", "")
        name = written.alert or written.record or ""
        rule = Rule(
            id=written.id or self._made_id(group.name, name, Labels(labels)),
            kind=RuleKind.ALERT if written.alert else RuleKind.RECORD,
            name=name,
            expr=written.expr,
            where=where(written, "alert" if written.alert else "record"),
            labels=labels,
            enabled=written.enabled,
            timing=Timing(written.for_),
            annotations=dict(written.annotations),
            severity="" if "{{" in severity else severity,
            description=written.annotations.get("description", ""),
        )
        if written.record:
            self._check_recording(written, rule)
            return rule
        compared = comparison(node)
        if compared is None:
            return self._alert(written, rule, None)
        text = format_query(compared.expr)
        return self._alert(written, rule, (compared.expr, text, _BY_OPERATOR[compared.op], compared.constant))

    def _alert(
        self,
        written: GroupRule | ShortRule,
        rule: Rule,
        comparing_to: _Compared | None,
    ) -> Rule:
        """Add what both forms have; `comparing_to` is the condition, if it compares with a number."""
        self._faults.labels(written, written.labels)
        self._faults.templates(written, "labels", written.labels)
        self._faults.templates(written, "annotations", written.annotations)
        recover_expr = self._recovery(written, comparing_to)
        present_expr = rule.present_expr or self._present(written, comparing_to, recover_expr)
        return replace(
            rule,
            recover_expr=recover_expr,
            present_expr=present_expr,
            timing=Timing(
                for_ms=rule.timing.for_ms,
                keep_firing_ms=written.keep_firing_for,
                recover_ms=0 if written.recover is None else written.recover.for_,
                breaches=self._breaches(written, rule.timing.for_ms),
            ),
            no_data=_no_data(written.no_data, rule),
            enabled=written.enabled,
            optional=written.optional,
            cooldown_ms=written.cooldown,
            repeat_ms=0 if written.repeat == "never" else written.repeat,
            channels=self._channels(written),
            channels_only=written.channels_only,
            escalation=self._escalation(written),
            remedy=None
            if written.auto_remediation is None
            else remedy_of(written.auto_remediation, self._faults),
        )

    def _origin(self, written: ShortRule) -> Origin | None:
        if written.api is None:
            return None
        if Path(self._source).name != API_FILE:
            self.fault(f"'api' is written by the API, into {API_FILE} alone", where(written, "api"))
        by = written.api
        changed_ms = None if by.changed is None else read_instant(by.changed)
        return Origin(by.created_by, read_instant(by.created), by.changed_by, changed_ms)

    def _made_id(self, group: str, name: str, labels: Labels) -> str:
        """Key of the state of a rule without an id; equal ones in a file are numbered."""
        id_ = f"{self._source};{group};{name}{labels or ''}"
        self._ids[id_] = self._ids.get(id_, 0) + 1
        return id_ if self._ids[id_] == 1 else f"{id_}#{self._ids[id_]}"

    def _check_short(self, written: ShortRule) -> None:
        if not math.isfinite(written.threshold):
            self.fault("a threshold must be a finite number", where(written, "threshold"))
        if self._context.severities.level(written.severity) is None:
            remedy = "write critical, high, medium, low or info, or add it to severities in ruler.yml"
            self.fault(f"unknown severity {written.severity!r}", where(written, "severity"), remedy)
        if "severity" in written.labels:
            self.fault("the severity is given twice", where(written, "labels", "severity"), "keep 'severity'")
        if "description" in written.annotations and written.description:
            at = where(written, "annotations", "description")
            self.fault("the description is given twice", at, "keep 'description'")

    def _check_metric(self, written: ShortRule, metric: Node) -> None:
        at = where(written, "metric")
        if value_type(metric) != "vector":
            self.fault(f"metric: gives a {value_type(metric)}, where series are needed", at)
        elif _compares(metric):
            self.fault("metric: has a comparison of its own", at, "use 'condition' and 'threshold'")
        elif isinstance(metric, VectorSelector) and metric.name.endswith("_ratio") and written.threshold > 1:
            percent = number_text(written.threshold / 100)
            remedy = f"write {percent} for {number_text(written.threshold)} %"
            self.fault(f"{metric.name} is a ratio from 0 to 1", where(written, "threshold"), remedy)

    def _check_recording(self, written: GroupRule, rule: Rule) -> None:
        self._faults.labels(written, written.labels)
        self._faults.metric_name(rule.name, rule.where)
        for key in written.model_fields_set - _OF_RECORDING - {"record", "expr", "alert"}:
            name = GroupRule.model_fields[key].alias or key
            self.fault(f"invalid field {name!r} in recording rule {rule.name!r}", where(written, name))

    def _breaches(self, written: GroupRule | ShortRule, for_ms: int) -> tuple[int, int] | None:
        if written.breaches is None:
            return None
        if for_ms:
            self.fault("give a duration or 'breaches', not both", where(written, "breaches"))
        return numbers_of(written.breaches)

    def _recovery(self, written: AlertKeys, comparing_to: _Compared | None) -> str | None:
        if written.recover_expr is not None:
            if written.recover is not None and written.recover.threshold is not None:
                problem = "give 'recover_expr' or a threshold in 'recover', not both"
                self.fault(problem, where(written, "recover_expr"))
            self._faults.expression(written, "recover_expr", written.recover_expr)
            return written.recover_expr
        if written.recover is None or written.recover.threshold is None:
            return None
        at = where(written.recover, "threshold")
        if comparing_to is None or comparing_to[2] not in _RISING | _FALLING:
            self.fault(
                "a recovery threshold needs a condition of greater or less", at, "use 'recover_expr' instead"
            )
            return None
        node, text, compared, threshold = comparing_to
        back = written.recover.threshold
        if back > threshold if compared in _RISING else back < threshold:
            side = "at or below" if compared in _RISING else "at or above"
            self.fault(f"the recovery threshold must be {side} the threshold {number_text(threshold)}", at)
        return comparing(node, text, compared.opposite.operator, back)

    def _present(
        self,
        written: AlertKeys,
        comparing_to: _Compared | None,
        recover_expr: str | None,
    ) -> str | None:
        """What tells of an alert of the Prometheus form that it has data: asked only where it matters."""
        if written.no_data is not None:
            if comparing_to is None:
                problem = "'no_data' needs an expression that compares with a number"
                self.fault(problem, where(written, "no_data"), "write it as: metric > number")
                return None
            return comparing_to[1]
        if recover_expr is None:
            return None
        try:
            recovered = comparison(self._context.parse(recover_expr))
        except QueryError:
            return None  # a fault already
        return None if recovered is None else format_query(recovered.expr)

    def _channels(self, written: AlertKeys) -> tuple[str, ...]:
        self._faults.names(written.channels, where(written, "channels"))
        if written.channels_only and not written.channels:
            self.fault("'channels_only' without channels would tell nobody", where(written, "channels_only"))
        return tuple(dict.fromkeys(written.channels))

    def _escalation(self, written: AlertKeys) -> Escalation | None:
        if isinstance(written.escalation, EscalationConfig):
            for step in written.escalation.steps:
                self._faults.names(step.notify, where(step, "notify"))
            return escalation_of("", written.escalation)
        if written.escalation is None:
            return None
        policy = self._context.escalations.get(written.escalation)
        if policy is None and not self._context.any_name:
            known = ", ".join(sorted(self._context.escalations)) or "none: add escalations to ruler.yml"
            at = where(written, "escalation")
            self.fault(f"unknown escalation {written.escalation!r}", at, f"known are {known}")
        return policy


def _compares(node: Node) -> bool:
    """Whether an expression filters by a comparison of its own."""
    while isinstance(node, Paren):
        node = node.expr
    return isinstance(node, Binary) and node.op in _BY_OPERATOR and not node.returns_bool


def _no_data(written: str | NoDataConfig | None, rule: Rule) -> NoData:
    if written is None:
        return NoData(NoDataState.KEEP, KEEP_AFTER_MS) if rule.condition is not None else NoData()
    state = NoDataState(written.state if isinstance(written, NoDataConfig) else written)
    after_ms = written.after if isinstance(written, NoDataConfig) else None
    if after_ms is None:
        # An alert on silence waits as long as one on a breach.
        defaults = {
            NoDataState.KEEP: KEEP_AFTER_MS,
            NoDataState.RESOLVE: 0,
            NoDataState.ALERT: rule.timing.for_ms,
        }
        after_ms = defaults[state]
    return NoData(state, after_ms)
