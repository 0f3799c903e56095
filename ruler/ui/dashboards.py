"""The pages of dashboards: the list, and each one drawn from the store as it is now."""

from collections.abc import Mapping, Sequence
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from promkit.duration import format_duration, parse_duration
from promkit.errors import ConfigError, NotFound
from promkit.web import needs
from promkit.web_config import Role
from ruler.api import NowMs, Ruler, TheRuler, watched_by
from ruler.dashboards import COLUMNS, HEIGHT_MAX, ROWS_MAX, Threshold, Variable, Widget
from ruler.promql import parse, selectors
from ruler.rules import Comparison
from ruler.ui.panels import fitting_ms
from ruler.ui.rendering import PageRoute, drawn, page
from ruler.ui.widgets import Asker, Shown, shown

__all__ = ["router"]

router = APIRouter(
    prefix="/dashboards",
    include_in_schema=False,
    dependencies=[Depends(needs(Role.VIEWER))],
    route_class=PageRoute,
)

RANGES = ("1h", "6h", "24h", "7d", "30d")
RANGE_MS_MIN, RANGE_MS_MAX = 60_000, 366 * 86_400_000
CHOICES_MAX = 200
DAY_MS = 86_400_000
_FALLING = {Comparison.LT, Comparison.LE}


@router.get("")
def list_page(ruler: TheRuler, now_ms: NowMs) -> HTMLResponse:
    """Every dashboard, who made it, who looks at it."""
    return page(
        ruler, "dashboards.html", "/dashboards", now_ms, refresh=30, dashboards=ruler.dashboards.all()
    )


@router.get("/grid.css")
def grid() -> Response:
    """A class for each place on the grid: pages carry no styles of their own, so that none can be put in."""
    rules = [
        *(
            f".x{n}{{grid-column-start:{n + 1}}}.w{n + 1}{{grid-column-end:span {n + 1}}}"
            for n in range(COLUMNS)
        ),
        *(f".y{n}{{grid-row-start:{n + 1}}}" for n in range(ROWS_MAX + 1)),
        *(f".h{n + 1}{{grid-row-end:span {n + 1}}}" for n in range(HEIGHT_MAX)),
    ]
    headers = {"Cache-Control": "max-age=86400"}
    return Response("\n".join(rules), media_type="text/css", headers=headers)


@router.get("/{dashboard}")
def dashboard_page(
    dashboard: str,
    request: Request,
    ruler: TheRuler,
    now_ms: NowMs,
    range: Annotated[str, "a duration"] = "",  # noqa: A002 - the parameter's name in the URL
) -> HTMLResponse:
    """One dashboard. 404: unknown."""
    kept = ruler.dashboards.get(dashboard)
    ruler.dashboards.viewed(dashboard, now_ms)
    one = kept.dashboard
    range_ms = _range_ms(range) if range else one.time_range_ms
    chosen = {each.name: request.query_params.get(f"var-{each.name}", "") for each in one.variables}
    span = ruler.store.span()
    asker = Asker(ruler.engine, now_ms, fitting_ms(range_ms, span, now_ms), chosen)
    widgets = sorted(one.widgets, key=lambda widget: (widget.position.y, widget.position.x))
    boards = [_board(ruler, asker, widget) for widget in widgets]
    held_ms = 0 if span is None else min(max(now_ms - span[0], 0), range_ms)
    return page(
        ruler,
        "dashboard.html",
        "/dashboards",
        now_ms,
        refresh=one.refresh_ms // 1000,
        kept=kept,
        boards=boards,
        range=_named(range_ms) or format_duration(range_ms),
        ranges=[(name, _address(name, chosen)) for name in _ranges(range_ms)],
        range_ms=range_ms,
        held_ms=held_ms,
        variables=[
            (each, _choices(ruler, each, now_ms, range_ms), chosen[each.name]) for each in one.variables
        ],
    )


def _range_ms(text: str) -> int:
    range_ms = parse_duration(text)
    if not RANGE_MS_MIN <= range_ms <= RANGE_MS_MAX:
        raise ConfigError(f"a range of {text} is not shown", remedy="write 1m to 366d")
    return range_ms


def _named(range_ms: int) -> str:
    """A range by its name among those that are offered."""
    return next((name for name in RANGES if parse_duration(name) == range_ms), "")


def _ranges(range_ms: int) -> Sequence[str]:
    return RANGES if _named(range_ms) else (*RANGES, format_duration(range_ms))


def _address(range_: str, chosen: Mapping[str, str]) -> str:
    """The same page over another range."""
    given = {f"var-{name}": value for name, value in chosen.items() if value}
    return "?" + urlencode({"range": range_, **given}, quote_via=quote)


def _board(ruler: Ruler, asker: Asker, widget: Widget) -> tuple[Shown, object, str]:
    """A widget, its picture as markup, and what is wrong with its rule."""
    thresholds = list(widget.look.thresholds)
    problem = ""
    if widget.look.rule is not None:
        try:
            thresholds.append(_threshold_of(ruler, widget.look.rule))
        except NotFound as error:
            problem = error.problem
    found = shown(widget, asker, thresholds)
    return found, drawn(found.picture), problem


def _threshold_of(ruler: Ruler, rule_id: str) -> Threshold:
    """The threshold of a rule as it is now. NotFound: no such rule, or it has none."""
    rule = ruler.loop.rule(rule_id)
    watched = watched_by(rule)
    if watched is None:
        raise NotFound(f"rule {rule_id!r} has no threshold")
    severity = ruler.settings.severities.level(rule.severity) or "high"
    return Threshold(watched.threshold, severity, watched.comparison in _FALLING)


def _choices(ruler: Ruler, variable: Variable, now_ms: int, range_ms: int) -> Sequence[str]:
    """What may be chosen: the values of its label in the range, of which the last day tells."""
    matchers = [one.matchers for one in selectors(parse(variable.metric))] if variable.metric else []
    start_ms = now_ms - min(range_ms, DAY_MS)
    return ruler.store.label_values(variable.label, matchers, start_ms, now_ms)[:CHOICES_MAX]
