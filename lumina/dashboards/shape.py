"""JSON of elsewhere, read with care: what is not of the shape that is asked for counts as not there."""

import math
from typing import Any

from ruler.dashboards import Position

__all__ = ["Json", "integer", "number", "obj", "objs", "panels_of", "place_of", "text"]

Json = dict[str, Any]  # a JSON object


def obj(value: object) -> Json:
    """An object; an empty one where there is none."""
    return value if isinstance(value, dict) else {}


def objs(value: object) -> list[Json]:
    """The objects of a list; nothing where there is none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    """A text; an empty one where there is none."""
    return value if isinstance(value, str) else ""


def number(value: object) -> float | None:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < math.inf:
        return None
    return value


def integer(value: object) -> int | None:
    """A whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def panels_of(document: Json) -> list[Json]:
    """Every panel of a Grafana dashboard that shows something, those in collapsed rows too."""
    found: list[Json] = []
    for panel in objs(document.get("panels")):
        found += objs(panel.get("panels")) if panel.get("type") == "row" else [panel]
    return found


def place_of(panel: Json) -> Position | None:
    """Where a panel stands on the grid."""
    place = obj(panel.get("gridPos"))
    x, y, width, height = (integer(place.get(side)) for side in ("x", "y", "w", "h"))
    if x is None or y is None or width is None or height is None:
        return None
    return Position(x, y, width, height)
