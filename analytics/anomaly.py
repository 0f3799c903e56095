"""What counts as an anomaly, how severe it is, and the sentence that says so.

A step is an anomaly where its score reaches one half (`models.strangeness`: beyond everything the series has
shown) and its deviation is above the threshold. One alarm, not a row of them: after an alarm the score is
cut to a tenth until something stranger comes, or `QUIET` steps have passed.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from analytics.arrays import Values
from analytics.models.strangeness import VIEWS

__all__ = ["ALARM", "QUIET", "Alarms", "Severity", "confidence", "quiet", "sentence", "severity"]

ALARM = 0.5
QUIET = 400  # steps; a day and a third at 5 minutes. Tuned with the views on open, labelled series
_LADDER = ((2.0, "critical"), (1.5, "high"), (1.2, "medium"), (1.0, "low"))


class Severity(StrEnum):
    """How bad, by the deviation in thresholds."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Alarms:
    """The highest score that still counts, the highest since, and how many steps ago they were, [S] each."""

    peak: Values
    age: Values
    next_peak: Values
    next_age: Values

    @classmethod
    def none(cls, series: int) -> "Alarms":
        """Nothing told yet."""
        zero = np.zeros(series)
        return cls(zero, zero, zero, zero)


def quiet(scores: Values, before: Alarms) -> tuple[Values, Alarms]:
    """Cut what repeats an alarm to a tenth, [S, N]; a loop over N: each step depends on the last alarm."""
    out = scores.copy()
    peak, age, next_peak, next_age = before.peak, before.age, before.next_peak, before.next_age
    for step in range(scores.shape[1]):
        now = scores[:, step]
        age, next_age = age + 1, next_age + 1
        over = age > QUIET
        peak, age = np.where(over, next_peak, peak), np.where(over, next_age, age)
        next_peak = np.where(over, 0.0, next_peak)
        told = (age <= QUIET) & (peak >= now)
        out[:, step] = np.where(told, now / 10, now)
        peak, age = np.where(told, peak, now), np.where(told, age, 0.0)
        higher = told & (now >= next_peak)
        next_peak = np.where(told, np.where(higher, now, next_peak), 0.0)
        next_age = np.where(higher, 0.0, next_age)
    return out, Alarms(peak, age, next_peak, next_age)


def severity(deviation: float, threshold: float) -> Severity | None:
    """Give the step of the ladder that a deviation stands on; None at or below the threshold."""
    ratio = deviation / threshold
    return next((Severity(name) for above, name in _LADDER if ratio > above), None)


def confidence(deviation: float, threshold: float) -> float:
    """Up to 0.95, which is reached at 1.9 thresholds."""
    return min(0.95, deviation / (2 * threshold))


def sentence(series: str, metric: str, value: float, expected: float, deviation: float, view: int) -> str:
    """For a person: what it is, what it should be, and what about it is strange."""
    seen = {
        "value": "beyond all it has been",
        "move": "its level moved within half a day as never before",
        "surprise": "as far off its usual course as never before",
        "drift": "off its usual course for an hour",
        "restless": "it jumps from step to step as never before, for an hour",
        "restless for hours": "it jumps from step to step as never before, for three hours",
    }[VIEWS[view].name]
    is_now, usual = written(metric, value), written(metric, expected)
    return f"{series} is {is_now}, usually {usual} at this time: {seen} ({deviation:.1f} deviations)"


def written(metric: str, value: float) -> str:
    """Write a value for eyes, in the unit that its metric's name says."""
    if metric.endswith("_ratio"):
        return f"{value * 100:.3g} %"
    if metric.endswith("_bytes"):
        size = abs(value)
        for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
            if size >= 1 << power:
                return f"{value / (1 << power):.3g} {unit}"
        return f"{value:.3g} B"
    if metric.endswith("_seconds"):
        return f"{value * 1000:.3g} ms" if abs(value) < 1 else f"{value:.3g} s"
    return f"{value:.4g}"
