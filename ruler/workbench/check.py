"""What is wrong or doubtful about rule files, before they watch anything."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from promkit.duration import format_duration
from promkit.errors import ConfigError, ConfigErrors, QueryError, Where
from promkit.labels import Labels
from promkit.matchers import Matcher
from ruler.promql import Binary, Call, Node, VectorSelector, comparison, selectors, walk
from ruler.rules import Group, Rule, RuleContext, RuleKind, RuleSet, load_files

__all__ = ["Finding", "Severity", "Surroundings", "check"]

_COMPARISONS = {"==", "!=", ">", "<", ">=", "<=", "and", "or", "unless"}
_COUNTER_ENDS = ("_total", "_count", "_sum", "_bucket")
_RATES = {"rate", "irate", "increase", "delta", "idelta", "deriv"}
# A result at all is what these alert on.
_TESTS = {"absent", "absent_over_time", "vector", "changes", "resets", "predict_linear"}


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"  # the files are not taken
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong or doubtful, and what mends it."""

    where: Where
    severity: Severity
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        """Print as compilers do: `file:line:column: warning: text: remedy`."""
        parts = [str(self.where), self.severity.value, self.text, *([self.remedy] if self.remedy else [])]
        return ": ".join(parts)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known of where the rules will run; what is empty or None is not asked about."""

    not_set_up: Mapping[str, str] = field(default_factory=dict)  # channel → what to do
    not_bound: Mapping[str, str] = field(default_factory=dict)  # action → what to do
    scrape_interval_ms: int | None = None
    retention_ms: int | None = None
    has_series: Callable[[Sequence[Matcher]], bool] | None = None


def check(
    patterns: Iterable[str | Path],
    base: Path,
    context: RuleContext,
    surroundings: Surroundings | None = None,
) -> tuple[list[Finding], RuleSet]:
    """All findings, in the order of files and lines, and the rules if they can be loaded."""
    try:
        loaded = load_files(patterns, base, context)
    except ConfigErrors as errors:
        return [_error(fault) for fault in errors.faults], RuleSet()
    except ConfigError as error:
        return [_error(error)], RuleSet()
    checker = _Checker(context, surroundings or Surroundings())
    findings = [Finding(at, Severity.WARNING, text) for at, text in loaded.doubts]
    for group in loaded.groups:
        for rule in group.rules:
            findings += checker.rule(rule, group)
    findings += _shared(loaded.rules)
    order = {name: place for place, name in enumerate(loaded.files)}
    findings.sort(key=lambda one: (order.get(one.where.source, -1), one.where.line, one.where.column))
    return findings, loaded


def _error(fault: ConfigError) -> Finding:
    where = fault.where if isinstance(fault.where, Where) else Where(str(fault.where or "rules"))
    return Finding(where, Severity.ERROR, fault.problem, fault.remedy or "")


def _doubt(rule: Rule, text: str, remedy: str) -> Finding:
    return Finding(rule.where, Severity.WARNING, text, remedy)


class _Checker:
    def __init__(self, context: RuleContext, surroundings: Surroundings) -> None:
        self._context, self._around = context, surroundings

    def rule(self, rule: Rule, group: Group) -> list[Finding]:
        """What is doubtful about one rule."""
        try:
            node = self._context.parse(rule.expr)
        except QueryError:
            return []  # the files have been loaded with this parser
        said = [*self._windows(node), *self._unknown(node)]
        if rule.kind is RuleKind.ALERT:
            said += [*self._people(rule), *self._condition(rule, node), *self._remedy(rule, group)]
            said += _moving(rule)
            if rule.recover_expr is not None and rule.present_expr is None:
                remedy = "write recover_expr as: metric < number"
                said.append(("an alert whose series goes away stays until somebody resolves it", remedy))
        return [
            Finding(rule.where, Severity.WARNING, f"{rule.name}: {text}", remedy) for text, remedy in said
        ]

    def _people(self, rule: Rule) -> Iterable[tuple[str, str]]:
        steps = rule.escalation.steps if rule.escalation else ()
        told = dict.fromkeys([*rule.channels, *(name for step in steps for name in step.notify)])
        for channel in told:
            if channel in self._around.not_set_up:
                yield f"{channel} is not set up", self._around.not_set_up[channel]
        if rule.severity and self._context.severities.level(rule.severity) is None:
            yield f"severity {rule.severity!r} has no place in the order", "add it to severities in ruler.yml"

    @staticmethod
    def _condition(rule: Rule, node: Node) -> Iterable[tuple[str, str]]:
        if rule.condition is None and not _tests(node):
            yield "no condition: it fires for every value", "compare with a number"
        compared = comparison(node)
        if compared is None or not isinstance(compared.expr, VectorSelector):
            return
        name = compared.expr.name
        if name.endswith(_COUNTER_ENDS) and compared.op in {">", ">="}:
            yield f"{name} is a counter, which only rises", f"compare rate({name}[5m])"
        if name.endswith("_ratio") and compared.op in {">", ">="} and compared.constant > 1:
            yield f"{name} is a ratio from 0 to 1: it never fires", "compare with 0.8 for 80 %"

    def _remedy(self, rule: Rule, group: Group) -> Iterable[tuple[str, str]]:
        if rule.remedy is None:
            return
        for action in dict.fromkeys([rule.remedy.action, rule.remedy.on_failure.then or rule.remedy.action]):
            if action in self._around.not_bound:
                yield f"action {action} is not bound", self._around.not_bound[action]
        if rule.remedy.verify.within_ms < 2 * group.interval_ms:
            least = format_duration(2 * group.interval_ms)
            yield "verify.within is shorter than two evaluations", f"make it {least} or more"

    def _windows(self, node: Node) -> Iterable[tuple[str, str]]:
        scrape_ms, retention_ms = self._around.scrape_interval_ms, self._around.retention_ms
        for call in (one for one in walk(node) if isinstance(one, Call) and one.function in _RATES):
            for selector in (one for one in call.args if isinstance(one, VectorSelector)):
                if scrape_ms is not None and selector.range_ms < 2 * scrape_ms:
                    least = format_duration(4 * scrape_ms)
                    yield f"{call.function} over less than two scrapes", f"make its range {least} or more"
        for selector in selectors(node):
            back_ms = selector.range_ms + selector.offset_ms
            if retention_ms and back_ms > retention_ms:
                kept = format_duration(retention_ms)
                yield f"looks back {format_duration(back_ms)}, but {kept} are kept", "raise storage.retention"

    def _unknown(self, node: Node) -> Iterable[tuple[str, str]]:
        if self._around.has_series is None or _is_absence(node):
            return
        for selector in selectors(node):
            if not self._around.has_series(selector.matchers):
                yield f"no series so far is {selector}", "look for a typing error, or what should report it"


def _moving(rule: Rule) -> Iterable[tuple[str, str]]:
    for name, text in rule.labels.items():
        if name != "severity" and ("$value" in text or ".Value" in text):
            yield (
                f"label {name} changes with the value: each is an alert of its own",
                "say it in an annotation",
            )


def _tests(node: Node) -> bool:
    """Whether something in the expression takes series away, or makes one only at times."""
    return any(
        (isinstance(one, Binary) and one.op in _COMPARISONS and not one.returns_bool)
        or (isinstance(one, Call) and one.function in _TESTS)
        for one in walk(node)
    )


def _is_absence(node: Node) -> bool:
    return any(isinstance(one, Call) and one.function in {"absent", "absent_over_time"} for one in walk(node))


def _shared(rules: Sequence[Rule]) -> list[Finding]:
    """Rules that may raise alerts of the same labels: these are one alert, firing while any fires."""
    first: dict[Labels, Rule] = {}
    findings = []
    for rule in rules:
        if rule.kind is not RuleKind.ALERT:
            continue
        key = Labels({**rule.labels, "alertname": rule.name})
        earlier = first.setdefault(key, rule)
        if earlier is not rule:
            text = f"{rule.name}: the same labels as the rule at {earlier.where}: together they are one alert"
            findings.append(_doubt(rule, text, "give it another name or a label"))
    return findings
