"""Prometheus' HTTP API v1: what Grafana, promtool and every client library speak."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response, StreamingResponse

from promkit.errors import QueryError
from promkit.web import needs
from promkit.web_config import Role
from ruler.api.context import NowMs, Ruler, TheRuler
from ruler.api.errors import NotExecuted
from ruler.api.parameters import TheParameters
from ruler.api.wire import result_json, success
from ruler.promql import Node, pretty, tree, value_type

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["Prometheus"])
READS = [Depends(needs(Role.VIEWER))]  # although a POST

_STEPS_MAX = 11_000
Json = Any  # a JSON document: its shape is the API's, said in each docstring


@router.api_route("/query", methods=["GET", "POST"], dependencies=READS)
def query(ruler: TheRuler, parameters: TheParameters, now_ms: NowMs) -> Response:
    """Evaluate an expression at one instant."""
    node = _expression(ruler, parameters)
    at_ms, lookback_ms = parameters.instant("time", now_ms), parameters.span("lookback_delta")
    deadline_ms = _deadline_ms(ruler, parameters)
    with _executing():
        result = ruler.engine.instant(node, at_ms, lookback_ms=lookback_ms, deadline_ms=deadline_ms)
    return _answer(result_json(result), result.warnings, result.infos)


@router.api_route("/query_range", methods=["GET", "POST"], dependencies=READS)
def query_range(ruler: TheRuler, parameters: TheParameters) -> Response:
    """Evaluate an expression over a range of time."""
    start_ms = parse_required(parameters, "start")
    end_ms = parse_required(parameters, "end")
    step_ms = parameters.span("step") or 0
    if end_ms < start_ms:
        raise QueryError('invalid parameter "end": end timestamp must not be before start time')
    if step_ms <= 0:
        raise QueryError(
            'invalid parameter "step": zero or negative query resolution step widths are not accepted. '
            "Try a positive integer"
        )
    if (end_ms - start_ms) // step_ms > _STEPS_MAX:
        raise QueryError(
            "exceeded maximum resolution of 11,000 points per timeseries. "
            "Try decreasing the query resolution (?step=XX)"
        )
    node = _expression(ruler, parameters)
    if value_type(node) not in {"scalar", "vector"}:
        raise QueryError(
            f'invalid parameter "query": invalid expression type "{_TYPES[value_type(node)]}" '
            "for range query, must be Scalar or instant Vector"
        )
    lookback_ms, deadline_ms = parameters.span("lookback_delta"), _deadline_ms(ruler, parameters)
    with _executing():
        result = ruler.engine.range(
            node, start_ms, end_ms, step_ms, lookback_ms=lookback_ms, deadline_ms=deadline_ms
        )
    return _answer(result_json(result), result.warnings, result.infos)


_TYPES = {"matrix": "range vector", "string": "string"}


def _expression(ruler: Ruler, parameters: TheParameters) -> Node:
    """The parameter `query`, parsed. QueryError: it is missing, or no expression."""
    text = parameters.required("query")
    try:
        return ruler.engine.parse(text)
    except QueryError as error:
        problem = f"{error.where}: {error.problem}" if error.where else error.problem
        raise QueryError(f'invalid parameter "query": {problem}', position=error.position) from None


@contextmanager
def _executing() -> Iterator[None]:
    """What a right expression meets in its data is another kind of error."""
    try:
        yield
    except QueryError as error:
        raise NotExecuted(error.problem, error.where) from None


def _deadline_ms(ruler: Ruler, parameters: TheParameters) -> int | None:
    timeout_ms = parameters.span("timeout")
    return None if timeout_ms is None else ruler.clock.monotonic_ms() + timeout_ms


def parse_required(parameters: TheParameters, name: str) -> int:
    """An instant that must be given. QueryError: it is missing."""
    parameters.required(name)
    return parameters.instant(name, 0)


@router.api_route("/format_query", methods=["GET", "POST"], dependencies=READS)
def format_expression(ruler: TheRuler, parameters: TheParameters) -> Json:
    """Write an expression as Prometheus would."""
    return success(pretty(_expression(ruler, parameters)))


@router.api_route("/parse_query", methods=["GET", "POST"], dependencies=READS)
def parse_expression(ruler: TheRuler, parameters: TheParameters) -> Json:
    """An expression as a tree."""
    return success(tree(_expression(ruler, parameters)))


@router.api_route("/series", methods=["GET", "POST"], dependencies=READS)
def series(ruler: TheRuler, parameters: TheParameters) -> Json:
    """Label sets that match."""
    selectors = parameters.selectors()
    if not selectors:
        raise QueryError("no match[] parameter provided")
    found = ruler.store.series(selectors, *parameters.window())
    return _limited([dict(labels.items()) for labels in found], parameters.limit())


@router.api_route("/labels", methods=["GET", "POST"], dependencies=READS)
def label_names(ruler: TheRuler, parameters: TheParameters) -> Json:
    """Label names that are in use."""
    found = ruler.store.label_names(parameters.selectors(), *parameters.window())
    return _limited(found, parameters.limit())


@router.get("/label/{name}/values")
def label_values(name: str, ruler: TheRuler, parameters: TheParameters) -> Json:
    """Values that a label has."""
    found = ruler.store.label_values(_unescaped(name), parameters.selectors(), *parameters.window())
    return _limited(found, parameters.limit())


def _unescaped(name: str) -> str:
    # Names that are not classic ones come as U__, with _20_ for a blank and __ for an underscore
    # (Prometheus' value-encoding escape scheme).
    if not name.startswith("U__"):
        return name
    text, rest = [], name[3:]
    while rest:
        if rest[0] != "_":
            text.append(rest[0])
            rest = rest[1:]
        elif rest.startswith("__"):
            text.append("_")
            rest = rest[2:]
        else:
            code, closed, after = rest[1:].partition("_")
            if not closed or not code or any(digit not in "0123456789abcdefABCDEF" for digit in code):
                return name
            text.append(chr(int(code, 16)))
            rest = after
    return "".join(text)


@router.get("/metadata")
def metadata(ruler: TheRuler, parameters: TheParameters) -> Json:
    """Type, help and unit of each metric, as its targets told."""
    wanted = parameters.text("metric")
    known: Mapping[str, tuple[str, str, str]] = ruler.store.metadata()
    names = [name for name in sorted(known) if not wanted or name == wanted]
    if parameters.text("limit"):
        names = names[: parameters.limit()]
    facts = {name: known[name] for name in names}
    return success({name: [{"type": t, "help": h, "unit": u}] for name, (t, h, u) in facts.items()})


def _limited(found: list[Json], limit: int) -> Json:
    if limit and len(found) > limit:
        return success(found[:limit]) | {"warnings": ["results truncated due to limit"]}
    return success(found)


def _answer(pieces: Iterator[str], warnings: Iterable[str], infos: Iterable[str]) -> StreamingResponse:
    def body() -> Iterator[str]:
        yield '{"status":"success","data":'
        yield from pieces
        for name, remarks in (("warnings", list(warnings)), ("infos", list(infos))):
            if remarks:
                yield f',"{name}":{json.dumps(remarks)}'
        yield "}"

    return StreamingResponse(body(), media_type="application/json")
