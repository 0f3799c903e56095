"""The `lumina` command: subcommands parse, call and print; what they call lives elsewhere.

The processes themselves (`exporter`, `ruler`, `analytics`, `up`, `healthcheck`) never come here, see
`lumina.__main__`; they are listed so that `lumina --help` is whole.
"""

import platform
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from lumina import __version__
from promkit.process import guarded

__all__ = ["run"]

_PROCESSES = {
    "up": "Run exporter, ruler and analytics on this host.",
    "exporter": "Publish host, HTTP, log and pushed gauges on /metrics.",
    "ruler": "Scrape, store, evaluate rules, alert, notify, remedy.",
    "analytics": "Forecast, detect, find trends; `run --once` for one cycle.",
    "healthcheck": "Ask a process for /-/healthy.",
}


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback
    if wanted:
        system = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
        sys.stdout.write(f"lumina {__version__} ({system})\n")
        raise typer.Exit


def _app() -> typer.Typer:
    from lumina.commands import (  # noqa: PLC0415 - after the fast paths
        alerts,
        dashboards,
        escalations,
        history,
        models,
        query,
        remediations,
        report,
        rules,
        silences,
    )

    app = typer.Typer(
        no_args_is_help=True,
        add_completion=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        help="Closed-loop monitoring: exporter, ruler, analytics.",
        epilog="example: lumina up   (then open http://127.0.0.1:19090/)",
    )

    @app.callback()
    def root(
        *,
        version: Annotated[
            bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it and exit.")
        ] = False,
    ) -> None:
        pass

    for name, text in _PROCESSES.items():
        app.command(name, help=text)(_elsewhere(name))
    app.command("demo", help="Watch an alert close its loop on a small web shop.", **_pass_on())(_demo)
    app.command("query", epilog=query.EXAMPLE)(query.query)
    app.command("report", epilog=report.REPORT_EXAMPLE)(report.report)
    app.command("health", epilog=report.HEALTH_EXAMPLE)(report.health)
    app.add_typer(alerts.app, name="alerts")
    app.add_typer(dashboards.app, name="dashboards")
    app.add_typer(escalations.app, name="escalations")
    app.add_typer(history.app, name="history")
    app.add_typer(models.app, name="models")
    app.add_typer(remediations.app, name="remediations")
    app.add_typer(rules.app, name="rules")
    app.add_typer(silences.app, name="silences")
    return app


def _pass_on() -> dict[str, Any]:
    # The demo's own parser reads its flags and prints its help.
    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    return {"context_settings": settings, "add_help_option": False}


def _demo(context: typer.Context) -> None:
    from lumina.demo import run as demo  # noqa: PLC0415

    raise typer.Exit(demo(context.args))


def _elsewhere(name: str) -> Any:  # noqa: ANN401 - a command of typer's
    def command() -> None:
        msg = f"lumina.__main__ runs {name} itself"
        raise AssertionError(msg)

    return command


def run(argv: Sequence[str]) -> int:
    """Run one subcommand → exit code: 0 fine, 1 faults, 2 usage or configuration."""

    def command() -> int:
        try:
            _app()(args=list(argv), prog_name="lumina")
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else 0
        return 0

    return guarded(command)
