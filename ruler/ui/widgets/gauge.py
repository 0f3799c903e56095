"""A value now: an arc where the scale has an end, else a number."""

import math
from collections.abc import Sequence
from html import escape
from itertools import pairwise

from ruler.dashboards import Threshold, Widget
from ruler.ui.widgets.found import Found, Series, series_of, unit_and_write, worst

__all__ = ["gauges"]

RADIUS, RING = 78, 92  # of the value's arc, and of the thin one of the thresholds around it
CENTRE_X, CENTRE_Y = 100, 104


def gauges(widget: Widget, found: Sequence[Found], _height: int) -> str:
    """One each series, side by side, named where there are several."""
    look = widget.look
    series, total = series_of(widget, found)
    series = [one for one in series if not math.isnan(one.latest)]
    if not series:
        return ""
    unit, write = unit_and_write(widget, found[0].query)
    low = 0.0 if look.min is None else look.min
    high = 1.0 if look.max is None and unit == "ratio" else look.max
    pieces = []
    for one in series:
        state = worst(one.latest, look.thresholds)
        name = f'<span class="name">{escape(one.name)}</span>' if len(series) > 1 else ""
        text = escape(write(one.latest))
        said = f'<span class="hidden"> {state}</span>' if state else ""
        if high is None or high <= low:
            pieces.append(f'<li class="number"><b class="{state}">{text}{said}</b>{name}</li>')
            continue
        arc = _arc_of(one, low, high, state, look.thresholds)
        ends = f"<text {_at(22)}>{escape(write(low))}</text><text {_at(178)}>{escape(write(high))}</text>"
        pieces.append(
            f'<li><svg class="arc" viewBox="0 0 200 122" aria-hidden="true">{arc}{ends}'
            f'<text class="value {state}" x="100" y="100" text-anchor="middle">{text}</text></svg>'
            f'<span class="hidden">{text} of {escape(write(high))}{said}</span>{name}</li>'
        )
    more = f'<li class="dim">the {look.limit} largest of {total}</li>' if total > look.limit else ""
    return f'<ul class="gauges">{"".join(pieces)}{more}</ul>'


def _arc_of(one: Series, low: float, high: float, state: str, thresholds: Sequence[Threshold]) -> str:
    """Track, value, and a ring outside with the colour that each part of the scale has."""

    def share(value: float) -> float:
        return min(max((value - low) / (high - low), 0.0), 1.0)

    track = f'<path class="track" d="{_arc(RADIUS, 0, 1)}"/>'
    value = f'<path class="value {state or "ok"}" d="{_arc(RADIUS, 0, share(one.latest))}"/>'
    edges = sorted({0.0, 1.0, *(share(each.value) for each in thresholds)})
    ring = "".join(
        f'<path class="ring {kind}" d="{_arc(RING, start, end)}"/>'
        for start, end in pairwise(edges)
        if (kind := worst(low + (start + end) / 2 * (high - low), thresholds))
    )
    return track + (value if share(one.latest) > 0 else "") + ring


def _arc(radius: int, start: float, end: float) -> str:
    """A part of the half circle from left over the top to right, by shares of it."""
    points = [
        (CENTRE_X - radius * math.cos(math.pi * at), CENTRE_Y - radius * math.sin(math.pi * at))
        for at in (start, end)
    ]
    (x1, y1), (x2, y2) = points
    return f"M{x1:.1f} {y1:.1f}A{radius} {radius} 0 0 1 {x2:.1f} {y2:.1f}"


def _at(x: int) -> str:
    return f'class="axis" x="{x}" y="120" text-anchor="middle"'
