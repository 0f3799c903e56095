"""What analytics sees coming: breaches within its horizon, and what is strange now, from our own store.

Analytics publishes gauges like any target; where nobody scrapes it, there is nothing to show.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from promkit.errors import LuminaError
from promkit.labels import Labels
from ruler.promql import Engine, Vector

__all__ = ["Ahead", "ahead"]

LISTED_MAX = 8
SOON = "sort(analytics_seconds_to_breach)"
STRANGE = "sort_desc(analytics_anomaly_score >= 0.5)"  # analytics itself calls that an alarm
# Labels that are analytics' own words, not the series'.
_OURS = frozenset({"metric", "model", "rule", "horizon", "bound", "within", "job"})


@dataclass(frozen=True, slots=True)
class Ahead:
    """One thing that comes, or is strange."""

    kind: str  # breach | anomaly
    rule: str  # its id, of a breach
    metric: str
    labels: Sequence[tuple[str, str]]
    seconds: float  # until the breach
    score: float  # of the anomaly


def ahead(engine: Engine, now_ms: int) -> list[Ahead]:
    """The soonest breaches, then the strangest series."""
    soon = [_seen("breach", labels, value) for labels, value in _asked(engine, SOON, now_ms)]
    strange = [_seen("anomaly", labels, value) for labels, value in _asked(engine, STRANGE, now_ms)]
    return soon + strange


def _asked(engine: Engine, query: str, now_ms: int) -> list[tuple[Labels, float]]:
    try:
        value = engine.instant(query, now_ms).value
    except LuminaError:
        return []
    if not isinstance(value, Vector):
        return []
    return list(zip(value.labels, value.values.tolist(), strict=True))[:LISTED_MAX]


def _seen(kind: str, labels: Labels, value: float) -> Ahead:
    own = [(name, text) for name, text in labels.without_metric().items() if name not in _OURS]
    return Ahead(
        kind=kind,
        rule=labels["rule"],
        metric=labels["metric"],
        labels=own,
        seconds=value if kind == "breach" else 0.0,
        score=value if kind == "anomaly" else 0.0,
    )
