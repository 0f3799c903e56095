"""Prometheus' HTTP API v1, the other half: targets, rules, alerts, and the ruler's own status."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from fastapi import APIRouter

from promkit.duration import format_duration
from promkit.errors import QueryError
from ruler.alerts import Alert, Phase
from ruler.api.context import Ruler, TheRuler
from ruler.api.parameters import TheParameters
from ruler.api.watched import watched_by
from ruler.api.wire import float_text, iso, success
from ruler.loop import RuleStatus
from ruler.rules import Group, Rule, RuleKind

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["Prometheus"])

Json = Any  # a JSON document: its shape is the API's, said in each docstring


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
    return success({"activeTargets": active if state != "dropped" else [], "droppedTargets": []})


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
    return success({"groups": found})


@router.get("/alerts")
def alerts(ruler: TheRuler) -> Json:
    """Alerts of rules that are pending or firing."""
    return success({"alerts": [_alert_view(alert) for alert in ruler.book.alerts() if alert.rule]})


@router.get("/alertmanagers")
def alertmanagers() -> Json:
    """Other Alertmanagers that alerts are sent to: none, the ruler delivers itself."""
    return success({"activeAlertmanagers": [], "droppedAlertmanagers": []})


@router.get("/status/buildinfo")
def build_info() -> Json:
    """Versions; `version` is the Prometheus whose API and language this is."""
    return success(
        {"version": "3.5.0", "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": ""}
        | {"application": "Lumina Monitor"}
    )


@router.get("/status/config")
def config(ruler: TheRuler) -> Json:
    """The configuration in force, without secrets."""
    return success({"yaml": ruler.settings.config_text()})


@router.get("/status/flags")
def flags(ruler: TheRuler) -> Json:
    """The command line in force."""
    return success(ruler.settings.flags)


@router.get("/status/runtimeinfo")
def runtime_info(ruler: TheRuler) -> Json:
    """When it started, what it keeps."""
    return success(
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
