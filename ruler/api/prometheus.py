"""Prometheus' HTTP API v1: what Grafana, promtool and every client library speak."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from fastapi import APIRouter, Depends
from fastapi.responses import Response, StreamingResponse

from promkit.duration import format_duration
from promkit.errors import QueryError
from promkit.web import needs
from promkit.web_config import Role
from ruler.alerts import Alert, Phase
from ruler.api.context import NowMs, Ruler, TheRuler
from ruler.api.errors import NotExecuted
from ruler.api.parameters import TheParameters
from ruler.api.watched import watched_by
from ruler.api.wire import float_text, iso, result_json
from ruler.loop import RuleStatus
from ruler.promql import Node, pretty, value_type
from ruler.rules import Group, Rule, RuleKind

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
    return _success(pretty(_expression(ruler, parameters)))


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
    wanted, limit = parameters.text("metric"), parameters.text("limit")
    known: Mapping[str, tuple[str, str, str]] = ruler.store.metadata()
    names = [name for name in sorted(known) if not wanted or name == wanted]
    if limit and int(limit) >= 0:
        names = names[: int(limit)]
    facts = {name: known[name] for name in names}
    return _success({name: [{"type": t, "help": h, "unit": u}] for name, (t, h, u) in facts.items()})


@router.get("/targets")
def targets(ruler: TheRuler, parameters: TheParameters) -> Json:
    """What is scraped, and how that goes."""
    state = parameters.text("state", "any")
    pool = parameters.text("scrapePool")
    active = [
        {
            "discoveredLabels": dict(target.discovered_labels.items()),
            "labels": dict(target.labels.items()),
            "scrapePool": target.job,
            "scrapeUrl": target.url,
            "globalUrl": target.url,
            "lastError": target.last_error,
            "errorClass": target.error_class,
            "lastScrape": iso(target.last_scrape_ms),
            "lastScrapeDuration": target.duration_ms / 1000,
            "health": target.health,
            "scrapeInterval": format_duration(target.interval_ms),
            "scrapeTimeout": format_duration(target.timeout_ms),
        }
        for target in ruler.scraper.targets()
        if pool in {"", target.job}
    ]
    return _success({"activeTargets": active if state != "dropped" else [], "droppedTargets": []})


@router.get("/rules")
def rules(ruler: TheRuler, parameters: TheParameters) -> Json:
    """Rule groups with the state of each rule; `lumina` says what a threshold rule watches."""
    kind = parameters.text("type")
    if kind not in {"", "alert", "record"}:
        raise QueryError(f"not supported value {kind!r}", remedy="write alert or record")
    names, groups, files = (set(parameters.all(f"{what}[]")) for what in ("rule_name", "rule_group", "file"))
    with_alerts = not parameters.flag("exclude_alerts", default=False)
    active = _by_rule(ruler.book.alerts()) if with_alerts else {}
    found = []
    for group in ruler.loop.groups():
        if (groups and group.name not in groups) or (files and group.file not in files):
            continue
        views = [
            _rule_view(ruler, rule, active.get(rule.id, []))
            for rule in group.rules
            if kind in {"", rule.kind.value} and (not names or rule.name in names)
        ]
        if views or not (names or kind):
            found.append(_group_view(ruler, group, views))
    return _success({"groups": found})


@router.get("/alerts")
def alerts(ruler: TheRuler) -> Json:
    """Alerts of rules that are pending or firing."""
    return _success({"alerts": [_alert_view(alert) for alert in ruler.book.alerts() if alert.rule]})


@router.get("/alertmanagers")
def alertmanagers() -> Json:
    """Other Alertmanagers that alerts are sent to: none, the ruler delivers itself."""
    return _success({"activeAlertmanagers": [], "droppedAlertmanagers": []})


@router.get("/status/buildinfo")
def build_info() -> Json:
    """Versions; `version` is the Prometheus whose API and language this is."""
    return _success(
        {"version": "3.5.0", "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": ""}
        | {"application": "Lumina Monitor"}
    )


@router.get("/status/config")
def config(ruler: TheRuler) -> Json:
    """The configuration in force, without secrets."""
    return _success({"yaml": ruler.settings.config_text()})


@router.get("/status/flags")
def flags(ruler: TheRuler) -> Json:
    """The command line in force."""
    return _success(ruler.settings.flags)


@router.get("/status/runtimeinfo")
def runtime_info(ruler: TheRuler) -> Json:
    """When it started, what it keeps."""
    return _success(
        {
            "startTime": iso(ruler.started_ms),
            "reloadConfigSuccess": ruler.loop.reload_succeeded,
            "storageRetention": format_duration(ruler.settings.storage.retention_ms),
            "timeSeriesCount": ruler.store.stats().series,
        }
    )


def _group_view(ruler: Ruler, group: Group, views: list[Json]) -> Json:
    status = ruler.loop.group_status(group)
    return {
        "name": group.name,
        "file": group.file,
        "rules": views,
        "interval": group.interval_ms / 1000,
        "limit": group.limit,
        "evaluationTime": status.took_ms / 1000,
        "lastEvaluation": iso(status.evaluated_ms),
    }


def _rule_view(ruler: Ruler, rule: Rule, active: list[Alert]) -> Json:
    status: RuleStatus = ruler.loop.rule_status(rule)
    view: dict[str, Json] = {
        "name": rule.name,
        "query": rule.expr,
        "labels": dict(rule.labels.items()),
        "health": status.health,
        "evaluationTime": status.took_ms / 1000,
        "lastEvaluation": iso(status.evaluated_ms),
        "type": "alerting" if rule.kind is RuleKind.ALERT else "recording",
    }
    if status.error:
        view["lastError"] = status.error
    if rule.kind is RuleKind.ALERT:
        view |= {
            "state": _worst(active),
            "duration": rule.timing.for_ms / 1000,
            "keepFiringFor": rule.timing.keep_firing_ms / 1000,
            "annotations": dict(rule.annotations),
            "alerts": [_alert_view(alert) for alert in active],
        }
        if (watched := _watched(rule)) is not None:
            view["lumina"] = watched
    return view


def _watched(rule: Rule) -> Json | None:
    """`metric condition threshold` of a rule of that shape, as analytics needs it for time to breach."""
    watched = watched_by(rule)
    if watched is None:
        return None
    return {
        "id": rule.id,
        "metric": watched.metric,
        "condition": watched.comparison.value,
        "threshold": watched.threshold,
        "for_ms": rule.timing.for_ms,
        "labels": dict(rule.labels.items()),
        "severity": rule.severity,
    }


def _alert_view(alert: Alert) -> Json:
    return {
        "labels": dict(alert.labels.items()),
        "annotations": dict(alert.annotations),
        "state": "pending" if alert.phase is Phase.PENDING else "firing",
        "activeAt": iso(alert.active_ms),
        "value": _exponent(alert.value),
    }


def _exponent(value: float | None) -> str:
    """Go's %e with the fewest digits: 1e+00."""
    if value is None or not math.isfinite(value):
        return float_text(math.nan if value is None else value)
    return np.format_float_scientific(value, trim="-")


def _worst(active: Iterable[Alert]) -> str:
    states = {"pending" if alert.phase is Phase.PENDING else "firing" for alert in active}
    return "firing" if "firing" in states else "pending" if states else "inactive"


def _by_rule(active: Iterable[Alert]) -> dict[str, list[Alert]]:
    found: dict[str, list[Alert]] = {}
    for alert in active:
        found.setdefault(alert.rule, []).append(alert)
    return found


def _success(data: Json) -> Json:
    return {"status": "success", "data": data}


def _limited(found: list[Json], limit: int) -> Json:
    if limit and len(found) > limit:
        return _success(found[:limit]) | {"warnings": ["results truncated due to limit"]}
    return _success(found)


def _answer(pieces: Iterator[str], warnings: Iterable[str], infos: Iterable[str]) -> StreamingResponse:
    def body() -> Iterator[str]:
        yield '{"status":"success","data":'
        yield from pieces
        for name, remarks in (("warnings", list(warnings)), ("infos", list(infos))):
            if remarks:
                yield f',"{name}":{json.dumps(remarks)}'
        yield "}"

    return StreamingResponse(body(), media_type="application/json")
