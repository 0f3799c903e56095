"""What was measured: the only input. Queries become matrices on an even grid; only what is new is fetched.

A target is any PromQL. A plain selector is asked as the mean of each window (`avg_over_time(cpu[5m])`), so
that the history is grouped and not sampled; one without a metric's name is asked name by name, for a
function over time drops the name. Everything else is asked as it stands, at the end of each window.

    grid      … 11:50 11:55 12:00      columns end at whole multiples of the step
    values    … 0.31  NaN   0.33       [S, T]; a row is a series
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from analytics.arrays import Times, Values
from promkit.duration import format_duration
from promkit.errors import LuminaError, QueryError
from promkit.fetch import FetchError
from promkit.labels import METRIC_NAME, Labels

__all__ = ["Columns", "History", "Source", "Table", "queries_of"]

_PLAIN = re.compile(r"\s*(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)?\s*(?:\{(?P<inner>[^{}]*)\})?\s*")
_POINTS_MAX = 200_000  # of one answer; about 6 MB of JSON, and 50 MB while it is read
_RAW_MAX = 5_000_000  # samples that a server reads for one answer, at one every ten seconds
_SCRAPE_MS = 10_000
_STEPS_MAX = 10_000  # Prometheus answers 11,000 at most
_NAMES_MAX = 500


class Source(Protocol):
    """What answers: `promkit.query.Client`."""

    def query(self, expr: str, at_ms: int) -> list[tuple[Labels, float]]:
        """An instant vector."""
        ...

    def query_range(self, expr: str, start_ms: int, end_ms: int, step_ms: int) -> "Answer":
        """A matrix."""
        ...


class Answer(Protocol):
    """What a range query gives: labels [S], times [T], values [S, T] with NaN where nothing is."""

    @property
    def labels(self) -> Sequence[Labels]: ...
    @property
    def times(self) -> Times: ...
    @property
    def values(self) -> Values: ...


@dataclass(frozen=True, slots=True)
class Table:
    """The series of one target; a view of what History holds, good until its next refresh."""

    labels: Sequence[Labels]  # [S]
    times: Times  # [T], the ends of the windows
    values: Values  # [S, T]
    begins: bool = False  # no window is over yet, but there are series now

    @classmethod
    def empty(cls, times: Times) -> "Table":
        """No series."""
        return cls([], times, np.zeros((0, len(times))))


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a target, and the metric's name that its answer lost."""

    text: str
    name: str


class Columns:
    """What one query has answered so far: grows to the right, forgets on the left, keeps `width` columns."""

    def __init__(self, width: int) -> None:
        self.labels: list[Labels] = []
        self.values: Values = np.full((0, width), np.nan)
        self.end_ms = 0  # of the last column; 0 where nothing was asked yet
        self.known_ms = 0  # what was asked up to here was answered

    def move_to(self, end_ms: int, step_ms: int) -> None:
        """Make room for the columns up to `end_ms`, and drop series without any sample left."""
        steps = self.values.shape[1] if self.end_ms == 0 else (end_ms - self.end_ms) // step_ms
        width = self.values.shape[1]
        if steps > 0:
            kept = max(width - steps, 0)
            self.values[:, :kept] = self.values[:, width - kept :]
            self.values[:, kept:] = np.nan
        self.end_ms = end_ms
        alive = np.flatnonzero(~np.isnan(self.values).all(axis=1))
        if len(alive) < len(self.labels):
            self.labels = [self.labels[row] for row in alive]
            self.values = self.values[alive]

    def put(self, labels: Sequence[Labels], times: Times, values: Values, step_ms: int) -> None:
        """Write an answer into its columns; what falls outside is left out."""
        rows = {known: row for row, known in enumerate(self.labels)}
        new = [label for label in labels if label not in rows]
        if new:
            rows |= {label: len(self.labels) + number for number, label in enumerate(new)}
            self.labels = [*self.labels, *new]
            room = np.full((len(new), self.values.shape[1]), np.nan)
            self.values = np.concatenate([self.values, room])
        column = self.values.shape[1] - 1 - (self.end_ms - times) // step_ms
        inside = (column >= 0) & (column < self.values.shape[1]) & ((self.end_ms - times) % step_ms == 0)
        at = np.array([rows[label] for label in labels], dtype=np.intp)
        if len(at) and inside.any():
            # An infinity is no measurement: one would spoil every mean it is in.
            finite = np.where(np.isfinite(values), values, np.nan)
            self.values[np.ix_(at, column[inside])] = finite[:, inside]


