"""One kept connection to a target, and just the HTTP/1.1 that a scrape needs.

A general client spends 300 µs on a request; at 200 series a target that is more than reading the page costs.
So the hot path has a client of its own: GET alone, a body with a length, in chunks, or up to the end.
"""

import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from ruler.ingest.errors import FailureKind, ScrapeError

__all__ = ["Address", "Answer", "Connection"]

_HEAD_BYTES_MAX = 64 << 10
_RECEIVE_BYTES = 256 << 10
_GZIP = 31  # zlib's window bits for a gzip header


@dataclass(frozen=True, slots=True)
class Address:
    """Where a connection goes."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    server_name: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    received_bytes: int


class _Closed(Exception):  # noqa: N818 - an event, told to `Connection.get` alone
    """The peer closed a kept connection before it answered."""


class Connection:
    """Used by one thread at a time."""

    def __init__(self, address: Address, body_bytes_max: int) -> None:
        self.address = address
        self._body_bytes_max = body_bytes_max
        self._socket: socket.socket | None = None

    def get(self, request: bytes, timeout_ms: int) -> Answer:
        """Send a whole request and read the answer; connects when it must.

        ScrapeError: refused, timeout, dns, tls, network, too_large.
        """
        deadline = time.monotonic() + timeout_ms / 1000
        kept = self._socket is not None
        try:
            try:
                return self._exchange(request, deadline)
            except (_Closed, ConnectionResetError, BrokenPipeError):
                if not kept:
                    raise
                self.close()  # it was closed while idle: once more, on a new one
                return self._exchange(request, deadline)
        except ScrapeError:
            self.close()
            raise
        except (OSError, ValueError, zlib.error, _Closed) as error:
            self.close()
            raise _failure(error, timeout_ms) from None

    def close(self) -> None:
        """Close it; the next request connects anew."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exchange(self, request: bytes, deadline: float) -> Answer:
        peer = self._connected(deadline)
        peer.settimeout(_left(deadline))
        peer.sendall(request)
        reader = _Reader(peer, deadline)
        status, headers = reader.head()
        limit = self._body_bytes_max
        coding = headers.get("content-encoding", "identity")
        if "chunked" in headers.get("transfer-encoding", ""):
            body, keeps = reader.chunked(limit), True
        elif "content-length" in headers:
            body, keeps = reader.sized(int(headers["content-length"]), limit), True
        else:
            body, keeps = reader.rest(limit), False
        if not keeps or headers.get("connection", "").lower() == "close":
            self.close()
        plain = body if coding == "identity" else _decompressed(body, coding, limit)
        return Answer(status, headers, plain, len(body))

    def _connected(self, deadline: float) -> socket.socket:
        if self._socket is None:
            address = self.address
            peer = socket.create_connection((address.host, address.port), timeout=_left(deadline))
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if address.tls is not None:
                try:
                    peer = address.tls.wrap_socket(peer, server_hostname=address.server_name or address.host)
                except BaseException:
                    peer.close()
                    raise
            self._socket = peer
        return self._socket


class _Reader:
    """What has been received of one answer."""

    def __init__(self, peer: socket.socket, deadline: float) -> None:
        self._peer = peer
        self._deadline = deadline
        self._data = bytearray()

    def head(self) -> tuple[int, dict[str, str]]:
        while (end := self._data.find(b"\r\n\r\n")) < 0:
            if len(self._data) > _HEAD_BYTES_MAX:
                raise ScrapeError(FailureKind.NETWORK, "the answer's header is too long")
            if not self._more():
                raise _Closed if not self._data else ValueError("the connection was closed in the header")
        lines = self._data[:end].decode("latin-1").split("\r\n")
        del self._data[: end + 4]
        version, _, rest = lines[0].partition(" ")
        if not version.startswith("HTTP/1."):
            raise ValueError("the answer is not HTTP/1.1")
        status = int(rest[:3])
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        if version == "HTTP/1.0":
            headers.setdefault("connection", "close")
        return status, headers

    def sized(self, size: int, limit: int) -> bytes:
        _check_size(size, limit)
        while len(self._data) < size:
            if not self._more():
                raise ValueError("the connection was closed within the page")
        return bytes(self._data[:size])

    def chunked(self, limit: int) -> bytes:
        parts: list[bytes] = []
        total = position = 0
        while True:
            while (end := self._data.find(b"\r\n", position)) < 0:
                self._must_grow(position)
            size = int(self._data[position:end].partition(b";")[0], 16)
            position = end + 2
            if size == 0:
                break
            total += size
            _check_size(total, limit)
            while len(self._data) < position + size + 2:
                self._must_grow(position)
            parts.append(bytes(self._data[position : position + size]))
            position += size + 2
        while not self._data.startswith(b"\r\n", position):  # trailers
            while (end := self._data.find(b"\r\n", position)) < 0:
                self._must_grow(position)
            position = end + 2
        return b"".join(parts)

    def rest(self, limit: int) -> bytes:
        while self._more():
            _check_size(len(self._data), limit)
        return bytes(self._data)

    def _must_grow(self, position: int) -> None:
        if len(self._data) - position > _HEAD_BYTES_MAX and b"\r\n" not in self._data[position:]:
            raise ValueError("a chunk without a size")
        if not self._more():
            raise ValueError("the connection was closed within the page")

    def _more(self) -> bool:
        self._peer.settimeout(_left(self._deadline))
        received = self._peer.recv(_RECEIVE_BYTES)
        self._data += received
        return bool(received)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise ScrapeError(FailureKind.TOO_LARGE, f"the page is larger than body_size_limit ({limit} bytes)")


def _decompressed(body: bytes, coding: str, limit: int) -> bytes:
    if coding != "gzip":
        raise ScrapeError(FailureKind.MALFORMED, f"unknown content encoding {coding[:40]!r}")
    inflater = zlib.decompressobj(_GZIP)
    plain = inflater.decompress(body, limit + 1)
    _check_size(len(plain), limit)
    if not inflater.eof:
        raise ScrapeError(FailureKind.MALFORMED, "the compressed page was cut off")
    return plain


def _failure(error: Exception, timeout_ms: int) -> ScrapeError:  # noqa: PLR0911 - a kind a return
    match error:
        case TimeoutError():
            return ScrapeError(FailureKind.TIMEOUT, f"no answer within {timeout_ms} ms")
        case ConnectionRefusedError():
            return ScrapeError(FailureKind.REFUSED, "connection refused")
        case socket.gaierror():
            return ScrapeError(FailureKind.DNS, f"name not found: {error.strerror}")
        case ssl.SSLCertVerificationError():
            return ScrapeError(FailureKind.TLS, f"certificate refused: {error.verify_message}")
        case ssl.SSLError():
            return ScrapeError(FailureKind.TLS, f"TLS failed: {error.reason or error}")
        case OSError():
            return ScrapeError(FailureKind.NETWORK, error.strerror or str(error))
        case _Closed():
            return ScrapeError(FailureKind.NETWORK, "the connection was closed without an answer")
        case _:
            return ScrapeError(FailureKind.NETWORK, f"not HTTP: {error}")
