"""Did it help? Pure: looks at later vectors, each look at one instant.

      finished                       within over
         │                                │
looks    ?  no  no  yes no  yes yes yes   │      yes for the whole `for`: recovered; else failed
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from promkit.labels import Labels
from ruler.promql.result import Result, Scalar, Vector
from ruler.rules.rule import Comparison, Condition, Verify

__all__ = ["Judgement", "Watch", "condition_false", "holds", "judge"]


class Judgement(StrEnum):
    """What the looks so far say."""

    PENDING = "pending"
    RECOVERED = "recovered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Watch:
    """What is remembered between looks."""

    since_ms: int  # `within` counts from here
    holds_since_ms: int | None = None


def judge(verify: Verify, watch: Watch, *, seen: bool | None, now_ms: int) -> tuple[Watch, Judgement]:
    """One more look. `seen` None: it could not be told, so `for` starts again."""
    if not seen:
        watch = replace(watch, holds_since_ms=None)
    else:
        watch = replace(
            watch, holds_since_ms=now_ms if watch.holds_since_ms is None else watch.holds_since_ms
        )
        if watch.holds_since_ms is not None and now_ms - watch.holds_since_ms >= verify.for_ms:
            return watch, Judgement.RECOVERED
    late = now_ms - watch.since_ms >= verify.within_ms
    return watch, Judgement.FAILED if late else Judgement.PENDING


def holds(result: Result, labels: Labels) -> bool:
    """Whether an expression holds for an alert: any series that does not contradict its labels.

    A scalar holds unless it is 0 or NaN.
    """
    value = result.value
    if isinstance(value, Scalar):
        return not (value.value == 0 or math.isnan(value.value))
    return isinstance(value, Vector) and any(True for _ in _of_alert(value, labels))


def condition_false(condition: Condition, result: Result, labels: Labels) -> bool | None:
    """Whether values of the alert's own series are there and none breaches; None: there are no values.

    A restart that makes the series vanish has not helped: absence is no recovery.
    """
    value = result.value
    if isinstance(value, Scalar):
        return not breaches(condition, value.value)
    if not isinstance(value, Vector):
        return None
    seen = [breaches(condition, one) for one in _of_alert(value, labels)]
    return not any(seen) if seen else None


def breaches(condition: Condition, value: float) -> bool:
    """Whether a value stands to the threshold as the rule warns of; NaN only by `ne`, as in PromQL."""
    threshold = condition.threshold
    match condition.comparison:
        case Comparison.GT:
            return value > threshold
        case Comparison.LT:
            return value < threshold
        case Comparison.GE:
            return value >= threshold
        case Comparison.LE:
            return value <= threshold
        case Comparison.EQ:
            return value == threshold
        case Comparison.NE:
            return value != threshold


def _of_alert(vector: Vector, alert: Labels) -> Iterable[float]:
    """Values of the series whose labels agree with the alert's wherever both have one."""
    for labels, value in zip(vector.labels, vector.values, strict=True):
        if all(alert[name] == text for name, text in labels.without_metric().items() if name in alert):
            yield float(value)
