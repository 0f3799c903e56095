"""`lumina rules` of a running ruler: list, add, edit, remove, enable, disable; and import."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
import yaml

from lumina.client import Client, ruler_url
from lumina.commands.options import By, OutputOption, Url
from lumina.commands.texts import edited, given
from lumina.output import Output, print_json, print_table, talk
from promkit.errors import ConfigError, Conflict

__all__ = ["COMMANDS"]

PATH = "/api/v1/lumina/rules"
EXPR_LETTERS_MAX = 60  # in the table; JSON has all of it
Json = Any  # a JSON document of the API's
Which = Annotated[str, typer.Argument(help="A rule's id.")]
File = Annotated[Path | None, typer.Argument(help="YAML or JSON; - for standard input.", show_default=False)]
Text = Annotated[str | None, typer.Option(show_default=False)]
Number = Annotated[float | None, typer.Option(show_default=False)]
Span = Annotated[str | None, typer.Option(help="As 90s or 5m.", show_default=False)]
Channels = Annotated[list[str] | None, typer.Option("--channel", help="Who is told; may be repeated.")]
Condition = Annotated[str | None, typer.Option(help="gt, lt, ge, le, eq or ne.", show_default=False)]


def list_rules(
    state: Annotated[str, typer.Option(help="inactive, pending, firing, recovering, off or error.")] = "",
    severity: Annotated[str, typer.Option(help="critical, high, medium, low or info alone.")] = "",
    url: Url = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the rules in force: state, when they fire, the file they stand in, and who made them."""
    found = Client(ruler_url(url)).get(PATH, state=state or None, severity=severity or None)
    if output is Output.JSON:
        print_json(found)
        return
    rows = [
        (
            rule["id"],
            rule["state"],
            rule["severity"] or "–",
            _cut(rule["expr"]),
            f"{rule['file']}:{rule['line']}",
            rule["changed_by"] or rule["created_by"] or "–",
        )
        for rule in found
    ]
    print_table(["ID", "STATE", "SEVERITY", "EXPRESSION", "FILE", "BY"], rows, "no rules")


