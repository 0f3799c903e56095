"""All incoming HTTP of ruler and analytics.

    app = create_app("Lumina ruler", access, own, routes=[api, ui], envelopes={"/api/v1": prometheus_error})
    server = serve(app, "127.0.0.1:19090")      # a thread; server.port, server.stop()

A route is a plain `def` that may block: it runs in one of a bounded number of threads. Who may call it, it
says with `Depends(needs(Role.OPERATOR))`; one that says nothing is for viewers to read and for admins to
write. Errors are raised: a LuminaError becomes its status, in the envelope of the route's API.
"""

import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import anyio
import anyio.to_thread
import uvicorn
from anyio import CapacityLimiter
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from starlette.types import ASGIApp

from promkit._web_access import Access, Caller, guard, needs
from promkit._web_errors import Envelope, Envelopes, install, plain_error
from promkit._web_gate import Gate
from promkit._web_protocol import ImpatientProtocol
from promkit.errors import Conflict, Unavailable
from promkit.exposition import CONTENT_TYPE_OPENMETRICS, CONTENT_TYPE_TEXT, negotiate, render
from promkit.log import get
from promkit.own import Registry, process_families
from promkit.process import parse_listen
from promkit.web_config import Identity, Role, WebConfig, server_context

__all__ = [
    "Access",
    "Caller",
    "Envelope",
    "Hooks",
    "Identity",
    "Server",
    "create_app",
    "needs",
    "plain_error",
    "serve",
]

log = get("web")

BODY_BYTES_MAX = 10 << 20
THREADS = 16
CONNECTIONS_MAX = 512
_START_SECONDS = 10
_GRACE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the process answers about itself."""

    ready: Callable[[], bool] = lambda: True
    reload: Callable[[], None] | None = None


def create_app(
    title: str,
    access: Access,
    own: Registry,
    *,
    routers: Sequence[APIRouter] = (),
    hooks: Hooks | None = None,
    envelopes: Mapping[str, Envelope] | None = None,
    body_bytes_max: int = BODY_BYTES_MAX,
    body_limits: Mapping[str, int] | None = None,
    form_reads: Sequence[str] = (),
    threads: int = THREADS,
) -> FastAPI:
    """Build the application.

    `envelopes`: path prefix → how errors under it are written. `body_limits`: path → bytes, where it differs.
    `form_reads`: paths that read although they are asked by POST, with a form (Prometheus' query).
    """

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = threads
        yield

    app = FastAPI(
        title=title,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        dependencies=[Depends(guard)],
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.access = access
    known = Envelopes(envelopes or {})
    install(app, known)
    app.include_router(_process_router(own, hooks or Hooks()))
    for router in routers:
        app.include_router(router)
    app.add_middleware(
        Gate,
        access=access,
        own=own,
        envelopes=known,
        body_bytes_max=body_bytes_max,
        body_limits=dict(body_limits or {}),
        form_reads=frozenset(form_reads),
    )
    return app


def _process_router(own: Registry, hooks: Hooks) -> APIRouter:
    """Answer for the process; these have threads of their own, so that they never wait behind queries."""
    router = APIRouter(include_in_schema=False)
    # One each: a reload may be long, and a scrape must not wait for it.
    scrapes = CapacityLimiter(2)
    reloads = CapacityLimiter(1)

    @router.get("/-/healthy")
    @router.head("/-/healthy")
    async def healthy() -> Response:
        return Response("Healthy.\n", media_type="text/plain")

    @router.get("/-/ready")
    @router.head("/-/ready")
    async def ready() -> Response:
        if hooks.ready():
            return Response("Ready.\n", media_type="text/plain")
        raise Unavailable("not ready yet", remedy="ask again in some seconds")

    @router.get("/metrics")
    async def metrics(request: Request) -> Response:
        openmetrics = negotiate(request.headers.get("accept"))
        page = await anyio.to_thread.run_sync(_page, own, openmetrics, limiter=scrapes)
        content_type = CONTENT_TYPE_OPENMETRICS if openmetrics else CONTENT_TYPE_TEXT
        return Response(page, headers={"Content-Type": content_type})

    @router.post("/-/reload", dependencies=[Depends(needs(Role.ADMIN))])
    @router.put("/-/reload", dependencies=[Depends(needs(Role.ADMIN))])
    async def reload() -> Response:
        if hooks.reload is None:
            raise Conflict("there is nothing to reload", remedy="start the process with --config")
        await anyio.to_thread.run_sync(hooks.reload, limiter=reloads)
        return Response("Reloaded.\n", media_type="text/plain")

    return router


def _page(own: Registry, openmetrics: bool) -> bytes:  # noqa: FBT001 - the format
    return render([*own.collect(), *process_families()], openmetrics)


@dataclass(slots=True)
class Server:
    """A server in its thread. The socket listens before `serve` returns."""

    host: str
    port: int
    _server: uvicorn.Server = field(repr=False)
    _thread: threading.Thread = field(repr=False)

    def stop(self) -> None:
        """Answer what was asked, for at most 5 s, then close."""
        self._server.should_exit = True
        self._thread.join(_GRACE_SECONDS + 2)
        if self._thread.is_alive():
            self._server.force_exit = True
            log.warning("server did not end in time", port=self.port)


def serve(app: ASGIApp, listen: str, config: WebConfig | None = None) -> Server:
    """Listen and answer in a thread; port 0 takes a free one.

    ConfigError: no such address, or TLS files. Conflict: the address is taken.
    """
    host, port = parse_listen(listen)
    context = server_context(config) if config is not None else None
    listener = _listener(host, port)
    settings = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        http=ImpatientProtocol,
        ws="none",
        ssl_context_factory=None if context is None else lambda _config, _default: context,
    )
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="web", daemon=True)
    thread.start()
    return Server(host, listener.getsockname()[1], server, thread)


def _listener(host: str, port: int) -> socket.socket:
    # With its protocol named, asyncio sets TCP_NODELAY; else each answer waits 40 ms for the last one's ACK.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(CONNECTIONS_MAX)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise Conflict(
            f"cannot listen on {host}:{port}: {reason.lower()}", remedy="choose another with --listen"
        ) from None
    return listener
