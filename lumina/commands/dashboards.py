"""`lumina dashboards`: list, show, add, edit and remove those of a running ruler; `grafana` has the rest."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from lumina.client import Client, ruler_url
from lumina.commands import grafana
from lumina.commands.options import By, OutputOption, Url
from lumina.commands.texts import edited, given
from lumina.output import Output, age, print_json, print_table, talk
from promkit.process import SYSTEM_CLOCK

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="See and change dashboards.",
    epilog="example: lumina dashboards list",
    rich_markup_mode=None,
)
app.command("build", epilog=grafana.BUILD_EXAMPLE)(grafana.build)
app.command("lint", epilog=grafana.LINT_EXAMPLE)(grafana.lint)
app.command("import", epilog=grafana.IMPORT_EXAMPLE)(grafana.import_)
app.command("push", epilog=grafana.PUSH_EXAMPLE)(grafana.push)

PATH = "/api/v1/lumina/dashboards"
# What answers say besides what a dashboard file says.
_FACTS = ("created", "updated", "updated_by", "last_viewed", "file", "editable")
Json = Any  # a JSON document of the API's
Which = Annotated[str, typer.Argument(help="A dashboard's id.")]
File = Annotated[Path, typer.Argument(help="A dashboard file, YAML or JSON; - for standard input.")]


@app.command("list", epilog="example: lumina dashboards list")
def list_dashboards(url: Url = None, output: OutputOption = Output.TABLE) -> None:
    """List the dashboards."""
    found = Client(ruler_url(url)).get(PATH)
    if output is Output.JSON:
        print_json(found)
        return
    rows = [
        (
            one["id"],
            one["name"],
            str(one["widgets"]),
            one["created_by"] or "–",
            _ago(one["updated"]),
            _ago(one["last_viewed"]),
            one["file"],
        )
        for one in found
    ]
    print_table(["ID", "NAME", "WIDGETS", "BY", "CHANGED", "VIEWED", "FILE"], rows, "no dashboards")


@app.command("show", epilog="example: lumina dashboards show host > host.yml")
def show(which: Which, url: Url = None, output: OutputOption = Output.TABLE) -> None:
    """Print a dashboard as a file would say it, or as JSON with who made it and when."""
    found = Client(ruler_url(url)).get(f"{PATH}/{which}")
    if output is Output.JSON:
        print_json(found)
    else:
        typer.echo(_as_text(found), nl=False)


@app.command("add", epilog="example: lumina dashboards add shop.yml")
def add(file: File, by: By = "", url: Url = None, output: OutputOption = Output.TABLE) -> None:
    """Add a dashboard; the ruler keeps it in dashboards/api/, beside ruler.yml."""
    added = Client(ruler_url(url)).post(PATH, _checked(*given(file)), by=by or None)
    _say(added, "added", url, output)


@app.command("edit", epilog="example: lumina dashboards edit shop shop.yml")
def edit(
    which: Which,
    file: Annotated[
        Path | None,
        typer.Argument(help="The new text, - for standard input; if none, $EDITOR.", show_default=False),
    ] = None,
    by: By = "",
    url: Url = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Change a dashboard that was added; what somebody else changed meanwhile is not overwritten."""
    client = Client(ruler_url(url))
    there, etag = client.read(f"{PATH}/{which}")
    before = _as_text(there)
    text, source = edited(before, which) if file is None else given(file)
    if text == before:
        talk(f"{which} is as it was")
        return
    changed = client.put(f"{PATH}/{which}", _checked(text, source), etag, by=by or None)
    _say(changed, "changed", url, output)


@app.command("remove", epilog="example: lumina dashboards remove shop")
def delete(which: Which, by: By = "", url: Url = None, output: OutputOption = Output.TABLE) -> None:
    """Remove a dashboard that was added."""
    removed = Client(ruler_url(url)).delete(f"{PATH}/{which}", by=by or None)
    if output is Output.JSON:
        print_json(removed)
    else:
        talk(f"removed {which}")


def _say(dashboard: Json, deed: str, url: str | None, output: Output) -> None:
    if output is Output.JSON:
        print_json(dashboard)
    else:
        talk(f"{deed} {dashboard['id']}: {ruler_url(url)}/dashboards/{dashboard['id']}")


def _ago(instant: str | None) -> str:
    if instant is None:
        return "never"
    return age(SYSTEM_CLOCK.now_ms() - round(datetime.fromisoformat(instant).timestamp() * 1000)) + " ago"


def _as_text(found: Json) -> str:
    from ruler.dashboards import as_text  # noqa: PLC0415 - the ruler's rooms are heavy

    return as_text({key: value for key, value in found.items() if key not in _FACTS})


def _checked(text: str, source: str) -> Json:
    """A dashboard's data, so that a fault is told at its line of what the person wrote."""
    from ruler.dashboards import as_data, parse_dashboard  # noqa: PLC0415 - as above

    return as_data(parse_dashboard(text, source))
