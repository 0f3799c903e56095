"""`lumina rules`: check rule files, export them for Prometheus, and change those of a running ruler."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from lumina.commands.options import Home, OutputOption, yaml_files
from lumina.commands.rule_edits import COMMANDS
from lumina.output import Output, print_json, talk

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Check and export rule files; list and change rules of a running ruler.",
    epilog="example: lumina rules check",
    rich_markup_mode=None,
)

for _name, _command, _example in COMMANDS:
    app.command(_name, epilog=f"example: {_example}")(_command)

Files = Annotated[
    list[Path] | None,
    typer.Argument(help="Rule files or folders of them; if none, the home's rules/.", show_default=False),
]
HOME = Path("monitoring")


@app.command("check", epilog="example: lumina rules check rules/*.yml --fail-on warning")
def check(
    files: Files = None,
    home: Home = HOME,
    config: Annotated[Path | None, typer.Option(help="The ruler.yml they are for.")] = None,
    fail_on: Annotated[str, typer.Option(help="error, or warning.")] = "error",
    output: OutputOption = Output.TABLE,
) -> None:
    """Say every fault with file, line, column and what mends it; exit code 1 if there is any."""
    from ruler.settings import surroundings  # noqa: PLC0415 - the ruler's rooms are heavy
    from ruler.workbench import check as check_rules  # noqa: PLC0415

    if fail_on not in {"error", "warning"}:
        raise typer.BadParameter("write error or warning", param_hint="--fail-on")
    paths = yaml_files(files, home / "rules")
    context, around = surroundings(config or home / "ruler.yml", os.environ)
    findings, rules = check_rules(paths, Path.cwd(), context, around)
    if output is Output.JSON:
        print_json([{**asdict(finding), "where": str(finding.where)} for finding in findings])
    else:
        for finding in findings:
            typer.echo(str(finding))
        talk(f"{len(rules.rules)} rules in {len(paths)} files: {len(findings)} findings")
    raise typer.Exit(
        1 if any(finding.severity == "error" or fail_on == "warning" for finding in findings) else 0
    )


@app.command("export", epilog="example: lumina rules export rules/default.yml > prometheus-rules.yml")
def export(files: Files = None, home: Home = HOME) -> None:
    """Write the rules as one Prometheus rule file: what only Lumina knows becomes PromQL, or is left out."""
    from ruler.rules import RuleContext, load_files  # noqa: PLC0415 - the ruler's rooms are heavy
    from ruler.rules import export as export_rules  # noqa: PLC0415

    exported = export_rules(
        load_files(yaml_files(files, home / "rules"), Path.cwd(), RuleContext(any_name=True))
    )
    typer.echo(exported.text, nl=False)
    for line in exported.left_out:
        talk(line)
