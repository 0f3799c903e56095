"""The ruler's thresholds: what a value must not reach.

Our ruler says them in each rule's `lumina` object; of a plain Prometheus' rules those count whose query is
*metric compared with a constant*. What analytics itself publishes is left out, for it must not forecast
its own forecasts.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from promkit.errors import LuminaError

__all__ = ["Threshold", "thresholds"]

_COMPARISON = re.compile(
    r"(?P<expr>.*\S)\s*(?P<op>>=|<=|>|<)\s*(?P<value>[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*",
    re.DOTALL,
)
_SET_WORDS = re.compile(r"\b(?:and|or|unless)\b")
_OWN = re.compile(r"\banalytics_")
_CONDITIONS = {">": "gt", ">=": "ge", "<": "lt", "<=": "le"}
_RULES_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Threshold:
    """One rule's threshold over one expression."""

    rule: str
    expr: str
    condition: str  # gt, ge, lt, le
    value: float
    severity: str

    @property
    def above(self) -> bool:
        """Whether the rule fires over it."""
        return self.condition in {"gt", "ge"}


def thresholds(groups: Sequence[Mapping[str, Any]], parse: Callable[[str], Any]) -> list[Threshold]:
    """Thresholds of `/api/v1/rules`' groups; `parse` asks `/api/v1/parse_query` for a query's tree."""
    found: dict[tuple[str, str], Threshold] = {}
    for group in groups:
        for rule in group.get("rules") or ():
            if rule.get("type") != "alerting" or len(found) >= _RULES_MAX:
                continue
            one = _ours(rule) or _plain(rule, parse)
            if one is not None and not _OWN.search(one.expr):
                found.setdefault((one.rule, one.expr), one)
    return list(found.values())


def _ours(rule: Mapping[str, Any]) -> Threshold | None:
    extra = rule.get("lumina")
    if not isinstance(extra, Mapping) or extra.get("condition") not in _CONDITIONS.values():
        return None
    labels = extra.get("labels") or rule.get("labels") or {}
    name = str(extra.get("id") or rule.get("name"))
    return Threshold(
        name,
        str(extra["metric"]),
        str(extra["condition"]),
        float(extra["threshold"]),
        str(labels.get("severity", "")),
    )


def _plain(rule: Mapping[str, Any], parse: Callable[[str], Any]) -> Threshold | None:
    query = str(rule.get("query", ""))
    shape = _COMPARISON.fullmatch(query)
    if rule.get("lumina") is not None or shape is None or not _is_comparison(query, shape["op"], parse):
        return None
    severity = str((rule.get("labels") or {}).get("severity", ""))
    name = str(rule.get("name"))
    return Threshold(name, shape["expr"], _CONDITIONS[shape["op"]], float(shape["value"]), severity)


def _is_comparison(query: str, op: str, parse: Callable[[str], Any]) -> bool:
    """Whether the whole query is one comparison with a number; without a parser there, by its looks."""
    try:
        tree = parse(query)
    except LuminaError:
        return not _SET_WORDS.search(query)
    return (
        isinstance(tree, Mapping)
        and tree.get("type") == "binaryExpr"
        and tree.get("op") == op
        and not tree.get("bool")
        and (tree.get("rhs") or {}).get("type") in {"numberLiteral", "unaryExpr"}
    )
