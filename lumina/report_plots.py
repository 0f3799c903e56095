"""The plots of a report: the front page's graphs over the report's range, asked of the ruler by HTTP."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lumina.client import Client
from promkit.labels import Labels
from ruler.store import Times, Values
from ruler.ui import HOST, Line, Panel, Style, line_chart, named, steps_ms

__all__ = ["plots"]


def plots(client: Client, figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Title and SVG of each graph."""
    return [(panel.title, _drawn(client, panel, figures)) for panel in HOST]


def _drawn(client: Client, panel: Panel, figures: Mapping[str, Any]) -> str:
    step_ms = steps_ms(figures["range_ms"])
    start_ms, end_ms = figures["start_ms"], figures["end_ms"]
    times: Times = np.arange(start_ms, end_ms + 1, step_ms, dtype=np.int64)
    lines = []
    for query, legend in panel.queries:
        span = {"start": start_ms / 1000, "end": end_ms / 1000, "step": step_ms / 1000}
        answer = client.get("/api/v1/query_range", query=query, **span)
        lines += [
            Line(named(legend, Labels(series["metric"])), _on(times, step_ms, series["values"]))
            for series in answer["result"]
        ]
    return line_chart(panel.title, times, lines, Style(panel.unit, reach=panel.top))


def _on(times: Times, step_ms: int, points: list[tuple[float, str]]) -> Values:
    values = np.full(len(times), np.nan)
    for at, text in points:
        row = round((at * 1000 - int(times[0])) / step_ms)
        if 0 <= row < len(values):
            values[row] = float(text)
    return values
