"""Templates → pages: the environment, what every page is given, and the functions that templates may call."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from promkit.duration import format_duration
from promkit.errors import ConfigError, NotFound
from promkit.quantity import quantity
from ruler.api import Ruler, float_text
from ruler.promql import unit_of
from ruler.ui import words
from ruler.ui.views import RuleView, meter

__all__ = ["PageRoute", "drawn", "page"]

NAVIGATION = (
    ("/", "Overview"),
    ("/dashboards", "Dashboards"),
    ("/alerts", "Alerts"),
    ("/rules", "Rules"),
    ("/targets", "Targets"),
    ("/deliveries", "Deliveries"),
    ("/remediations", "Remediations"),
    ("/query", "Query"),
)


class PageRoute(APIRoute):
    """A route whose faults are pages, too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Answer an unknown thing, or a wrong parameter, in words and with the way back."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except (NotFound, ConfigError) as error:
                ruler: Ruler = request.app.state.ruler
                status = 404 if isinstance(error, NotFound) else 400
                now_ms = ruler.clock.now_ms()
                return page(ruler, "fault.html", "", now_ms, status=status, fault=str(error))

        return handled


def page(
    ruler: Ruler,
    template: str,
    path: str,
    now_ms: int,
    *,
    refresh: int = 0,
    status: int = 200,
    **data: Any,  # noqa: ANN401 - a template's data
) -> HTMLResponse:
    """Render a template; a page with `refresh` asks for itself anew every so many seconds."""
    firing = sum(alert.firing and not alert.optional for alert in ruler.book.alerts())
    text = _TEMPLATES.get_template(template).render(
        path=path, navigation=NAVIGATION, now_ms=now_ms, refresh=refresh, firing_count=firing, **data
    )
    return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})


def drawn(markup: str) -> Markup:
    """Markup of chart.py and views.py, which escape what comes from outside."""
    return Markup(markup)  # noqa: S704 - said above


def _meter(view: RuleView) -> Markup:
    return drawn("" if view.fraction is None else meter(view.fraction, breached=view.breached))


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("ruler.ui"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        meter=_meter, quantity=quantity, unit_of=unit_of, query_url=words.query_url, zone=words.zone
    )
    environment.filters.update(
        age=words.age,
        clock=words.clock,
        duration=format_duration,
        first_of=words.first_of,
        instant=words.instant,
        labels_shown=words.labels_shown,
        link=words.link,
        number=float_text,
        short=words.short,
        way=words.way,
    )
    return environment


_TEMPLATES = _environment()
