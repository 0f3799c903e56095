"""Texts that rules are made of: expressions of the short form, and values as people read them."""

import math
import re
from functools import lru_cache

from promkit.errors import QueryError
from ruler.promql import Node, VectorSelector, parse
from ruler.rules.rule import Condition

__all__ = ["comparing", "described", "number_text", "plain_selector", "shown_value"]

_BARE = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*(?:\{[^{}]*\})?")
_WORDS = {
    "gt": "above",
    "ge": "at or above",
    "lt": "below",
    "le": "at or below",
    "eq": "equal to",
    "ne": "not",
}
# Last part of a metric's name (before `_total` and the like) → how its values are written for people.
_UNITS = {
    "ratio": "humanizePercentage",
    "seconds": "humanizeDuration",
    "bytes": "humanize1024",
}
_AFTER = {"bytes": "B", "celsius": " °C", "volts": " V", "amperes": " A", "joules": " J", "meters": " m"}
_RATE = re.compile(r"_per_(second|minute|hour)$")


def comparing(metric: Node, text: str, operator: str, number: float) -> str:
    """`metric operator number` as PromQL, with brackets where the metric is more than a selector."""
    left = text.strip()
    if not isinstance(metric, VectorSelector) or not _BARE.fullmatch(left):
        left = f"({left}\n)" if "#" in left else f"({left})"
    return f"{left} {operator} {number_text(number)}"


@lru_cache(maxsize=4096)
def plain_selector(metric: str) -> VectorSelector | None:
    """The metric as a plain selector, whose samples can be looked at one by one; None: it is more."""
    try:
        node = parse(metric)
    except QueryError:
        return None  # of a wider language than selectors need
    is_plain = isinstance(node, VectorSelector) and node.at is None and not (node.range_ms or node.offset_ms)
    return node if is_plain and isinstance(node, VectorSelector) else None


def number_text(value: float) -> str:
    """A number as PromQL and people write it: 80, 0.05, 1e+21."""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(value)


def described(description: str, name: str, condition: Condition) -> str:
    """The description's template; where it does not say the present value, that is added (S11)."""
    text = description or f"{name}: {condition.metric} is {_WORDS[condition.comparison]} {_limit(condition)}"
    return text if "$value" in text or ".Value" in text else f"{text} (now {shown_value(condition.metric)})"


def shown_value(metric: str) -> str:
    """The template of a present value with its unit."""
    unit = _unit(metric)
    humanize = _UNITS.get(unit, "humanize")
    return "{{ $value | " + humanize + " }}" + _after(metric, unit)


def _limit(condition: Condition) -> str:
    unit = _unit(condition.metric)
    if unit == "ratio":
        return f"{number_text(round(condition.threshold * 100, 9))}%"
    text = number_text(condition.threshold)
    return f"{text}s" if unit == "seconds" else text + _after(condition.metric, unit)


def _after(metric: str, unit: str) -> str:
    rate = _RATE.search(_name(metric))
    return f" per {rate[1]}" if rate else _AFTER.get(unit, "")


def _name(metric: str) -> str:
    return metric.strip().split("{", 1)[0]


def _unit(metric: str) -> str:
    """The unit that a metric's name ends in; "" for expressions."""
    name = _name(metric)
    if not _BARE.fullmatch(name):
        return ""
    return name.removesuffix("_total").rsplit("_", 1)[-1]
