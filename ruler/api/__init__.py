"""How it is shown to programs: Prometheus' API v1, Alertmanager's v2, and our own under /api/v1/lumina/."""

from ruler.api import (
    alertmanager,
    dashboards,
    events,
    history,
    lumina,
    prometheus,
    remedies,
    rules,
    watching,
    write,
)
from ruler.api.context import NowMs, Ruler, TheRuler
from ruler.api.errors import ENVELOPES
from ruler.api.rule_views import rule_state
from ruler.api.watched import watched_by
from ruler.api.wire import float_text

__all__ = [
    "ENVELOPES",
    "FORM_READS",
    "ROUTERS",
    "NowMs",
    "Ruler",
    "TheRuler",
    "float_text",
    "rule_state",
    "watched_by",
]

# Queries may come as a form; they read all the same.
FORM_READS = tuple(
    f"/api/v1/{name}" for name in ("query", "query_range", "format_query", "parse_query", "series", "labels")
)
ROUTERS = (
    prometheus.router,
    watching.router,
    alertmanager.router,
    lumina.router,
    rules.router,
    remedies.router,
    events.router,
    dashboards.router,
    history.router,
    write.router,
)
