"""Alertmanager's HTTP API v2, as its OpenAPI document has it: for amtool, karma, Grafana and Prometheus."""

import contextlib
import platform
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import TypeAdapter, ValidationError

from promkit.errors import Conflict, LuminaError, NotFound
from promkit.matcher_text import parse_matchers
from promkit.matchers import Matcher, MatchOp, compile_anchored
from promkit.web import needs
from promkit.web_config import Role
from ruler.alerts import Alert, Silence
from ruler.api.context import ALERTMANAGER_VERSION, NowMs, Ruler, TheRuler
from ruler.api.parameters import Parameters, TheParameters
from ruler.api.posted import AlertBody, SilenceBody, posted_alert, posted_silence
from ruler.api.wire import iso
from ruler.delivery import GroupView

__all__ = ["router"]

router = APIRouter(prefix="/api/v2", tags=["Alertmanager"])
OPERATORS = [Depends(needs(Role.OPERATOR))]

ALERTS_MAX = 10_000  # of one POST
_TRUE = frozenset({"true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"})
Json = Any  # a JSON document: its shape is the API's


_ALERTS = TypeAdapter(list[AlertBody])


@router.get("/status")
def status(ruler: TheRuler) -> Json:
    """Version, uptime and the delivery configuration in force."""
    return {
        "cluster": {"status": "disabled", "peers": []},
        "versionInfo": {
            "version": ALERTMANAGER_VERSION,
            "revision": "",
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": f"python{platform.python_version()}",
        },
        "config": {"original": ruler.settings.delivery_text()},
        "uptime": iso(ruler.started_ms),
    }


@router.get("/receivers")
def receivers(ruler: TheRuler) -> Json:
    """The names of the receivers that reach somebody, or that routes name."""
    reaching = [receiver for receiver in ruler.delivery.receivers() if receiver.set_up]
    return [{"name": receiver.name, "labels": dict(receiver.labels)} for receiver in reaching]


@router.get("/alerts")
def alerts(ruler: TheRuler, parameters: TheParameters, now_ms: NowMs) -> Json:
    """Alerts that have not ended, sorted by fingerprint."""
    wanted = _wanted(parameters)
    found = []
    for alert in ruler.book.alerts():
        if not alert.firing or not all(matcher.matches_labels(alert.labels) for matcher in wanted):
            continue
        view = _alert_view(ruler, alert, now_ms)
        if _shown(view, parameters, "unprocessed"):
            found.append(view)
    return sorted(found, key=lambda view: str(view["fingerprint"]))


@router.post("/alerts", dependencies=OPERATORS)
async def post_alerts(request: Request, ruler: TheRuler, now_ms: NowMs) -> Response:
    """Take alerts in; they are on the disk before the 200. 400: some were wrong, the others are stored."""
    body = await request.body()
    if not body:
        return _refused("alerts in body is required", 422)
    try:
        parsed = _ALERTS.validate_json(body)
    except ValidationError as error:
        return _invalid(error)
    if len(parsed) > ALERTS_MAX:
        return _refused(f"at most {ALERTS_MAX} alerts a request")
    good, faults = [], []
    for item in parsed:
        try:
            good.append(posted_alert(item))
        except LuminaError as error:
            faults.append(str(error))
    if good:
        await run_in_threadpool(ruler.book.post, good, now_ms)
    return _refused("; ".join(faults)) if faults else Response(status_code=200)


@router.get("/alerts/groups")
def alert_groups(ruler: TheRuler, parameters: TheParameters, now_ms: NowMs) -> Json:
    """Alerts by the groups in which receivers are told of them."""
    wanted = _wanted(parameters)
    found = []
    for group in ruler.delivery.groups(now_ms):
        views = [
            view
            for alert in group.alerts
            if all(matcher.matches_labels(alert.labels) for matcher in wanted)
            and _shown(view := _grouped_view(ruler, group, alert, now_ms), parameters, "muted")
        ]
        if views:
            labels, receiver = dict(group.labels.items()), {"name": group.receiver}
            found.append({"labels": labels, "receiver": receiver, "alerts": views})
    return found


@router.get("/silences")
def silences(ruler: TheRuler, parameters: TheParameters, now_ms: NowMs) -> Json:
    """Silences: active ones by their end, then pending by their start, then expired, the latest first."""
    filters = [matcher for text in parameters.all("filter") for matcher in parse_matchers(text)]
    shown = [
        silence
        for silence in ruler.book.silences(now_ms)
        if _flag(parameters, silence.state(now_ms)) and _fits(silence, filters)
    ]
    order = {"active": 0, "pending": 1, "expired": 2}

    def rank(silence: Silence) -> tuple[int, int]:
        state = silence.state(now_ms)
        key = {"active": silence.ends_ms, "pending": silence.starts_ms, "expired": -silence.ends_ms}[state]
        return order[state], key

    return [_silence_view(silence, now_ms) for silence in sorted(shown, key=rank)]


