"""Series over time."""

from collections.abc import Sequence

from ruler.dashboards import Widget
from ruler.ui.chart import LEGEND_MAX, Limit, Line, Style, line_chart
from ruler.ui.widgets.found import Found, series_of, unit_and_write

__all__ = ["lines"]

LEGEND_LINE, LEGEND_LINES_MAX = 22, 3  # pixels; more can be scrolled to


def lines(widget: Widget, found: Sequence[Found], height: int) -> str:
    """A line chart with its thresholds; the legend takes of the height what it needs."""
    look = widget.look
    series, total = series_of(widget, found)
    unit, _ = unit_and_write(widget, found[0].query)
    limits = [Limit(one.value, one.severity, one.falling, one.severity) for one in look.thresholds]
    letters = sum(len(one.name) + 14 for one in series[:LEGEND_MAX]) + 16 * len(limits)
    legend = min(1 + letters * 7 // (widget.position.width * 50), LEGEND_LINES_MAX) if look.legend else 0
    style = Style(
        unit,
        look.decimals,
        height=max(height - legend * LEGEND_LINE - (8 if legend else 0), 60),
        low=look.min,
        high=look.max,
        limits=limits,
        bands=True,
        stacked=look.stacked,
        filled=len(series) == 1,
        legend=look.legend,
    )
    drawn = line_chart(widget.title, found[0].times, [Line(one.name, one.values) for one in series], style)
    left_out = f'<p class="dim">the {look.limit} largest of {total}</p>' if total > look.limit else ""
    return drawn + left_out
