"""`lumina models`: those of a running analytics; model files are checked and imported."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from lumina.client import Client, analytics_url
from lumina.commands.options import AnalyticsUrl, Home, OutputOption, yaml_files
from lumina.output import Output, age, figure, print_json, print_table, talk
from promkit.errors import ConfigError, ConfigErrors, Conflict, QueryError, Unavailable
from promkit.process import SYSTEM_CLOCK, Stop

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="See, change and train models; check and import model files.",
    epilog="example: lumina models list",
    rich_markup_mode=None,
)

PATH = "/api/v1/models"
HOME = Path("monitoring")
TRAIN_WAIT_MS = 300_000
TRAIN_LOOK_MS = 1_000
Json = Any  # a JSON document of the API's
Which = Annotated[str, typer.Argument(help="A model's id.")]
File = Annotated[Path, typer.Argument(help="A model file.")]
Files = Annotated[
    list[Path] | None,
    typer.Argument(help="Model files or folders of them; if none, the home's models/.", show_default=False),
]


@app.command("list", epilog="example: lumina models list --output json")
def list_models(url: AnalyticsUrl = None, output: OutputOption = Output.TABLE) -> None:
    """List the models: where each stands, how good it is, when it was trained."""
    found = Client(analytics_url(url)).get(PATH)
    if output is Output.JSON:
        print_json(found)
        return
    rows = [
        (
            one["id"],
            one["type"],
            one["state"] if one["state"] == "ready" else f"{one['state']}: {one['detail']}",
            _accuracy(one),
            f"{one['series_passed']} of {one['series']}",
            _ago(one["trained_ms"]),
        )
        for one in found
    ]
    print_table(["ID", "TYPE", "STATE", "ACCURACY", "PASSED", "TRAINED"], rows, "no models")


@app.command("show", epilog="example: lumina models show cpu-usage-predictor")
def show(which: Which, url: AnalyticsUrl = None, output: OutputOption = Output.TABLE) -> None:
    """Print one model: what it models, how good it is, what it has learned."""
    found = Client(analytics_url(url)).get(f"{PATH}/{which}")
    if output is Output.JSON:
        print_json(found)
        return
    typer.echo("\n".join(_lines(found)))


@app.command("add", epilog="example: lumina models add queue.yml")
def add(file: File, url: AnalyticsUrl = None, output: OutputOption = Output.TABLE) -> None:
    """Add a model; analytics keeps it in its data directory."""
    spec = _spec(file)
    answer = Client(analytics_url(url)).post(PATH, spec)
    _say(answer, f"added {spec['id']}", output)


@app.command("edit", epilog="example: lumina models edit queue queue.yml")
def edit(which: Which, file: File, url: AnalyticsUrl = None, output: OutputOption = Output.TABLE) -> None:
    """Put a file in the place of a model that was added."""
    answer = Client(analytics_url(url)).put(f"{PATH}/{which}", _spec(file))
    _say(answer, f"changed {which}", output)


@app.command("remove", epilog="example: lumina models remove queue")
def remove(which: Which, url: AnalyticsUrl = None, output: OutputOption = Output.TABLE) -> None:
    """Remove a model that was added."""
    answer = Client(analytics_url(url)).delete(f"{PATH}/{which}")
    _say(answer, f"removed {which}", output)


@app.command("train", epilog="example: lumina models train cpu-usage-predictor")
def train(which: Which, url: AnalyticsUrl = None, output: OutputOption = Output.TABLE) -> None:
    """Have a model learn anew now, and say how good it is. Exit code 1: there is nothing to learn from."""
    client = Client(analytics_url(url))
    before = client.get(f"{PATH}/{which}")["trained_ms"]
    found = client.post(f"{PATH}/{which}/train", {})
    until_ms = SYSTEM_CLOCK.monotonic_ms() + TRAIN_WAIT_MS
    while found["trained_ms"] == before:
        if SYSTEM_CLOCK.monotonic_ms() > until_ms:
            raise Unavailable(f"{which} is still learning", client.url, "look again: lumina models list")
        Stop().wait(TRAIN_LOOK_MS)
        found = client.get(f"{PATH}/{which}")
    _say(found, f"{which}: {found['state']}, accuracy {_accuracy(found)}", output)


@app.command("check", epilog="example: lumina models check monitoring/models/*.yml")
def check(files: Files = None, home: Home = HOME, output: OutputOption = Output.TABLE) -> None:
    """Say every fault of model files with file, line and column; exit code 1 if there is any."""
    from analytics.spec import load_models  # noqa: PLC0415 - pydantic is not needed to list

    paths = yaml_files(files, home / "models")
    faults: list[ConfigError] = []
    for path in paths:
        try:
            faults += _of_queries(load_models([path], os.environ)[0])
        except ConfigErrors as error:
            faults += error.faults
        except ConfigError as error:
            faults.append(error)
    if not faults:
        try:
            load_models(paths, os.environ)
        except ConfigError as error:  # two of one id
            faults += error.faults if isinstance(error, ConfigErrors) else [error]
    if output is Output.JSON:
        print_json(
            [{"where": str(one.where), "problem": one.problem, "remedy": one.remedy} for one in faults]
        )
    else:
        for fault in faults:
            typer.echo(str(fault))
        talk(f"{len(paths)} files: {len(faults)} faults")
    raise typer.Exit(1 if faults else 0)


@app.command("import", epilog="example: lumina models import models.json")
def import_models(file: File, home: Home = HOME, output: OutputOption = Output.TABLE) -> None:
    """Write model objects of the specification's own spelling as model files; nothing is overwritten."""
    from analytics.imported import read  # noqa: PLC0415 - as above
    from promkit.config import read_text  # noqa: PLC0415
    from promkit.files import write_whole  # noqa: PLC0415

    found = read(read_text(file), str(file))
    paths = {home / "models" / f"{spec.id}.yml": spec.as_text() for spec in found.specs}
    there = [str(path) for path in paths if path.exists()]
    if there:
        raise Conflict("there are such files already", ", ".join(there), "move them away, or give --home")
    for path, text in paths.items():
        write_whole(path, text)
    for note in found.notes:
        talk(note)
    if output is Output.JSON:
        print_json({"written": [str(path) for path in paths], "notes": list(found.notes)})
    else:
        for path in paths:
            typer.echo(str(path))


