"""Grafana's JSON of small dashboards, and of the shipped ones."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from lumina.dashboards import compile_dashboard
from ruler.dashboards import Dashboard, load_dashboards, parse_dashboard
from ruler.rules import Rule, RuleContext, load_files

__all__ = ["LINK", "SHIPPED", "a_dashboard", "a_document", "a_panel", "shipped", "shipped_rules"]

DEFAULTS = Path(__file__).resolve().parents[2] / "ruler" / "defaults"
LINK = "http://127.0.0.1:19090"
SELECTOR = '{job=~"$job",instance=~"$instance"}'
VARIABLES = [
    {"name": "job", "label": "job", "metric": "up", "title": "Job"},
    {"name": "instance", "label": "instance", "metric": "up", "title": "Instance"},
]


def a_dashboard(*widgets: Mapping[str, Any], **keys: Any) -> Dashboard:
    """A dashboard with these widgets; what they do not say is made up."""
    made = [
        {"type": "line", "title": f"Widget {index}", "description": "What it shows.", **widget}
        for index, widget in enumerate(widgets or [{}])
    ]
    for widget in made:
        if "queries" not in widget:
            widget.setdefault("metric", f"up{SELECTOR}")
    document = {"id": "test", "name": "Test", "variables": VARIABLES, "widgets": made, **keys}
    return parse_dashboard(yaml.safe_dump(document), "test.yml")


def a_document(*widgets: Mapping[str, Any], **keys: Any) -> dict[str, Any]:
    """Grafana's JSON of such a dashboard, with the shipped rules."""
    return compile_dashboard(a_dashboard(*widgets, **keys), shipped_rules(), LINK)


def a_panel(**widget: Any) -> dict[str, Any]:
    """Grafana's JSON of one widget."""
    panel: dict[str, Any] = a_document(widget)["panels"][0]
    return panel


@cache
def shipped() -> Mapping[str, Dashboard]:
    """The shipped dashboards, by id."""
    found = load_dashboards(["dashboards/*.yml"], DEFAULTS)
    return {one.id: one for one in found.dashboards}


@cache
def shipped_rules() -> Mapping[str, Rule]:
    """The shipped rules, by id."""
    return {rule.id: rule for rule in load_files(["rules/*.yml"], DEFAULTS, RuleContext()).rules}


SHIPPED = sorted(path.stem for path in (DEFAULTS / "dashboards").glob("*.yml"))
