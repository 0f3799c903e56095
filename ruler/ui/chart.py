"""Line charts as SVG: pure, without scripts, readable in light and dark (colours are the stylesheet's).

Drawn in a box of WIDTH × HEIGHT units that the page scales. A gap in the data is a gap in the line.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from ruler.store import Times, Values, is_absent

__all__ = ["Line", "line_chart", "quantity"]

WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BOTTOM = 58, 8, 10, 22
COLOURS = 8  # classes c0 … c7
LEGEND_MAX = 8
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


def quantity(unit: str) -> Callable[[float], str]:
    """How values of a unit are written for eyes: ratio, bytes, bytes/s, seconds, or a plain number."""
    match unit:
        case "ratio":
            return lambda value: f"{value * 100:.3g} %"
        case "bytes":
            return lambda value: _scaled(value, 1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB"))
        case "bytes/s":
            return lambda value: _scaled(value, 1024, ("B/s", "KiB/s", "MiB/s", "GiB/s", "TiB/s"))
        case "seconds":
            return _seconds
        case "per second":
            return lambda value: f"{value:.3g} /s"
        case _:
            return lambda value: _scaled(value, 1000, ("", "k", "M", "G", "T"))


def line_chart(
    title: str,
    times: Times,  # [K], milliseconds
    lines: Sequence[Line],
    unit: str,
    *,
    top: float | None = None,
    threshold: float | None = None,
) -> str:
    """An SVG figure with axes, grid and, for more than one line, a legend. `top` fixes the upper end."""
    write = quantity(unit)
    present = [np.where(is_absent(line.values), np.nan, line.values) for line in lines]
    if not len(times) or not any(np.isfinite(values).any() for values in present):
        return f'<p class="empty">No data yet for {escape(title)}.</p>'
    low, high = _bounds(present, top, threshold)
    ticks = _ticks(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    span_ms = max(int(times[-1] - times[0]), 1)

    def x(at_ms: float) -> float:
        return LEFT + (at_ms - int(times[0])) / span_ms * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [_horizontal(y(tick), write(tick)) for tick in ticks]
    parts += [_vertical(x(at_ms), at_ms, span_ms) for at_ms in _instants(int(times[0]), int(times[-1]))]
    if threshold is not None:
        parts.append(f'<line class="threshold" x1="{LEFT}" x2="{WIDTH - RIGHT}" {_level(y(threshold))}/>')
    parts += [
        f'<path class="line c{index % COLOURS}" d="{_path(times, values, x, y)}"/>'
        for index, values in enumerate(present)
    ]
    latest = "; ".join(
        f"{line.name}: {write(_last(values))}" for line, values in zip(lines, present, strict=True)
    )
    label = escape(f"{title}. Latest: {latest[:400]}", quote=True)
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
    return svg + _legend(lines, present, write)


def _bounds(present: Sequence[Values], top: float | None, threshold: float | None) -> tuple[float, float]:
    finite = np.concatenate([values[np.isfinite(values)] for values in present])
    low = min(0.0, float(finite.min()))
    high = max(float(finite.max()), threshold or 0.0, top or 0.0)
    return (low, high) if high > low else (low, low + 1.0)


def _ticks(low: float, high: float) -> list[float]:
    """Four to six round numbers around the range."""
    raw = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    first = math.floor(low / step)
    last = math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, last + 1)]


def _instants(start_ms: int, end_ms: int) -> list[int]:
    wanted = (end_ms - start_ms) / 6
    step = next((step for step in _STEPS_MS if step >= wanted), _STEPS_MS[-1])
    shift = _utc_offset_ms(end_ms)  # local midnights and full hours
    first = (start_ms + shift + step - 1) // step * step - shift
    return list(range(first, end_ms + 1, step))


def _utc_offset_ms(at_ms: int) -> int:
    return (time.localtime(at_ms / 1000).tm_gmtoff or 0) * 1000


def _horizontal(at_y: float, text: str) -> str:
    return (
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" {_level(at_y)}/>'
        f'<text class="axis" x="{LEFT - 6}" y="{at_y + 4:.1f}" text-anchor="end">{escape(text)}</text>'
    )


def _vertical(at_x: float, at_ms: int, span_ms: int) -> str:
    form = "%H:%M" if span_ms <= 2 * 86_400_000 else "%d %b"
    if span_ms <= 5 * 60_000:
        form = "%H:%M:%S"
    text = time.strftime(form, time.localtime(at_ms / 1000))
    anchor = "end" if at_x > WIDTH - 30 else "middle"
    return f'<text class="axis" x="{at_x:.1f}" y="{HEIGHT - 5}" text-anchor="{anchor}">{text}</text>'


def _level(at_y: float) -> str:
    return f'y1="{at_y:.1f}" y2="{at_y:.1f}"'


def _path(times: Times, values: Values, x: Callable[[float], float], y: Callable[[float], float]) -> str:
    pieces, drawing = [], False
    for at_ms, value in zip(times.tolist(), values.tolist(), strict=True):
        if not math.isfinite(value):
            drawing = False
            continue
        pieces.append(f"{'L' if drawing else 'M'}{x(at_ms):.1f} {y(value):.1f}")
        if not drawing:
            pieces.append("h.1")  # a lone point shows, too
        drawing = True
    return "".join(pieces)


def _legend(lines: Sequence[Line], present: Sequence[Values], write: Callable[[float], str]) -> str:
    items = "".join(
        f'<li><span class="swatch c{index % COLOURS}"></span>{escape(line.name)} '
        f"<b>{escape(write(_last(values)))}</b></li>"
        for index, (line, values) in enumerate(zip(lines, present, strict=True))
        if index < LEGEND_MAX
    )
    more = f"<li>and {len(lines) - LEGEND_MAX} more</li>" if len(lines) > LEGEND_MAX else ""
    return f'<ul class="legend">{items}{more}</ul>'


def _last(values: Values) -> float:
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else math.nan


def _scaled(value: float, base: int, units: Sequence[str]) -> str:
    if not math.isfinite(value):
        return "–"
    steps = int(math.log(abs(value), base)) if abs(value) >= base else 0
    step = min(steps, len(units) - 1)
    return f"{value / base**step:.3g} {units[step]}".rstrip()


def _seconds(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    for limit, factor, unit in ((1e-3, 1e6, "µs"), (1, 1e3, "ms"), (120, 1, "s"), (7200, 1 / 60, "min")):
        if abs(value) < limit:
            return f"{value * factor:.3g} {unit}"
    return f"{value / 3600:.3g} h"
