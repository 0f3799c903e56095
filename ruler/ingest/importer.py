"""History from a file: OpenMetrics text with timestamps in seconds, as Prometheus' tools write and read it.

Lines are read a slice at a time, so that a file of any size takes little memory. Instants before 1970 and
samples out of order are fine; only retention bounds how old they may be.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np

from promkit.errors import ConfigError, LimitError, Where
from promkit.exposition import ExpositionError, Sample
from promkit.labels import METRIC_NAME, Labels
from ruler.ingest.layout import metadata, parsed_line, prefix_of
from ruler.ingest.numbers import numbers
from ruler.store import Slots, Store, Times, Values

__all__ = ["Imported", "import_openmetrics"]

_SLICE = 50_000  # lines
_FOLD_SAMPLES = 2_000_000  # as many are held in memory
_SERIES_MAX = 1_000_000
_COMMENTS_MAX = 100_000
_TIME_MS_MAX = 1 << 53


@dataclass(frozen=True, slots=True)
class Imported:
    """What was read."""

    samples: int
    series: int
    first_ms: int | None
    last_ms: int | None
    rejected: int  # another value at an instant that has one


def import_openmetrics(
    store: Store, lines: Iterable[bytes], *, source: str = "import", first_line: int = 1, now_ms: int
) -> Imported:
    """Store all samples of a text; it ends with `# EOF` or with the last line.

    `first_line`: the number of the first line, where this is a piece of a text.
    ConfigError: what is wrong on which line; what stands before its slice was stored.
    """
    reader = _Reader(source, first_line)
    samples = rejected = folded = 0
    first_ms: int | None = None
    last_ms: int | None = None
    rest = iter(lines)
    while piece := list(islice(rest, _SLICE)):
        which, times, values = reader.read(piece)
        if len(times):
            refused = store.append_samples(reader.series, which, times, values, imported=True)
            samples += len(times) - refused.total
            rejected += refused.total
            low, high = int(times.min()), int(times.max())
            first_ms = low if first_ms is None else min(first_ms, low)
            last_ms = high if last_ms is None else max(last_ms, high)
        if samples // _FOLD_SAMPLES > folded:
            folded = samples // _FOLD_SAMPLES
            store.fold(now_ms)
    store.describe(metadata(reader.comments))
    store.fold(now_ms)
    return Imported(samples, len(reader.series), first_ms, last_ms, rejected)


class _Reader:
    """What was read so far."""

    def __init__(self, source: str, first_line: int) -> None:
        self.series: list[Labels] = []
        self.comments: list[bytes] = []
        self._source = source
        self._line = first_line - 1
        self._number_of: dict[bytes, int] = {}

    def read(self, lines: list[bytes]) -> tuple[Slots, Times, Values]:
        """Samples of these lines: which series, times, values. [N] each."""
        which: list[int] = []
        values: list[bytes] = []
        seconds: list[bytes] = []
        first = self._line + 1
        for line in lines:
            self._line += 1
            parts = line.rsplit(None, 2)
            known = self._number_of.get(parts[0]) if len(parts) == 3 else None
            if known is not None:
                which.append(known)
                values.append(parts[1])
                seconds.append(parts[2])
            elif line.startswith(b"#") or not parts:
                if len(self.comments) < _COMMENTS_MAX:
                    self.comments.append(line)
            else:
                number, sample = self._looked_at(line.rstrip(b"\r\n"), self._line)
                which.append(number)
                values.append(repr(sample.value).encode())
                seconds.append(repr((sample.timestamp_ms or 0) / 1000).encode())
        return np.array(which, np.intp), *self._numbers(lines, first, values, seconds)

    def _numbers(
        self, lines: list[bytes], first: int, values: list[bytes], seconds: list[bytes]
    ) -> tuple[Times, Values]:
        try:
            stamps, found = numbers(seconds) * 1000, numbers(values)
            if (np.abs(stamps) < _TIME_MS_MAX).all():
                return np.rint(stamps).astype(np.int64), found
        except (ValueError, OverflowError):
            pass
        for number, line in enumerate(lines, first):
            if not line.startswith(b"#") and line.strip():
                self._looked_at(line.rstrip(b"\r\n"), number)
        raise ConfigError("a number is out of bounds", Where(self._source, first))

    def _looked_at(self, line: bytes, number: int) -> tuple[int, Sample]:
        """Parse a line whose series is new, or that is not of the plain kind."""
        try:
            sample = parsed_line(line, number, openmetrics=True, source=self._source)
        except ExpositionError as error:
            raise ConfigError(error.problem, error.where, error.remedy) from None
        if sample.timestamp_ms is None:
            raise ConfigError("a sample without a timestamp", Where(self._source, number))
        prefix = prefix_of(line)
        known = self._number_of.get(prefix)
        if known is None:
            if len(self.series) >= _SERIES_MAX:
                raise LimitError(f"more than {_SERIES_MAX} series", Where(self._source, number))
            known = self._number_of[prefix] = len(self.series)
            self.series.append(sample.labels.merged({METRIC_NAME: sample.name}))
        return known, sample
