"""The stream of events: server-sent, a list of what is kept, and what analytics has to tell.

    id: 1764061200000001
    event: alert_triggered
    data: {"id":1764061200000001,"at":"2025-11-25T09:00:00.000Z","at_ms":1764061200000,"type":…,"data":{…}}

Two more come on the stream alone, without an id: `gap` where events before the next one are forgotten, and
`end` as the last word, with the reason.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping
from difflib import get_close_matches
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import Field

from promkit.config import Model
from promkit.errors import ConfigError
from promkit.web import needs
from promkit.web_config import Role
from ruler.api.context import NowMs, TheRuler
from ruler.api.wire import success
from ruler.events import POSTED, Event, Events, EventType

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/lumina", tags=["Lumina"])

HEARTBEAT_S = 15.0
SLICE = 500  # events that are written at once
LISTED_MAX = 10_000
RETRY_MS = 3_000

Scalar = str | int | float | bool | None


class PostedEvent(Model):
    """Something that analytics, or a program in its place, has to tell."""

    type: str = Field(description="one of the types of models, predictions and anomalies")
    at_ms: int | None = Field(None, ge=0, le=253_402_300_799_999, description="when it happened; else now")
    data: Mapping[str, Scalar | Mapping[str, Scalar] | tuple[Scalar, ...]] = Field(
        max_length=50, description="what there is to say of it"
    )


@router.get("/events")
async def events(
    request: Request,
    ruler: TheRuler,
    types: str = "",
    after: Annotated[int | None, Query(ge=0)] = None,
    limit: Annotated[int, Query(ge=1, le=LISTED_MAX)] = 1_000,
    format: str = "",  # noqa: A002 - the API's name
    last_event_id: Annotated[str, Header()] = "",
) -> Response:
    """Everything that happens, as server-sent events, from now or after an id that is given.

    `types=a,b`: only these. `after=ID`, or the header Last-Event-ID: first those that came since.
    `format=json`, or Accept: application/json: no stream, but the list of what is kept, at most `limit`.
    400: no such type. 503: too many streams.
    """
    kinds = _kinds(types)
    number = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() else after
    if _wants_list(format, request.headers.get("accept", "")):
        return Response(_listed(ruler.events, kinds, number, limit), media_type="application/json")
    ruler.events.check_room()
    number = ruler.events.last_id if number is None else number
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    chunks = stream(ruler.events, kinds, number)
    return StreamingResponse(chunks, media_type="text/event-stream", headers=headers)


@router.post("/events", dependencies=[Depends(needs(Role.OPERATOR))])
def post_events(
    body: Annotated[list[PostedEvent], Field(max_length=1_000)], ruler: TheRuler, now_ms: NowMs
) -> dict[str, object]:
    """Tell of models, predictions and anomalies; all or, where one is faulty, none. 400: no such type."""
    kinds = [_posted(event.type) for event in body]
    for kind, event in zip(kinds, body, strict=True):
        ruler.events.publish(kind, event.data, now_ms if event.at_ms is None else event.at_ms)
    return success({"accepted": len(body)})


async def stream(
    events: Events, kinds: Collection[EventType], number: int, heartbeat_s: float = HEARTBEAT_S
) -> AsyncIterator[str]:
    """Server-sent events after a number, until the log is closed or the reader falls behind it."""
    loop, woken = asyncio.get_running_loop(), asyncio.Event()
    pending = False

    def wake(_event: Event | None) -> None:  # from any thread; many events are one look
        nonlocal pending
        if not pending:
            pending = True
            loop.call_soon_threadsafe(woken.set)

    stop = events.listen(kinds, wake)
    try:
        yield f"retry: {RETRY_MS}\n\n"
        following = False
        while True:
            woken.clear()
            pending = False
            closed = events.closed
            batch = events.after(number, kinds, SLICE)
            if batch.missed and following:
                yield _control("end", "read too slowly: events before the next ones are forgotten")
                return
            if batch.missed:
                yield _control("gap", "events between the id that was given and the next one are forgotten")
            following = True
            if batch.events:
                number = batch.events[-1].id
                yield "".join(map(_framed, batch.events))
            elif closed:
                yield _control("end", "the ruler is stopping")
                return
            else:
                number = max(number, batch.last_id)
                if not await _woken(woken, heartbeat_s):
                    yield ": still there\n\n"
    finally:
        stop()


async def _woken(woken: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(woken.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _framed(event: Event) -> str:
    return f"id: {event.id}\nevent: {event.kind.value}\ndata: {event.json()}\n\n"


def _control(kind: str, reason: str) -> str:
    return f"event: {kind}\ndata: {json.dumps({'reason': reason})}\n\n"


def _listed(events: Events, kinds: Collection[EventType], number: int | None, limit: int) -> str:
    """After a number the oldest, without one the newest; `gap`: some between it and them are forgotten."""
    batch = events.after(number or 0, kinds, LISTED_MAX)
    found = batch.events[-limit:] if number is None else batch.events[:limit]
    listed = ",".join(event.json() for event in found)
    return f'{{"status":"success","data":{{"gap":{json.dumps(batch.missed)},"events":[{listed}]}}}}'


def _wants_list(format_: str, accept: str) -> bool:
    if format_ not in {"", "json", "sse"}:
        raise ConfigError(f"no such format: {format_!r}", remedy="json or sse")
    return format_ == "json" or (not format_ and accept.partition(";")[0].strip() == "application/json")


def _kinds(types: str) -> Collection[EventType]:
    names = [name.strip() for name in types.split(",") if name.strip()]
    return frozenset(_known(name) for name in names) or frozenset(EventType)


def _known(name: str) -> EventType:
    try:
        return EventType(name)
    except ValueError:
        near = get_close_matches(name, [kind.value for kind in EventType], n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(EventType)}"
        raise ConfigError(f"no such type of event: {name[:100]!r}", remedy=remedy) from None


def _posted(name: str) -> EventType:
    kind = _known(name)
    if kind not in POSTED:
        names = ", ".join(sorted(POSTED))
        raise ConfigError(f"{name!r} is told by the ruler itself", remedy=f"what can be posted is {names}")
    return kind
