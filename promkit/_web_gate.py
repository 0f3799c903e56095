"""What every request passes before it reaches a route: a plain ASGI middleware.

In this order: Host, origin and content type, length of the body, who calls. After it: headers of the answer,
counters, and the log line of a bug.
"""

import asyncio
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import anyio.to_thread
from anyio import CapacityLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from promkit._web_access import READING, Access
from promkit._web_errors import Envelopes, error_response
from promkit.errors import Forbidden, LuminaError
from promkit.log import get
from promkit.own import Registry
from promkit.web_config import Identity, host_allowed

__all__ = ["Gate"]

log = get("web")

BODY_SECONDS_MAX = 60
# What a page of another site can make a browser send without asking first.
_FORM_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class _BadBody(HTTPException):
    """Raised while a route reads its body; FastAPI lets HTTPExceptions alone through."""


class Gate:
    """Stands before the application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        access: Access,
        own: Registry,
        envelopes: Envelopes,
        body_bytes_max: int,
        body_limits: Mapping[str, int],
        form_reads: frozenset[str],
    ) -> None:
        self._app = app
        self._access = access
        self._envelopes = envelopes
        self._body_bytes_max = body_bytes_max
        self._body_limits = body_limits
        self._form_reads = form_reads
        self._logins = CapacityLimiter(1)
        namespace = own.namespace
        self._requests = own.counter(
            f"{namespace}_http_requests_total", "HTTP requests answered.", ("handler", "code")
        )
        self._seconds = own.histogram(
            f"{namespace}_http_request_duration_seconds", "Time to answer HTTP requests.", ("handler",)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start_ns = time.perf_counter_ns()
        status = 500
        begun = False

        async def sending(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                self._add_headers(message)
            await send(message)

        try:
            await self._pass(scope, receive, sending)
        except _BadBody as refused:
            if not begun:
                error = LuminaError(refused.detail)
                response = error_response(self._envelopes, scope["path"], error, refused.status_code)
                await response(scope, receive, sending)
        except Exception:
            log.exception("request failed by a bug", method=_method(scope), path=scope["path"])
            if not begun:
                error = LuminaError("internal error", remedy="the log has more")
                await error_response(self._envelopes, scope["path"], error, 500)(scope, receive, sending)
        finally:
            handler = getattr(scope.get("route"), "path", "none")
            self._requests.inc(handler, str(status))
            self._seconds.observe((time.perf_counter_ns() - start_ns) / 1e9, handler)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            status, error = refusal
            await error_response(self._envelopes, scope["path"], error, status)(scope, receive, send)
            return
        scope["lumina_identity"] = await self._identify(headers.get("authorization"))
        await self._app(scope, self._bounded(scope["path"], headers, receive), send)

    async def _identify(self, authorization: str | None) -> Identity | None:
        if authorization is None or not self._access.config.has_logins():
            return self._access.identify(authorization)
        known = self._access.recall(authorization)
        if known is not None:
            return known
        # bcrypt takes 50 ms. Its own thread: who guesses passwords keeps nobody but other new logins waiting.
        return await anyio.to_thread.run_sync(self._access.identify, authorization, limiter=self._logins)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, LuminaError] | None:
        host = headers.get("host")
        access = self._access
        if not host_allowed(host, access.listen_host, access.allowed_hosts()):
            return 403, Forbidden(
                f"this process is not known as {(host or '')[:100]!r}",
                remedy="add the name to hosts in --web.config.file, or set --web.external-url",
            )
        if scope["method"] in READING:
            return None
        origin = headers.get("origin")
        if origin is not None:
            # A browser: pages of ours may send anything, others nothing.
            if urlsplit(origin).netloc.lower() == (host or "").lower():
                return None
            return 403, Forbidden("a page of another site may not do this")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind in _FORM_TYPES and scope["path"] not in self._form_reads:
            return 415, LuminaError(f"Content-Type {kind} is not taken here", remedy="send application/json")
        return None

    def _bounded(self, path: str, headers: Headers, receive: Receive) -> Receive:
        bytes_max = self._body_limits.get(path, self._body_bytes_max)
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > bytes_max:
            raise _too_large(bytes_max)
        seen = 0
        ends = time.monotonic() + BODY_SECONDS_MAX
        ended = False

        async def receiving() -> Message:
            nonlocal seen, ended
            if ended:
                return await receive()  # waits for the caller to go away, however long that is
            try:
                async with asyncio.timeout(max(ends - time.monotonic(), 0)):
                    message = await receive()
            except TimeoutError:
                raise _BadBody(408, f"no whole body within {BODY_SECONDS_MAX} s") from None
            seen += len(message.get("body", b""))
            ended = not message.get("more_body", False)
            if seen > bytes_max:
                raise _too_large(bytes_max)
            return message

        return receiving

    def _add_headers(self, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        for name, value in self._access.config.http_server_config.headers.items():
            headers[name] = value


def _too_large(bytes_max: int) -> _BadBody:
    return _BadBody(413, f"the body is larger than {bytes_max} bytes", {"Connection": "close"})


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"
