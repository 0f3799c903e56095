"""What `lumina dashboards` does about Grafana: its JSON made of YAML, checked, read back, sent."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lumina.client import RULER_URL
from lumina.commands.options import Home, OutputOption
from lumina.output import Output, print_json, print_table, talk
from promkit.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from lumina.dashboards import Source

__all__ = ["build", "import_", "lint", "push"]

HOME = Path("monitoring")
BUILD_EXAMPLE = "example: lumina dashboards build --out grafana/dashboards"
LINT_EXAMPLE = "example: lumina dashboards lint dashboards/*.yml"
IMPORT_EXAMPLE = "example: lumina dashboards import node-exporter.json --out monitoring/dashboards"
PUSH_EXAMPLE = (
    "example: lumina dashboards push --grafana http://127.0.0.1:3000 --token-file secrets/grafana --overwrite"
)

Files = Annotated[
    list[Path] | None,
    typer.Argument(help="Dashboard files or folders; if none, the home's dashboards/.", show_default=False),
]
Rules = Annotated[
    list[Path] | None,
    typer.Option(
        "--rules", help="Rules whose thresholds are drawn; if none, the home's rules/.", show_default=False
    ),
]
Link = Annotated[str, typer.Option("--link", help="Where people open the ruler.")]


def build(
    files: Files = None,
    home: Home = HOME,
    rules: Rules = None,
    out: Annotated[Path, typer.Option(help="The folder to write into.")] = Path("grafana/dashboards"),
    link: Link = RULER_URL,
    *,
    check: Annotated[bool, typer.Option("--check", help="Write nothing: say what would change.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Write Grafana's JSON of each dashboard; exit code 1 if with --check a file is not as it would be."""
    from lumina.dashboards import build as build_files  # noqa: PLC0415 - the ruler's rooms are heavy

    built = build_files(_sources(files, home, rules, link), out, check=check)
    rows = [{"id": one.id, "file": str(one.path), "state": one.state} for one in built]
    if output is Output.JSON:
        print_json(rows)
    else:
        print_table(["DASHBOARD", "FILE", "STATE"], [tuple(row.values()) for row in rows], "no dashboards")
    raise typer.Exit(0 if all(one.is_right for one in built) else 1)


def lint(
    files: Files = None, home: Home = HOME, rules: Rules = None, output: OutputOption = Output.TABLE
) -> None:
    """Check dashboards, ours or Grafana's JSON, by its linter's rules; exit code 1 if there are findings."""
    from lumina.dashboards import lint as findings_of  # noqa: PLC0415 - as above

    sources = _sources(files, home, rules, RULER_URL)
    found = [(source, finding) for source in sources for finding in findings_of(source.document)]
    if output is Output.JSON:
        print_json(
            [
                {"where": source.where, "rule": one.rule, "panel": one.panel, "problem": one.problem}
                for source, one in found
            ]
        )
    else:
        for source, one in found:
            typer.echo(f"{source.where}: {one}")
        talk(f"{len(sources)} dashboards: {len(found)} findings")
    raise typer.Exit(1 if found else 0)


def import_(
    file: Annotated[
        Path, typer.Argument(help="JSON of Grafana's, or of the specification's; - for standard input.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Write ID.yml into this folder.", show_default=False)
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Write a dashboard of elsewhere as YAML, and say what was changed or left out."""
    from lumina.dashboards import imported, read_document  # noqa: PLC0415 - as above

    source = "<stdin>" if str(file) == "-" else str(file)
    found = imported(read_document(file), source)
    if out is not None:
        path = out / f"{found.id}.yml"
        _write_new(path, found.text)
    if output is Output.JSON:
        print_json({"id": found.id, "text": found.text, "told": list(found.told)})
        return
    for line in found.told:
        talk(line)
    if out is None:
        sys.stdout.write(found.text)
    else:
        talk(f"written: {path}")


def push(
    grafana: Annotated[str, typer.Option("--grafana", envvar="GRAFANA_URL", help="Grafana's URL.")],
    files: Files = None,
    home: Home = HOME,
    rules: Rules = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File with a service account's token.", show_default=False)
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option(help="Certificate of a private authority.", show_default=False)
    ] = None,
    folder: Annotated[str, typer.Option(help="Uid of the folder to put them into.", show_default=False)] = "",
    link: Link = RULER_URL,
    *,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace those that are there.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Send dashboards to a running Grafana; it ends at the first that is refused."""
    from lumina.dashboards import Grafana, token_of  # noqa: PLC0415 - as above

    sources = _sources(files, home, rules, link)
    token = token_of(token_file) if token_file else None
    server = Grafana(grafana, (lambda: token) if token else None, ca_file)
    pushed = [server.push(source.document, folder, overwrite=overwrite) for source in sources]
    rows = [{"uid": one.uid, "version": one.version, "url": one.url} for one in pushed]
    if output is Output.JSON:
        print_json(rows)
    else:
        cells = [tuple(map(str, row.values())) for row in rows]
        print_table(["UID", "VERSION", "URL"], cells, "no dashboards")


def _sources(files: list[Path] | None, home: Path, rules: list[Path] | None, link: str) -> "list[Source]":
    from lumina.dashboards import read_sources  # noqa: PLC0415 - as above

    folder = home / "rules"
    named = rules if rules is not None else [folder] if folder.exists() else []
    return read_sources(files or [home / "dashboards"], named, link)


def _write_new(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Conflict(
            "there is such a file already", str(path), "remove it first, or write elsewhere"
        ) from None
    except OSError as error:
        raise Unavailable(f"cannot be written: {error.strerror}", str(path)) from None
