"""A source of samples for PromQL: a plain list of series, each with times of its own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from promkit.labels import Labels
from promkit.matchers import Matcher
from ruler.store import ABSENT, PAD, Frame, Times, Values


@dataclass
class ListSource:
    """Series by their labels, and in their order, as in a block of Prometheus."""

    samples: dict[Labels, dict[int, float]] = field(default_factory=dict)

    def add(self, labels: Labels, points: Iterable[tuple[int, float]]) -> None:
        self.samples.setdefault(labels, {}).update(points)

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Frame]:
        found = [
            (labels, sorted((t, v) for t, v in points.items() if start_ms <= t <= end_ms))
            for labels, points in sorted(self.samples.items(), key=lambda item: item[0])
            if all(matcher.matches_labels(labels) for matcher in matchers)
        ]
        series = [(labels, points) for labels, points in found if points]
        return [ragged_frame(series)] if series else []


def ragged_frame(series: Sequence[tuple[Labels, Sequence[tuple[int, float]]]]) -> Frame:
    """A frame in which each series has a clock."""
    longest = max(len(points) for _, points in series)
    times = np.full((longest, len(series)), PAD, dtype=np.int64)
    values = np.full((longest, len(series)), ABSENT)
    for column, (_, points) in enumerate(series):
        times[: len(points), column] = [t for t, _ in points]
        values[: len(points), column] = [v for _, v in points]
    return Frame([labels for labels, _ in series], times, np.arange(len(series)), values)


def regular_frame(labels: Sequence[Labels], times: Times, values: Values, key: object = None) -> Frame:
    """A frame whose series all share one clock: `times` [T], `values` [T, S]."""
    return Frame(list(labels), times[:, np.newaxis], np.zeros(len(labels), np.intp), values, key=str(key))
