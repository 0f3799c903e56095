"""The pages: each asks the rooms, and renders one template."""

import time
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.staticfiles import StaticFiles

from promkit.duration import format_duration, parse_duration
from promkit.errors import LuminaError, NotFound, QueryError
from promkit.web import needs
from promkit.web_config import Role
from ruler.api import NowMs, Ruler, TheRuler, float_text
from ruler.promql import Matrix, RangeVector, Scalar, String, Vector
from ruler.ui.chart import Line, line_chart, quantity
from ruler.ui.panels import HOST, draw, steps_ms
from ruler.ui.views import alert_order, labels_shown, meter, rule_views, unit_of

__all__ = ["router", "static_files"]

router = APIRouter(include_in_schema=False, dependencies=[Depends(needs(Role.VIEWER))])

LISTED_MAX = 200
LINES_MAX = 40
RANGES = ("15m", "1h", "6h", "1d", "7d", "30d")
NAVIGATION = (
    ("/", "Overview"),
    ("/alerts", "Alerts"),
    ("/rules", "Rules"),
    ("/targets", "Targets"),
    ("/deliveries", "Deliveries"),
    ("/remediations", "Remediations"),
    ("/query", "Query"),
)


def static_files() -> StaticFiles:
    """The stylesheet and the script."""
    return StaticFiles(packages=[("ruler.ui", "static")])


@router.get("/")
def front_page(ruler: TheRuler, now_ms: NowMs) -> HTMLResponse:
    """The living host, the default rules beside their thresholds, targets, what is not set up."""
    firing = [alert for alert in ruler.book.alerts() if alert.firing and not alert.optional]
    targets = ruler.scraper.targets()
    return _page(
        "front.html",
        "/",
        now_ms,
        refresh=5,
        panels=[(panel.title, Markup(draw(panel, ruler.engine, now_ms, 3_600_000))) for panel in HOST],  # noqa: S704 - made by chart.py, which escapes
        rules=rule_views(ruler, now_ms, short_form_only=True),
        alerts=alert_order(ruler, firing),
        targets=targets,
        up=sum(target.health == "up" for target in targets),
        unset=ruler.settings.unset,
        armed=ruler.remediation.enabled,
        series=ruler.store.stats().series,
        level=ruler.settings.severities.level,
    )


@router.get("/alerts")
def alerts_page(ruler: TheRuler, now_ms: NowMs) -> HTMLResponse:
    """Alerts that are active, and those that resolved within a day."""
    active = ruler.book.alerts()
    return _page(
        "alerts.html",
        "/alerts",
        now_ms,
        refresh=5,
        alerts=alert_order(ruler, active),
        resolved=ruler.book.resolved(now_ms - 86_400_000)[:LISTED_MAX],
        silenced={alert.fingerprint: ruler.delivery.suppression(alert, now_ms) for alert in active},
        level=ruler.settings.severities.level,
    )


@router.get("/alerts/{fingerprint}")
def alert_page(fingerprint: str, ruler: TheRuler, now_ms: NowMs) -> HTMLResponse:
    """One alert: acknowledge, resolve, why it was told to whom, and its timeline."""
    alert = ruler.book.alert(fingerprint)
    return _page(
        "alert.html",
        "/alerts",
        now_ms,
        refresh=5,
        alert=alert,
        timeline=ruler.book.timeline(fingerprint)[-LISTED_MAX:],
        suppression=ruler.delivery.suppression(alert, now_ms),
        receivers=ruler.delivery.receivers_of(alert),
        notifications=ruler.delivery.notifications(limit=50, fingerprint=fingerprint),
        level=ruler.settings.severities.level,
        graph=Markup(_alert_graph(ruler, alert.rule, now_ms)),  # noqa: S704 - made by chart.py, which escapes
    )


def _alert_graph(ruler: Ruler, rule_id: str, now_ms: int) -> str:
    try:
        condition = ruler.loop.rule(rule_id).condition
    except NotFound:
        return ""
    if condition is None:
        return ""
    step_ms = steps_ms(3_600_000)
    value = ruler.engine.range(condition.metric, now_ms - 3_600_000, now_ms, step_ms).value
    if not isinstance(value, Matrix):
        return ""
    lines = [
        Line(str(labels), value.values[:, column]) for column, labels in enumerate(value.labels[:LINES_MAX])
    ]
    unit = unit_of(condition.metric)
    return line_chart(condition.metric, value.times, lines, unit, threshold=condition.threshold)


@router.get("/rules")
def rules_page(ruler: TheRuler, now_ms: NowMs) -> HTMLResponse:
    """Every rule, with its state, last evaluation and error."""
    return _page("rules.html", "/rules", now_ms, refresh=10, rules=rule_views(ruler, now_ms))


