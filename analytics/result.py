"""What a cycle finds: rows for the journal, gauges for the page, JSON for the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from analytics.anomaly import Severity
from analytics.arrays import Mask, Values
from analytics.learned import Learned
from analytics.models import Forecast
from analytics.trend import Direction
from promkit.labels import Labels

__all__ = [
    "Anomaly",
    "Breach",
    "ModelResult",
    "ModelState",
    "Prediction",
    "Results",
    "Strangeness",
    "Trend",
]


class ModelState(StrEnum):
    """Where a model stands; only `failed` is a fault."""

    READY = "ready"
    LEARNING = "learning"
    IDLE = "idle"
    FAILED = "failed"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Strangeness:
    """Of the newest step of a model's watched series, [S] each; NaN where nothing is known yet.

    `expected` is the usual value at this time of day, from `lower` to `upper` what is within the threshold.
    """

    labels: Sequence[Labels]
    score: Values
    deviation: Values
    expected: Values
    lower: Values
    upper: Values

    @classmethod
    def unknown(cls, labels: Sequence[Labels]) -> "Strangeness":
        """Nothing is known of these series."""
        nothing = np.full(len(labels), np.nan)
        return cls(labels, *(nothing for _ in cls.values()))

    @classmethod
    def values(cls) -> tuple[str, ...]:
        """Names of the arrays."""
        return cls.__slots__[1:]

    def rows(self, chosen: Sequence[int]) -> "Strangeness":
        """Some of the series."""
        labels = [self.labels[row] for row in chosen]
        at = np.array(chosen, dtype=np.intp)
        return Strangeness(labels, *(getattr(self, name)[at] for name in self.values()))


@dataclass(frozen=True, slots=True)
class ModelResult:
    """One model after a cycle. The arrays are [S], of `labels`; NaN where a backtest could not tell."""

    id: str
    state: ModelState
    detail: str = ""  # "3 h of 24 h"
    labels: Sequence[Labels] = ()
    features: Mapping[str, int] = field(default_factory=dict)  # PromQL → its series; 0 is left out
    trained_ms: int | None = None
    trained_steps: int = 0
    horizons: Sequence[str] = ()  # [H]
    forecast: Forecast | None = None  # each [S, H], NaN where a series has ended
    error_last: Values | None = None  # backtest error over that of the last value
    error_season: Values | None = None  # and over that of the day before
    covered: Values | None = None
    passed: Mask | None = None  # whether the backtest was passed, [S]
    confidence: Values | None = None  # [S]
    strangeness: Strangeness | None = None
    learned: Learned | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """A forecast to be compared with what comes."""

    model: str
    series: Labels
    made_ms: int
    for_ms: int
    last: float  # the newest value when it was made
    value: float
    lower: float
    upper: float
    confidence: float
    features: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One alarm."""

    model: str
    series: Labels
    at_ms: int
    value: float
    expected: float
    deviation: float
    severity: Severity
    confidence: float
    score: float
    description: str


@dataclass(frozen=True, slots=True)
class Trend:
    """Which way one series goes over one range."""

    series: Labels
    range: str
    direction: Direction
    slope_per_hour: float
    lower: float
    upper: float
    confidence: float
    at_ms: int


@dataclass(frozen=True, slots=True)
class Breach:
    """When one series will meet one rule's threshold; seconds are None for not within the horizon."""

    rule: str
    series: Labels
    condition: str
    threshold: float
    value: float
    seconds: float | None
    lower: float | None
    upper: float | None
    probability: float
    within: str
    severity: str


@dataclass(frozen=True, slots=True)
class Results:
    """All of one cycle."""

    at_ms: int
    models: Sequence[ModelResult] = ()
    predictions: Sequence[Prediction] = ()
    anomalies: Sequence[Anomaly] = ()
    trends: Sequence[Trend] = ()
    breaches: Sequence[Breach] = ()
