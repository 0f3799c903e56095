"""Rules as the specification's own document writes them, into ours: names, units, seconds.

{"id": "high-cpu-usage", "metric": "system.cpu.usage", "condition": "gt", "threshold": 80, "duration": 300,
 "cooldown": 600, "autoRemediation": {"action": "scale_up"}}
→ {id: high-cpu-usage, metric: system_cpu_usage_ratio, condition: gt, threshold: 0.8, duration: 5m,
   cooldown: 10m, auto_remediation: {action: scale_up}}
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from promkit.config import document
from promkit.duration import format_duration
from promkit.errors import ConfigError
from promkit.spelling import convert, spelling_of

__all__ = ["ImportedRule", "import_rules", "rules_of"]

Rule = dict[str, Any]  # a rule as JSON and YAML have it
_LISTS = ("rules", "alertRules", "alert_rules")
_SECONDS = ("duration", "cooldown")
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
_SIGNS = {"gt": ">", "lt": "<", "eq": "==", "ne": "!=", "ge": ">=", "le": "<="}


@dataclass(frozen=True, slots=True)
class ImportedRule:
    """A rule in our spelling, and what became of its."""

    rule: Rule
    said: str


def rules_of(text: str, source: str) -> list[Rule]:
    """The rules in a JSON or YAML text: one, a list, or a document that has a list of them.

    ConfigError: there are none.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = document(text, source).data
    if isinstance(data, Mapping):
        listed = next((data[key] for key in _LISTS if key in data), None)
        data = [dict(data)] if listed is None else listed
    if isinstance(data, Mapping):
        data = list(data.values())  # by id
    if not isinstance(data, list) or not data or not all(isinstance(rule, Mapping) for rule in data):
        raise ConfigError("no rules in it", source, "give a rule, a list of rules, or a mapping with 'rules'")
    return [dict(rule) for rule in data]


def import_rules(rules: list[Rule]) -> list[ImportedRule]:
    """Each rule with our names and units. ConfigError: which rule cannot be read, and why."""
    return [_imported(rule, number) for number, rule in enumerate(rules, 1)]


def _imported(written: Rule, number: int) -> ImportedRule:
    rule = {_CAPITAL.sub("_", str(key)).lower(): value for key, value in written.items()}
    name = f"rule {rule.get('id') or rule.get('name') or number}"
    metric, threshold = rule.get("metric"), rule.get("threshold")
    if not isinstance(metric, str):
        raise ConfigError("a rule needs a metric", name)
    if not isinstance(threshold, int | float) or isinstance(threshold, bool):
        raise ConfigError("a threshold must be a number", name)
    try:
        unit = spelling_of(metric).unit
        ours, value = convert(metric, threshold)
        if unit == "bytes" and ours.endswith("_ratio"):
            unit = "percent"
    except ConfigError as error:
        raise ConfigError(error.problem, name, error.remedy) from None
    value = int(value) if value == int(value) else value
    sign = _SIGNS.get(str(rule.get("condition")), "?")
    said = [f"{metric} {sign} {threshold}{unit and f' {unit}'} → {ours} {sign} {value}"]
    rule |= {"metric": ours, "threshold": value}
    for key in _SECONDS:
        seconds = rule.get(key)
        if isinstance(seconds, int | float) and not isinstance(seconds, bool):
            rule[key] = format_duration(round(seconds * 1000))
            said.append(f"{key} {seconds} s → {rule[key]}")
    return ImportedRule(rule, f"{name.removeprefix('rule ')}: {'; '.join(said)}")
