"""Our dashboard → Grafana's dashboard, as JSON data. Pure.

Panels ask `${datasource}`, which the reader chooses; firing alerts are marked in every panel; all dashboards
link to one another by their tag, and each to its own page in Lumina. What the YAML says is all there is: the
JSON is made, so it cannot be edited in Grafana.
"""

import json
from collections.abc import Mapping, Sequence

from lumina.dashboards.panels import DATASOURCE, panel
from lumina.dashboards.shape import Json
from promkit.duration import format_duration
from ruler.dashboards import Dashboard, Variable
from ruler.rules import Rule

__all__ = ["SCHEMA_VERSION", "TAG", "compile_dashboard", "text_of"]

SCHEMA_VERSION = 41  # Grafana 11.6; later ones convert it
TAG = "lumina"
UID_PREFIX = "lumina-"
_ALL: Mapping[str, object] = {"selected": True, "text": ["All"], "value": ["$__all"]}


def compile_dashboard(dashboard: Dashboard, rules: Mapping[str, Rule], link: str) -> Json:
    """Grafana's model of a dashboard.

    `rules` by id give thresholds to the widgets that name one; `link` is where people open the ruler.
    """
    return {
        "uid": UID_PREFIX + dashboard.id,
        "id": None,
        "title": dashboard.name,
        "description": dashboard.description,
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,  # one crosshair for all panels
        "timezone": "browser",
        "time": {"from": f"now-{format_duration(dashboard.time_range_ms)}", "to": "now"},
        "refresh": format_duration(dashboard.refresh_ms),
        "fiscalYearStartMonth": 0,
        "timepicker": {},
        "annotations": {"list": [_edits(), _alerts()]},
        "links": _links(dashboard),
        "templating": {"list": [_datasource(), *_variables(dashboard.variables), _lumina(link)]},
        "panels": [panel(number, one, rules) for number, one in enumerate(dashboard.widgets, 1)],
    }


def text_of(document: Json) -> str:
    """The text of a JSON file, always the same for the same data."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _edits() -> Json:
    """What people write down in Grafana itself; every dashboard has it."""
    return {
        "builtIn": 1,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Annotations & Alerts",
        "type": "dashboard",
    }


def _alerts() -> Json:
    return {
        "datasource": dict(DATASOURCE),
        "enable": True,
        "expr": 'ALERTS{alertstate="firing"}',
        "hide": False,
        "iconColor": "red",
        "name": "Alerts",
        "step": "30s",
        "tagKeys": "severity,instance,component",
        "textFormat": "{{instance}} {{component}}",
        "titleFormat": "{{alertname}}",
    }


def _links(dashboard: Dashboard) -> list[Json]:
    common = {"icon": "external link", "keepTime": True, "targetBlank": False, "tooltip": ""}
    others = {"asDropdown": True, "includeVars": True, "tags": [TAG], "title": "Lumina", "type": "dashboards"}
    here = {"asDropdown": False, "includeVars": False, "tags": [], "title": "In Lumina", "type": "link"}
    page = f"${{lumina}}/dashboards/{dashboard.id}"
    return [
        {**common, **others, "url": ""},
        {**common, **here, "keepTime": False, "targetBlank": True, "url": page},
    ]


def _datasource() -> Json:
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "current": {"text": "default", "value": "default"},
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
        "regex": "",
    }


def _variables(variables: Sequence[Variable]) -> list[Json]:
    """Query variables, each narrowed by what is chosen in those before it."""
    return [_variable(one, variables[:index]) for index, one in enumerate(variables)]


def _variable(variable: Variable, before: Sequence[Variable]) -> Json:
    query = f"label_values({_series(variable.metric, before)}{variable.label})"
    return {
        "name": variable.name,
        "label": variable.title[:1].upper() + variable.title[1:],
        "type": "query",
        "datasource": dict(DATASOURCE),
        "definition": query,
        "query": {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "allValue": ".+",
        "current": dict(_ALL),
        "hide": 0,
        "includeAll": True,
        "multi": True,
        "options": [],
        "refresh": 2,  # whenever the time range changes
        "regex": "",
        "sort": 1,
    }


def _series(metric: str, before: Sequence[Variable]) -> str:
    """The series whose values are offered, and a comma; nothing where those are all."""
    name, brace, inner = metric.partition("{")
    matchers = [inner.removesuffix("}").rstrip(", ")] if brace else []
    matchers += [f'{one.label}=~"${one.name}"' for one in before]
    text = ",".join(one for one in matchers if one)
    if not metric and not text:
        return ""
    return f"{name}{{{text}}}, " if text else f"{name}, "


def _lumina(link: str) -> Json:
    """Where the ruler is, for links: a constant, so that no reader's address can change it."""
    return {
        "name": "lumina",
        "label": "Lumina",
        "type": "constant",
        "query": link,
        "current": {"selected": True, "text": link, "value": link},
        "hide": 2,
        "options": [],
        "skipUrlSync": True,
    }
