"""POST /api/v1/lumina/history: samples of elsewhere, piece by piece, into a running ruler."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool

from promkit.web import needs
from promkit.web_config import Role
from ruler.api.context import NowMs, TheRuler
from ruler.events import EventType
from ruler.ingest import import_openmetrics

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/lumina", tags=["Lumina"])


@router.post("/history", dependencies=[Depends(needs(Role.ADMIN))])
async def history(
    request: Request,
    ruler: TheRuler,
    now_ms: NowMs,
    source: Annotated[str, Query(max_length=500)] = "import",
    first_line: Annotated[int, Query(ge=1)] = 1,
) -> Any:  # noqa: ANN401 - a JSON document
    """Store OpenMetrics text with timestamps: whole lines, at most 10 MiB of them.

    400: the line that is wrong; what stands before it may be stored, and may be sent again.
    """
    lines = (await request.body()).splitlines()
    done = await run_in_threadpool(
        import_openmetrics, ruler.store, lines, source=source, first_line=first_line, now_ms=now_ms
    )
    stored = {"source": "import", "samples": done.samples}
    ruler.events.publish(EventType.METRIC_RECORDED, stored, now_ms)
    return {
        "data": {
            "samples": done.samples,
            "series": done.series,
            "rejected": done.rejected,
            "first_ms": done.first_ms,
            "last_ms": done.last_ms,
        }
    }
