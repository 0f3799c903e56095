"""A widget as a panel of Grafana's: one function a type, and the list of them."""

from collections.abc import Callable, Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from lumina.dashboards.look import (
    legend_of,
    line_steps,
    overrides,
    plain,
    steps,
    thresholds_of,
    unit_of_widget,
)
from lumina.dashboards.shape import Json
from lumina.dashboards.units import to_grafana
from ruler.dashboards import Kind, Query, Widget
from ruler.rules import Rule

__all__ = ["DATASOURCE", "PLUGIN_VERSION", "panel"]

DATASOURCE: Mapping[str, str] = {"type": "prometheus", "uid": "${datasource}"}
# Without one, Grafana takes a panel for one of its oldest and converts it.
PLUGIN_VERSION = "11.6.0"
_LEGEND_TABLE_ROWS = 8  # of the grid: lower panels have room for a list only
_LATEST: Mapping[str, Any] = {"calcs": ["lastNotNull"], "fields": "", "values": False}
# Columns whose cells lead to the ruler's pages: title and address.
_CELLS: Mapping[str, tuple[str, str]] = {
    "alertname": ("The alerts", "${lumina}/alerts"),
    "rule": ("The rule, and its alerts", "${lumina}/rules#${__value.raw}"),
}
_TOOLTIP: Mapping[str, str] = {"mode": "multi", "sort": "desc"}


def panel(number: int, widget: Widget, rules: Mapping[str, Rule], top: int = 0) -> Json:
    """The panel of a widget, with this number as its id; `top` rows stand above the dashboard's own."""
    place = widget.position
    made: Json = {
        "id": number,
        "title": widget.title,
        "description": widget.description,
        "datasource": dict(DATASOURCE),
        "gridPos": {"h": place.height, "w": place.width, "x": place.x, "y": place.y + top},
        "pluginVersion": PLUGIN_VERSION,
        **_KINDS[widget.kind](widget),
    }
    found = thresholds_of(widget, rules)
    shown = made["fieldConfig"]["defaults"]
    made_steps = line_steps(found) if widget.kind is Kind.LINE else steps(found)
    shown["thresholds"] = {"mode": "absolute", "steps": made_steps}
    if widget.kind is Kind.LINE:
        shown["custom"]["thresholdsStyle"] = {"mode": "line" if found else "off"}
    if widget.kind is Kind.TABLE and found:
        shown["custom"]["cellOptions"] = {"type": "color-text"}
    if widget.look.rule is not None:
        shown["links"] = [_to_rule(widget.look.rule)]
    return made


def _to_rule(rule: str) -> Json:
    # The page of rules lists each rule's alerts, with a link to each.
    return {"title": "The rule, and its alerts", "url": f"${{lumina}}/rules#{rule}", "targetBlank": True}


def _line(widget: Widget) -> Json:
    look = widget.look
    is_high = widget.position.height >= _LEGEND_TABLE_ROWS
    custom: Json = {
        "axisBorderShow": False,
        "axisColorMode": "text",
        "axisPlacement": "auto",
        "drawStyle": "line",
        "fillOpacity": 40 if look.stacked else 10,
        "gradientMode": "none",
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "pointSize": 4,
        "scaleDistribution": {"type": "linear"},
        "showPoints": "auto",
        "spanNulls": False,
        "stacking": {"group": "A", "mode": "normal" if look.stacked else "none"},
    }
    return {
        "type": "timeseries",
        "targets": _targets(widget.queries),
        "fieldConfig": _fields(widget, {"mode": "palette-classic"}, custom),
        "options": {
            "legend": {
                "showLegend": look.legend,
                "displayMode": "table" if is_high else "list",
                "placement": "bottom",
                "calcs": ["min", "mean", "max", "lastNotNull"] if is_high else [],
            },
            "tooltip": dict(_TOOLTIP),
        },
    }


def _bar(widget: Widget) -> Json:
    return {
        "type": "bargauge",
        "targets": _targets(widget.queries, instant=True),
        "fieldConfig": _fields(widget, _single_colour(widget), {}),
        "options": {
            "displayMode": "basic",
            "namePlacement": "auto",
            "orientation": "horizontal",
            "reduceOptions": {**_LATEST, "limit": widget.look.limit},
            "showUnfilled": True,
            "sizing": "auto",
            "valueMode": "color",
        },
    }


def _gauge(widget: Widget) -> Json:
    """A dial where the scale has an end, as that of a ratio has, else a number."""
    reduce = {**_LATEST, "limit": widget.look.limit}
    made: Json = {
        "targets": _targets(widget.queries, instant=True),
        "fieldConfig": _fields(widget, {"mode": "thresholds"}, {}),
    }
    if widget.look.max is None and made["fieldConfig"]["defaults"]["unit"] == "percentunit":
        made["fieldConfig"]["defaults"]["max"] = 1
    if "max" in made["fieldConfig"]["defaults"]:
        dial = {"orientation": "auto", "showThresholdLabels": False, "showThresholdMarkers": True}
        return {**made, "type": "gauge", "options": {**dial, "reduceOptions": reduce, "sizing": "auto"}}
    number = {"colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto"}
    options = {**number, "reduceOptions": reduce, "textMode": "auto", "wideLayout": True}
    return {**made, "type": "stat", "options": options}


