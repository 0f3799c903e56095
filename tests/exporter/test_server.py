"""Connections: kept, cut, refused; what hostile or slow peers can do, and cannot."""

import gzip
import socket
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.server import listening, systemd_sockets
from promkit.errors import Unavailable
from tests.builders.sites import WITHIN_S, House, Served

HOST = "Host: localhost\r\n"


def exchange(served: Served, data: bytes) -> bytes:
    """Everything that comes back until the server closes; we close our side once it is sent."""
    with served.raw() as one:
        one.sendall(data)
        one.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: one.recv(65_536), b""))


def test_a_connection_is_kept(served: Served) -> None:
    connection = served.connect()
    for _ in range(3):
        connection.request("GET", "/metrics", headers={"Accept-Encoding": "gzip"})
        response = connection.getresponse()
        assert b"process_x 7" in gzip.decompress(response.read())
    connection.close()


def test_requests_one_after_the_other(served: Served) -> None:
    request = f"GET /-/healthy HTTP/1.1\r\n{HOST}\r\n"
    answer = exchange(
        served, (request * 3 + request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).encode()
    )
    assert answer.count(b"HTTP/1.1 200 OK") == 4


def test_head(served: Served) -> None:
    status, body, response = served.ask("/metrics", "HEAD")
    assert (status, body) == (200, b"")
    assert int(response.headers["Content-Length"]) > 0


def test_a_push(served: Served) -> None:
    status, _, _ = served.ask("/push", "POST", b"pushed 1\n", {"Content-Type": "text/plain"})
    assert status == 202
    assert b"\npushed 1\n" in served.ask("/metrics")[1]


def test_a_push_that_asks_first(served: Served) -> None:
    with served.raw() as one:
        head = f"POST /push HTTP/1.1\r\n{HOST}Content-Type: text/plain\r\nContent-Length: 4\r\n"
        one.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert one.recv(100).startswith(b"HTTP/1.1 100 Continue")
        one.sendall(b"a 1\n")
        assert one.recv(100).startswith(b"HTTP/1.1 202")


REFUSED = {
    "not HTTP": (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
    "head without end": (b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000, 431),
    "a body too large": (
        f"POST /push HTTP/1.1\r\n{HOST}Content-Type: text/plain\r\nContent-Length: 1001\r\n\r\n".encode(),
        413,
    ),
    "a body where none is wanted": (
        f"GET /metrics HTTP/1.1\r\n{HOST}Content-Length: 5\r\n\r\nhello".encode(),
        413,
    ),
    "chunked": (f"POST /push HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode(), 411),
    "another name": (b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 403),
}


@pytest.mark.parametrize(("data", "status"), REFUSED.values(), ids=REFUSED)
def test_refused(served: Served, data: bytes, status: int) -> None:
    answer = exchange(served, data)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Connection: close" in answer
    assert answer.count(b"HTTP/1.1") == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200))
def test_any_bytes(served: Served, data: bytes) -> None:
    exchange(served, data)
    head = f"POST /push HTTP/1.1\r\n{HOST}Content-Type: text/plain\r\nContent-Length: {len(data)}\r\n\r\n"
    answer = exchange(served, head.encode() + data)
    assert answer.startswith((b"HTTP/1.1 202", b"HTTP/1.1 400"))


def test_the_page_is_served_while_pushes_are_read(served: Served, house: House) -> None:
    """What takes time goes to threads; the page never waits for it."""
    entered, go_on = threading.Event(), threading.Event()
    original = house.push.accept

    def slow(*arguments: object) -> None:
        entered.set()
        assert go_on.wait(WITHIN_S)
        original(*arguments)  # type: ignore[arg-type]

    house.push.accept = slow  # type: ignore[method-assign,assignment]
    answers: list[int] = []

    def send() -> None:
        answers.append(served.ask("/push", "POST", b"a 1\n", {"Content-Type": "text/plain"})[0])

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert entered.wait(WITHIN_S)
    assert served.ask("/metrics")[0] == 200
    go_on.set()
    for thread in threads:
        thread.join(WITHIN_S)
    assert answers == [202] * 3


def test_a_bug_is_an_answer(served: Served, house: House) -> None:
    house.push.accept = None  # type: ignore[method-assign,assignment]
    status, body, _ = served.ask("/push", "POST", b"a 1\n", {"Content-Type": "text/plain"})
    assert (status, b"a bug: see the log" in body) == (500, True)
    assert served.ask("/-/healthy")[0] == 200


def test_an_address_that_is_taken_is_said(served: Served) -> None:
    with pytest.raises(Unavailable, match=f"cannot listen on 127.0.0.1:{served.port}"):
        listening("127.0.0.1", served.port)


def test_no_socket_from_the_service_manager() -> None:
    with pytest.raises(Unavailable, match="no socket"):
        systemd_sockets({"LISTEN_PID": "1", "LISTEN_FDS": "1"})
