"""The API under /api/v1, /metrics and a page for people. Read only without a login.

GET  /api/v1/models                 each with state, accuracy, when and on what it was trained
GET  /api/v1/predictions            ?hours=24&model=ID
GET  /api/v1/anomalies              ?hours=24
GET  /api/v1/trends                 ?range=1h|24h|7d|30d
GET  /api/v1/breaches
GET  /api/v1/report                 ?hours=24
GET  /api/v1/health
POST /api/v1/run                    a cycle now (operator)
POST /api/v1/models/ID/train        learn anew now (operator)
POST, PUT, DELETE /api/v1/models    models made by API (admin)
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Query, Response

from analytics import page, report
from analytics.catalog import Catalog
from analytics.result import ModelState
from analytics.service import Service
from analytics.spec import ModelSpec
from promkit.errors import ConfigError, Conflict, NotFound, Unavailable
from promkit.own import Registry
from promkit.process import Clock
from promkit.web import Access, Hooks, create_app, needs
from promkit.web_config import Role

__all__ = ["Control", "build"]

HOUR_MS = 3_600_000
_HOURS_MAX = 24 * 366
_TRAIN_WAIT_MS = 10_000
Hours = Annotated[int, Query(ge=1, le=_HOURS_MAX, description="How far back.")]
Range = Literal["1h", "24h", "7d", "30d"]
Answer = dict[str, Any]


class Control:
    """What a caller may ask of the worker: a cycle now, and models taken up anew."""

    def __init__(self, catalog: Catalog, run_now: Callable[[], None], reload: Callable[[], None]) -> None:
        self.catalog = catalog
        self.run_now = run_now
        self.reload = reload


def build(service: Service, control: Control, access: Access, own: Registry, clock: Clock) -> FastAPI:
    """Give the application."""
    hooks = Hooks(ready=lambda: service.status.cycles > 0 or not service.status.is_up, reload=control.reload)
    routers = [
        _reading(service),
        _looking_back(service, clock),
        _working(service, control),
        _changing(service, control),
    ]
    return create_app("Lumina analytics", access, own, routers=routers, hooks=hooks)


def _reading(service: Service) -> APIRouter:
    """What models know now."""
    router = APIRouter()

    @router.get("/api/v1/models")
    def models() -> Answer:
        """Every model, with where it stands."""
        return _success(report.models(service.specs, service.results, service.live))

    @router.get("/api/v1/models/{model}")
    def model(model: str) -> Answer:
        """One model. 404: there is none of this id."""
        return _success(_one(service, model))

    @router.get("/api/v1/trends")
    def trends(range: Range | None = None) -> Answer:  # noqa: A002 - the parameter's public name
        """Which way each series goes."""
        return _success(report.trends(service.results, range))

    @router.get("/api/v1/breaches")
    def breaches() -> Answer:
        """When each series meets each rule's threshold, the soonest first."""
        return _success(report.breaches(service.results))

    return router


def _looking_back(service: Service, clock: Clock) -> APIRouter:
    """What was said and found over some hours."""
    router = APIRouter()

    @router.get("/api/v1/predictions")
    def predictions(hours: Hours = 24, model: str | None = None) -> Answer:
        """Predictions with their intervals and, once it is known, what came."""
        return _success(service.journal.predictions(clock.now_ms() - hours * HOUR_MS, model))

    @router.get("/api/v1/anomalies")
    def anomalies(hours: Hours = 24) -> Answer:
        """Anomalies, newest first."""
        return _success(service.journal.anomalies(clock.now_ms() - hours * HOUR_MS))

    @router.get("/api/v1/report")
    def whole(hours: Hours = 24) -> Answer:
        """Models, predictions, anomalies, trends and breaches, in one."""
        now_ms = clock.now_ms()
        return _success(
            report.report(service.specs, service.results, service.live, service.journal, hours, now_ms)
        )

    @router.get("/api/v1/health")
    def health() -> Answer:
        """Healthy or warning, and why."""
        return _success(
            report.health(service.specs, service.results, service.journal, service.status, clock.now_ms())
        )

    @router.get("/style.css", include_in_schema=False)
    def style() -> Response:
        return Response(page.STYLE, media_type="text/css")

    @router.get("/", include_in_schema=False)
    def front() -> Response:
        """Models, predictions, anomalies, trends and breaches, as a page."""
        now_ms = clock.now_ms()
        figures = report.report(service.specs, service.results, service.live, service.journal, 24, now_ms)
        state = report.health(service.specs, service.results, service.journal, service.status, now_ms)
        return Response(page.render(figures, state), media_type="text/html")

    return router


