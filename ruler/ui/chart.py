"""Line charts as SVG: pure, without scripts, readable in light and dark (colours are the stylesheet's).

The text of a chart has one size however wide the chart is: only the lines are stretched. Hence three boxes:

    scale    svg, of fixed width: what the ticks stand for
    plot     svg, as wide as there is room; grid and instants placed by percent, HEIGHT pixels high
    lines    svg inside the plot, 1000 units wide whatever the plot is

A gap in the data is a gap in the line.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from promkit.quantity import quantity
from ruler.store import Times, Values, is_absent
from ruler.ui.units import ticks

__all__ = ["Line", "line_chart"]

HEIGHT, TOP, BOTTOM = 180, 8, 22  # pixels; room above and below the lines
UNITS = 1000  # the width of `lines`
COLOURS = 8  # classes c0 … c7
LEGEND_MAX = 12
LABEL_LETTERS_MAX = 400
_STEPS_MS = (
    *(seconds * 1000 for seconds in (1, 2, 5, 10, 15, 30)),
    *(minutes * 60_000 for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * 3_600_000 for hours in (1, 2, 3, 6, 12)),
    *(days * 86_400_000 for days in (1, 2, 7, 14, 30)),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A named line; ABSENT and NaN are gaps."""

    name: str
    values: Values  # [K]


@dataclass(frozen=True, slots=True)
class _Frame:
    """What is drawn: an interval of time and one of values."""

    start_ms: int
    end_ms: int
    low: float
    high: float

    def x(self, at_ms: float) -> float:
        """As a share of the width, 0–1."""
        return (at_ms - self.start_ms) / max(self.end_ms - self.start_ms, 1)

    def y(self, value: float) -> float:
        """In pixels from the top."""
        return TOP + (self.high - value) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)


def line_chart(
    title: str,
    times: Times,  # [K], milliseconds
    lines: Sequence[Line],
    unit: str,
    *,
    top: float | None = None,
    threshold: float | None = None,
) -> str:
    """A chart with scale, grid, instants and legend. `top` is a value that the scale reaches at least."""
    write = quantity(unit)
    present = [np.where(is_absent(line.values), np.nan, line.values) for line in lines]
    if not len(times) or not any(np.isfinite(values).any() for values in present):
        return f'<p class="empty nothing">No data yet for {escape(title)}.</p>'
    low, high = _bounds(present, top, threshold)
    marks = ticks(low, high, unit)
    frame = _Frame(int(times[0]), int(times[-1]), min(low, marks[0]), max(high, marks[-1]))
    scale = "".join(_mark(frame.y(mark), write(mark)) for mark in marks)
    grid = "".join(f'<line class="grid" x2="100%" {_level(frame.y(mark))}/>' for mark in marks)
    instants = "".join(_instant(frame, at_ms) for at_ms in _instants(frame.start_ms, frame.end_ms))
    limit = ""
    if threshold is not None:
        limit = f'<line class="threshold" x2="100%" {_level(frame.y(threshold))}/>'
    paths = "".join(
        f'<path class="line c{index % COLOURS}" d="{_path(frame, times, values)}"/>'
        for index, values in enumerate(present)
    )
    latest = "; ".join(f"{line.name}: {write(_last(v))}" for line, v in zip(lines, present, strict=True))
    label = escape(f"{title}. Latest: {latest[:LABEL_LETTERS_MAX]}", quote=True)
    return (
        f'<div class="chart" role="img" aria-label="{label}">'
        f'<svg class="scale">{scale}</svg><svg class="plot">{grid}{instants}'
        f'<svg width="100%" height="{HEIGHT}" viewBox="0 0 {UNITS} {HEIGHT}" preserveAspectRatio="none">'
        f"{paths}</svg>{limit}</svg></div>" + _legend(lines, present, unit, threshold)
    )


def _bounds(present: Sequence[Values], top: float | None, threshold: float | None) -> tuple[float, float]:
    finite = np.concatenate([values[np.isfinite(values)] for values in present])
    marks = [0.0, *(mark for mark in (top, threshold) if mark is not None and math.isfinite(mark))]
    low, high = min(float(finite.min()), *marks), max(float(finite.max()), *marks)
    return (low, high) if high > low else (low, low + 1.0)


def _instants(start_ms: int, end_ms: int) -> list[int]:
    wanted = (end_ms - start_ms) / 5
    step = next((step for step in _STEPS_MS if step >= wanted), _STEPS_MS[-1])
    shift = _utc_offset_ms(end_ms)  # local midnights and full hours
    first = (start_ms + shift + step - 1) // step * step - shift
    return list(range(first, end_ms + 1, step))


def _utc_offset_ms(at_ms: int) -> int:
    return (time.localtime(at_ms / 1000).tm_gmtoff or 0) * 1000


def _mark(at_y: float, text: str) -> str:
    return f'<text class="axis" x="100%" dx="-8" y="{at_y + 4:.1f}" text-anchor="end">{escape(text)}</text>'


def _instant(frame: _Frame, at_ms: int) -> str:
    span_ms = frame.end_ms - frame.start_ms
    form = "%H:%M" if span_ms <= 2 * 86_400_000 else "%d %b"
    if span_ms <= 3 * 60_000:
        form = "%H:%M:%S"
    text = time.strftime(form, time.localtime(at_ms / 1000))
    share = frame.x(at_ms)
    anchor = "end" if share > 0.94 else "start" if share < 0.04 else "middle"
    place = f'x="{share * 100:.2f}%" y="{HEIGHT - 5}"'
    return f'<text class="axis" {place} text-anchor="{anchor}">{text}</text>'


def _level(at_y: float) -> str:
    return f'y1="{at_y:.1f}" y2="{at_y:.1f}"'


def _path(frame: _Frame, times: Times, values: Values) -> str:
    pieces, drawing = [], False
    for at_ms, value in zip(times.tolist(), values.tolist(), strict=True):
        if not math.isfinite(value):
            drawing = False
            continue
        letter = "L" if drawing else "M"
        pieces.append(f"{letter}{frame.x(at_ms) * UNITS:.1f} {frame.y(value):.1f}")
        if not drawing:
            pieces.append("h.1")  # a lone point shows, too
        drawing = True
    return "".join(pieces)


def _legend(lines: Sequence[Line], present: Sequence[Values], unit: str, threshold: float | None) -> str:
    write = quantity(unit)
    items = "".join(
        f'<li><span class="swatch c{index % COLOURS}"></span>{escape(line.name)} '
        f"<b>{escape(write(_last(values)))}</b></li>"
        for index, (line, values) in enumerate(zip(lines, present, strict=True))
        if index < LEGEND_MAX
    )
    more = f"<li>and {len(lines) - LEGEND_MAX} more</li>" if len(lines) > LEGEND_MAX else ""
    limit = ""
    if threshold is not None:
        limit = f'<li><span class="swatch limit"></span>threshold <b>{escape(write(threshold))}</b></li>'
    return f'<ul class="legend">{items}{more}{limit}</ul>'


def _last(values: Values) -> float:
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else math.nan
