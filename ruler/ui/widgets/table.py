"""Values now as a table: a row a label set, a column a label, a column a query."""

import math
from collections.abc import Sequence
from html import escape

from promkit.labels import METRIC_NAME, Labels
from ruler.dashboards import Widget
from ruler.ui.widgets.found import Found, unit_and_write, worst

__all__ = ["table"]

COLUMNS_MAX = 8  # where the widget names none
_LESS_TELLING = ("instance", "job")  # come last


def table(widget: Widget, found: Sequence[Found], _height: int) -> str:
    """The rows of all queries by their labels, the largest of the first query first."""
    look = widget.look
    rows: dict[tuple[str, ...], dict[int, float]] = {}
    columns = tuple(look.columns) or _columns([labels for one in found for labels in one.labels])
    for number, one in enumerate(found):
        for labels, value in zip(one.labels, one.latest.tolist(), strict=True):
            if not math.isnan(value):
                rows.setdefault(tuple(labels[name] for name in columns), {})[number] = value
    if not rows:
        return ""
    order = sorted(rows, key=lambda key: rows[key].get(0, -math.inf), reverse=True)
    heads = [*columns, *(one.query.legend or "value" for one in found)]
    writes = [unit_and_write(widget, one.query)[1] for one in found]
    body = []
    for key in order[: look.limit]:
        cells = "".join(f'<td class="wide">{escape(text)}</td>' for text in key)
        for number, write in enumerate(writes):
            value = rows[key].get(number, math.nan)
            state = worst(value, look.thresholds)
            said = f'<span class="hidden"> {state}</span>' if state else ""
            cells += f'<td class="number {state}">{escape(write(value))}{said}</td>'
        body.append(f"<tr>{cells}</tr>")
    kinds = ["label"] * len(columns) + ["number"] * len(found)
    head = "".join(
        f'<th scope="col" class="{kind}">{escape(text)}</th>' for kind, text in zip(kinds, heads, strict=True)
    )
    more = f'<p class="dim">the {look.limit} largest of {len(rows)}</p>' if len(rows) > look.limit else ""
    label = escape(widget.title, quote=True)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>{more}"
    )


def _columns(series: Sequence[Labels]) -> tuple[str, ...]:
    """Labels that tell the series apart; of a lone series, or where none does, all there are."""
    names = sorted({name for labels in series for name, _ in labels.items()} - {METRIC_NAME})
    apart = [name for name in names if len({labels[name] for labels in series}) > 1] or names
    return tuple(sorted(apart, key=lambda name: (name in _LESS_TELLING, name))[:COLUMNS_MAX])
