"""Probes against servers that behave, and servers that do not."""

import http.server
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from exporter.probe import Answer, Target, probe, tls_context
from tests.builders.raw_server import RawServer

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[socket.socket, bytes], None]], RawServer]]:
    servers: list[RawServer] = []

    def start(handler: Callable[[socket.socket, bytes], None]) -> RawServer:
        servers.append(RawServer(handler))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


Serve = Callable[[Callable[[socket.socket, bytes], None]], RawServer]


def answering(data: bytes) -> Callable[[socket.socket, bytes], None]:
    def handler(client: socket.socket, request: bytes) -> None:
        del request
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)

    return handler


def reason(answer: Answer) -> str:
    return answer.failure.reason if answer.failure is not None else ""


def test_phases(serve: Serve) -> None:
    answer = probe(Target(serve(answering(OK)).url + "/a?b=c"))
    assert (answer.status, answer.body, answer.failure) == (200, b"hello", None)
    assert list(answer.phases_ms) == ["dns", "connect", "processing", "transfer"]
    assert all(taken >= 0 for taken in answer.phases_ms.values())


def test_what_is_sent(serve: Serve) -> None:
    server = serve(answering(OK))
    probe(Target(server.url + "/a?b=c", "POST", {"X-A": "1"}, b"body"))
    request = server.requests[0]
    assert request.startswith(b"POST /a?b=c HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{server.port}\r\n".encode() in request
    assert b"X-A: 1\r\n" in request
    assert request.endswith(b"\r\n\r\nbody")


def redirect(location: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


def test_redirects_are_followed_and_secrets_stay(serve: Serve) -> None:
    goal = serve(answering(OK))
    start = serve(answering(redirect(f"{goal.url}/b")))
    answer = probe(Target(start.url, "POST", {"Authorization": "Bearer x", "X-A": "1"}, b"body"))
    assert (answer.status, answer.redirects) == (200, 1)
    assert goal.requests[0].startswith(b"GET /b HTTP/1.1\r\n")
    assert b"Authorization" not in goal.requests[0]
    assert b"X-A: 1" in goal.requests[0]


def test_a_redirect_on_the_same_server_keeps_its_secrets(serve: Serve) -> None:
    answers = iter([redirect("/b", 307), OK])

    def handler(client: socket.socket, request: bytes) -> None:
        answering(next(answers))(client, request)

    server = serve(handler)
    answer = probe(Target(server.url, "PUT", {"Authorization": "Bearer x"}, b"body"))
    assert answer.status == 200
    assert server.requests[1].startswith(b"PUT /b")
    assert b"Authorization: Bearer x" in server.requests[1]
    assert server.requests[1].endswith(b"body")


REDIRECTS = {
    "to a file": ("file:///etc/passwd", 5),
    "to nothing": ("http://", 5),
    "to no URL": ("http://[", 5),
    "in a circle": ("/", 3),
}


@pytest.mark.parametrize(("location", "redirects_max"), REDIRECTS.values(), ids=REDIRECTS)
def test_redirects_that_are_not_followed(serve: Serve, location: str, redirects_max: int) -> None:
    server = serve(answering(redirect(location)))
    assert reason(probe(Target(server.url, redirects_max=redirects_max))) == "redirect"
    assert len(server.requests) <= redirects_max + 1


def test_no_redirect_is_followed_when_none_is_wanted(serve: Serve) -> None:
    answer = probe(Target(serve(answering(redirect("/x"))).url, redirects_max=0))
    assert (answer.status, answer.redirects, answer.failure) == (302, 0, None)


def drip(data: bytes) -> Callable[[socket.socket, bytes], None]:
    """A byte now and then, each soon enough for a timeout of one wait."""

    def handler(client: socket.socket, request: bytes) -> None:
        del request
        for byte in data:
            client.sendall(bytes([byte]))
            if threading.Event().wait(0.05):
                return

    return handler


BAD = {
    "no HTTP": (answering(b"hello\r\n\r\n"), "protocol"),
    "nothing": (answering(b""), "processing"),
    "cut short": (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"), "protocol"),
    "a header without end": (answering(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000), "protocol"),
    "headers without end": (answering(b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 1_000), "protocol"),
    "headers byte by byte": (drip(b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 50), "timeout"),
    "a body byte by byte": (drip(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 500), "timeout"),
    "silence": (lambda _client, _request: threading.Event().wait(2) and None, "timeout"),
}


@pytest.mark.parametrize(("handler", "expected"), BAD.values(), ids=BAD)
def test_servers_that_do_not_behave(
    serve: Serve, handler: Callable[[socket.socket, bytes], None], expected: str
) -> None:
    started = time.monotonic()
    answer = probe(Target(serve(handler).url, timeout_ms=400))
    assert time.monotonic() - started < 2
    # A truncated body is an answer of what came, for http.client counts only whole ones as wrong.
    assert reason(answer) == expected or (expected == "protocol" and answer.body == b"hello")


def test_a_body_without_end_is_cut(serve: Serve) -> None:
    def handler(client: socket.socket, request: bytes) -> None:
        del request
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            client.sendall(b"x" * 65_536)

    answer = probe(Target(serve(handler).url, body_bytes_max=100_000))
    assert (len(answer.body), answer.truncated, answer.failure) == (100_000, True, None)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    answer = probe(Target(f"http://127.0.0.1:{port}/"))
    assert reason(answer) == "connect"
    assert "dns" in answer.phases_ms


def test_no_such_name() -> None:
    assert reason(probe(Target("http://no-such-name.invalid/"))) == "dns"


def test_a_name_that_is_none() -> None:
    assert reason(probe(Target(f"http://{'a' * 70}.example/"))) in {"dns", "protocol"}


@dataclass
class Secured:
    """An HTTPS server with a certificate of its own."""

    url: str
    certificate: Path


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not there: install it with the system's packages")
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "cert.pem"
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "10"]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", "req", *kind, *name, *files], check=True, capture_output=True)
    handler = partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield Secured(f"https://127.0.0.1:{server.server_address[1]}/", certificate)
    server.shutdown()
    thread.join()
    server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        del args


def trusting(secured: Secured) -> Target:
    context = tls_context(str(secured.certificate), verify=True)
    return Target(secured.url, tls=lambda: context, server_name="localhost")


def test_tls(secured: Secured) -> None:
    answer = probe(trusting(secured))
    assert (answer.status, answer.failure) == (200, None)
    assert list(answer.phases_ms) == ["dns", "connect", "tls", "processing", "transfer"]
    assert answer.certificate_expiry_ms is not None
    days = (answer.certificate_expiry_ms / 1000 - time.time()) / 86_400
    assert 9.9 < days <= 10


def test_a_certificate_of_another_name(secured: Secured) -> None:
    answer = probe(replace(trusting(secured), server_name="example.org"))
    assert reason(answer) == "tls"
    assert "not trusted" in str(answer.failure)


def test_a_certificate_nobody_vouches_for(secured: Secured) -> None:
    assert reason(probe(Target(secured.url, server_name="localhost"))) == "tls"
    context = tls_context(None, verify=False)
    answer = probe(Target(secured.url, tls=lambda: context))
    assert (answer.status, answer.certificate_expiry_ms) == (200, None)


def test_no_tls_where_some_is_expected(serve: Serve) -> None:
    url = serve(answering(OK)).url.replace("http://", "https://")
    assert reason(probe(Target(url, timeout_ms=1_000))) in {"tls", "timeout"}
