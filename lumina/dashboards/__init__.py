"""Dashboards for Grafana: made of our YAML, checked, read back, sent.

`compile` turns a dashboard into Grafana's JSON, `lint` checks such JSON by Grafana's own rules, `imported`
reads the specification's and Grafana's JSON into our YAML, `push` sends it to a running Grafana.
"""

from lumina.dashboards.compile import compile_dashboard, text_of
from lumina.dashboards.files import Built, Source, build, read_document, read_sources
from lumina.dashboards.imported import Imported, imported
from lumina.dashboards.lint import RULES, Finding, lint
from lumina.dashboards.push import Grafana, Pushed, token_of

__all__ = [
    "RULES",
    "Built",
    "Finding",
    "Grafana",
    "Imported",
    "Pushed",
    "Source",
    "build",
    "compile_dashboard",
    "imported",
    "lint",
    "read_document",
    "read_sources",
    "text_of",
    "token_of",
]
