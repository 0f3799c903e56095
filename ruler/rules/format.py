"""Rules of both forms as one Prometheus rule file, for whoever evaluates them elsewhere.

What only Lumina knows becomes PromQL where that can say it, and is left out, with a word, where not. Telling
people and remedies are not the business of a Prometheus rule file and go without a word.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from promkit.duration import format_duration
from ruler.rules.load import RuleSet
from ruler.rules.rule import Comparison, Condition, Group, NoDataState, Rule, RuleKind
from ruler.rules.text import number_text, plain_selector

__all__ = ["Exported", "export"]

_WIDTH = 10_000  # an expression stays on its line


@dataclass(frozen=True, slots=True)
class Exported:
    """A Prometheus rule file, and what it does not say."""

    text: str
    left_out: tuple[str, ...]


def export(rule_set: RuleSet, scrape_interval_ms: int = 0) -> Exported:
    """Write all groups as one file.

    The short form looks at every sample of an evaluation interval, or of a scrape interval if that is longer.
    """
    left_out: list[str] = []
    groups = []
    names: set[str] = set()
    for group in rule_set.groups:
        name = group.name if group.name not in names else f"{group.file};{group.name}"
        names.add(name)
        written = [_rule(rule, group, scrape_interval_ms, left_out) for rule in group.rules if rule.enabled]
        left_out += [f"{rule.name}: left out, for it is disabled" for rule in group.rules if not rule.enabled]
        groups.append({"name": name, **_group(group), "rules": written})
    document = {"groups": groups}
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return Exported(text, tuple(left_out))


def _group(group: Group) -> dict[str, Any]:  # Any: YAML
    said: dict[str, Any] = {"interval": format_duration(group.interval_ms)}
    if group.query_offset_ms:
        said["query_offset"] = format_duration(group.query_offset_ms)
    if group.limit:
        said["limit"] = group.limit
    return said


def _rule(rule: Rule, group: Group, scrape_interval_ms: int, left_out: list[str]) -> dict[str, Any]:
    if rule.kind is RuleKind.RECORD:
        said: dict[str, Any] = {"record": rule.name, "expr": rule.expr}
    else:
        expr, lost = _expression(rule, max(group.interval_ms, scrape_interval_ms))
        if rule.timing.breaches is not None:
            expr = _counted(expr, rule.timing.breaches, group.interval_ms)
        said = {"alert": rule.name, "expr": expr}
        left_out += [f"{rule.name}: {what}" for what in [*lost, *_lost(rule)]]
        timing = rule.timing
        if timing.for_ms:
            said["for"] = format_duration(timing.for_ms)
        if timing.keep_firing_ms or timing.recover_ms:
            said["keep_firing_for"] = format_duration(max(timing.keep_firing_ms, timing.recover_ms))
    if rule.labels:
        said["labels"] = dict(rule.labels)
    if rule.annotations:
        said["annotations"] = dict(rule.annotations)
    return said


def _expression(rule: Rule, window_ms: int) -> tuple[str, list[str]]:
    condition = rule.condition
    if condition is None:
        return rule.expr, []
    if plain_selector(condition.metric) is None:
        return rule.expr, []
    if condition.comparison is Comparison.NE:
        return rule.expr, ["only the latest sample is compared, for PromQL cannot ask that all differ"]
    return _over_time(condition, window_ms), []


def _over_time(condition: Condition, window_ms: int) -> str:
    """The comparison of every sample of a window."""
    window = f"({condition.metric.strip()}[{format_duration(window_ms)}])"
    compared = f"{condition.comparison.operator} {number_text(condition.threshold)}"
    lowest, highest = f"min_over_time{window} {compared}", f"max_over_time{window} {compared}"
    match condition.comparison:
        case Comparison.GT | Comparison.GE:
            return lowest
        case Comparison.LT | Comparison.LE:
            return highest
        case Comparison.EQ | Comparison.NE:
            return f"{lowest} and {highest}"


def _counted(expr: str, breaches: tuple[int, int], interval_ms: int) -> str:
    n, m = breaches
    inner = f"({expr}\n)" if "#" in expr else f"({expr})"
    window = f"{format_duration(m * interval_ms)}:{format_duration(interval_ms)}"
    return f"count_over_time({inner}[{window}]) >= {n}"


def _lost(rule: Rule) -> Sequence[str]:
    lost = []
    if rule.recover_expr is not None:
        lost.append("the recovery condition is left out: it resolves when its condition is false")
    if rule.no_data.state is NoDataState.KEEP:
        lost.append("it resolves when its data does not come")
    if rule.no_data.state is NoDataState.ALERT:
        lost.append("it does not alert when its data does not come")
    return lost
