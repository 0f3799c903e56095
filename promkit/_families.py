"""Metric families: what a page says, before it is text and after."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from promkit.labels import EMPTY, Labels

__all__ = ["Exemplar", "Family", "MetricType", "Sample", "counter", "format_number", "gauge", "histogram"]

_SPELLED = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}


class MetricType(StrEnum):
    """The types of OpenMetrics; the text format knows the first five, and writes `untyped` for unknown."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"
    UNTYPED = "unknown"
    INFO = "info"
    STATESET = "stateset"
    GAUGEHISTOGRAM = "gaugehistogram"


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One observation behind a bucket or counter, mostly named by a trace's id."""

    labels: Labels
    value: float
    timestamp_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of a page. `name` has its suffix (`_total`, `_bucket`, …); `labels` hold no `__name__`."""

    name: str
    labels: Labels
    value: float
    timestamp_ms: int | None = None
    exemplar: Exemplar | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """Samples under one TYPE line. `name` is OpenMetrics' (a counter's has no `_total`)."""

    name: str
    type: MetricType
    help: str
    samples: tuple[Sample, ...]
    unit: str = ""


def gauge(name: str, help_text: str, *samples: tuple[Mapping[str, str], float]) -> Family:
    """Build a gauge of (labels, value) pairs."""
    return Family(name, MetricType.GAUGE, help_text, _plain(name, samples))


def counter(name: str, help_text: str, *samples: tuple[Mapping[str, str], float]) -> Family:
    """Build a counter of (labels, value) pairs; `name` may be given with `_total` or without."""
    name = name.removesuffix("_total")
    return Family(name, MetricType.COUNTER, help_text, _plain(f"{name}_total", samples))


def histogram(
    name: str,
    help_text: str,
    series: Iterable[tuple[Mapping[str, str], Mapping[float, float], float]],
) -> Family:
    """Build a histogram of (labels, {upper bound: cumulative count}, sum); the bound +Inf is the count."""
    samples: list[Sample] = []
    for labels, buckets, total in series:
        own = _labels(labels)
        samples.extend(
            Sample(f"{name}_bucket", own.merged({"le": format_bound(bound)}), buckets[bound])
            for bound in sorted(buckets)
        )
        samples.append(Sample(f"{name}_sum", own, total))
        samples.append(Sample(f"{name}_count", own, buckets[math.inf]))
    return Family(name, MetricType.HISTOGRAM, help_text, tuple(samples))


def format_number(value: float) -> str:
    """Write the shortest text that reads back as the same float; whole numbers without `.0`."""
    text = repr(float(value))
    return text[:-2] if text.endswith(".0") else _SPELLED.get(text, text)


def format_bound(bound: float) -> str:
    """Write `le` and `quantile` in the canonical form that Prometheus 3 gives them: 1 → `1.0`."""
    text = repr(float(bound))
    return _SPELLED.get(text, text)


def _plain(name: str, samples: Sequence[tuple[Mapping[str, str], float]]) -> tuple[Sample, ...]:
    return tuple(Sample(name, _labels(labels), value) for labels, value in samples)


def _labels(labels: Mapping[str, str]) -> Labels:
    if isinstance(labels, Labels):
        return labels
    return Labels(labels) if labels else EMPTY
