"""Requests in, answers out."""

import contextlib
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.http1 import Answer, BadRequest, encoded, inflated, parse_head
from promkit.errors import LimitError

HOST = "Host: localhost"


def test_a_request() -> None:
    head = parse_head(
        b"POST /push?group=a%20b&ttl= HTTP/1.1\r\nHost: x:1\r\nContent-Length: 3\r\nX-A: 1\r\nx-a:2"
    )
    assert (head.method, head.path, head.query) == ("POST", "/push", [("group", "a b"), ("ttl", "")])
    assert (head.headers["x-a"], head.body_bytes, head.keep_alive) == ("1, 2", 3, True)


def test_a_whole_url_is_a_path_too() -> None:
    assert parse_head(b"GET http://localhost/metrics?a=1 HTTP/1.1\r\nHost: x").path == "/metrics"


KEEPS_ALIVE = {
    "1.1": (f"GET / HTTP/1.1\r\n{HOST}", True),
    "1.1 close": (f"GET / HTTP/1.1\r\n{HOST}\r\nConnection: Close", False),
    "1.0": ("GET / HTTP/1.0", False),
    "1.0 keep-alive": ("GET / HTTP/1.0\r\nConnection: keep-alive", True),
}


@pytest.mark.parametrize(("text", "keeps"), KEEPS_ALIVE.values(), ids=KEEPS_ALIVE)
def test_keep_alive(text: str, *, keeps: bool) -> None:
    assert parse_head(text.encode()).keep_alive is keeps


REFUSED = {
    "no request line": ("hello", 400),
    "another protocol": ("GET / HTTP/2.0", 400),
    "no Host": ("GET / HTTP/1.1", 400),
    "two Hosts": (f"GET / HTTP/1.1\r\n{HOST}\r\n{HOST}", 400),
    "two lengths": (f"GET / HTTP/1.1\r\n{HOST}\r\nContent-Length: 1\r\nContent-Length: 2", 400),
    "a length that is none": (f"GET / HTTP/1.1\r\n{HOST}\r\nContent-Length: +1", 400),
    "chunked": (f"POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: chunked", 411),
    "folded": (f"GET / HTTP/1.1\r\n{HOST}\r\n folded", 400),
    "space before the colon": (f"GET / HTTP/1.1\r\n{HOST}\r\nX : 1", 400),
    "bare line feed": (f"GET / HTTP/1.1\r\n{HOST}\nX: 1", 400),
    "too many": (f"GET / HTTP/1.1\r\n{HOST}" + "\r\nX: 1" * 101, 431),
    "no path": (f"GET metrics HTTP/1.1\r\n{HOST}", 400),
    "query without end": (f"GET /?{'a&' * 2000} HTTP/1.1\r\n{HOST}", 400),
}


@pytest.mark.parametrize(("text", "status"), REFUSED.values(), ids=REFUSED)
def test_refused(text: str, status: int) -> None:
    with pytest.raises(BadRequest) as raised:
        parse_head(text.encode())
    assert raised.value.status == status


@given(data=st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_any_bytes(data: bytes) -> None:
    for text in (data, b"GET / HTTP/1.1\r\nHost: x\r\n" + data, b"GET /" + data + b" HTTP/1.0"):
        with contextlib.suppress(BadRequest):
            assert parse_head(text).body_bytes >= 0


def test_an_answer() -> None:
    answer = Answer(200, b"hello", headers={"Vary": "Accept"})
    text = encoded(answer, head_only=False, keep_alive=False, now_seconds=0)
    head, _, body = text.partition(b"\r\n\r\n")
    assert body == b"hello"
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 200 OK",
        b"Date: Thu, 01 Jan 1970 00:00:00 GMT",
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Length: 5",
        b"X-Content-Type-Options: nosniff",
        b"Vary: Accept",
        b"Connection: close",
    ]
    assert encoded(answer, head_only=True, keep_alive=True, now_seconds=0).endswith(b"\r\n\r\n")


def test_gzip() -> None:
    assert inflated(gzip.compress(b"a" * 100), 100) == b"a" * 100
    with pytest.raises(LimitError):
        inflated(gzip.compress(b"a" * 101), 100)
    with pytest.raises(BadRequest):
        inflated(gzip.compress(b"a" * 100)[:-5], 100)
    with pytest.raises(BadRequest):
        inflated(b"hello", 100)
