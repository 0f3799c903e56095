"""The exposition format, text 0.0.4 and OpenMetrics 1.0, both ways. Standard library only.

    # HELP app_requests_total Requests answered.          a family: name, type, help, unit
    # TYPE app_requests_total counter
    app_requests_total{code="200"} 1027 1395066363000     a sample: name, labels, value, timestamp (ms)
    {"my.metric",host="a"} 1                              names outside [a-zA-Z_:] stand quoted in the braces

OpenMetrics writes seconds, `# {trace_id="…"} 0.67` (an exemplar) and ends with `# EOF`.
"""

from promkit._exposition_parse import ExpositionError, parse
from promkit._exposition_render import render
from promkit._families import (
    Exemplar,
    Family,
    MetricType,
    Sample,
    counter,
    format_bound,
    format_number,
    gauge,
    histogram,
)

__all__ = [
    "CONTENT_TYPE_OPENMETRICS",
    "CONTENT_TYPE_TEXT",
    "Exemplar",
    "ExpositionError",
    "Family",
    "MetricType",
    "Sample",
    "counter",
    "format_bound",
    "format_number",
    "gauge",
    "histogram",
    "negotiate",
    "parse",
    "render",
]

CONTENT_TYPE_TEXT = "text/plain; version=0.0.4; charset=utf-8"
CONTENT_TYPE_OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_ACCEPT_LENGTH_MAX = 4096


def negotiate(accept: str | None) -> bool:
    """Tell from an Accept header whether OpenMetrics is wanted (True) or text."""
    openmetrics = text = 0.0
    for choice in (accept or "")[:_ACCEPT_LENGTH_MAX].split(","):
        media, *parameters = (part.strip().lower() for part in choice.split(";"))
        options = dict(parameter.partition("=")[::2] for parameter in parameters)
        weight = _weight(options.get("q", "1"))
        if media == "application/openmetrics-text" and options.get("version", "1.0.0") == "1.0.0":
            openmetrics = max(openmetrics, weight)
        elif media == "text/plain":
            text = max(text, weight)
    return openmetrics > 0 and openmetrics >= text


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
