"""`lumina escalations`: check, list and try out the policies of a ruler.yml."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lumina.commands.options import Home, OutputOption
from lumina.output import Output, print_json, print_table, talk
from promkit.duration import format_duration, parse_duration
from promkit.errors import ConfigError, ConfigErrors, NotFound

if TYPE_CHECKING:
    from ruler.rules import Escalation
    from ruler.workbench import Finding

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Check and try out escalation policies.",
    epilog="example: lumina escalations check",
    rich_markup_mode=None,
)

HOME = Path("monitoring")
Config = Annotated[
    Path | None,
    typer.Option(help="The ruler.yml; if none, the home's.", show_default=False),
]


@app.command("check", epilog="example: lumina escalations check --config monitoring/ruler.yml")
def check(
    config: Config = None,
    home: Home = HOME,
    fail_on: Annotated[str, typer.Option(help="error, or warning.")] = "error",
    output: OutputOption = Output.TABLE,
) -> None:
    """Say every fault of the policies with its place; exit code 1 if there is any."""
    from ruler.settings import policies  # noqa: PLC0415 - the ruler's rooms are heavy

    if fail_on not in {"error", "warning"}:
        raise typer.BadParameter("write error or warning", param_hint="--fail-on")
    path = _path(config, home)
    count, errors = 0, list[ConfigError]()
    findings: list[Finding] = []
    try:
        context, _, findings = policies(path, os.environ)
        count = len(context.escalations)
    except ConfigErrors as faults:
        errors = list(faults.faults)
    except ConfigError as fault:
        errors = [fault]
    lines = [str(fault) for fault in errors] or [str(finding) for finding in findings]
    if output is Output.JSON:
        faulty = [_error(fault) for fault in errors]
        print_json([*faulty, *({**asdict(one), "where": str(one.where)} for one in findings)])
    else:
        for line in lines:
            typer.echo(line)
    talk(f"{count} escalations in {path}: {len(lines)} findings")
    raise typer.Exit(1 if errors or (findings and fail_on == "warning") else 0)


@app.command("list", epilog="example: lumina escalations list")
def list_policies(config: Config = None, home: Home = HOME, output: OutputOption = Output.TABLE) -> None:
    """List the policies: who is told when, and which rules name them."""
    from ruler.settings import policies  # noqa: PLC0415 - the ruler's rooms are heavy

    context, rules, _ = policies(_path(config, home), os.environ)
    named = {
        name: [rule.id for rule in rules.rules if rule.escalation == policy]
        for name, policy in context.escalations.items()
    }
    if output is Output.JSON:
        print_json([{**asdict(one), "rules": named[name]} for name, one in context.escalations.items()])
        return
    rows = [
        (name, one.until, "; ".join(_steps(one)), ", ".join(named[name]) or "–")
        for name, one in context.escalations.items()
    ]
    print_table(["NAME", "UNTIL", "STEPS", "RULES"], rows, "no escalations: add some to ruler.yml")


@app.command("simulate", epilog="example: lumina escalations simulate on-call --ack-after 25m")
def simulate(
    name: Annotated[str, typer.Argument(help="The policy.")],
    ack_after: Annotated[
        str | None, typer.Option(help="Somebody acknowledges so long after it fired.", show_default=False)
    ] = None,
    config: Config = None,
    home: Home = HOME,
    output: OutputOption = Output.TABLE,
) -> None:
    """Say who would be told when, from the moment an alert fires."""
    from ruler.delivery import foreseen  # noqa: PLC0415 - the ruler's rooms are heavy
    from ruler.settings import policies  # noqa: PLC0415

    acknowledged_ms = None if ack_after is None else parse_duration(ack_after)
    context, _, _ = policies(_path(config, home), os.environ)
    policy = context.escalations.get(name)
    if policy is None:
        known = ", ".join(sorted(context.escalations)) or "none: add escalations to ruler.yml"
        raise NotFound(f"no escalation {name!r}", remedy=f"known are {known}")
    told = foreseen(policy, acknowledged_ms)
    if output is Output.JSON:
        print_json([{"at_ms": one.due_ms, **_told(one.level, one.number, one.notify)} for one in told])
        return
    rows = [
        (
            format_duration(one.due_ms),
            f"{one.level} of {len(policy.steps)}",
            f"{one.number} of {policy.steps[one.level - 1].repeat}",
            ", ".join(one.notify),
        )
        for one in told
    ]
    print_table(["AFTER", "LEVEL", "TIME", "TELLS"], rows, "nobody would be told")
    if ack_after is not None and policy.until == "ack":
        talk(f"acknowledged after {ack_after}: nobody is told any more")
    elif ack_after is not None:
        talk("acknowledging does not stop it: it is climbed until resolved")


def _path(config: Path | None, home: Path) -> Path:
    """ruler.yml. NotFound: it is not there."""
    path = config or home / "ruler.yml"
    if not path.exists():
        raise NotFound("no such file", str(path), "give --config, or --home")
    return path


def _steps(policy: "Escalation") -> list[str]:
    return [
        f"{'at once' if not step.after_ms else f'after {format_duration(step.after_ms)}'} "
        f"{', '.join(step.notify)}{f', {step.repeat} times' if step.repeat > 1 else ''}"
        for step in policy.steps
    ]


def _told(level: int, number: int, notify: tuple[str, ...]) -> dict[str, object]:
    return {"level": level, "number": number, "to": list(notify)}


def _error(fault: ConfigError) -> dict[str, str]:
    return {
        "where": str(fault.where or ""),
        "severity": "error",
        "text": fault.problem,
        "remedy": fault.remedy or "",
    }
