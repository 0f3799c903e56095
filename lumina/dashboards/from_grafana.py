"""Grafana's dashboards, as far as ours can say them. Pure.

Rows are dissolved, variables that ask for label values stay, those of one value are put in, and every panel
that has a counterpart becomes a widget. All else is told.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from lumina.dashboards.look import COLOURS
from lumina.dashboards.shape import Json, number, obj, objs, panels_of, place_of, text
from lumina.dashboards.units import to_ours
from ruler.dashboards import COLUMNS

__all__ = ["from_grafana"]

_TYPES: Mapping[str, str] = {
    "timeseries": "line",
    "graph": "line",
    "stat": "gauge",
    "singlestat": "gauge",
    "gauge": "gauge",
    "bargauge": "bar",
    "barchart": "bar",
    "table": "table",
    "table-old": "table",
    "heatmap": "heatmap",
}
# Which keys of `config` are read for a type; a heatmap's are its axis'.
_LIMITS: Mapping[str, Sequence[str]] = {
    "line": ("min", "max", "decimals"),
    "gauge": ("min", "max", "decimals"),
    "bar": ("min", "max", "decimals"),
    "table": ("decimals",),
    "heatmap": (),
}
_DIAL_MAX: Mapping[str, float] = {"ratio": 1, "%": 100}  # what a dial without an end of its own goes up to
_LABEL_VALUES = re.compile(r"label_values\(\s*(?:(?P<series>.+?)\s*,\s*)?(?P<label>\w+)\s*\)", re.DOTALL)
_REFERENCE = re.compile(r"\$(?:\{(?P<braced>\w+)(?::\w+)?\}|(?P<plain>\w+))|\[\[(?P<old>\w+)\]\]")
_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_EQUAL = re.compile(r"(!?)=\s*\"(\$\w+)\"")
_NOW = re.compile(r"now-(\d+[smhdwy])")
HEIGHT_MIN, HEIGHT_MAX = 2, 60


def from_grafana(document: Json, _source: str) -> tuple[Json, Sequence[str]]:
    """What would be written, and what was changed or left out."""
    told: list[str] = []
    title = text(document.get("title")) or text(document.get("uid")) or "imported"
    draft: Json = {"id": _id(document, title), "name": title}
    if text(document.get("description")):
        draft["description"] = document["description"]
    time_range = _NOW.fullmatch(text(obj(document.get("time")).get("from")))
    draft["time_range"] = time_range[1] if time_range else "1h"
    refresh = text(document.get("refresh"))
    if re.fullmatch(r"\d+[smhd]", refresh):
        draft["refresh"] = refresh
    variables, values = _variables(document, told)
    if variables:
        draft["variables"] = variables
    values |= {"__interval": "$__rate_interval", "__range": draft["time_range"]}
    made = [(one, _widget(one, values, told)) for one in panels_of(document)]
    draft["widgets"] = _placed([(panel, widget) for panel, widget in made if widget is not None])
    return draft, told


def _id(document: Json, title: str) -> str:
    name = (text(document.get("uid")) or title).lower().removeprefix("lumina-")
    return re.sub(r"[^a-z0-9_-]+", "-", name).strip("-_")[:63] or "imported"


def _variables(document: Json, told: list[str]) -> tuple[list[Json], dict[str, str]]:
    """Those that offer label values, and the values of those that only ever have one."""
    found: list[Json] = []
    values: dict[str, str] = {}
    asked_for = {name for panel in panels_of(document) for name in _names(panel)}
    for one in objs(obj(document.get("templating")).get("list")):
        name, kind, query = text(one.get("name")), one.get("type"), one.get("query")
        asked = text(query) or text(obj(query).get("query"))
        match = _LABEL_VALUES.fullmatch(asked.strip())
        if kind == "query" and match is not None:
            metric = re.sub(r"\{.*\}", "", match["series"] or "")  # narrowed by others: here by none
            title = text(one.get("label"))
            made = {"name": name, "label": match["label"], "metric": metric, "title": title}
            found.append({key: value for key, value in made.items() if value})
        elif name in asked_for:
            value = obj(one.get("current")).get("value")
            value = text(value[0] if isinstance(value, list) and len(value) == 1 else value)
            if value and not value.startswith("$"):
                values[name] = value
                told.append(f"the variable {name!r} is put in as {value!r}")
            else:
                told.append(f"the variable {name!r} is left out: it is no label_values(series, label)")
    return found, values


def _names(panel: Json) -> Iterable[str]:
    """The variables in a panel's queries."""
    for target in objs(panel.get("targets")):
        for match in _REFERENCE.finditer(text(target.get("expr"))):
            yield _name(match)


def _name(match: re.Match[str]) -> str:
    return str(match["braced"] or match["plain"] or match["old"])


