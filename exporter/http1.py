"""HTTP/1.1, as much of it as an exporter's server needs. Pure: bytes → request, answer → bytes.

    GET /metrics?collect[]=cpu HTTP/1.1 CRLF  Host: … CRLF  CRLF  body of Content-Length bytes

Whatever could be read in two ways (two lengths, a folded line, a space before the colon) is refused.
"""

import json
import re
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

from promkit.errors import LimitError, LuminaError

__all__ = ["Answer", "BadRequest", "Head", "Request", "encoded", "error_answer", "inflated", "parse_head"]

HEAD_BYTES_MAX = 16 * 1024
HEADERS_MAX = 100
QUERY_FIELDS_MAX = 1_000
_REQUEST_LINE = re.compile(r"([A-Z]{1,20}) (\S{1,8000}) HTTP/1\.([01])")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}):[ \t]*(.*?)[ \t]*")
_ONCE = frozenset({"host", "content-length", "transfer-encoding", "authorization", "content-type"})


class BadRequest(LuminaError):  # noqa: N818 - the HTTP status' own name
    """Not a request as we take them; the connection cannot go on after it."""

    def __init__(self, problem: str, status: int = 400) -> None:
        super().__init__(problem)
        self.status = status


@dataclass(frozen=True, slots=True)
class Head:
    """All of a request that stands before its body; header names are in lower case."""

    method: str
    path: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    keep_alive: bool
    body_bytes: int

    def values(self, name: str) -> Sequence[str]:
        """All values of a query parameter."""
        return [value for key, value in self.query if key == name]


@dataclass(frozen=True, slots=True)
class Request:
    """A request, whole."""

    head: Head
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


def parse_head(data: bytes) -> Head:
    """Read all that stands before the empty line. BadRequest: why it is none."""
    first, *lines = data.decode("latin-1").split("\r\n")
    match = _REQUEST_LINE.fullmatch(first)
    if match is None:
        raise BadRequest("not a request line")
    headers = _headers(lines)
    if match[3] == "1" and "host" not in headers:
        raise BadRequest("no Host header")
    if "transfer-encoding" in headers:
        raise BadRequest("send the body with Content-Length", 411)
    path, query = _target(match[2])
    connection = headers.get("connection", "").lower()
    keep_alive = "close" not in connection if match[3] == "1" else "keep-alive" in connection
    return Head(match[1], path, query, headers, keep_alive, _length(headers.get("content-length", "0")))


def _headers(lines: Sequence[str]) -> Mapping[str, str]:
    if len(lines) > HEADERS_MAX:
        raise BadRequest("too many headers", 431)
    headers: dict[str, str] = {}
    for line in lines:
        match = _HEADER.fullmatch(line)
        if match is None or not match[2].isprintable():
            raise BadRequest("not a header line")
        name = match[1].lower()
        if name in headers and name in _ONCE:
            raise BadRequest(f"{name} is given twice")
        headers[name] = f"{headers[name]}, {match[2]}" if name in headers else match[2]
    return headers


def _target(text: str) -> tuple[str, Sequence[tuple[str, str]]]:
    try:
        parts = urlsplit(text) if text.startswith("http://") else urlsplit(f"//host{text}")
        query = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=QUERY_FIELDS_MAX)
    except ValueError:
        raise BadRequest("not a path we can read") from None
    if not text.startswith(("/", "http://")):
        raise BadRequest("not a path")
    return unquote(parts.path) or "/", query


def _length(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise BadRequest("not a Content-Length")
    return int(text)


def encoded(answer: Answer, *, head_only: bool, keep_alive: bool, now_seconds: float) -> bytes:
    """The answer as it goes over the wire."""
    reason = HTTPStatus(answer.status).phrase
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(now_seconds))
    lines = [
        f"HTTP/1.1 {answer.status} {reason}",
        f"Date: {date}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        "X-Content-Type-Options: nosniff",
        *(f"{name}: {value}" for name, value in answer.headers.items()),
    ]
    if not keep_alive:
        lines.append("Connection: close")
    head = "\r\n".join([*lines, "", ""]).encode("latin-1", errors="replace")
    return head if head_only else head + answer.body


def error_answer(status: int, error: str, headers: Mapping[str, str] | None = None) -> Answer:
    """An error as one JSON object, as the ruler's own API has it."""
    body = json.dumps({"error": error}).encode() + b"\n"
    return Answer(status, body, "application/json", headers or {})


def inflated(body: bytes, bytes_max: int) -> bytes:
    """A gzip body, unpacked. LimitError: it is larger than `bytes_max`. BadRequest: it is no gzip."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unpacker.decompress(body, bytes_max + 1)
    except zlib.error:
        raise BadRequest("not gzip") from None
    if len(plain) > bytes_max:
        raise LimitError(f"the body is larger than {bytes_max} bytes")
    if not unpacker.eof:
        raise BadRequest("not all of a gzip body")
    return plain