def add(
    file: File = None,
    id_: Annotated[str | None, typer.Option("--id", show_default=False)] = None,
    name: Text = None,
    description: Text = None,
    metric: Text = None,
    condition: Condition = None,
    threshold: Number = None,
    duration: Span = None,
    severity: Text = None,
    cooldown: Span = None,
    channel: Channels = None,
    by: By = "",
    url: Url = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Add rules from a file or flags; the ruler keeps them in rules/api.yml, beside ruler.yml."""
    flags = _flags(
        id=id_, name=name, description=description, metric=metric, condition=condition, threshold=threshold,
        duration=duration, severity=severity, cooldown=cooldown, channels=channel,
    )  # fmt: skip
    if (file is None) is (not flags):
        raise ConfigError("name a file, or give a rule by flags", "lumina rules add", "see --help")
    rules = [flags] if file is None else _rules(*given(file))
    client = Client(ruler_url(url))
    added = [client.post(PATH, rule, by=by or None) for rule in rules]
    _say(added, "added", output)


def edit(
    which: Which,
    file: Annotated[
        Path | None,
        typer.Argument(help="The new text, - for standard input; if none, $EDITOR.", show_default=False),
    ] = None,
    name: Text = None,
    description: Text = None,
    metric: Text = None,
    condition: Condition = None,
    threshold: Number = None,
    duration: Span = None,
    severity: Text = None,
    cooldown: Span = None,
    channel: Channels = None,
    by: By = "",
    url: Url = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Change a rule that was added: by flags, a file, or in $EDITOR."""
    flags = _flags(
        name=name, description=description, metric=metric, condition=condition, threshold=threshold,
        duration=duration, severity=severity, cooldown=cooldown, channels=channel,
    )  # fmt: skip
    if file is not None and flags:
        raise ConfigError("give a file or flags, not both", "lumina rules edit")
    client = Client(ruler_url(url))
    there, etag = client.read(_path(which))
    before = there["written"]
    if before is None:
        place = f"{there['file']}:{there['line']}"
        raise Conflict(f"rule {which!r} belongs to a file of its own", place, "change it there")
    if flags:
        after = {**before, **flags}
    else:
        text = yaml.safe_dump(before, sort_keys=False, allow_unicode=True)
        (after,) = _one(*(edited(text, "rule") if file is None else given(file)))
        if after == before:
            talk(f"{which} is as it was")
            return
    _say([client.put(_path(which), after, etag, by=by or None)], "changed", output)


def remove(which: Which, by: By = "", url: Url = None, output: OutputOption = Output.TABLE) -> None:
    """Remove a rule that was added; its alerts end."""
    _say([Client(ruler_url(url)).delete(_path(which), by=by or None)], "removed", output)


def enable(which: Which, by: By = "", url: Url = None, output: OutputOption = Output.TABLE) -> None:
    """Evaluate a rule of any file again; its file stays as it is."""
    _switch(which, {"enabled": True, "by": by}, url, output)


def disable(
    which: Which,
    for_: Annotated[
        str | None, typer.Option("--for", help="For so long, as 2h; else until it is enabled.")
    ] = None,
    by: By = "",
    url: Url = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Stop evaluating a rule of any file, for a time or for good; its alerts end."""
    _switch(which, {"enabled": False, "by": by, "expires": for_}, url, output)


def import_rules(
    file: Annotated[Path, typer.Argument(help="JSON or YAML; - for standard input.")],
    write: Annotated[
        Path | None, typer.Option(help="Write this rule file instead of printing it.", show_default=False)
    ] = None,
    by: By = "",
    url: Annotated[
        str | None, typer.Option("--url", help="Add them to this running ruler instead.", show_default=False)
    ] = None,
) -> None:
    """Convert rules of the specification's spelling, as system.cpu.usage > 80, and say what became what."""
    from lumina.rule_import import import_rules as convert  # noqa: PLC0415 - pydantic, and the ruler's rooms
    from lumina.rule_import import rules_of  # noqa: PLC0415
    from promkit.files import write_whole  # noqa: PLC0415
    from ruler.rules import RuleContext, check_rule  # noqa: PLC0415

    text, source = given(file)
    found = convert(rules_of(text, source))
    for one in found:
        try:
            check_rule(one.rule, source, RuleContext(any_name=True))
        except ConfigError as error:
            raise ConfigError(str(error), f"{source}: rule {one.rule.get('id')!r}") from None
    for one in found:
        talk(one.said)
    if url is not None:
        client = Client(ruler_url(url))
        _say([client.post(PATH, one.rule, by=by or None) for one in found], "added", Output.TABLE)
        return
    document = {"rules": [one.rule for one in found]}
    made = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    if write is None:
        typer.echo(made, nl=False)
        return
    if write.exists():
        raise ConfigError("is there already", str(write), "name another file")
    write_whole(write, made)
    talk(f"wrote {write}: see it with `lumina rules check {write}`")


COMMANDS = (
    ("list", list_rules, "lumina rules list --state firing"),
    ("add", add, "lumina rules add --id hot --metric temperature --condition gt --threshold 30"),
    ("edit", edit, "lumina rules edit hot --threshold 35"),
    ("remove", remove, "lumina rules remove hot"),
    ("enable", enable, "lumina rules enable high-cpu-usage"),
    ("disable", disable, "lumina rules disable high-cpu-usage --for 2h"),
    ("import", import_rules, "lumina rules import old-rules.json > rules/imported.yml"),
)


def _cut(expr: str) -> str:
    return expr if len(expr) <= EXPR_LETTERS_MAX else expr[: EXPR_LETTERS_MAX - 1] + "…"


def _path(which: str) -> str:
    return f"{PATH}/{quote(which, safe='')}"


def _switch(which: str, body: Json, url: str | None, output: Output) -> None:
    answer = Client(ruler_url(url)).post(f"{_path(which)}/switch", body)
    if output is Output.JSON:
        print_json(answer)
    else:
        talk(f"{which} is {'on' if body['enabled'] else 'off'}")


def _flags(**given_: Json) -> dict[str, Json]:
    return {key: value for key, value in given_.items() if value not in (None, [])}


def _rules(text: str, source: str) -> list[Json]:
    from lumina.rule_import import rules_of  # noqa: PLC0415 - pydantic is not needed to list

    return rules_of(text, source)


def _one(text: str, source: str) -> list[Json]:
    rules = _rules(text, source)
    if len(rules) != 1:
        raise ConfigError(f"has {len(rules)} rules, where one is changed", source)
    return rules


def _say(rules: list[Json], deed: str, output: Output) -> None:
    if output is Output.JSON:
        print_json(rules)
        return
    for rule in rules:
        where = f", in {rule['file']}" if "file" in rule else ""
        talk(f"{deed} {rule['id']}{where}")