def _table(widget: Widget) -> Json:
    look, queries = widget.look, widget.queries
    values = [_value_field(index, queries) for index in range(len(queries))]
    names = {field: query.legend for field, query in zip(values, queries, strict=True) if query.legend}
    config = _fields(widget, {"mode": "thresholds"}, {"align": "auto", "filterable": True})
    config["overrides"] += [
        {
            "matcher": {"id": "byName", "options": names.get(field, field)},
            "properties": [{"id": "unit", "value": to_grafana(query.unit)}],
        }
        for field, query in zip(values, queries, strict=True)
        if query.unit is not None
    ]
    config["overrides"] += [_linked(column, *_CELLS[column]) for column in look.columns if column in _CELLS]
    changes: list[Json] = []
    if look.columns:
        shown = [*look.columns, *values]
        changes.append({"id": "filterFieldsByName", "options": {"include": {"names": shown}}})
    if len(queries) > 1:
        changes.append({"id": "merge", "options": {}})
    hidden = {} if look.columns else {"Time": True, "__name__": True}
    order = {name: index for index, name in enumerate([*look.columns, *values])} if look.columns else {}
    tidy = {"excludeByName": hidden, "indexByName": order, "renameByName": names}
    changes.append({"id": "organize", "options": tidy})
    changes.append({"id": "limit", "options": {"limitField": look.limit}})
    return {
        "type": "table",
        "targets": _targets(queries, instant=True, format="table"),
        "fieldConfig": config,
        "options": {
            "cellHeight": "sm",
            "showHeader": True,
            "sortBy": [{"displayName": names.get(values[0], values[0]), "desc": not _is_rising(queries[0])}],
        },
        "transformations": changes,
    }


def _is_rising(query: Query) -> bool:
    """Whether the query itself puts the smallest first; else the largest is."""
    return query.expr.startswith("sort(")


def _linked(column: str, title: str, url: str) -> Json:
    links = {"id": "links", "value": [{"title": title, "url": url, "targetBlank": True}]}
    return {"matcher": {"id": "byName", "options": column}, "properties": [links]}


def _value_field(index: int, queries: Sequence[Query]) -> str:
    # What Grafana calls the column of a query's values.
    return f"Value #{ascii_uppercase[index]}" if len(queries) > 1 else "Value"


def _heatmap(widget: Widget) -> Json:
    unit = unit_of_widget(widget)
    return {
        "type": "heatmap",
        "targets": _targets(widget.queries, format="heatmap"),
        "fieldConfig": {
            "defaults": {"custom": {"scaleDistribution": {"type": "linear"}}},
            "overrides": [],
        },
        "options": {
            "calculate": False,
            "cellGap": 1,
            "color": {
                "mode": "scheme",
                "scheme": "Oranges",
                "scale": "exponential",
                "exponent": 0.5,
                "fill": "dark-orange",
                "reverse": False,
                "steps": 64,
            },
            "filterValues": {"le": 1e-9},
            "legend": {"show": widget.look.legend},
            "rowsFrame": {"layout": "auto"},
            "tooltip": {"mode": "single", "showColorScale": True, "yHistogram": False},
            "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
        },
    }


_KINDS: Mapping[Kind, Callable[[Widget], Json]] = {
    Kind.LINE: _line,
    Kind.BAR: _bar,
    Kind.GAUGE: _gauge,
    Kind.TABLE: _table,
    Kind.HEATMAP: _heatmap,
}


def _targets(queries: Sequence[Query], *, instant: bool = False, format: str = "time_series") -> list[Json]:  # noqa: A002 - Grafana's word
    return [
        {
            "refId": ascii_uppercase[index],
            "datasource": dict(DATASOURCE),
            "editorMode": "code",
            "expr": query.expr,
            "format": format,
            "instant": instant,
            "legendFormat": legend_of(query.legend),
            "range": not instant,
        }
        for index, query in enumerate(queries)
    ]


def _fields(widget: Widget, colour: Json, custom: Json) -> Json:
    look = widget.look
    limits = {"max": look.max, "min": look.min}
    return {
        "defaults": {
            "color": colour,
            "custom": custom,
            "mappings": [],
            "unit": unit_of_widget(widget),
            **({} if look.decimals is None else {"decimals": look.decimals}),
            **{key: plain(value) for key, value in limits.items() if value is not None},
        },
        "overrides": overrides(widget),
    }


def _single_colour(widget: Widget) -> Json:
    """Bars that no threshold colours have one colour: their length is what tells."""
    if widget.look.thresholds or widget.look.rule:
        return {"mode": "thresholds"}
    return {"mode": "fixed", "fixedColor": "blue"}
