"""One HTTP exchange, each phase timed.

    dns ─▶ connect ─▶ tls ─▶ processing ─▶ transfer        and again from the top for each redirect
    name    TCP       hand-   request sent    first byte
    look-up           shake   to first byte   to last

Imported only where a probe is configured: http.client and ssl are the heavy part of the exporter.
"""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urljoin, urlsplit

__all__ = ["PHASES", "Answer", "Failure", "Target", "probe", "tls_context"]

PHASES = ("dns", "connect", "tls", "processing", "transfer")
_CHUNK_BYTES = 64 * 1024
_REDIRECTS = {301, 302, 303, 307, 308}
_SENSITIVE = frozenset({"authorization", "cookie", "host", "proxy-authorization"})


@dataclass(frozen=True, slots=True)
class Target:
    """What to ask, and within which bounds."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    redirects_max: int = 5
    body_bytes_max: int = 1024 * 1024
    timeout_ms: int = 5_000
    tls: Callable[[], ssl.SSLContext] = ssl.create_default_context
    server_name: str = ""


@dataclass(slots=True)
class Answer:
    """What came back, or how far it came."""

    phases_ms: dict[str, float] = field(default_factory=dict)
    status: int = 0
    body: bytes = b""
    truncated: bool = False
    redirects: int = 0
    certificate_expiry_ms: int | None = None
    failure: "Failure | None" = None


class Failure(Exception):  # noqa: N818 - it is part of an answer
    """Why a probe did not get its answer; `reason` is one word, for the label."""

    def __init__(self, reason: str, problem: str) -> None:
        super().__init__(problem)
        self.reason = reason


def tls_context(ca_file: str | None, *, verify: bool) -> ssl.SSLContext:
    """How to check a server. OSError: `ca_file` cannot be read or holds no certificate."""
    context = ssl.create_default_context(cafile=ca_file)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@dataclass(frozen=True, slots=True)
class _Ask:
    """One request of the chain."""

    url: str
    method: str
    headers: Mapping[str, str]
    body: bytes


def probe(target: Target) -> Answer:
    """Ask once, following redirects; what failed is in the answer, beside the phases that were reached."""
    answer = Answer()
    clock = _Phases(answer.phases_ms, time.monotonic() + target.timeout_ms / 1000)
    ask = _Ask(target.url, target.method, target.headers, target.body)
    try:
        while (location := _exchange(target, ask, clock, answer)) is not None:
            ask = _redirected(target, ask, location, answer)
    except Failure as failure:
        answer.failure = failure
    return answer


def _redirected(target: Target, ask: _Ask, location: str, answer: Answer) -> _Ask:
    """The request that a redirect asks for. Failure: one too many, or not to HTTP."""
    answer.redirects += 1
    if answer.redirects > target.redirects_max:
        raise Failure("redirect", f"more than {target.redirects_max} redirects")
    try:
        url = urljoin(ask.url, location)
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
            raise Failure("redirect", "redirect to something other than HTTP")
        same_server = _server(url) == _server(ask.url)
    except ValueError:
        raise Failure("redirect", "redirect to something that is no URL") from None
    # What was meant for one server is not told to another.
    withheld = frozenset() if same_server else _SENSITIVE
    headers = {name: value for name, value in ask.headers.items() if name.lower() not in withheld}
    if answer.status == 303 or (answer.status in {301, 302} and ask.method == "POST"):
        return _Ask(url, "GET", headers, b"")
    return _Ask(url, ask.method, headers, ask.body)


def _exchange(target: Target, ask: _Ask, clock: "_Phases", answer: Answer) -> str | None:
    """One request → where it redirects to."""
    parts = urlsplit(ask.url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    stream = _connected(host, port, clock)
    try:
        if parts.scheme == "https":
            stream = _secured(stream, target, host, clock, answer)
        connection = http.client.HTTPConnection(host, port)
        if parts.scheme == "https":
            connection.default_port = http.client.HTTPS_PORT  # so that `Host` is written as usual
        connection.sock = cast("socket.socket", _Stream(stream, clock))  # all that http.client asks of one
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        response = _asked(connection, ask, path, clock)
        answer.status = response.status
        location = response.headers.get("Location")
        if location and response.status in _REDIRECTS and target.redirects_max:
            return str(location)
        answer.body, answer.truncated = _read(response, target.body_bytes_max, clock)
        return None
    finally:
        stream.close()


class _Phases:
    """Adds up the time of each phase, and turns what happens in one into a Failure."""

    def __init__(self, phases_ms: dict[str, float], deadline: float) -> None:
        self._phases_ms = phases_ms
        self._deadline = deadline

    def left(self) -> float:
        """Seconds to the deadline. TimeoutError: none."""
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    def timed(self, phase: str) -> "_Phase":
        return _Phase(self._phases_ms, phase)


class _Stream:
    """A socket as http.client uses it; each wait ends at the deadline, so that no drip outlasts it."""

    def __init__(self, stream: socket.socket, clock: _Phases) -> None:
        self._stream, self._clock = stream, clock

    def sendall(self, data: bytes) -> None:
        self._stream.settimeout(self._clock.left())
        self._stream.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        assert mode == "rb", mode  # noqa: S101 - http.client only reads
        return io.BufferedReader(_Raw(self._stream, self._clock), _CHUNK_BYTES)

    def close(self) -> None:
        """Nothing: http.client lets go before the body is read; who opened the socket closes it."""


class _Raw(io.RawIOBase):
    def __init__(self, stream: socket.socket, clock: _Phases) -> None:
        super().__init__()
        self._stream, self._clock = stream, clock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # typeshed has a private type here
        self._stream.settimeout(self._clock.left())
        return self._stream.recv_into(buffer)


class _Phase:
    def __init__(self, phases_ms: dict[str, float], phase: str) -> None:
        self._phases_ms, self._phase = phases_ms, phase
        self._started = 0.0

    def __enter__(self) -> None:
        self._started = time.monotonic()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        taken = (time.monotonic() - self._started) * 1000
        self._phases_ms[self._phase] = self._phases_ms.get(self._phase, 0.0) + taken
        if error is not None:
            failure = _failure(self._phase, error)
            if failure is not None:
                raise failure from error


def _failure(phase: str, error: BaseException) -> Failure | None:  # noqa: PLR0911 - a kind of error a case
    match error:
        case TimeoutError():
            return Failure("timeout", f"timed out during {phase}")
        case ssl.SSLCertVerificationError():
            return Failure("tls", f"certificate not trusted: {error.verify_message}")
        case ssl.SSLError():
            return Failure("tls", f"TLS: {error.reason or 'failed'}")
        case socket.gaierror():
            return Failure("dns", f"name not found: {error.strerror}")
        case OSError():
            return Failure(phase, f"{phase} failed: {error.strerror or 'connection lost'}")
        case http.client.HTTPException() | UnicodeError() | ValueError():
            return Failure("protocol", f"not HTTP as we know it: {type(error).__name__}")
        case _:
            return None


def _connected(host: str, port: int, clock: _Phases) -> socket.socket:
    """Try the host's addresses in turn, as the resolver orders them."""
    with clock.timed("dns"):
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    with clock.timed("connect"):
        last: OSError | None = None
        for number, (family, kind, protocol, _, address) in enumerate(found):
            stream = socket.socket(family, kind, protocol)
            # An address that does not answer must leave time for those after it.
            stream.settimeout(clock.left() / (len(found) - number))
            try:
                stream.connect(address)
            except OSError as error:
                stream.close()
                last = error
            else:
                return stream
        raise last or OSError("no address")


