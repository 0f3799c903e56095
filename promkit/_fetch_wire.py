"""Connections that keep a deadline: over name look-up, connecting, sending, and every byte that comes back.

urllib3's own timeouts are per socket operation, so a server that drips a byte a second is never late. Here
each read gets what is left of the whole exchange's time. Addresses are checked after look-up and before
connecting, on the very address that is connected to, so that no name can be bound anew in between.
"""

import http.client
import io
import ipaddress
import queue
import socket
import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

__all__ = ["EXCHANGE", "Exchange", "HttpPool", "HttpsPool", "is_link_local"]

# Where clouds answer with a machine's credentials, besides the link-local ranges.
_METADATA = {ipaddress.ip_address("fd00:ec2::254")}


@dataclass(slots=True)
class Exchange:
    """One request and its answer."""

    deadline: float  # monotonic seconds
    link_local: bool  # whether such addresses may be connected to
    reused: bool = False  # whether an idle connection was taken

    def remaining(self) -> float:
        """Seconds left; TimeoutError: none."""
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("deadline exceeded")
        return seconds


EXCHANGE: ContextVar[Exchange] = ContextVar("exchange")


class _DeadlineReader(io.RawIOBase):
    """The socket's reader, each read under what is left of the time."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, exchange: Exchange) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:  # noqa: ANN401 - as io has it: whatever can be written to
        self._sock.settimeout(self._exchange.remaining())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - http.client's
        super().__init__(sock, *args, **kwargs)
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_DeadlineReader(raw, sock, EXCHANGE.get()))


class _Deadline(HTTPConnection):
    """What both kinds of connection add to urllib3's."""

    response_class = _Response

    _is_new = True

    def connect(self) -> None:
        self._is_new = True
        super().connect()

    def request(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - urllib3's
        exchange = EXCHANGE.get()
        exchange.reused = self.sock is not None and not self._is_new
        self.timeout = exchange.remaining()
        super().request(*args, **kwargs)  # connects, where HTTPS has not done so before
        self._is_new = False

    def _new_conn(self) -> socket.socket:
        exchange = EXCHANGE.get()
        try:
            addresses = _addresses(self._dns_host, self.port, exchange.remaining())
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "name look-up timed out") from error
        failure: OSError | None = None
        for family, address in addresses:
            try:
                return self._connected(family, address, exchange)
            except TimeoutError as error:
                raise ConnectTimeoutError(self, "connecting timed out") from error
            except OSError as error:
                failure = error
        raise NewConnectionError(self, f"cannot connect: {failure}") from failure

    def _connected(self, family: int, address: tuple[Any, ...], exchange: Exchange) -> socket.socket:
        if not exchange.link_local and is_link_local(str(address[0])):
            raise PermissionError("link-local and metadata addresses are refused")
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            for option in self.socket_options or ():
                sock.setsockopt(*option)
            sock.settimeout(exchange.remaining())
            sock.connect(address)
            sock.settimeout(exchange.remaining())  # for the TLS handshake
        except BaseException:
            sock.close()
            raise
        return sock


class _DeadlineHttps(_Deadline, HTTPSConnection):
    """HTTPS: `_Deadline` over urllib3's TLS."""


class HttpPool(HTTPConnectionPool):
    """Plain connections to one host."""

    ConnectionCls = _Deadline


class HttpsPool(HTTPSConnectionPool):
    """TLS connections to one host."""

    ConnectionCls = _DeadlineHttps

    def _validate_conn(self, conn: Any) -> None:  # noqa: ANN401 - urllib3's
        # urllib3 warns of a certificate that is not verified; whoever wrote insecure_skip_verify knows.
        if conn.is_closed:
            conn.connect()


def _addresses(host: str, port: int | None, seconds: float) -> list[tuple[int, tuple[Any, ...]]]:
    """Look a name up, at most so long: the C library's own limits are far above any deadline of ours."""
    host = host.strip("[]")
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        answers: queue.SimpleQueue[list[Any] | OSError] = queue.SimpleQueue()
        threading.Thread(target=_look_up, args=(host, port, answers), name="look-up", daemon=True).start()
        try:
            answer = answers.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError from None
        if isinstance(answer, OSError):
            raise answer from None
    else:
        answer = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    return [(family, address) for family, _, _, _, address in answer]


def _look_up(host: str, port: int | None, answers: "queue.SimpleQueue[list[Any] | OSError]") -> None:
    try:
        answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except OSError as error:
        answers.put(error)
    except UnicodeError:  # a label of more than 63 characters
        answers.put(socket.gaierror(socket.EAI_NONAME, "not a host name"))


def is_link_local(text: str) -> bool:
    """Tell whether an address is one that only neighbours or a cloud's own services answer at."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return address.is_link_local or address in _METADATA