@router.post("/silences", dependencies=OPERATORS)
async def post_silence(request: Request, ruler: TheRuler, now_ms: NowMs) -> Response:
    """Make or change a silence; it is on the disk before the 200. 404: no such id."""
    try:
        body = SilenceBody.model_validate_json(await request.body())
        silence = posted_silence(body)
    except ValidationError as error:
        return _invalid(error)
    except LuminaError as error:
        return _refused(str(error))
    try:
        identifier = await run_in_threadpool(ruler.book.silence, silence, now_ms)
    except NotFound as error:
        return _refused(str(error), 404)
    except LuminaError as error:
        return _refused(str(error))
    return JSONResponse({"silenceID": identifier})


@router.get("/silence/{identifier}")
def silence(identifier: str, ruler: TheRuler, now_ms: NowMs) -> Json:
    """One silence. 404: no such id. 422: it is no id."""
    if not _is_id(identifier):
        return _refused(f"must be of type uuid: {identifier!r}", 422)
    found = next((one for one in ruler.book.silences(now_ms) if one.id == identifier), None)
    return Response(status_code=404) if found is None else _silence_view(found, now_ms)


@router.delete("/silence/{identifier}", dependencies=OPERATORS)
def expire_silence(identifier: str, ruler: TheRuler, now_ms: NowMs) -> Response:
    """End a silence now, if it has not ended already. 404: no such id. 422: it is no id."""
    if not _is_id(identifier):
        return _refused(f"must be of type uuid: {identifier!r}", 422)
    with contextlib.suppress(Conflict):  # it has ended already: as wished
        ruler.book.expire_silence(identifier, now_ms)
    return Response(status_code=200)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _wanted(parameters: Parameters) -> list[Matcher]:
    return [matcher for text in parameters.all("filter") for matcher in parse_matchers(text)]


def _flag(parameters: Parameters, name: str) -> bool:
    """True where it is missing, and for the words that Alertmanager's API takes for it; else false."""
    return parameters.text(name, "true").lower() in _TRUE


def _grouped_view(ruler: Ruler, group: GroupView, alert: Alert, now_ms: int) -> Json:
    """An alert within a group: told to the group's receiver alone, muted when the group is."""
    view = _alert_view(ruler, alert, now_ms)
    view["receivers"] = [{"name": group.receiver}]
    view["status"]["mutedBy"] = list(group.muted_by)
    if group.muted_by:
        view["status"]["state"] = "suppressed"
    return view


def _shown(view: Json, parameters: Parameters, muted: str) -> bool:
    state = view["status"]
    pattern = parameters.text("receiver")
    if pattern:
        fits = compile_anchored(pattern)
        if not any(fits(receiver["name"]) for receiver in view["receivers"]):
            return False
    if state["state"] == "active" and not _flag(parameters, "active"):
        return False
    flags = {"silenced": "silencedBy", "inhibited": "inhibitedBy", muted: "mutedBy"}
    return all(_flag(parameters, name) or not state.get(key) for name, key in flags.items())


def _alert_view(ruler: Ruler, alert: Alert, now_ms: int) -> Json:
    suppression = ruler.delivery.suppression(alert, now_ms)
    suppressed = suppression.silenced_by or suppression.inhibited_by or suppression.muted_by
    ends_ms = alert.ends_ms if alert.ends_ms is not None else now_ms + ruler.delivery.resolve_timeout_ms
    view = {
        "labels": dict(alert.labels.items()),
        "annotations": dict(alert.annotations),
        "startsAt": iso(alert.starts_ms),
        "endsAt": iso(ends_ms),
        "updatedAt": iso(alert.updated_ms),
        "fingerprint": alert.fingerprint,
        "receivers": [{"name": name} for name in ruler.delivery.receivers_of(alert)],
        "status": {
            "state": "suppressed" if suppressed else "active",
            "silencedBy": list(suppression.silenced_by),
            "inhibitedBy": list(suppression.inhibited_by),
            "mutedBy": list(suppression.muted_by),
        },
    }
    return view | {"generatorURL": alert.generator_url} if alert.generator_url else view


def _silence_view(silence: Silence, now_ms: int) -> Json:
    view = {
        "id": silence.id,
        "status": {"state": silence.state(now_ms)},
        "updatedAt": iso(silence.updated_ms),
        "matchers": [
            {
                "name": matcher.name,
                "value": matcher.value,
                "isRegex": matcher.op in {MatchOp.REGEX, MatchOp.NOT_REGEX},
                "isEqual": matcher.op in {MatchOp.EQUAL, MatchOp.REGEX},
            }
            for matcher in silence.matchers
        ],
        "startsAt": iso(silence.starts_ms),
        "endsAt": iso(silence.ends_ms),
        "createdBy": silence.by,
        "comment": silence.comment,
    }
    return view | {"annotations": dict(silence.annotations)} if silence.annotations else view


def _fits(silence: Silence, filters: Iterable[Matcher]) -> bool:
    """A filter finds the silences that have that very matcher (tried on Alertmanager 0.33)."""
    return all(matcher in silence.matchers for matcher in filters)


def _invalid(error: ValidationError) -> JSONResponse:
    """What cannot be read is 400; what is read and lacks something is 422, as Alertmanager has it."""
    fault = error.errors()[0]
    place = ".".join(str(part) for part in fault["loc"])
    text = f"{place}: {fault['msg']}" if place else str(fault["msg"])
    return _refused(text, 422 if fault["type"] in {"missing", "too_short", "uri"} else 400)


def _refused(text: str, code: int = 400) -> JSONResponse:
    return JSONResponse(text, status_code=code)
