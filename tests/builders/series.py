"""A source of samples for PromQL: a plain list of series, each with times of its own."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from promkit.labels import Labels
from promkit.matchers import Matcher
from ruler.store import ABSENT, PAD, Frame, Times, Values


@dataclass
class ListSource:
    """Series by their labels, and in their order, as in a block of Prometheus."""

    samples: dict[Labels, list[tuple[int, float]]] = field(default_factory=dict)

    def add(self, labels: Labels, points: Iterable[tuple[int, float]]) -> None:
        merged = dict(self.samples.get(labels, ())) | dict(points)
        self.samples[labels] = sorted(merged.items())

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Frame]:
        found = [
            labels for labels in self.samples if all(matcher.matches_labels(labels) for matcher in matchers)
        ]
        series = [(labels, self._between(labels, start_ms, end_ms)) for labels in sorted(found)]
        series = [(labels, points) for labels, points in series if points]
        return [ragged_frame(series)] if series else []

    def _between(self, labels: Labels, start_ms: int, end_ms: int) -> list[tuple[int, float]]:
        points = self.samples[labels]
        first = bisect_left(points, start_ms, key=lambda point: point[0])
        return points[first : bisect_right(points, end_ms, key=lambda point: point[0])]


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
