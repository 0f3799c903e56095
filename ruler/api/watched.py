"""What a threshold rule watches: `metric condition threshold`, whichever form the rule was written in."""

import math
from functools import lru_cache

from ruler.promql import comparison, parse
from ruler.rules import Comparison, Condition, Rule

__all__ = ["watched_by"]

_CONDITIONS = {one.operator: one for one in Comparison}


def watched_by(rule: Rule) -> Condition | None:
    """The condition of a rule of that shape; None where it has another, or no finite threshold."""
    found = rule.condition if rule.condition is not None else _compared(rule.expr)
    return found if found is not None and math.isfinite(found.threshold) else None


@lru_cache(maxsize=10_000)
def _compared(expr: str) -> Condition | None:
    compared = comparison(parse(expr))
    if compared is None:
        return None
    return Condition(str(compared.expr), _CONDITIONS[compared.op], compared.constant)
