"""`lumina silences`: keep alerts from being told for a while."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from lumina.client import Client, ruler_url
from lumina.commands.alerts import find_alert
from lumina.commands.options import By, OutputOption, Url
from lumina.output import Output, age, print_json, print_table, talk
from promkit.duration import parse_duration
from promkit.errors import ConfigError, Conflict, NotFound
from promkit.process import SYSTEM_CLOCK

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Keep alerts from being told for a while.",
    epilog="example: lumina silences list",
    rich_markup_mode=None,
)

PATH = "/api/v2/silence"
Json = Any  # a JSON document of Alertmanager's API v2
Which = Annotated[str, typer.Argument(help="A silence's id or the start of it.")]


@app.command(
    "add", epilog="example: lumina silences add alertname=HighCPU instance=~'web.*' --for 2h --why deploy"
)
def add(
    matchers: Annotated[
        list[str] | None,
        typer.Argument(help="Matchers that all must fit, as job=web or instance=~'a.*'.", show_default=False),
    ] = None,
    for_: Annotated[str, typer.Option("--for", help="For how long.")] = "1h",
    why: Annotated[str, typer.Option(help="Why: everybody sees it.", show_default=False)] = "",
    alert: Annotated[
        str | None,
        typer.Option(help="Exactly this alert, by id or name, instead of matchers.", show_default=False),
    ] = None,
    by: By = "",
    url: Url = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Silence what fits matchers, or one alert: nobody is told of it until the time is up."""
    duration_ms = parse_duration(for_)
    if duration_ms <= 0:
        raise ConfigError("a silence needs a time above 0", remedy="write --for 2h")
    if not why:
        raise ConfigError("say why", remedy="add --why 'moving the archive'")
    if bool(matchers) == (alert is not None):
        raise ConfigError("give matchers, or --alert", remedy="as: lumina silences add alertname=HighCPU")
    client = Client(ruler_url(url))
    if alert is not None:
        body = {"duration": for_, "by": by, "comment": why}
        id_ = client.post(f"/api/v1/lumina/alerts/{find_alert(client, alert)}/silence", body)["id"]
    else:
        id_ = client.alertmanager("POST", f"{PATH}s", _silence(matchers or [], duration_ms, by, why))[
            "silenceID"
        ]
    if output is Output.JSON:
        print_json({"id": id_})
    else:
        talk(f"silenced for {for_}: {id_}")


@app.command("list", epilog="example: lumina silences list --expired")
def list_silences(
    *,
    expired: Annotated[bool, typer.Option("--expired", help="Those that are over, too.")] = False,
    url: Url = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the silences that hold, and those to come."""
    found = [one for one in _all(Client(ruler_url(url))) if expired or one["status"]["state"] != "expired"]
    if output is Output.JSON:
        print_json(found)
        return
    rows = [
        (one["id"][:8], one["status"]["state"], _matchers(one), one["createdBy"], one["comment"], _ends(one))
        for one in found
    ]
    print_table(["ID", "STATE", "SILENCES", "BY", "WHY", "ENDS"], rows, "no silences")


@app.command("show", epilog="example: lumina silences show 5f0c4e2a")
def show(which: Which, url: Url = None, output: OutputOption = Output.TABLE) -> None:
    """Show one silence, and which of the active alerts it keeps back."""
    client = Client(ruler_url(url))
    found = _find(client, which)
    kept = [
        alert
        for alert in client.alertmanager("GET", "/api/v2/alerts")
        if found["id"] in alert["status"]["silencedBy"]
    ]
    if output is Output.JSON:
        print_json({**found, "alerts": [alert["fingerprint"] for alert in kept]})
        return
    rows = [
        ("id", found["id"]),
        ("state", found["status"]["state"]),
        ("silences", _matchers(found)),
        ("by", found["createdBy"]),
        ("why", found["comment"]),
        ("from", found["startsAt"]),
        ("until", found["endsAt"]),
        *(("keeps back", f"{one['labels'].get('alertname', '')} {one['fingerprint']}") for one in kept),
    ]
    print_table(["WHAT", "SAID"], rows, "nothing")


@app.command("expire", epilog="example: lumina silences expire 5f0c4e2a")
def expire(which: Which, url: Url = None) -> None:
    """End a silence now."""
    client = Client(ruler_url(url))
    found = _find(client, which)
    if found["status"]["state"] == "expired":
        raise Conflict(f"silence {found['id']} is over already")
    client.alertmanager("DELETE", f"{PATH}/{found['id']}")
    talk(f"ended: {found['id']}")


def _silence(written: list[str], duration_ms: int, by: str, why: str) -> Json:
    """A silence as API v2 takes it. QueryError: no matcher."""
    from promkit.matcher_text import parse_matcher  # noqa: PLC0415 - loads re2
    from promkit.matchers import MatchOp  # noqa: PLC0415

    now_ms = SYSTEM_CLOCK.now_ms()
    matchers = [parse_matcher(text) for text in written]
    return {
        "matchers": [
            {
                "name": one.name,
                "value": one.value,
                "isRegex": one.op in {MatchOp.REGEX, MatchOp.NOT_REGEX},
                "isEqual": one.op in {MatchOp.EQUAL, MatchOp.REGEX},
            }
            for one in matchers
        ],
        "startsAt": _iso(now_ms),
        "endsAt": _iso(now_ms + duration_ms),
        "createdBy": by or "anonymous",
        "comment": why,
    }


def _all(client: Client) -> list[Json]:
    found: list[Json] = client.alertmanager("GET", f"{PATH}s")
    return found


def _find(client: Client, which: str) -> Json:
    """The silence that is meant. NotFound: none. Conflict: several."""
    found = [one for one in _all(client) if one["id"].startswith(which)]
    if not found:
        raise NotFound(f"no silence {which!r}", remedy="see: lumina silences list --expired")
    if len(found) > 1:
        raise Conflict(f"{which!r} begins the ids of {len(found)} silences", remedy="give more of it")
    return found[0]


def _matchers(silence: Json) -> str:
    signs = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}
    return " ".join(
        f'{one["name"]}{signs[one["isEqual"], one["isRegex"]]}"{one["value"]}"' for one in silence["matchers"]
    )


def _ends(silence: Json) -> str:
    distance_ms = round(datetime.fromisoformat(silence["endsAt"]).timestamp() * 1000) - SYSTEM_CLOCK.now_ms()
    return f"in {age(distance_ms)}" if distance_ms > 0 else f"{age(-distance_ms)} ago"


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
