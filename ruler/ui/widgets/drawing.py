"""The list of the types, and one widget as the page has it: its picture, its faults, what has no data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ruler.dashboards import Kind, Threshold, Widget
from ruler.ui.widgets.bar import bars
from ruler.ui.widgets.found import HEAT_COLUMNS, Asker, Found
from ruler.ui.widgets.gauge import gauges
from ruler.ui.widgets.heatmap import heatmap
from ruler.ui.widgets.line import lines
from ruler.ui.widgets.table import table

__all__ = ["DRAWINGS", "Drawing", "Shown", "shown"]

ROW, GAP = 30, 8  # pixels; as in the stylesheet
AROUND = 46  # a card's title and rims
MISSING = 22  # the line that names queries without data
LEAST = 60


@dataclass(frozen=True, slots=True)
class Drawing:
    """How a type asks and draws. `draw` is pure: widget, answers, height in pixels → markup; "": no data."""

    draw: Callable[[Widget, Sequence[Found], int], str]
    ranged: bool = False
    columns: int = 0  # of the range, where it is not drawn point by point


DRAWINGS: Mapping[Kind, Drawing] = {
    Kind.LINE: Drawing(lines, ranged=True),
    Kind.BAR: Drawing(bars),
    Kind.GAUGE: Drawing(gauges),
    Kind.TABLE: Drawing(table),
    Kind.HEATMAP: Drawing(heatmap, ranged=True, columns=HEAT_COLUMNS),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A widget with its picture."""

    widget: Widget
    picture: str  # markup; "": nothing to draw
    faults: Sequence[Found]  # queries that failed
    missing: Sequence[Found]  # queries without data
    asked: Sequence[str]  # the expressions


def shown(widget: Widget, asker: Asker, thresholds: Sequence[Threshold]) -> Shown:
    """Ask and draw one widget. `thresholds` are those that hold now, a rule's too."""
    drawing = DRAWINGS[widget.kind]
    widget = replace(widget, look=replace(widget.look, thresholds=tuple(thresholds)))
    found = asker.ask(widget, ranged=drawing.ranged, columns=drawing.columns)
    good = [one for one in found if not one.error]
    full = [one for one in good if len(one.labels)]
    rest = MISSING if len(full) < len(good) else 0
    height = max(widget.position.height * (ROW + GAP) - GAP - AROUND - rest, LEAST)
    return Shown(
        widget=widget,
        picture=drawing.draw(widget, full, height) if full else "",
        faults=[one for one in found if one.error],
        missing=[one for one in good if not len(one.labels)],
        asked=[one.expr for one in found],
    )
