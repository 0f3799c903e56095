"""The pages: each asks the rooms, and renders one template."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from promkit.duration import parse_duration
from promkit.errors import ConfigError, LuminaError, NotFound
from promkit.web import needs
from promkit.web_config import Role
from ruler.alerts import Alert
from ruler.api import NowMs, Ruler, TheRuler, watched_by
from ruler.promql import unit_of
from ruler.ui import dashboards
from ruler.ui.ahead import ahead
from ruler.ui.chart import Limit, Style, line_chart
from ruler.ui.panels import HOST, draw, fitting_ms, lines_of
from ruler.ui.query import answer
from ruler.ui.rendering import PageRoute, drawn, page
from ruler.ui.views import alert_order, names_of, rule_views

__all__ = ["router", "static_files"]

router = APIRouter(include_in_schema=False, dependencies=[Depends(needs(Role.VIEWER))], route_class=PageRoute)
router.include_router(dashboards.router)

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
LISTED_MAX = 200
RANGES = ("5m", "15m", "1h", "6h", "1d", "7d", "30d")


def static_files() -> StaticFiles:
    """The stylesheet, the script and the icon."""
    return StaticFiles(packages=[("ruler.ui", "static")])


@router.get("/")
def front_page(ruler: TheRuler, now_ms: NowMs) -> HTMLResponse:
    """The living host, the rules beside their thresholds, what comes, targets, what is not set up."""
    firing = [alert for alert in ruler.book.alerts() if alert.firing and not alert.optional]
    targets = ruler.scraper.targets()
    range_ms = fitting_ms(HOUR_MS, ruler.store.span(), now_ms)
    rules = {rule.id: rule for group in ruler.loop.groups() for rule in group.rules}
    return page(
        ruler,
        "front.html",
        "/",
        now_ms,
        refresh=5,
        panels=[(panel.title, drawn(draw(panel, ruler.engine, now_ms, range_ms))) for panel in HOST],
        range_ms=range_ms,
        rules=rule_views(ruler, now_ms, thresholds_only=True),
        rules_total=len(rules),
        dashboards_total=len(ruler.dashboards.all()),
        ahead=[(one, rules.get(one.rule)) for one in ahead(ruler.engine, now_ms)],
        alerts=alert_order(ruler, firing)[:LISTED_MAX],
        suppressions=_suppressions(ruler, firing, now_ms),
        targets=targets[:LISTED_MAX],
        targets_total=len(targets),
        up=sum(target.health == "up" for target in targets),
        down=sum(target.health == "down" for target in targets),
        unset=ruler.settings.unset,
        armed=ruler.remediation.enabled(),
        series=ruler.store.stats().series,
        level=ruler.settings.severities.level,
    )


@router.get("/alerts")
def alerts_page(ruler: TheRuler, now_ms: NowMs) -> HTMLResponse:
    """Alerts that are active, silences, and alerts that resolved within a day."""
    active = ruler.book.alerts()
    return page(
        ruler,
        "alerts.html",
        "/alerts",
        now_ms,
        refresh=5,
        alerts=alert_order(ruler, active)[:LISTED_MAX],
        alerts_total=len(active),
        suppressions=_suppressions(ruler, active, now_ms),
        silences=[one for one in ruler.book.silences(now_ms) if one.state(now_ms) != "expired"],
        resolved=ruler.book.resolved(now_ms - DAY_MS)[:LISTED_MAX],
        level=ruler.settings.severities.level,
    )


def _suppressions(ruler: Ruler, alerts: list[Alert], now_ms: int) -> dict[str, object]:
    """Why alerts are told to nobody, by fingerprint."""
    return {alert.fingerprint: ruler.delivery.suppression(alert, now_ms) for alert in alerts[:LISTED_MAX]}


@router.get("/alerts/{fingerprint}")
def alert_page(fingerprint: str, ruler: TheRuler, now_ms: NowMs) -> HTMLResponse:
    """One alert: acknowledge, silence, resolve, who is told of it and why, and its timeline."""
    alert = ruler.book.alert(fingerprint)
    try:
        rule = ruler.loop.rule(alert.rule)
    except NotFound:
        rule = None
    watched = None if rule is None else watched_by(rule)
    target = next(
        (one for one in ruler.scraper.targets() if _is_of(alert, one.labels["job"], one.labels["instance"])),
        None,
    )
    return page(
        ruler,
        "alert.html",
        "/alerts",
        now_ms,
        refresh=5,
        alert=alert,
        rule=rule,
        watched=watched,
        target=target,
        timeline=ruler.book.timeline(fingerprint)[-LISTED_MAX:],
        suppression=ruler.delivery.suppression(alert, now_ms),
        escalation=ruler.delivery.escalation(alert, now_ms),
        told=ruler.delivery.explain(fingerprint, now_ms)["receivers"],
        notifications=ruler.delivery.notifications(limit=50, fingerprint=fingerprint),
        runs=[run for run in ruler.remediation.runs(LISTED_MAX) if run.fingerprint == fingerprint],
        level=ruler.settings.severities.level,
        unit="" if watched is None else unit_of(watched.metric),
        graph=drawn(_alert_graph(ruler, alert, now_ms)),
    )


def _is_of(alert: Alert, job: str, instance: str) -> bool:
    return bool(instance) and (alert.labels["job"], alert.labels["instance"]) == (job, instance)


def _alert_graph(ruler: Ruler, alert: Alert, now_ms: int) -> str:
    """What the alert's rule watches, over the last hour, with the threshold."""
    try:
        rule = ruler.loop.rule(alert.rule)
        watched = watched_by(rule)
        if watched is None:
            return ""
        range_ms = fitting_ms(HOUR_MS, ruler.store.span(), now_ms)
        times, lines = lines_of(ruler.engine, watched.metric, now_ms, range_ms)
    except LuminaError:  # the rule is gone, or cannot be evaluated: the rules page says that
        return ""
    style = Style(unit_of(watched.metric), limits=[Limit(watched.threshold)])
    return line_chart(watched.metric, times, lines, style)


