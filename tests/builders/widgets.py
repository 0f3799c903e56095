"""Widgets and what their queries gave."""

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from promkit.labels import Labels
from ruler.dashboards import Kind, Look, Position, Query, Widget
from ruler.store import ABSENT
from ruler.ui.widgets.found import Found

__all__ = ["MINUTE", "NONE", "a_widget", "classed", "found", "parsed", "said"]

MINUTE = 60_000
NONE = float(ABSENT)
START_MS = 1_700_000_000_000


def a_widget(expr: str = "load", kind: Kind = Kind.LINE, title: str = "Load", **look: Any) -> Widget:
    return Widget(kind, title, (Query(expr),), Position(0, 0, 12, 8), look=Look(**look))


def found(
    series: Sequence[tuple[Labels, Sequence[float]]], *, expr: str = "load", legend: str = "", **query: Any
) -> Found:
    """Series with a value a minute, the last of them now."""
    count = len(series[0][1])
    times = START_MS + np.arange(count, dtype=np.int64) * MINUTE
    values = np.array([row for _, row in series], np.float64).T
    return Found(Query(expr, legend, **query), expr, times, [labels for labels, _ in series], values)


def parsed(markup: str) -> ET.Element:
    return ET.fromstring(f"<div>{markup}</div>")


def classed(markup: str, kind: str) -> list[ET.Element]:
    """Everything of a class."""
    return [one for one in parsed(markup).iter() if kind in (one.get("class") or "").split()]


def said(markup: str) -> str:
    """What is read of it."""
    return " ".join("".join(parsed(markup).itertext()).split())
