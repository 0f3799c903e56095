"""POST /api/v1/write: Prometheus' remote write 1.0, where --web.enable-remote-write-receiver is given."""

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from promkit.errors import NotFound
from promkit.web import needs
from promkit.web_config import Role
from ruler.api.context import NowMs, TheRuler
from ruler.events import EventType
from ruler.ingest import receive

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["Prometheus"])


@router.post("/write", dependencies=[Depends(needs(Role.OPERATOR))])
async def write(request: Request, ruler: TheRuler, now_ms: NowMs) -> Response:
    """Store samples. 204: stored. 400: some never can be, the rest is stored. 404: not switched on."""
    if not ruler.receives_samples:
        raise NotFound(
            "remote write receiver is not enabled", remedy="start with --web.enable-remote-write-receiver"
        )
    samples, refused = await run_in_threadpool(receive, ruler.store, await request.body())
    stored = {"source": "remote_write", "samples": samples - refused.total}
    ruler.events.publish(EventType.METRIC_RECORDED, stored, now_ms)
    if refused.total:
        reasons = f"{refused.too_old} too old, {refused.duplicate} at an instant that has another value"
        return JSONResponse({"error": f"samples refused: {reasons}"}, status_code=400)
    return Response(status_code=204)
