"""`lumina query`: a PromQL expression, now or over a range."""

import time
from typing import Annotated, Any

import typer

from lumina.client import Client, ruler_url
from lumina.commands.options import OutputOption, Url
from lumina.output import Output, print_json, print_table
from promkit.duration import parse_duration
from promkit.labels import Labels

__all__ = ["EXAMPLE", "query"]

EXAMPLE = "example: lumina query 'rate(app_requests_total[5m])' --range 1h --step 1m"


def query(
    expr: Annotated[str, typer.Argument(help="A PromQL expression.")],
    range_: Annotated[str | None, typer.Option("--range", help="Over this long up to now, e.g. 1h.")] = None,
    step: Annotated[str, typer.Option(help="Resolution of --range.")] = "1m",
    url: Url = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Evaluate an expression on the ruler."""
    client = Client(ruler_url(url))
    if range_ is None:
        answer = client.get("/api/v1/query", query=expr)
    else:
        end = time.time()
        start, every = end - parse_duration(range_) / 1000, parse_duration(step) / 1000
        answer = client.get("/api/v1/query_range", query=expr, start=start, end=end, step=every)
    if output is Output.JSON:
        print_json(answer)
        return
    print_table(["SERIES", "TIME", "VALUE"], list(_rows(answer)), "no series")


def _rows(answer: Any) -> list[tuple[str, str, str]]:  # noqa: ANN401 - the API's JSON
    if answer["resultType"] in {"scalar", "string"}:
        at, value = answer["result"]
        return [("", _clock(at), value)]
    rows = []
    for series in answer["result"]:
        name = str(Labels(series["metric"]))
        points = series["values"] if "values" in series else [series["value"]]
        rows += [(name if index == 0 else "", _clock(at), value) for index, (at, value) in enumerate(points)]
    return rows


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
