"""The ruler's part of reports and health (S17, S18), as plain data."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from promkit.labels import Labels
from promkit.matchers import Matcher, MatchOp
from ruler.api.context import Ruler
from ruler.rules import SEVERITIES
from ruler.store import Times, Values, is_absent, is_stale

__all__ = ["RANGES_MS", "health_figures", "report_figures"]

RANGES_MS = {"1h": 3_600_000, "24h": 86_400_000, "7d": 7 * 86_400_000, "30d": 30 * 86_400_000}
RECENT_MS = 300_000
SERIES_MAX = 500  # of a report
# What a report is about: the namespaces of what is measured (DESIGN 3), gauges alone.
REPORTED = "(system|app|resource_pool|business)_.+"
NOT_REPORTED = ".+_(total|bucket|count|sum|info|timestamp_seconds|created)"
Json = Any


def health_figures(ruler: Ruler, now_ms: int) -> Json:
    """Status and counts: metrics, recent metrics, alerts by severity, rules."""
    firing = [alert for alert in ruler.book.alerts() if alert.firing]
    levels = [ruler.settings.severities.level(alert.severity) for alert in firing]
    rules = [rule for group in ruler.loop.groups() for rule in group.rules]
    targets = ruler.scraper.targets()
    status = "critical" if "critical" in levels else "warning" if firing else "healthy"
    return {
        "status": status,
        "metrics": len(ruler.store.label_values("__name__", [], -(1 << 53), 1 << 53)),
        "recent_metrics": len(ruler.store.label_values("__name__", [], now_ms - RECENT_MS, now_ms)),
        "series": ruler.store.stats().series,
        "alerts": len(firing),
        "alerts_by_severity": _counted(levels),
        "dashboards": len(ruler.dashboards.all()),
        "rules": len(rules),
        "targets": len(targets),
        "targets_up": sum(target.health == "up" for target in targets),
        "dead_letters": len(ruler.delivery.dead_letters()),
    }


def report_figures(ruler: Ruler, range_ms: int, now_ms: int) -> Json:
    """Each series' figures over the range, what of it the history holds, and the alerts."""
    start_ms = now_ms - range_ms
    matchers = [
        Matcher("__name__", MatchOp.REGEX, REPORTED),
        Matcher("__name__", MatchOp.NOT_REGEX, NOT_REPORTED),
    ]
    series: list[Json] = []
    for frame in ruler.store.select(matchers, start_ms, now_ms):
        for column, labels in enumerate(frame.labels):
            if len(series) >= SERIES_MAX:
                break
            figures = _figures(labels, frame.times[:, frame.clock[column]], frame.values[:, column])
            if figures is not None:
                series.append(figures)
    span = ruler.store.span()
    resolved = ruler.book.resolved(now_ms - RANGES_MS["24h"])
    firing = [alert for alert in ruler.book.alerts() if alert.firing]
    levels = [ruler.settings.severities.level(alert.severity) for alert in firing]
    return {
        "start_ms": start_ms,
        "end_ms": now_ms,
        "range_ms": range_ms,
        "history_ms": 0 if span is None else min(range_ms, max(0, now_ms - span[0])),
        "series": sorted(series, key=lambda one: (one["metric"], str(one["labels"]))),
        "truncated": len(series) >= SERIES_MAX,
        "alerts_active": len(firing),
        "alerts_resolved_24h": len(resolved),
        "alerts_by_severity": _counted(levels),
        "uptime_ms": now_ms - ruler.started_ms,
    }


def _counted(levels: Sequence[str | None]) -> dict[str, int]:
    """How many of each severity, the gravest first; what is none of the five counts as `other`."""
    found = {level: levels.count(level) for level in reversed(SEVERITIES) if level in levels}
    others = levels.count(None)
    return {**found, "other": others} if others else found


def _figures(labels: Labels, times: Times, values: Values) -> Json | None:
    keep = ~(is_absent(values) | is_stale(values) | np.isnan(values))
    values = values[keep]
    if not len(values):
        return None
    low, high = np.percentile(values, [95, 99])  # linear interpolation, as S17 asks
    return {
        "metric": labels.metric,
        "labels": dict(labels.without_metric().items()),
        "count": len(values),
        "min": _number(values.min()),
        "max": _number(values.max()),
        "avg": _number(values.mean()),
        "p95": _number(low),
        "p99": _number(high),
        "latest": _number(values[-1]),
        "latest_ms": int(times[keep][-1]),
    }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
