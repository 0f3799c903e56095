"""Did it help? Pure: looks at later vectors, each look at one instant.

      finished                       within over
         │                                │
looks    ?  no  no  yes no  yes yes yes   │      yes for the whole `for`: recovered; else failed
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from promkit.labels import Labels
from ruler.promql.result import Result, Scalar, Vector
from ruler.rules.rule import Verify

__all__ = ["Judgement", "Watch", "holds", "judge", "recovered"]


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

    def moved_by(self, delta_ms: int) -> "Watch":
        """Later by `delta_ms`: the clock was put forward by it."""
        holds_since_ms = None if self.holds_since_ms is None else self.holds_since_ms + delta_ms
        return Watch(self.since_ms + delta_ms, holds_since_ms)


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
    return isinstance(value, Vector) and any(_agree(series, labels) for series in value.labels)


def recovered(*, present: bool | None, breached: bool | None) -> bool | None:
    """Whether a rule's own condition is false, of its series that are there; None: it cannot be told.

    A restart that makes the series vanish has not helped: absence is no recovery.
    """
    if breached is None or (not breached and not present):
        return None
    return not breached


def _agree(series: Labels, alert: Labels) -> bool:
    return all(alert[name] == text for name, text in series.without_metric().items() if name in alert)