def _working(service: Service, control: Control) -> APIRouter:
    """What the worker may be asked to do now."""
    router = APIRouter()

    @router.post("/api/v1/run", status_code=202, dependencies=[Depends(needs(Role.OPERATOR))])
    def run() -> Answer:
        """Ask for a cycle now; its findings are there a moment later."""
        control.run_now()
        return _success({"asked": True})

    @router.post("/api/v1/models/{model}/train", dependencies=[Depends(needs(Role.OPERATOR))])
    def train(model: str, response: Response) -> Answer:
        """Have a model learn anew now → it, with its new accuracy; 202 where that takes longer than 10 s.

        404: none of this id. 409: it is disabled, or there is nothing to learn from yet.
        503: the history cannot be read.
        """
        spec = next((spec for spec in service.specs if spec.id == model), None)
        if spec is None:
            raise NotFound(f"there is no model {model!r}")
        if not spec.enabled:
            raise Conflict(f"model {model!r} is disabled", remedy="enable it first")
        service.train(model)
        control.run_now()
        is_over = service.wait_trained(model, _TRAIN_WAIT_MS)
        if is_over and not service.status.is_up:
            raise Unavailable(f"the history cannot be read: {service.status.problem}")
        found = _one(service, model)
        if is_over and found["state"] != ModelState.READY:
            raise Conflict(f"model {model!r} cannot learn: {found['state']}, {found['detail']}")
        response.status_code = 200 if is_over else 202
        return _success(found)

    return router


def _changing(service: Service, control: Control) -> APIRouter:
    """Models made by API."""
    router = APIRouter()

    @router.post("/api/v1/models", status_code=201, dependencies=[Depends(needs(Role.ADMIN))])
    def create(spec: ModelSpec) -> Answer:
        """Make a model. 409: there is one of this id."""
        control.catalog.create(spec)
        control.reload()
        return _success({"id": spec.id})

    @router.put("/api/v1/models/{model}", dependencies=[Depends(needs(Role.ADMIN))])
    def update(model: str, spec: ModelSpec) -> Answer:
        """Change a model that was made by API. 404: none of this id. 409: it is in a file."""
        if spec.id != model:
            raise ConfigError(f"the body's id is {spec.id!r}, the path's is {model!r}")
        control.catalog.update(spec)
        service.journal.forget(model)
        control.reload()
        return _success({"id": model})

    @router.delete("/api/v1/models/{model}", dependencies=[Depends(needs(Role.ADMIN))])
    def delete(model: str) -> Answer:
        """Delete a model that was made by API. 404: none of this id. 409: it is in a file."""
        control.catalog.delete(model)
        service.journal.forget(model)
        control.reload()
        return _success({"id": model})

    return router


def _one(service: Service, model: str) -> Answer:
    """One model's record. NotFound: there is none of this id."""
    for found in report.models(service.specs, service.results, service.live):
        if found["id"] == model:
            return found
    raise NotFound(f"there is no model {model!r}")


def _success(data: object) -> Answer:
    """Wrap an answer as the Prometheus API does."""
    return {"status": "success", "data": _finite(data)}


def _finite(value: object) -> object:
    """JSON has no NaN: null stands for it."""
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value
