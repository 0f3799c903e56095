"""The listening side: sockets, connections, deadlines. Standard library only.

One thread and its event loop serve all connections. What is ready in memory is answered there and then; what
takes time (a password to check, a push to read) goes to two threads, and past a bounded number of those: 503.
"""

import asyncio
import contextlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from exporter.http1 import (
    HEAD_BYTES_MAX,
    Answer,
    BadRequest,
    Head,
    Request,
    encoded,
    error_answer,
    parse_head,
)
from promkit.errors import Unavailable
from promkit.log import get
from promkit.own import Counter
from promkit.process import Stop

__all__ = ["App", "Caller", "Server", "listening", "systemd_sockets"]

CONNECTIONS_MAX = 512
WAITING_MAX = 32
IDLE_SECONDS = 120.0  # Prometheus keeps a connection from one scrape to the next
REQUEST_SECONDS = 30.0  # for a request to come in, and for an answer to go out
STOP_POLL_SECONDS = 0.2
DRAIN_SECONDS = 2.0
_END = b"\r\n\r\n"

log = get("exporter.server")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the address of the socket it came in at, and its own."""

    listener: str
    address: str


class App(Protocol):
    """What a server serves."""

    def early(self, head: Head, caller: Caller) -> Answer | None:
        """Refuse before the body is read."""

    def body_bytes_max(self, head: Head) -> int:
        """The largest body this request may have."""

    def is_quick(self, head: Head) -> bool:
        """Whether `answer` only hands out what is there."""

    def answer(self, request: Request, caller: Caller) -> Answer:
        """Answer, and never raise for what a caller got wrong."""


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens. Unavailable: the address is taken, or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        # The text that the library adds names the address a second time.
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        raise Unavailable(
            f"cannot listen on {host}:{port}: {reason}", remedy="choose another with --listen"
        ) from None


def systemd_sockets(environment: Mapping[str, str]) -> Sequence[socket.socket]:
    """The sockets that the service manager hands over (sd_listen_fds). Unavailable: there are none."""
    count = environment.get("LISTEN_FDS", "")
    if environment.get("LISTEN_PID") != str(os.getpid()) or not count.isdigit() or not int(count):
        raise Unavailable("the service manager handed over no socket", remedy="start it by its .socket unit")
    return [socket.socket(fileno=3 + number) for number in range(int(count))]


class Server:
    """Serves an app on sockets until it is stopped."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        app: App,
        requests: Counter,
        tls: Callable[[], ssl.SSLContext | None],
    ) -> None:
        """`requests` counts answers by status; `tls` is asked once at each start."""
        self.app = app
        self.requests = requests
        self.connections: set[_Connection] = set()
        self.waiting = 0
        self.pool = ThreadPoolExecutor(2, thread_name_prefix="answer")
        self._sockets = sockets
        self._tls = tls
        self._up = threading.Event()

    @property
    def addresses(self) -> Sequence[str]:
        """Where it listens, as `host:port`."""
        return [_address(one) for one in self._sockets]

    def is_up(self, wait_seconds: float) -> bool:
        """Wait until connections are taken."""
        return self._up.wait(wait_seconds)

    def run(self, stop: Stop) -> None:
        """Serve until stopped."""
        asyncio.run(self._serve(stop))

    def close(self) -> None:
        """Give the sockets and threads back."""
        for one in self._sockets:
            one.close()
        self.pool.shutdown(wait=False, cancel_futures=True)

    async def _serve(self, stop: Stop) -> None:
        loop = asyncio.get_running_loop()
        tls = self._tls()
        servers = [
            # A copy: the loop closes what it was given, and a worker that is started again needs its own.
            await loop.create_server(partial(_Connection, self, loop), sock=one.dup(), ssl=tls)
            for one in self._sockets
        ]
        self._up.set()
        while not stop.is_set():  # noqa: ASYNC110 - a thread's event, not the loop's
            await asyncio.sleep(STOP_POLL_SECONDS)
        for server in servers:
            server.close()
        await self._drain(loop)

    async def _drain(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let answers under way go out; then close what is left."""
        deadline = loop.time() + DRAIN_SECONDS
        for connection in list(self.connections):
            connection.finish()
        while self.connections and loop.time() < deadline:  # noqa: ASYNC110 - once, at the end
            await asyncio.sleep(0.02)
        for connection in list(self.connections):
            connection.abort()


class _Connection(asyncio.Protocol):
    """One connection: requests one after the other, each with its deadline."""

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._caller = Caller("", "")
        self._transport: asyncio.Transport | None = None
        self._data = bytearray()
        self._head: Head | None = None
        self._busy = False
        self._blocked = False  # the peer does not take what we send
        self._closing = False
        self._deadline: asyncio.TimerHandle | None = None

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_server gives
        self._transport = transport
        self._caller = Caller(_host(transport, "sockname"), _host(transport, "peername"))
        if len(self._server.connections) >= CONNECTIONS_MAX:
            log.warning("connection refused, too many are open", connections=CONNECTIONS_MAX)
            transport.abort()
            return
        self._server.connections.add(self)
        self._wait(REQUEST_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._server.connections.discard(self)
        self._closing = True
        if self._deadline is not None:
            self._deadline.cancel()

    def data_received(self, data: bytes) -> None:
        self._data += data
        self._advance()

    def pause_writing(self) -> None:
        self._blocked = True

    def resume_writing(self) -> None:
        self._blocked = False
        self._advance()

    # What the server calls.

    def finish(self) -> None:
        """Close once the answer under way is out."""
        self._closing = True
        if not self._busy and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # The way of a request.

    def _advance(self) -> None:
        """Take requests from what has come in, as long as there is a whole one."""
        try:
            while not (self._busy or self._blocked or self._closing):
                request = self._next()
                if request is None:
                    break
                self._take(request)
        except BadRequest as error:
            self._send(error_answer(error.status, str(error)), None, last=True)
        self._throttle()

    def _throttle(self) -> None:
        """While an answer is under way nothing more is read, so that memory is bounded."""
        if self._transport is None or self._transport.is_closing():
            return
        if (self._busy or self._blocked) and self._transport.is_reading():
            self._transport.pause_reading()
        elif not (self._busy or self._blocked) and not self._transport.is_reading():
            self._transport.resume_reading()

    def _next(self) -> Request | None:
        """The next whole request, or None. BadRequest: it cannot be read."""
        while self._head is None:
            if self._closing or self._blocked:
                return None
            end = self._data.find(_END, 0, HEAD_BYTES_MAX + len(_END))
            if end < 0:
                if len(self._data) > HEAD_BYTES_MAX:
                    raise BadRequest("the headers are too long", 431)
                return None
            head = parse_head(bytes(self._data[:end]))
            del self._data[: end + len(_END)]
            self._wait(REQUEST_SECONDS)
            if not self._is_refused(head):
                self._head = head
        head = self._head
        if len(self._data) < head.body_bytes:
            return None
        body = bytes(self._data[: head.body_bytes])
        del self._data[: head.body_bytes]
        self._head = None
        return Request(head, body)

    def _is_refused(self, head: Head) -> bool:
        """Answer early where no body is wanted, or ask for it where the peer waits to be asked."""
        refusal = self._server.app.early(head, self._caller)
        if refusal is None and head.body_bytes > (bytes_max := self._server.app.body_bytes_max(head)):
            refusal = error_answer(413, f"the body is larger than {bytes_max} bytes")
        if refusal is not None:
            # With a body that is not read, what comes next on this connection could be anything.
            self._send(refusal, head, last=head.body_bytes > 0)
            return True
        if head.headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return False

    def _take(self, request: Request) -> None:
        if self._server.app.is_quick(request.head):
            self._send(self._server.app.answer(request, self._caller), request.head)
        elif self._server.waiting >= WAITING_MAX:
            answer = error_answer(503, "too many requests at once", {"Retry-After": "1"})
            self._send(answer, request.head)
        else:
            self._busy = True
            self._server.waiting += 1
            future = self._loop.run_in_executor(
                self._server.pool, self._server.app.answer, request, self._caller
            )
            future.add_done_callback(lambda done: self._answered(done, request.head))

    def _answered(self, done: "asyncio.Future[Answer]", head: Head) -> None:
        self._busy = False
        self._server.waiting -= 1
        if done.cancelled():
            self.abort()
            return
        bug = done.exception()
        if bug is not None:
            log.error("request failed by a bug", path=head.path[:200], error=repr(bug))
        answer = error_answer(500, "a bug: see the log") if bug is not None else done.result()
        self._send(answer, head)
        self._advance()

    def _send(self, answer: Answer, head: Head | None, *, last: bool = False) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._server.requests.inc(str(answer.status))
        keep_alive = head is not None and head.keep_alive and not last and not self._closing
        head_only = head is not None and head.method == "HEAD"
        data = encoded(answer, head_only=head_only, keep_alive=keep_alive, now_seconds=time.time())
        self._transport.write(data)
        if keep_alive:
            self._wait(IDLE_SECONDS if not self._blocked else REQUEST_SECONDS)
        else:
            self._closing = True
            self._wait(REQUEST_SECONDS)
            self._transport.close()

    def _wait(self, seconds: float) -> None:
        """Cut the connection when nothing more has happened until then."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self._loop.call_later(seconds, self.abort)


def _host(transport: asyncio.Transport, side: str) -> str:
    """The address of one side; that of loopback for a socket in the file system, which permissions guard."""
    name = transport.get_extra_info(side)
    return str(name[0]) if isinstance(name, tuple) and name else "127.0.0.1"


def _address(one: socket.socket) -> str:
    with contextlib.suppress(OSError):
        name = one.getsockname()
        if isinstance(name, tuple):
            host = f"[{name[0]}]" if ":" in str(name[0]) else str(name[0])
            return f"{host}:{name[1]}"
        return str(name)
    return "closed"
