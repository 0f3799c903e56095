"""Templates: our own interpreter of Go's text/template, as Prometheus' and Alertmanager's files use it.

It reads what Go reads and prints what Go prints; a template sees the data it is given and nothing of Python.
Whatever a person wrote wrong is found when it is read, with line and column: an unclosed action, a function
or template that is not there, an unknown field, a wrong type. Rendering is bounded in time, steps and output.

    template = compile_template('{{ .Status | toUpper }}', "title", ALERTMANAGER)
    template.render(Struct("Data", {"Status": "firing"}))
"""

from ruler.template.alertmanager import ALERTMANAGER
from ruler.template.clock import Instant, Span
from ruler.template.prometheus import (
    PROMETHEUS,
    Query,
    alert_data,
    compile_alert_text,
    render_alert_text,
)
from ruler.template.template import Template, Templates, compile_template
from ruler.template.values import Items, Pairs, Struct, TemplateError

__all__ = [
    "ALERTMANAGER",
    "PROMETHEUS",
    "Instant",
    "Items",
    "Pairs",
    "Query",
    "Span",
    "Struct",
    "Template",
    "TemplateError",
    "Templates",
    "alert_data",
    "compile_alert_text",
    "compile_template",
    "render_alert_text",
]