def _spec(file: Path) -> dict[str, Json]:
    """What a model file says, checked here so that a fault is told at its line."""
    from analytics.spec import load_models  # noqa: PLC0415 - as above

    spec = load_models([file], os.environ)[0]
    faults = _of_queries(spec)
    if faults:
        raise ConfigErrors(faults) if len(faults) > 1 else faults[0]
    return dict(spec.model_dump(mode="json", exclude_defaults=True))


def _of_queries(spec: Any) -> list[ConfigError]:  # noqa: ANN401 - a ModelSpec, which is imported late
    """Faults of the PromQL in a model."""
    from promkit.config import where  # noqa: PLC0415 - as above
    from ruler.promql import parse  # noqa: PLC0415

    found = []
    for key, texts in (("target", [spec.target]), ("features", spec.features)):
        for text in texts:
            try:
                parse(text)
            except QueryError as error:
                found.append(ConfigError(f"{key}: {text!r}: {error.problem}", where(spec, key), error.remedy))
    return found


def _lines(one: Json) -> list[str]:
    learned = one["model_data"]
    rows = [
        ("id", one["id"]),
        ("name", one["name"]),
        ("type", one["type"]),
        ("target", one["target"]),
        *(("feature", f"{name} ({count} series)") for name, count in one["features"].items()),
        ("state", f"{one['state']} {one['detail']}".strip()),
        ("accuracy", _accuracy(one)),
        ("error", f"{figure(one['error_ratio']['last_value'])} of the last value's"),
        ("passed", f"{one['series_passed']} of {one['series']} series"),
        ("trained", _ago(one["trained_ms"])),
    ]
    if learned:
        rows.append(
            ("learned", f"{learned['what']}; {learned['numbers']} numbers of {learned['series']} series")
        )
        rows += [("", f"{figure(value):>10}  {name}") for name, value in learned["values"].items()]
    return [f"{name:<9} {value}".rstrip() for name, value in rows]


def _accuracy(one: Json) -> str:
    return "–" if one["accuracy"] is None else f"{one['accuracy']:.0%} ({one['accuracy_from']})"


def _ago(at_ms: int | None) -> str:
    return "never" if at_ms is None else age(SYSTEM_CLOCK.now_ms() - at_ms) + " ago"


def _say(answer: Json, line: str, output: Output) -> None:
    if output is Output.JSON:
        print_json(answer)
    else:
        talk(line)