@router.get("/rules")
def rules_page(ruler: TheRuler, now_ms: NowMs) -> HTMLResponse:
    """Every rule, with its state, last evaluation and error, and a switch."""
    return page(
        ruler,
        "rules.html",
        "/rules",
        now_ms,
        refresh=10,
        rules=rule_views(ruler, now_ms),
        level=ruler.settings.severities.level,
    )


@router.get("/targets")
def targets_page(ruler: TheRuler, now_ms: NowMs) -> HTMLResponse:
    """What is scraped, and how that goes."""
    return page(ruler, "targets.html", "/targets", now_ms, refresh=10, targets=ruler.scraper.targets())


@router.get("/deliveries")
def deliveries_page(ruler: TheRuler, now_ms: NowMs) -> HTMLResponse:
    """Receivers and their health, what was sent, what was given up."""
    return page(
        ruler,
        "deliveries.html",
        "/deliveries",
        now_ms,
        refresh=10,
        receivers=ruler.delivery.receivers(),
        notifications=ruler.delivery.notifications(limit=LISTED_MAX),
        dead=ruler.delivery.dead_letters(),
        names=names_of(ruler, now_ms),
    )


@router.get("/remediations")
def remediations_page(ruler: TheRuler, now_ms: NowMs) -> HTMLResponse:
    """Runs of remedies, breakers, and every decision."""
    return page(
        ruler,
        "remediations.html",
        "/remediations",
        now_ms,
        refresh=5,
        armed=ruler.remediation.enabled(),
        runs=ruler.remediation.runs(LISTED_MAX),
        audit=ruler.remediation.audit(LISTED_MAX),
        breakers=[row for row in ruler.remediation.breakers() if row.breaker.opened_ms is not None],
        names=names_of(ruler, now_ms),
    )


@router.get("/query")
def query_page(
    ruler: TheRuler,
    now_ms: NowMs,
    expr: str = "",
    range: Annotated[str, "a duration"] = "1h",  # noqa: A002 - the parameter's name in the URL
) -> HTMLResponse:
    """An expression as a table now and as a graph over a range."""
    range_ms = parse_duration(range)
    if range_ms <= 0:
        raise ConfigError("a graph needs a range above 0", remedy="write 1h")
    shown = answer(ruler, expr, range_ms, now_ms)
    names = ruler.store.label_values("__name__", [], now_ms - HOUR_MS, now_ms)
    return page(
        ruler,
        "query.html",
        "/query",
        now_ms,
        expr=expr,
        range=range,
        ranges=RANGES if range in RANGES else (*RANGES, range),
        names=names,
        metadata=ruler.store.metadata(),
        answer=shown,
        graph=drawn(shown.graph),
    )
