"""How often which value, over time: the buckets of a histogram, or any series, a row each.

Cells of one colour are one path: a widget has eleven at most, however many cells.
"""

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from promkit.labels import Labels
from promkit.quantity import quantity, unit_of_name
from ruler.dashboards import Widget
from ruler.promql import parse, selectors
from ruler.store import Times, Values, is_absent
from ruler.ui.frame import BOTTOM, TOP, UNITS, Frame, inside, instants, tick
from ruler.ui.widgets.found import Found, series_of, unit_and_write

__all__ = ["heatmap"]

SHADES = 10  # classes q1 … q10
LABEL_PIXELS = 14  # that a row's name needs
KEY = 24  # pixels below, for what the shades stand for


def heatmap(widget: Widget, found: Sequence[Found], height: int) -> str:
    """Rows over time, the darker the more. Buckets stand in their order, the smallest at the bottom."""
    names, values, unit = _rows(widget, found)  # [R], [K, R]
    largest = float(np.nanmax(values, initial=0.0))
    if not len(names) or not math.isfinite(largest):
        return ""
    times = found[0].times
    pixels = max(height - (KEY if widget.look.legend else 0), 60)
    frame = Frame(int(times[0]), int(times[-1]), 0.0, float(len(names)), pixels)
    row_pixels = (pixels - TOP - BOTTOM) / len(names)
    every = max(1, math.ceil(LABEL_PIXELS / row_pixels))
    scale = "".join(
        tick(frame.y(row + 0.5), name)
        for row, name in enumerate(names)
        if (len(names) - 1 - row) % every == 0
    )
    label = escape(f"{widget.title}: {len(names)} rows over time; {_summary(names, values)}", quote=True)
    size = f'height="{pixels}"'
    return (
        f'<div class="chart heat" role="img" aria-label="{label}"><svg class="scale" {size}>{scale}</svg>'
        f'<svg class="plot" {size}>{inside(frame, _cells(frame, times, values, largest))}{instants(frame)}'
        f"</svg></div>" + (_key(largest, unit) if widget.look.legend else "")
    )


def _rows(widget: Widget, found: Sequence[Found]) -> tuple[list[str], Values, str]:
    """Names from the bottom up, what each cell holds, and in which unit."""
    if all(labels["le"] for one in found for labels in one.labels):
        return *_buckets(widget, found), ""
    series, _ = series_of(widget, found)
    cells = np.stack([one.values for one in reversed(series)], axis=1)
    unit, _ = unit_and_write(widget, found[0].query)
    return [one.name for one in reversed(series)], np.where(is_absent(cells), np.nan, cells), unit


def _buckets(widget: Widget, found: Sequence[Found]) -> tuple[list[str], Values]:
    """Cumulative buckets → how many in each; neighbours are merged until there are at most `limit`."""
    every = [_bound(labels) for one in found for labels in one.labels]
    bounds = sorted(set(every))
    values = np.concatenate([one.values for one in found], axis=1)
    counts = np.zeros((len(values), len(bounds)))
    for column, bound in enumerate(every):
        counts[:, bounds.index(bound)] += np.where(is_absent(values[:, column]), np.nan, values[:, column])
    each = np.diff(counts, axis=1, prepend=0.0).clip(min=0.0)
    filled = np.flatnonzero(np.nansum(each, axis=0))
    if len(filled):  # what is empty throughout above and below is not drawn
        first, last = int(filled[0]), int(filled[-1]) + 1
        bounds, each = bounds[first:last], each[:, first:last]
    together = math.ceil(len(bounds) / widget.look.limit)
    starts = np.arange(0, len(bounds), together)
    each = np.add.reduceat(each, starts, axis=1)
    write = quantity(_unit_of_bounds(widget, found[0]), widget.look.decimals)
    ends = [bounds[min(start + together, len(bounds)) - 1] for start in starts.tolist()]
    return [write(end) if math.isfinite(end) else "above" for end in ends], each


def _unit_of_bounds(widget: Widget, found: Found) -> str:
    """What a bucket's bound is in: as the histogram's name tells, whatever a rate makes of the counts."""
    if widget.look.unit is not None:
        return widget.look.unit
    units = {unit_of_name(one.name) for one in selectors(parse(found.expr))}
    return units.pop() if len(units) == 1 else ""


def _bound(labels: Labels) -> float:
    try:
        return float(labels["le"])
    except ValueError:
        return math.inf


def _cells(frame: Frame, times: Times, values: Values, largest: float) -> str:
    """A path a shade. A cell reaches from the instant before to its own, for it counts what came between."""
    share = np.sqrt(np.nan_to_num(values) / largest) if largest > 0 else np.zeros_like(values)
    shades = np.ceil(share.clip(0.0, 1.0) * SHADES).astype(int)
    at = [frame.x(instant) * UNITS for instant in times.tolist()]
    shapes: dict[int, list[str]] = {}
    for row in range(values.shape[1]):
        top, bottom = frame.y(row + 1), frame.y(row)
        column = 1
        while column < len(at):
            end = column
            while end + 1 < len(at) and shades[end + 1, row] == shades[column, row]:
                end += 1
            if shade := int(shades[column, row]):
                x, width = at[column - 1], at[end] - at[column - 1]
                shapes.setdefault(shade, []).append(
                    f"M{x:.1f} {top:.1f}h{width:.1f}v{bottom - top:.1f}h{-width:.1f}z"
                )
            column = end + 1
    ground = f'<rect class="q0" width="{UNITS}" y="{TOP}" height="{frame.height - TOP - BOTTOM}"/>'
    return ground + "".join(
        f'<path class="q{shade}" d="{"".join(shapes[shade])}"/>' for shade in sorted(shapes)
    )


def _key(largest: float, unit: str) -> str:
    write = quantity(unit)
    steps = "".join(f'<rect class="q{n}" x="{(n - 1) * 12}" width="12" height="10"/>' for n in range(1, 11))
    return (
        f'<p class="key"><span>0</span><svg width="120" height="10" aria-hidden="true">{steps}</svg>'
        f"<span>{escape(write(largest))}</span></p>"
    )


def _summary(names: Sequence[str], values: Values) -> str:
    totals = np.nansum(values, axis=0)
    return f"most in {names[int(totals.argmax())]}"
