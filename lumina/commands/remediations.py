"""`lumina remediations`: what was done about alerts or would be, and what people decide about it."""

from datetime import datetime
from typing import Annotated, Any

import typer

from lumina.client import Client, ruler_url
from lumina.commands.options import By, OutputOption, Url
from lumina.output import Output, age, print_json, print_table, talk
from promkit.duration import format_duration
from promkit.process import SYSTEM_CLOCK

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="See, approve and stop remedies.",
    epilog="example: lumina remediations list",
    rich_markup_mode=None,
)

BASE = "/api/v1/lumina/remediations"
Run = Annotated[int, typer.Argument(help="The run's number, as list has it.")]
Limit = Annotated[int, typer.Option(help="How many at most, the latest first.", min=1, max=10_000)]


@app.command("list", epilog="example: lumina remediations list --limit 20")
def list_runs(limit: Limit = 50, url: Url = None, output: OutputOption = Output.TABLE) -> None:
    """List the runs of remedies, the latest first."""
    found = Client(ruler_url(url)).get(BASE, limit=limit)
    if output is Output.JSON:
        print_json(found)
        return
    columns = ["RUN", "PHASE", "RULE", "ACTION", "SINCE", "PLAN", "REASON"]
    print_table(columns, [_row(run) for run in found], "no remedy was asked for")


@app.command("show", epilog="example: lumina remediations show 7")
def show(run: Run, url: Url = None, output: OutputOption = Output.TABLE) -> None:
    """Show one run: its plan, what came of it, and the end of what it printed."""
    found = Client(ruler_url(url)).get(f"{BASE}/{run}")
    if output is Output.JSON:
        print_json(found)
        return
    plan, result, undone = (found[key] or {} for key in ("plan", "result", "undone"))
    rows = [
        ("phase", found["phase"]),
        ("rule", found["rule"]),
        ("action", found["action"]),
        ("target", found["target"]),
        ("plan", plan.get("text", "")),
        ("by", found["by"]),
        ("reason", found["reason"]),
        ("created", found["created"]),
        ("started", found["started"] or ""),
        ("finished", found["finished"] or ""),
        ("result", _result(result)),
        ("taken back", _result(undone)),
    ]
    print_table(["REMEDIATION", str(run)], [row for row in rows if row[1]], "")
    if result.get("output"):
        typer.echo(f"\n{result['output'].rstrip()}")


@app.command("plan", epilog="example: lumina remediations plan high-error-rate")
def plan(
    rule: Annotated[str, typer.Argument(help="The rule's id.")],
    url: Url = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Say what a rule's remedy would do now, for its alert if one fires; nothing is done."""
    found = Client(ruler_url(url)).get(f"{BASE}/plan", rule=rule)
    if output is Output.JSON:
        print_json(found)
    else:
        rows = [_step(number, step) for number, step in enumerate(found["steps"])]
        print_table(["WHEN", "ACTION", "MODE", "TIMEOUT", "PLAN"], rows, f"{rule} asks for no remedy")
        if not found["enabled"]:
            talk("a dry run: remediation.enabled is false in ruler.yml")
    raise typer.Exit(1 if any(step["problem"] for step in found["steps"]) else 0)


@app.command("approve", epilog="example: lumina remediations approve 7")
def approve(run: Run, by: By = "", url: Url = None) -> None:
    """Start a run that awaits approval."""
    _decide(run, "approve", by, url)


@app.command("refuse", epilog="example: lumina remediations refuse 7")
def refuse(run: Run, by: By = "", url: Url = None) -> None:
    """End a run that awaits approval."""
    _decide(run, "refuse", by, url)


@app.command("cancel", epilog="example: lumina remediations cancel 7")
def cancel(run: Run, by: By = "", url: Url = None) -> None:
    """End a run, wherever it is; what it executes is ended too."""
    _decide(run, "cancel", by, url)


@app.command("audit", epilog="example: lumina remediations audit --limit 20")
def audit(limit: Limit = 50, url: Url = None, output: OutputOption = Output.TABLE) -> None:
    """List every decision about a remedy with its reason, the latest first."""
    found = Client(ruler_url(url)).get(f"{BASE}/audit", limit=limit)
    if output is Output.JSON:
        print_json(found)
        return
    now_ms = SYSTEM_CLOCK.now_ms()
    rows = [
        (
            age(now_ms - row["at_ms"]),
            str(row["run"] or "–"),
            row["rule"],
            row["action"],
            row["decision"],
            row["by"],
            row["reason"],
        )
        for row in found
    ]
    print_table(["AGO", "RUN", "RULE", "ACTION", "DECISION", "BY", "REASON"], rows, "nothing was decided")


@app.command("breakers", epilog="example: lumina remediations breakers")
def breakers(url: Url = None, output: OutputOption = Output.TABLE) -> None:
    """List the breakers that have counted failures; an open one lets nothing run."""
    found = Client(ruler_url(url)).get(f"{BASE}/breakers")
    if output is Output.JSON:
        print_json(found)
        return
    rows = [(one["rule"], one["action"], str(one["failures"]), one["opened"] or "no") for one in found]
    print_table(["RULE", "ACTION", "FAILURES", "OPEN SINCE"], rows, "no breaker has counted failures")


@app.command("reset", epilog="example: lumina remediations reset high-error-rate restart_service")
def reset(
    rule: Annotated[str, typer.Argument(help="The rule's id.")],
    action: Annotated[str, typer.Argument(help="The action's name.")],
    by: By = "",
    url: Url = None,
) -> None:
    """Close a breaker, so that the rule's action may run again."""
    Client(ruler_url(url)).post(f"{BASE}/breakers/reset", {"rule": rule, "action": action, "by": by})
    talk(f"{action} may run for {rule} again")


def _decide(run: int, decision: str, by: str, url: str | None) -> None:
    Client(ruler_url(url)).post(f"{BASE}/{run}/{decision}", {"by": by})
    done = {"approve": "approved", "refuse": "refused", "cancel": "cancelled"}[decision]
    talk(f"remediation {run}: {done} by {by or 'anonymous'}")


def _row(run: Any) -> tuple[str, ...]:  # noqa: ANN401 - JSON
    since_ms = round(datetime.fromisoformat(run["created"]).timestamp() * 1000)
    reason = run["reason"] or (run["result"] or {}).get("text", "")
    plan = (run["plan"] or {}).get("text", "–")
    since = age(SYSTEM_CLOCK.now_ms() - since_ms)
    return str(run["id"]), run["phase"], run["rule"], run["action"], since, plan, reason


def _step(number: int, step: Any) -> tuple[str, ...]:  # noqa: ANN401 - JSON
    planned = step["plan"]
    when = "at first" if number == 0 else "if that fails"
    timeout = format_duration(planned["timeout_ms"]) if planned else "–"
    return when, step["action"], step["mode"], timeout, planned["text"] if planned else step["problem"]


def _result(result: Any) -> str:  # noqa: ANN401 - JSON
    return ": ".join(part for part in (result.get("outcome", ""), result.get("text", "")) if part)