@router.get("/targets")
def targets_page(ruler: TheRuler, now_ms: NowMs) -> HTMLResponse:
    """What is scraped, and how that goes."""
    return _page("targets.html", "/targets", now_ms, refresh=10, targets=ruler.scraper.targets())


@router.get("/deliveries")
def deliveries_page(ruler: TheRuler, now_ms: NowMs) -> HTMLResponse:
    """Receivers and their health, what was sent, what was given up."""
    return _page(
        "deliveries.html",
        "/deliveries",
        now_ms,
        refresh=10,
        receivers=ruler.delivery.receivers(),
        notifications=ruler.delivery.notifications(limit=LISTED_MAX),
        dead=ruler.delivery.dead_letters(),
    )


@router.get("/remediations")
def remediations_page(ruler: TheRuler, now_ms: NowMs) -> HTMLResponse:
    """Runs of remedies, and every decision about them."""
    return _page(
        "remediations.html",
        "/remediations",
        now_ms,
        refresh=5,
        armed=ruler.remediation.enabled,
        runs=ruler.remediation.runs(LISTED_MAX),
        audit=ruler.remediation.audit(LISTED_MAX),
    )


@router.get("/query")
def query_page(
    ruler: TheRuler,
    now_ms: NowMs,
    expr: str = "",
    range: Annotated[str, "one of RANGES"] = "1h",  # noqa: A002 - the parameter's name in the URL
) -> HTMLResponse:
    """An expression as a table now and as a graph over a range."""
    shown: Mapping[str, Any] = {"rows": [], "graph": "", "error": ""}
    if expr.strip():
        try:
            shown = _query(ruler, expr, parse_duration(range), now_ms)
        except LuminaError as error:
            position = error.position if isinstance(error, QueryError) else None
            pointer = "" if position is None else f"{expr}\n{' ' * position}^"
            shown = {"rows": [], "graph": "", "error": str(error), "pointer": pointer}
    names = ruler.store.label_values("__name__", [], now_ms - 3_600_000, now_ms)
    ranges = RANGES if range in RANGES else (*RANGES, range)
    return _page("query.html", "/query", now_ms, expr=expr, range=range, ranges=ranges, names=names, **shown)


def _query(ruler: Ruler, expr: str, range_ms: int, now_ms: int) -> Mapping[str, Any]:
    instant = ruler.engine.instant(expr, now_ms)
    rows: list[tuple[str, str]] = []
    match instant.value:
        case Scalar(_, number):
            rows = [("scalar", float_text(number))]
        case String(_, text):
            return {"rows": [("string", text)], "graph": "", "error": ""}
        case Vector(_, labels, values):
            rows = [(str(m), float_text(v)) for m, v in zip(labels, values.tolist(), strict=True)]
        case RangeVector(labels, samples):
            rows = [
                (str(m), " ".join(float_text(v) for v in values[-20:].tolist()))
                for m, (_, values) in zip(labels, samples, strict=True)
            ]
            return {"rows": rows[:LISTED_MAX], "graph": "", "error": "", "remarks": instant.warnings}
    step_ms = steps_ms(range_ms)
    value = ruler.engine.range(expr, now_ms - range_ms, now_ms, step_ms).value
    graph = ""
    if isinstance(value, Matrix):
        lines = [Line(str(m), value.values[:, n]) for n, m in enumerate(value.labels[:LINES_MAX])]
        graph = Markup(line_chart(expr, value.times, lines, unit_of(expr)))  # noqa: S704 - chart.py escapes
    remarks = (*instant.warnings, *instant.infos)
    return {"rows": rows[:LISTED_MAX], "total": len(rows), "graph": graph, "error": "", "remarks": remarks}


def _page(template: str, path: str, now_ms: int, *, refresh: int = 0, **data: Any) -> HTMLResponse:  # noqa: ANN401 - a template's data
    text = _TEMPLATES.get_template(template).render(
        path=path, navigation=NAVIGATION, now_ms=now_ms, refresh=refresh, **data
    )
    return HTMLResponse(text)


def _clock(at_ms: int | None) -> str:
    return "–" if at_ms is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_ms / 1000))


def _ago(at_ms: int | None, now_ms: int) -> str:
    if at_ms is None:
        return "never"
    return f"{format_duration(max(0, now_ms - at_ms) // 1000 * 1000)} ago"


def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("ruler.ui"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        meter=lambda view: Markup(meter(view.fraction, view.breached)),  # noqa: S704 - numbers alone
        labels_shown=labels_shown,
        ago=_ago,
        quantity=quantity,
        unit_of=unit_of,
    )
    environment.filters.update(clock=_clock, duration=format_duration, number=float_text)
    return environment


_TEMPLATES = _templates()
