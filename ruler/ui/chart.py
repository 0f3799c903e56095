"""Line charts as SVG: pure, without scripts, readable in light and dark (colours are the stylesheet's).

A gap in the data is a gap in the line.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from promkit.quantity import UNITS as KNOWN_UNITS
from promkit.quantity import Write, quantity
from ruler.store import Times, Values, is_absent
from ruler.ui.frame import UNITS, Frame, inside, instants, level, tick
from ruler.ui.units import ticks

__all__ = ["LEGEND_MAX", "Limit", "Line", "Style", "line_chart", "swatch"]

HEIGHT = 180  # pixels
COLOURS = 8  # classes c0 … c7
LEGEND_MAX = 12
LABEL_LETTERS_MAX = 400
FAR = 4  # a threshold beyond so many times the data is named, and not drawn


@dataclass(frozen=True, slots=True)
class Line:
    """A named line; ABSENT and NaN are gaps."""

    name: str
    values: Values  # [K]


@dataclass(frozen=True, slots=True)
class Limit:
    """A threshold: where it is, which side is bad, its colour's class, and what the legend calls it."""

    value: float
    kind: str = "critical"
    falling: bool = False
    name: str = "threshold"


@dataclass(frozen=True, slots=True)
class Style:
    """How a chart looks. `low` and `high` fix the ends of the scale; else it holds 0 and all values."""

    unit: str = ""
    decimals: int | None = None
    height: int = HEIGHT
    low: float | None = None
    high: float | None = None
    reach: float | None = None  # a value that the scale reaches at least
    limits: Sequence[Limit] = ()
    bands: bool = False  # whether what lies beyond a limit is shaded, and far ones are left out
    stacked: bool = False
    filled: bool = False
    legend: bool = True


def line_chart(title: str, times: Times, lines: Sequence[Line], style: Style) -> str:
    """A chart with scale, grid, instants and legend. `times` are milliseconds, [K]."""
    present = [np.where(is_absent(line.values), np.nan, line.values) for line in lines]
    if not len(times) or not any(np.isfinite(values).any() for values in present):
        return f'<p class="empty nothing">No data yet for {escape(title)}.</p>'
    tops = list(np.cumsum(np.nan_to_num(np.array(present)), axis=0)) if style.stacked else present
    low, high = _bounds(tops, style)
    marks = [mark for mark in ticks(low, high, style.unit) if _fits(mark, style)] or [low, high]
    frame = Frame(int(times[0]), int(times[-1]), min(low, *marks), max(high, *marks), style.height)
    write = quantity(style.unit, style.decimals)
    short = (
        write if style.unit in KNOWN_UNITS else quantity("", style.decimals)
    )  # a word does not fit each tick
    scale = "".join(tick(frame.y(mark), short(mark)) for mark in marks)
    grid = "".join(f'<line class="grid" x2="100%" {level(frame.y(mark))}/>' for mark in marks)
    near = [limit for limit in style.limits if frame.low <= limit.value <= frame.high]
    bands = "".join(_band(frame, limit) for limit in near) if style.bands else ""
    limits = "".join(
        f'<line class="threshold {limit.kind}" x2="100%" {level(frame.y(limit.value))}/>' for limit in near
    )
    latest = "; ".join(f"{line.name}: {write(_last(v))}" for line, v in zip(lines, present, strict=True))
    label = escape(f"{title}. Latest: {latest[:LABEL_LETTERS_MAX]}", quote=True)
    size = f'height="{style.height}"'
    return (
        f'<div class="chart" role="img" aria-label="{label}">'
        f'<svg class="scale" {size}>{scale}</svg><svg class="plot" {size}>{bands}{grid}{instants(frame)}'
        f"{inside(frame, _drawn(frame, times, tops, style))}{limits}</svg></div>"
        + _legend(lines, present, style, write)
    )


def swatch(index: int) -> str:
    """The colour of a line, for a legend."""
    return f'<span class="swatch c{index % COLOURS}"></span>'


def _bounds(tops: Sequence[Values], style: Style) -> tuple[float, float]:
    finite = np.concatenate([values[np.isfinite(values)] for values in tops])
    largest = max(abs(float(finite.min())), abs(float(finite.max())))
    limits = [one.value for one in style.limits if not style.bands or abs(one.value) <= FAR * largest]
    marks = [0.0, *(mark for mark in (style.reach, *limits) if mark is not None and math.isfinite(mark))]
    low = min(float(finite.min()), *marks) if style.low is None else style.low
    high = max(float(finite.max()), *marks) if style.high is None else style.high
    return (low, high) if high > low else (low, low + 1.0)


def _fits(mark: float, style: Style) -> bool:
    """Whether a tick is on a scale whose ends may be fixed."""
    slack = 1e-9 * max(1.0, abs(mark))
    return (style.low is None or mark >= style.low - slack) and (
        style.high is None or mark <= style.high + slack
    )


def _drawn(frame: Frame, times: Times, tops: Sequence[Values], style: Style) -> str:
    """Areas, then lines; of a stack the topmost first, so that each shows above the next."""
    areas, lines = [], []
    ground = np.full(len(times), max(frame.low, min(0.0, frame.high)))
    for index, values in enumerate(tops):
        if style.stacked or style.filled:
            below = tops[index - 1] if style.stacked and index else ground
            areas.append(f'<path class="area c{index % COLOURS}" d="{_area(frame, times, values, below)}"/>')
        lines.append(f'<path class="line c{index % COLOURS}" d="{_path(frame, times, values)}"/>')
    return "".join([*areas, *lines])


def _band(frame: Frame, limit: Limit) -> str:
    """What lies beyond a threshold."""
    at_y = frame.y(limit.value)
    top, bottom = (at_y, frame.y(frame.low)) if limit.falling else (frame.y(frame.high), at_y)
    return f'<rect class="band {limit.kind}" width="100%" y="{top:.1f}" height="{max(bottom - top, 0):.1f}"/>'


def _path(frame: Frame, times: Times, values: Values) -> str:
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


def _area(frame: Frame, times: Times, values: Values, below: Values) -> str:
    """What lies between two lines; each stretch without a gap is a shape of its own."""
    is_there = np.isfinite(values)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_there, [False]]).astype(np.int8)))
    pieces = []
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        at = [f"{frame.x(at_ms) * UNITS:.1f}" for at_ms in times[start:end].tolist()]
        over = [f"{frame.y(value):.1f}" for value in values[start:end].tolist()]
        under = [f"{frame.y(value):.1f}" for value in below[start:end].tolist()]
        corners = [*zip(at, over, strict=True), *reversed(list(zip(at, under, strict=True)))]
        pieces.append("M" + "L".join(f"{x} {y}" for x, y in corners) + "Z")
    return "".join(pieces)


def _legend(lines: Sequence[Line], present: Sequence[Values], style: Style, write: Write) -> str:
    if not style.legend:
        return ""
    items = "".join(
        f"<li>{swatch(index)}{escape(line.name)} <b>{escape(write(_last(values)))}</b></li>"
        for index, (line, values) in enumerate(zip(lines, present, strict=True))
        if index < LEGEND_MAX
    )
    more = f"<li>and {len(lines) - LEGEND_MAX} more</li>" if len(lines) > LEGEND_MAX else ""
    limits = "".join(
        f'<li><span class="swatch limit {limit.kind}"></span>{escape(limit.name)} '
        f"<b>{escape(write(limit.value))}</b></li>"
        for limit in style.limits
    )
    return f'<ul class="legend">{items}{more}{limits}</ul>'


def _last(values: Values) -> float:
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else math.nan