def _secured(
    stream: socket.socket, target: Target, host: str, clock: _Phases, answer: Answer
) -> ssl.SSLSocket:
    context = target.tls()
    with clock.timed("tls"):
        stream.settimeout(clock.left())
        secured = context.wrap_socket(stream, server_hostname=target.server_name or host)
        answer.certificate_expiry_ms = _expiry_ms(secured)
        return secured


def _expiry_ms(stream: ssl.SSLSocket) -> int | None:
    """When the server's certificate ends; Python parses it only where it was verified."""
    ends = (stream.getpeercert() or {}).get("notAfter")
    if isinstance(ends, str):
        return int(ssl.cert_time_to_seconds(ends) * 1000)
    return None


def _asked(
    connection: http.client.HTTPConnection, ask: _Ask, path: str, clock: _Phases
) -> http.client.HTTPResponse:
    with clock.timed("processing"):
        headers = {"User-Agent": "lumina-exporter", "Connection": "close", **ask.headers}
        connection.request(ask.method, path, ask.body or None, headers)
        return connection.getresponse()


def _read(response: http.client.HTTPResponse, bytes_max: int, clock: _Phases) -> tuple[bytes, bool]:
    """The body up to `bytes_max`, and whether there was more; a drip is ended by the deadline."""
    with clock.timed("transfer"):
        parts: list[bytes] = []
        size = 0
        while size <= bytes_max:
            part = response.read1(_CHUNK_BYTES)
            if not part:
                break
            parts.append(part)
            size += len(part)
        return b"".join(parts)[:bytes_max], size > bytes_max


def _server(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