class History:
    """All queries' columns on one grid. Refreshed by one worker, read by the same."""

    def __init__(self, source: Source, step_ms: int, keep_ms: int, series_max: int) -> None:
        self.step_ms = step_ms
        self.left_out = 0  # series beyond the limit, of the last refresh
        self._source = source
        self._series_max = series_max
        self._width = max(keep_ms // step_ms, 1)
        self._columns: dict[str, Columns] = {}

    def refresh(self, targets: Sequence[str], now_ms: int) -> tuple[dict[str, Table], dict[str, LuminaError]]:
        """Fetch what is new of each target, and forget targets that are not among them.

        A target whose query the server refuses is in the second answer. Unavailable: the server cannot be
        reached; what was fetched before stays.
        """
        end_ms = now_ms // self.step_ms * self.step_ms
        tables: dict[str, Table] = {}
        refused: dict[str, LuminaError] = {}
        used: set[str] = set()
        self.left_out = 0
        for target in dict.fromkeys(targets):
            try:
                queries = self._queries(target, end_ms)
                parts = [self._fetch(query, end_ms) for query in queries]
            except QueryError as error:
                refused[target] = error
                continue
            used |= {query.text for query in queries}
            table = self._table(parts, end_ms)
            if not table.labels:
                table = replace(table, begins=bool(self._source.query(f"count({target})", now_ms)))
            tables[target] = table
        self._columns = {text: columns for text, columns in self._columns.items() if text in used}
        return tables, refused

    def arrays(self) -> Iterator[tuple[str, Columns]]:
        """Give all that is held, for the journal to save."""
        yield from self._columns.items()

    def restore(self, saved: Mapping[str, Columns]) -> None:
        """Take up what was saved; of another width or grid: left aside."""
        for text, columns in saved.items():
            fits = columns.values.shape[1] == self._width and columns.end_ms % self.step_ms == 0
            if fits and len(columns.labels) == len(columns.values):
                self._columns[text] = columns

    def _queries(self, target: str, end_ms: int) -> list[Query]:
        return queries_of(target, self.step_ms, lambda expr: self._source.query(expr, end_ms))

    def _fetch(self, query: Query, end_ms: int) -> Columns:
        columns = self._columns.setdefault(query.text, Columns(self._width))
        first_ms = end_ms - (self._width - 1) * self.step_ms
        start_ms = max(first_ms, columns.known_ms)  # the newest again, for samples that came late
        columns.move_to(end_ms, self.step_ms)
        waiting = list(self._slices(query, columns, start_ms, end_ms))
        while waiting:
            low_ms, high_ms = waiting.pop(0)
            try:
                answer = self._source.query_range(query.text, low_ms, high_ms, self.step_ms)
            except FetchError as error:
                if error.kind != "too_large" or low_ms == high_ms:
                    raise
                middle_ms = low_ms + (high_ms - low_ms) // self.step_ms // 2 * self.step_ms
                waiting[:0] = [(low_ms, middle_ms), (middle_ms + self.step_ms, high_ms)]
                continue
            labels = [_named(label, query.name) for label in answer.labels]
            kept = self._within_limit(columns, labels)
            columns.put([labels[row] for row in kept], answer.times, answer.values[kept], self.step_ms)
            columns.known_ms = high_ms
        return columns

    def _within_limit(self, columns: Columns, labels: Sequence[Labels]) -> list[int]:
        """Rows of an answer that may be kept: those known, and new ones in order while there is room."""
        known = set(columns.labels)
        room = self._series_max - len(known)
        new = sorted((labels[row], row) for row in range(len(labels)) if labels[row] not in known)
        self.left_out += max(len(new) - max(room, 0), 0)
        chosen = {row for _, row in new[: max(room, 0)]}
        return [row for row in range(len(labels)) if labels[row] in known or row in chosen]

    def _slices(
        self, query: Query, columns: Columns, start_ms: int, end_ms: int
    ) -> Iterator[tuple[int, int]]:
        """Cut a span of time so that no answer is too large for either side."""
        steps = (end_ms - start_ms) // self.step_ms + 1
        series = len(columns.labels)
        if steps > 2 and not series:
            found = self._source.query(f"count({query.text})", end_ms)
            series = int(found[0][1]) if found else 1
        raw = max(self.step_ms // _SCRAPE_MS, 1)
        most = min(_POINTS_MAX // max(series, 1), _RAW_MAX // (max(series, 1) * raw), _STEPS_MAX)
        size_ms = (max(most, 1) - 1) * self.step_ms
        while start_ms <= end_ms:
            yield start_ms, min(start_ms + size_ms, end_ms)
            start_ms += size_ms + self.step_ms

    def _table(self, parts: Sequence[Columns], end_ms: int) -> Table:
        times = end_ms - np.arange(self._width - 1, -1, -1, dtype=np.int64) * self.step_ms
        if not parts:
            return Table.empty(times)
        if len(parts) == 1:
            return Table(parts[0].labels, times, parts[0].values)
        labels = [label for part in parts for label in part.labels]
        return Table(labels, times, np.concatenate([part.values for part in parts]))


def queries_of(target: str, step_ms: int, ask: "Ask") -> list[Query]:
    """The queries that give a target's windows; `ask` names the metrics of a selector without a name."""
    plain = _PLAIN.fullmatch(target)
    if plain is None or not (plain["name"] or plain["inner"]):
        return [Query(target, "")]
    window = format_duration(step_ms)
    if plain["name"]:
        return [Query(f"avg_over_time({target.strip()}[{window}])", plain["name"])]
    names = sorted(labels[METRIC_NAME] for labels, _ in ask(f"count by (__name__) ({target})"))
    inner = plain["inner"].strip().rstrip(",")
    return [
        Query(f'avg_over_time({{{inner},__name__="{name}"}}[{window}])', name) for name in names[:_NAMES_MAX]
    ]


class Ask(Protocol):
    """An instant query at the present."""

    def __call__(self, expr: str, /) -> list[tuple[Labels, float]]: ...


def _named(labels: Labels, name: str) -> Labels:
    return labels.merged({METRIC_NAME: name}) if name and not labels.metric else labels
