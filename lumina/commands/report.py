"""`lumina report` and `lumina health`: what ruler and analytics say, side by side."""

import json
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from lumina.client import Client, analytics_url, ruler_url
from lumina.commands.options import AnalyticsUrl, OutputOption, Url
from lumina.output import Output, print_json, talk
from promkit.errors import LuminaError

__all__ = ["HEALTH_EXAMPLE", "REPORT_EXAMPLE", "health", "report"]

REPORT_EXAMPLE = "example: lumina report --range 7d --output html > report.html"
HEALTH_EXAMPLE = "example: lumina health && echo fine"


class Form(StrEnum):
    """The forms of a report."""

    TABLE = "table"
    JSON = "json"
    HTML = "html"


class Range(StrEnum):
    """The ranges of a report (S17)."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"


def report(
    range_: Annotated[Range, typer.Option("--range", help="How far back.")] = Range.HOUR,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the report.")] = Form.TABLE,
    file: Annotated[Path | None, typer.Option(help="Write it there instead of printing it.")] = None,
    url: Url = None,
    analytics: AnalyticsUrl = None,
) -> None:
    """Figures of each metric, alerts, models and their accuracy, over a range."""
    figures = {
        "range": range_.value,
        "ruler": _ask(lambda: Client(ruler_url(url)).get("/api/v1/lumina/report", range=range_.value)),
        "analytics": _ask(lambda: Client(analytics_url(analytics)).get("/api/v1/report")),
    }
    silent = [name for name in ("ruler", "analytics") if "error" in figures[name]]
    if output is Form.JSON and file is None:
        print_json(figures)
    else:
        text = _rendered(figures, output, url)
        if file is None:
            typer.echo(text)
        else:
            file.write_text(text, "utf-8")
            talk(f"wrote {file}")
    raise typer.Exit(1 if len(silent) == 2 else 0)


def _rendered(figures: dict[str, Any], output: Form, url: str | None) -> str:
    if output is Form.JSON:
        return json.dumps(figures, indent=2, ensure_ascii=False)
    if output is Form.TABLE:
        from lumina.report_text import report_text  # noqa: PLC0415 - as it is needed

        return report_text(figures)
    from lumina.report_html import report_html  # noqa: PLC0415 - with plots: numpy
    from lumina.report_plots import plots  # noqa: PLC0415

    drawn = [] if "error" in figures["ruler"] else plots(Client(ruler_url(url)), figures["ruler"])
    return report_html(figures, drawn)


def health(url: Url = None, analytics: AnalyticsUrl = None, output: OutputOption = Output.TABLE) -> None:
    """Say how ruler and analytics fare.

    Exit code 0: healthy. 1: an alert is active, a model is missing, or a process did not answer.
    """
    figures = {
        "ruler": _ask(lambda: Client(ruler_url(url)).get("/api/v1/lumina/health")),
        "analytics": _ask(lambda: Client(analytics_url(analytics)).get("/api/v1/health")),
    }
    if output is Output.JSON:
        print_json(figures)
    else:
        from lumina.report_text import health_text  # noqa: PLC0415 - as it is needed

        typer.echo(health_text(figures))
    raise typer.Exit(0 if all(part.get("status") == "healthy" for part in figures.values()) else 1)


def _ask(call: Callable[[], Any]) -> dict[str, Any]:
    """An answer, or why there is none: a report without one half is still a report."""
    try:
        return dict(call())
    except LuminaError as error:
        return {"error": str(error)}
