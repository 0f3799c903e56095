"""`lumina alerts`: list, acknowledge, resolve."""

from datetime import datetime
from typing import Annotated, Any

import typer

from lumina.client import Client, ruler_url
from lumina.commands.options import By, OutputOption, Url
from lumina.output import Output, age, figure, print_json, print_table, talk
from promkit.duration import parse_duration
from promkit.errors import Conflict, NotFound
from promkit.labels import Labels
from promkit.process import SYSTEM_CLOCK

__all__ = ["app", "find_alert"]

app = typer.Typer(
    no_args_is_help=True,
    help="See and take on alerts.",
    epilog="example: lumina alerts list",
    rich_markup_mode=None,
)

Which = Annotated[str, typer.Argument(help="An alert's id or the start of it, or a name that one alert has.")]


@app.command("list", epilog="example: lumina alerts list --severity critical")
def list_alerts(
    severity: Annotated[str, typer.Option(help="critical, high, medium, low or info alone.")] = "",
    hours: Annotated[float, typer.Option(help="Resolved ones of so many hours instead of the active.")] = 0,
    url: Url = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the active alerts, or those that resolved."""
    found = Client(ruler_url(url)).get(
        "/api/v1/lumina/alerts", severity=severity or None, hours=hours or None
    )
    if output is Output.JSON:
        print_json(found)
        return
    now_ms = SYSTEM_CLOCK.now_ms()
    rows = [
        (
            alert["id"],
            alert["severity"] or "–",
            alert["phase"] if alert["status"] == "active" else alert["status"],
            str(Labels(alert["labels"]).without(("severity",))),
            figure(alert["value"]),
            age(now_ms - round(datetime.fromisoformat(alert["triggered"]).timestamp() * 1000)),
            alert["message"],
        )
        for alert in found
    ]
    print_table(["ID", "SEVERITY", "STATE", "ALERT", "VALUE", "SINCE", "MESSAGE"], rows, "no alerts")


@app.command("ack", epilog="example: lumina alerts ack 3fff2c2d7595e046 --comment 'on it' --for 2h")
def acknowledge(
    which: Which,
    comment: Annotated[str, typer.Option(help="A note for the timeline.")] = "",
    for_: Annotated[str | None, typer.Option("--for", help="It speaks up again after this long.")] = None,
    by: By = "",
    url: Url = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Take an alert on: escalation and repeats stop."""
    if for_ is not None:
        parse_duration(for_)
    body = {"by": by, "comment": comment, "expires": for_}
    _act(Client(ruler_url(url)), which, "acknowledge", body, output)


@app.command("resolve", epilog="example: lumina alerts resolve 3fff2c2d7595e046")
def resolve(which: Which, by: By = "", url: Url = None, output: OutputOption = Output.TABLE) -> None:
    """Close an alert; it fires again only after its condition was false once."""
    _act(Client(ruler_url(url)), which, "resolve", {"by": by}, output)


@app.command("escalate", epilog="example: lumina alerts escalate 3fff2c2d7595e046")
def escalate(
    which: Which,
    level: Annotated[
        int | None,
        typer.Option(help="This level of its escalation, instead of the next.", show_default=False),
    ] = None,
    by: By = "",
    url: Url = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Call for the next of an alert's escalation now."""
    client = Client(ruler_url(url))
    fingerprint = find_alert(client, which)
    alert = client.post(f"/api/v1/lumina/alerts/{fingerprint}/escalate", {"level": level, "by": by})
    if output is Output.JSON:
        print_json(alert)
    else:
        talk(f"{alert['name']} {fingerprint}: at level {alert['escalation_level']}")


@app.command("explain", epilog="example: lumina alerts explain 3fff2c2d7595e046")
def explain(which: Which, url: Url = None, output: OutputOption = Output.TABLE) -> None:
    """Say what was or will be sent about an alert, to whom, when and why, or why not."""
    client = Client(ruler_url(url))
    found = client.get(f"/api/v1/lumina/alerts/{find_alert(client, which)}/explain")
    if output is Output.JSON:
        print_json(found)
        return
    now_ms = SYSTEM_CLOCK.now_ms()
    rows = [
        (
            one["receiver"],
            one.get("integration", "–"),
            "–" if one.get("next_ms") is None else f"in {age(one['next_ms'] - now_ms)}",
            one["why"],
        )
        for one in found["receivers"]
    ]
    print_table(["RECEIVER", "BY", "NEXT", "WHY"], rows, "nobody hears of it beyond the page and the log")
    if found["escalation"] is not None:
        talk(climbing(found["escalation"], now_ms))


def climbing(escalation: Any, now_ms: int) -> str:  # noqa: ANN401 - JSON
    """Where an escalation stands, and who is told next, in a line."""
    named = f" of {escalation['policy']}" if escalation["policy"] else ""
    line = f"escalation: level {escalation['level']} of {escalation['levels']}{named}"
    following = escalation["next"]
    if following is not None:
        when = "when nothing holds it" if escalation["held"] else f"in {age(following['at_ms'] - now_ms)}"
        line += f"; next level {following['level']}: {', '.join(following['to'])}, {when}"
    return line + (f" ({escalation['why']})" if escalation["why"] else "")


def _act(client: Client, which: str, deed: str, body: Any, output: Output) -> None:  # noqa: ANN401 - JSON
    fingerprint = find_alert(client, which)
    alert = client.post(f"/api/v1/lumina/alerts/{fingerprint}/{deed}", body)
    if output is Output.JSON:
        print_json(alert)
    else:
        talk(f"{alert['name']} {fingerprint}: {deed}d by {body['by'] or 'anonymous'}")


def find_alert(client: Client, which: str) -> str:
    """The id that is meant. NotFound: none. Conflict: several."""
    found = client.get("/api/v1/lumina/alerts")
    ids = [alert["id"] for alert in found if alert["id"].startswith(which) or alert["name"] == which]
    if not ids:
        raise NotFound(f"no active alert is called {which!r}", remedy="see: lumina alerts list")
    if len(ids) > 1:
        raise Conflict(f"{which!r} stands for {len(ids)} alerts", remedy=f"give an id: {', '.join(ids[:5])}")
    return str(ids[0])