def _widget(panel: Json, values: Mapping[str, str], told: list[str]) -> Json | None:
    title = text(panel.get("title")) or f"panel {panel.get('id')}"
    kind = _TYPES.get(str(panel.get("type")))
    if kind is None:
        told.append(f"{title!r} is left out: there is no widget like {panel.get('type')!r}")
        return None
    queries = [_query(one, values) for one in _asked(panel, title, told)]
    if not queries:
        told.append(f"{title!r} is left out: it has no query of Prometheus'")
        return None
    made: Json = {"type": kind, "title": title}
    if text(panel.get("description")):
        made["description"] = panel["description"]
    made["queries"] = queries
    config = _config(panel, kind, title, told)
    if config:
        made["config"] = config
    return made


def _asked(panel: Json, title: str, told: list[str]) -> Iterable[Json]:
    for target in objs(panel.get("targets")):
        source = obj(target.get("datasource")) or obj(panel.get("datasource"))
        kind = source.get("type", "prometheus")
        if kind != "prometheus":
            told.append(f"a query of {title!r} is left out: it asks {kind}")
        elif text(target.get("expr")) and not target.get("hide"):
            yield target


def _query(target: Json, values: Mapping[str, str]) -> Json:
    def put(match: re.Match[str]) -> str:
        name = _name(match)
        return values.get(name, f"${name}")

    expr = _EQUAL.sub(lambda found: f'{found[1] or "="}~"{found[2]}"', _REFERENCE.sub(put, target["expr"]))
    legend = text(target.get("legendFormat"))
    made: Json = {"expr": expr}
    if legend and legend != "__auto":
        made["legend"] = _LEGEND.sub(r"{\1}", legend)
    return made


def _config(panel: Json, kind: str, title: str, told: list[str]) -> Json:
    options, field = obj(panel.get("options")), obj(panel.get("fieldConfig"))
    defaults = obj(field.get("defaults"))
    found: Json = {}
    unit = _unit(panel, kind, options, defaults)
    if unit and (ours := to_ours(unit)) is not None:
        found["unit"] = ours
    elif unit:
        told.append(f"the unit {unit!r} of {title!r} is left out")
    found |= {key: defaults[key] for key in _LIMITS[kind] if number(defaults.get(key)) is not None}
    if panel.get("type") in {"stat", "singlestat"}:
        found.pop("max", None)  # with an end it would be a dial
    elif kind == "gauge" and "max" not in found and found.get("unit") in _DIAL_MAX:
        found["max"] = _DIAL_MAX[found["unit"]]
    steps = obj(defaults.get("thresholds")) if kind != "heatmap" else {}
    if steps.get("mode", "absolute") == "absolute" and (thresholds := _thresholds(objs(steps.get("steps")))):
        found["thresholds"] = thresholds
    if kind == "line":
        if panel.get("stack") is True or _stacking(defaults) == "normal":
            found["stacked"] = True
        if obj(options.get("legend")).get("showLegend") is False:
            found["legend"] = False
    shapes = {
        "mappings": defaults.get("mappings"),
        "overrides": field.get("overrides"),
        "transformations": panel.get("transformations"),
    }
    told += [f"the {name} of {title!r} are left out" for name, given in shapes.items() if objs(given)]
    return found


def _unit(panel: Json, kind: str, options: Json, defaults: Json) -> str:
    if kind == "heatmap":
        return text(obj(options.get("yAxis")).get("unit"))
    axes = objs(panel.get("yaxes"))  # of the panels that Grafana had before time series
    return text(defaults.get("unit")) or text((axes[0] if axes else {}).get("format"))


def _stacking(defaults: Json) -> object:
    return obj(obj(defaults.get("custom")).get("stacking")).get("mode")


def _thresholds(steps: Sequence[Json]) -> list[Json]:
    """Where a colour grows worse the value is a threshold from there on, where it gets better up to there."""
    rank = list(COLOURS)
    severities = [_severity(text(step.get("color"))) for step in steps]
    found: list[Json] = []
    for step, before, now in zip(steps[1:], severities, severities[1:], strict=False):
        value = number(step.get("value"))
        worse = min((one for one in (before, now) if one is not None), key=rank.index, default=None)
        if before == now or worse is None or value is None:
            continue
        found.append({"above" if worse == now else "below": value, "severity": worse})
    return found


def _severity(colour: str) -> str | None:
    return next((severity for severity, name in COLOURS.items() if colour.endswith(name)), None)


def _placed(made: Sequence[tuple[Json, Json]]) -> list[Json]:
    """Widgets where their panels stood, moved up as far as there is room: rows are gone."""
    height = [0] * COLUMNS
    places = [(place, widget) for panel, widget in made if (place := place_of(panel)) is not None]
    for place, widget in sorted(places, key=lambda one: (one[0].y, one[0].x)):
        width = min(max(place.width, 1), COLUMNS)
        x = min(max(place.x, 0), COLUMNS - width)
        y = max(height[x : x + width])
        tall = min(max(place.height, HEIGHT_MIN), HEIGHT_MAX)
        height[x : x + width] = [y + tall] * width
        widget["position"] = {"x": x, "y": y, "width": width, "height": tall}
    return [widget for _, widget in made]
