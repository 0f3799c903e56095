"""Chunk files: columns compressed with pcodec, times once for all series that share them.

    file      "LUMCHK01", blobs …, index, crc32 of the index u32, length of the index u64, "LUMCHK01"
    blob      pcodec, standalone; each with its crc32 in the index
    index     zlib of arrays one after the other: counts of clocks C and series S as i64, then
              clocks  offset length crc rows first_ms last_ms                 each i64[C]
              series  sid clock row rows offset length crc                    each i64[S], sids rising

A series has values for `rows` rows of its clock from row `row` on; ABSENT stands where it has none. Series of
the same number may follow one another (two lanes gave it).
"""

import os
import struct
import zlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pcodec import ChunkConfig, standalone

from promkit.errors import LuminaError
from ruler.store.frame import ABSENT, Times, Values, is_absent
from ruler.store.index import Sids

__all__ = ["Chunk", "ChunkDamaged", "ChunkWriter"]

_MAGIC = b"LUMCHK01"
_TAIL = struct.Struct("<IQ8s")
_CONFIG = ChunkConfig(compression_level=2)  # half the time of 4 for 2 % more bytes
_CLOCK_FIELDS, _SERIES_FIELDS = 6, 7
Int64s = NDArray[np.int64]


class ChunkDamaged(LuminaError):  # noqa: N818 - a state of the file
    """A chunk file is not what was written."""


class ChunkWriter:
    """Writes one file; whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = path.with_suffix(".tmp")
        self._file = self._draft.open("wb")
        self._file.write(_MAGIC)
        self._position = len(_MAGIC)
        self._clocks = array("q")  # fields of one after the other, and so below
        self._series = array("q")
        self._known: dict[bytes, int] = {}
        self.samples = 0

    @property
    def series(self) -> int:
        return len(self._series) // _SERIES_FIELDS

    def clock(self, times: Times) -> int:
        """Write times, rising, unless they are there; → the clock's number."""
        digest = blake2b(times.tobytes(), digest_size=16).digest()
        if digest not in self._known:
            self._known[digest] = len(self._known)
            self._clocks.extend((*self._blob(times), len(times), int(times[0]), int(times[-1])))
        return self._known[digest]

    def column(self, sid: int, clock: int, values: Values) -> None:
        """Write a series' values, one for each row of the clock."""
        present = np.flatnonzero(~is_absent(values))
        if len(present):
            first, end = int(present[0]), int(present[-1]) + 1
            where = self._blob(np.ascontiguousarray(values[first:end]))
            self._series.extend((sid, clock, first, end - first, *where))
            self.samples += len(present)

    def finish(self) -> tuple[int, int, int]:
        """Make it durable under its name; → first and last time, size."""
        numbers = np.array([len(self._known), self.series], np.int64)
        clocks = np.array(self._clocks, np.int64).reshape(-1, _CLOCK_FIELDS)
        series = np.array(self._series, np.int64).reshape(-1, _SERIES_FIELDS)
        series = series[np.lexsort((series[:, 1], series[:, 0]))]
        index = zlib.compress(numbers.tobytes() + clocks.T.tobytes() + series.T.tobytes(), 6)
        self._file.write(index + _TAIL.pack(zlib.crc32(index), len(index), _MAGIC))
        self._file.flush()
        os.fsync(self._file.fileno())
        size = self._file.tell()
        self._file.close()
        self._draft.rename(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)
        return int(clocks[:, 4].min()), int(clocks[:, 5].max()), size

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._file.close()
        self._draft.unlink(missing_ok=True)

    def _blob(self, numbers: NDArray[np.int64] | Values) -> tuple[int, int, int]:
        blob = standalone.simple_compress(numbers, _CONFIG)
        offset = self._position
        self._file.write(blob)
        self._position += len(blob)
        return offset, len(blob), zlib.crc32(blob)


@dataclass(frozen=True, slots=True)
class _Index:
    clocks: Int64s  # [6, C]
    series: Int64s  # [7, S]


class Chunk:
    """A finished file. Its index is read when first asked for and kept until `forget`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._index: _Index | None = None

    def forget(self) -> None:
        """Let go of the index."""
        self._index = None

    def sids(self) -> Sids:
        """The series, rising.

        ChunkDamaged: the index is.
        """
        sids: Sids = self._loaded().series[0]
        return sids

    def read(self, sids: Sids, start_ms: int, end_ms: int) -> Iterator[tuple[Sids, Times, Values]]:
        """What the file has of these series: sids [S] that share times [T], values [T, S].

        ChunkDamaged: a blob is; what came before it is sound.
        """
        index = self._loaded()
        places = np.flatnonzero(np.isin(index.series[0], sids))
        if not len(places):
            return
        with self.path.open("rb") as file:
            for clock in np.unique(index.series[1, places]).tolist():
                if index.clocks[5, clock] < start_ms or index.clocks[4, clock] > end_ms:
                    continue
                times = self._array(file.fileno(), index.clocks[:3, clock], np.int64)
                first, end = np.searchsorted(times, [start_ms, end_ms + 1])
                here = places[index.series[1, places] == clock]
                for found, columns in self._columns(file.fileno(), index, here, len(times)):
                    yield found, times[first:end], columns[first:end]

    def _columns(
        self, file: int, index: _Index, places: Int64s, height: int
    ) -> Iterable[tuple[Sids, Values]]:
        sids = index.series[0, places]
        values = np.full((height, len(places)), ABSENT)
        for column, place in enumerate(places.tolist()):
            row, rows = index.series[2:4, place].tolist()
            values[row : row + rows, column] = self._array(file, index.series[4:, place], np.float64)
        if len(np.unique(sids)) == len(sids):
            return [(sids, values)]
        return [(sids[column : column + 1], values[:, column : column + 1]) for column in range(len(sids))]

    def _array(
        self, file: int, where: Int64s, kind: type[np.int64] | type[np.float64]
    ) -> NDArray[Any]:  # of either kind
        offset, length, crc = where.tolist()
        blob = os.pread(file, length, offset)
        if zlib.crc32(blob) != crc:
            raise ChunkDamaged(f"damaged at byte {offset}", str(self.path))
        numbers: NDArray[Any] | None = standalone.simple_decompress(blob)
        if numbers is None or numbers.dtype != kind:
            raise ChunkDamaged(f"damaged at byte {offset}", str(self.path))
        return numbers

    def _loaded(self) -> _Index:
        if self._index is None:
            try:
                self._index = _read_index(self.path)
            except (OSError, ValueError, struct.error, zlib.error) as error:
                raise ChunkDamaged(f"cannot be read: {error}", str(self.path)) from None
        return self._index


def _read_index(path: Path) -> _Index:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - _TAIL.size, 0))
        crc, length, magic = _TAIL.unpack(file.read(_TAIL.size))
        if magic != _MAGIC or length > size:
            raise ValueError("not a chunk file, or not all of it")
        file.seek(size - _TAIL.size - length)
        packed = file.read(length)
    if zlib.crc32(packed) != crc:
        raise ValueError("the index is damaged")
    numbers = np.frombuffer(zlib.decompress(packed), np.int64)
    clocks, series = numbers[:2].tolist()
    split = 2 + _CLOCK_FIELDS * clocks
    return _Index(
        numbers[2:split].reshape(_CLOCK_FIELDS, clocks),
        numbers[split:].reshape(_SERIES_FIELDS, series),
    )
