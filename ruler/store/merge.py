"""Frames of several tiers as one answer: each series once, its times rising, no instant twice."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promkit.labels import Labels
from ruler.store.frame import ABSENT, PAD, Frame, Times, Values, is_absent
from ruler.store.ragged import Run

__all__ = ["frames_of_run", "merged"]

_Origin = tuple[int, int]  # frame, clock


@dataclass(frozen=True, slots=True)
class _Piece:
    """Series that share one clock."""

    labels: Sequence[Labels]  # [S]
    times: Times  # [T]
    values: Values  # [T, S]


def merged(frames: Sequence[Frame]) -> list[Frame]:
    """Where several frames have a sample of one series and instant, the earliest frame's stands."""
    if len(frames) < 2:
        return list(frames)
    origins: dict[Labels, list[_Origin]] = {}
    columns: dict[Labels, list[int]] = {}
    for number, frame in enumerate(frames):
        clocks = frame.clock.tolist()
        for column, labels in enumerate(frame.labels):
            origins.setdefault(labels, []).append((number, clocks[column]))
            columns.setdefault(labels, []).append(column)
    alike: dict[tuple[_Origin, ...], list[Labels]] = {}
    for labels, where in origins.items():
        alike.setdefault(tuple(where), []).append(labels)
    pieces = [_joined(frames, where, series, columns) for where, series in alike.items()]
    return _stacked([piece for piece in pieces if len(piece.times)])


def frames_of_run(run: Run, labels_of: dict[int, Labels]) -> list[Frame]:
    """Ragged samples as frames; series that have the same times share a clock."""
    if not len(run):
        return []
    starts = np.flatnonzero(np.concatenate([[True], run.sids[1:] != run.sids[:-1]]))
    sizes = np.diff(np.append(starts, len(run)))
    alike: dict[bytes, list[int]] = {}
    for number, (start, size) in enumerate(zip(starts.tolist(), sizes.tolist(), strict=True)):
        alike.setdefault(run.times[start : start + size].tobytes(), []).append(number)
    pieces = []
    for numbers in alike.values():
        first, size = starts[numbers], int(sizes[numbers[0]])
        rows = first + np.arange(size)[:, None]  # [T, S]
        labels = [labels_of[sid] for sid in run.sids[first].tolist()]
        pieces.append(_Piece(labels, run.times[rows[:, 0]], run.values[rows]))
    return _stacked(pieces)


def _joined(
    frames: Sequence[Frame],
    where: tuple[_Origin, ...],
    series: list[Labels],
    columns: dict[Labels, list[int]],
) -> _Piece:
    """The series that lie in the same frames, by the same clocks."""
    times, values = [], []
    for place, (number, clock) in enumerate(where):
        frame = frames[number]
        height = int(np.searchsorted(frame.times[:, clock], PAD))
        times.append(frame.times[:height, clock])
        values.append(frame.values[:height].take([columns[labels][place] for labels in series], axis=1))
    if len(times) == 1:
        return _Piece(series, times[0], values[0])
    return _Piece(series, *_sorted_rows(np.concatenate(times), np.concatenate(values)))


def _sorted_rows(times: Times, values: Values) -> tuple[Times, Values]:
    """Rows in order of time; of rows of one instant, each column's first sample."""
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    new = np.concatenate([[True], times[1:] != times[:-1]])
    if new.all():
        return times, values
    starts = np.flatnonzero(new)
    kept = values[starts]
    row_of = np.cumsum(new) - 1
    for again in np.flatnonzero(~new):  # rarely more than a handful: where tiers overlap
        row = row_of[again]
        kept[row] = np.where(is_absent(kept[row]), values[again], kept[row])
    return times[starts], kept


def _stacked(pieces: list[_Piece]) -> list[Frame]:
    """Pieces of similar height side by side in one frame, so that little of it is padding."""
    frames = []
    rest = sorted(pieces, key=lambda piece: len(piece.times))
    while rest:
        height = len(rest[-1].times)
        chosen = [piece for piece in rest if 2 * len(piece.times) > height]
        rest = rest[: len(rest) - len(chosen)]
        frames.append(_frame(chosen, height))
    return frames


def _frame(pieces: Sequence[_Piece], height: int) -> Frame:
    labels = [labels for piece in pieces for labels in piece.labels]
    clock = np.repeat(np.arange(len(pieces)), [len(piece.labels) for piece in pieces])
    if len(pieces) == 1:
        return Frame(labels, pieces[0].times[:, None], clock, pieces[0].values)
    times = np.full((height, len(pieces)), PAD)
    values = np.full((height, len(labels)), ABSENT)
    column = 0
    for number, piece in enumerate(pieces):
        rows, width = piece.values.shape
        times[:rows, number] = piece.times
        values[:rows, column : column + width] = piece.values
        column += width
    return Frame(labels, times, clock, values)
