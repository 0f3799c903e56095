"""Values now, a bar each, the largest first."""

import math
from collections.abc import Sequence
from html import escape

from ruler.dashboards import Widget
from ruler.ui.widgets.found import Found, series_of, unit_and_write, worst

__all__ = ["bars"]


def bars(widget: Widget, found: Sequence[Found], _height: int) -> str:
    """A list: name, bar, value. A threshold is a mark on each bar, and colours those that meet it."""
    look = widget.look
    series, total = series_of(widget, found)
    series = sorted(
        (one for one in series if not math.isnan(one.latest)), key=lambda one: one.latest, reverse=True
    )
    if not series:
        return ""
    unit, write = unit_and_write(widget, found[0].query)
    finite = [one.latest for one in series if math.isfinite(one.latest)]
    low = min([0.0, *finite]) if look.min is None else look.min
    high = (1.0 if unit == "ratio" else max([0.0, *finite])) if look.max is None else look.max
    high = high if high > low else low + 1.0

    def place(value: float) -> float:
        return min(max((value - low) / (high - low), 0.0), 1.0) * 100

    marks = "".join(
        f'<line class="mark {one.severity}" x1="{place(one.value):.1f}" x2="{place(one.value):.1f}" y2="10"/>'
        for one in look.thresholds
        if low < one.value < high
    )
    zero = place(0.0)
    rows = []
    for one in series:
        end = place(one.latest)
        state = worst(one.latest, look.thresholds)
        rows.append(
            f'<li><span class="name" title="{escape(one.name, quote=True)}">{escape(one.name)}</span>'
            f'<svg class="bar {state}" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
            f'<rect class="track" width="100" height="10"/><rect class="value" x="{min(zero, end):.2f}" '
            f'width="{abs(end - zero):.2f}" height="10"/>{marks}</svg>'
            f'<b class="{state}">{escape(write(one.latest))}{_said(state)}</b></li>'
        )
    more = f"<li>the {look.limit} largest of {total}</li>" if total > look.limit else ""
    label = escape(f"{widget.title}, {len(series)} bars", quote=True)
    return f'<ul class="bars" tabindex="0" role="list" aria-label="{label}">{"".join(rows)}{more}</ul>'


def _said(state: str) -> str:
    """State is never told by colour alone."""
    return f'<span class="hidden"> {state}</span>' if state else ""
