"""A dashboard as data and as a file, in our spelling; what has its default is left out."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import yaml

from promkit.duration import format_duration
from promkit.errors import ConfigError
from ruler.dashboards.dashboard import Dashboard, Look, Query, Threshold, Variable, Widget

__all__ = ["as_data", "as_text"]

Json = Any  # JSON and YAML data
_PLAIN = Look()


def as_data(dashboard: Dashboard) -> dict[str, Json]:
    """What a file says: `parse_dashboard` of its text is this dashboard again."""
    data = {
        "id": dashboard.id,
        "name": dashboard.name,
        "description": dashboard.description,
        "metrics": [] if dashboard.derived else list(dashboard.metrics),
        "time_range": format_duration(dashboard.time_range_ms),
        "refresh": format_duration(dashboard.refresh_ms),
        "created_by": dashboard.created_by,
        "variables": [_variable(one) for one in dashboard.variables],
        "widgets": [_widget(one) for one in dashboard.widgets],
    }
    return {key: value for key, value in data.items() if value}


def as_text(data: Mapping[str, Json], header: str = "") -> str:
    """A dashboard's data as YAML. ConfigError: there is no end to them."""
    try:
        return header + yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True, width=10_000)
    except RecursionError:
        raise ConfigError("nested too deeply") from None


def _variable(variable: Variable) -> Json:
    data = {"name": variable.name, "label": variable.label, "metric": variable.metric}
    title = {"title": variable.title} if variable.title != variable.name else {}
    return {key: value for key, value in data.items() if value} | title


def _widget(widget: Widget) -> Json:
    place = widget.position
    look = _look(widget.look)
    return {
        "type": widget.kind.value,
        "title": widget.title,
        **({"description": widget.description} if widget.description else {}),
        **_asked(widget),
        "position": {"x": place.x, "y": place.y, "width": place.width, "height": place.height},
        **({"config": look} if look else {}),
    }


def _asked(widget: Widget) -> Json:
    if len(widget.queries) == 1 and widget.queries[0] == Query(widget.queries[0].expr):
        return {"metric": widget.queries[0].expr}
    return {
        "queries": [
            {"expr": one.expr}
            | ({"legend": one.legend} if one.legend else {})
            | ({} if one.unit is None else {"unit": one.unit})
            for one in widget.queries
        ]
    }


def _look(look: Look) -> Json:
    data = {one.name: getattr(look, one.name) for one in fields(Look)}
    data["thresholds"] = [_threshold(one) for one in look.thresholds]
    data["columns"] = list(look.columns)
    return {name: value for name, value in data.items() if value not in (getattr(_PLAIN, name), [])}


def _threshold(threshold: Threshold) -> Json:
    return {"below" if threshold.falling else "above": threshold.value, "severity": threshold.severity}
