import gzip
import socket
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from promkit._fetch_wire import is_link_local
from promkit.errors import ConfigError
from promkit.fetch import Basic, Bearer, Fetcher, FetchError, Kind, Tls, inflate, origin
from tests.builders.raw_server import Handler, RawServer, answering

Start = Callable[[Handler], RawServer]
MB = 1 << 20


def dripping(start: bytes, drop: bytes, pause: threading.Event) -> Handler:
    def handler(client: socket.socket, _request: bytes) -> None:
        client.sendall(start)
        while not pause.wait(0.02):
            client.sendall(drop)

    return handler


def failure(fetcher: Fetcher, url: str) -> FetchError:
    with pytest.raises(FetchError) as caught:
        fetcher.request("GET", url)
    return caught.value


def test_an_answer_is_whole_and_a_connection_is_used_again(raw_server: Start) -> None:
    server = raw_server(answering(b"hello", "X-Kind: greeting"))
    fetcher = Fetcher(5_000, MB)
    for _ in range(3):
        response = fetcher.request("POST", f"{server.url}/a?b=c", json={"ü": 1})
        assert (response.status, response.body, response.headers["x-kind"]) == (200, b"hello", "greeting")
    assert server.connections == 1
    assert b'{"\xc3\xbc": 1}' in server.requests[0]
    assert b"content-type: application/json" in server.requests[0].lower()


def test_any_status_is_an_answer(raw_server: Start) -> None:
    server = raw_server(answering(b"no", status="503 Service Unavailable"))
    response = Fetcher(5_000, MB).request("GET", server.url)
    assert (response.status, response.is_success, response.text()) == (503, False, "no")


@pytest.mark.parametrize(
    ("start", "drop"),
    [(b"HTTP/1.1 200 OK\r\nX: ", b"y"), (b"HTTP/1.1 200 OK\r\n\r\n", b"y"), (b"", b"H")],
    ids=["in the headers", "in the body", "in the status line"],
)
def test_a_slow_drip_is_cut_at_the_deadline(raw_server: Start, start: bytes, drop: bytes) -> None:
    pause = threading.Event()
    server = raw_server(dripping(start, drop, pause))
    began = time.monotonic()
    error = failure(Fetcher(300, MB), server.url)
    pause.set()
    assert error.kind == "timeout"
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("headers", [[], ["Transfer-Encoding: chunked"]], ids=["length", "chunked"])
def test_a_body_over_the_cap_is_refused(raw_server: Start, headers: list[str]) -> None:
    if headers:
        body = b"".join(b"400\r\n" + b"x" * 1024 + b"\r\n" for _ in range(100)) + b"0\r\n\r\n"

        def handler(client: socket.socket, _request: bytes) -> None:
            client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)

        server = raw_server(handler)
    else:
        server = raw_server(answering(b"x" * 102_400))
    assert failure(Fetcher(5_000, 65_536), server.url).kind == "too_large"
    assert len(Fetcher(5_000, 102_400).request("GET", server.url).body) == 102_400


def test_a_small_body_that_swells_is_refused(raw_server: Start) -> None:
    bomb = gzip.compress(b"\0" * (64 * MB))
    server = raw_server(answering(bomb, "Content-Encoding: gzip"))
    assert failure(Fetcher(5_000, MB), server.url).kind == "too_large"


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(b"page")),
        ("gzip", gzip.compress(b"pa") + gzip.compress(b"ge")),
        ("deflate", zlib.compress(b"page")),
        ("identity", b"page"),
    ],
    ids=["gzip", "gzip of two members", "deflate", "identity"],
)
def test_bodies_are_decompressed(raw_server: Start, coding: str, body: bytes) -> None:
    server = raw_server(answering(body, f"Content-Encoding: {coding}"))
    assert Fetcher(5_000, MB).request("GET", server.url).body == b"page"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nabc", "protocol"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Encoding: gzip\r\n\r\nabc", "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Encoding: br\r\n\r\nabc", "protocol"),
        (b"", "protocol"),
    ],
    ids=["cut off", "not HTTP", "not gzip", "unknown coding", "nothing"],
)
def test_what_is_no_answer_is_said_in_a_line(raw_server: Start, answer: bytes, kind: Kind) -> None:
    def handler(client: socket.socket, _request: bytes) -> None:
        client.sendall(answer)
        client.shutdown(socket.SHUT_RDWR)

    server = raw_server(handler)
    error = failure(Fetcher(5_000, MB), f"{server.url}/services/T000/SECRET?token=SECRET")
    assert error.kind == kind
    assert "SECRET" not in str(error)
    assert str(error).startswith(f"{server.url}: ")
    assert len(str(error)) < 200


def test_an_idle_connection_that_was_closed_is_replaced(raw_server: Start) -> None:
    def handler(client: socket.socket, request: bytes) -> None:
        # Promises to keep the connection, and closes it when asked again.
        if len(server.requests) == 2:
            client.shutdown(socket.SHUT_RDWR)
            return
        answering(b"ok")(client, request)

    server = raw_server(handler)
    fetcher = Fetcher(5_000, MB)
    assert [fetcher.request("GET", server.url).body for _ in range(2)] == [b"ok", b"ok"]
    assert server.connections == 2


def test_a_post_is_never_sent_twice(raw_server: Start) -> None:
    def handler(client: socket.socket, request: bytes) -> None:
        if len(server.requests) == 2:
            client.shutdown(socket.SHUT_RDWR)
            return
        answering(b"ok")(client, request)

    server = raw_server(handler)
    fetcher = Fetcher(5_000, MB)
    fetcher.request("POST", server.url)
    with pytest.raises(FetchError):
        fetcher.request("POST", server.url)
    assert len(server.requests) == 2


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = failure(Fetcher(2_000, MB), f"http://user:pass@127.0.0.1:{port}/x")
    assert error.kind == "refused"
    assert str(error) == f"http://127.0.0.1:{port}: connection refused"


def test_an_unknown_host() -> None:
    error = failure(Fetcher(10_000, MB), "http://no-such-host.invalid/x")
    assert error.kind in {"dns", "timeout"}


def test_link_local_addresses_are_refused() -> None:
    error = failure(Fetcher(300, MB), "http://169.254.0.1/latest/meta-data/")
    assert (error.kind, "link-local" in str(error)) == ("refused", True)


@pytest.mark.parametrize(
    ("address", "refused"),
    [
        ("169.254.169.254", True),
        ("::ffff:169.254.169.254", True),
        ("fe80::1%eth0", True),
        ("fd00:ec2::254", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("2001:db8::1", False),
    ],
)
def test_which_addresses_are_link_local(address: str, *, refused: bool) -> None:
    assert is_link_local(address) is refused


@pytest.mark.parametrize("url", ["ftp://x/", "http://", "nonsense", "http://[::1", "http://a b/"])
def test_what_is_no_url(url: str) -> None:
    assert failure(Fetcher(300, MB), url).kind in {"protocol", "dns", "refused"}


def test_redirects_stay_on_the_host(raw_server: Start) -> None:
    other = raw_server(answering(b"theirs"))

    def handler(client: socket.socket, request: bytes) -> None:
        path = request.split()[1]
        target = {b"/here": "/there", b"/away": other.url, b"/loop": "/loop"}.get(path)
        if target:
            answering(b"", f"Location: {target}", status="302 Found")(client, request)
        else:
            answering(b"ours")(client, request)

    server = raw_server(handler)
    fetcher = Fetcher(5_000, MB, follow_redirects=True, auth=Bearer(lambda: "TOKEN"))
    assert fetcher.request("GET", f"{server.url}/here").body == b"ours"
    assert failure(fetcher, f"{server.url}/away").kind == "protocol"
    assert failure(fetcher, f"{server.url}/loop").kind == "protocol"
    assert not other.requests
    assert Fetcher(5_000, MB).request("GET", f"{server.url}/here").status == 302


def test_credentials_are_asked_for_at_each_request(raw_server: Start) -> None:
    server = raw_server(answering(b""))
    tokens = iter(["first", "second"])
    fetcher = Fetcher(5_000, MB, auth=Bearer(lambda: next(tokens)))
    fetcher.request("GET", server.url)
    fetcher.request("GET", server.url)
    Fetcher(5_000, MB, auth=Basic("ü", lambda: "p:w")).request("GET", server.url)
    assert [b"Bearer first" in server.requests[0], b"Bearer second" in server.requests[1]] == [True, True]
    assert b"Basic w7w6cDp3" in server.requests[2]


def test_a_proxy_is_asked(raw_server: Start) -> None:
    proxy = raw_server(answering(b"by proxy"))
    response = Fetcher(5_000, MB, proxy=proxy.url).request("GET", "http://example.invalid/x")
    assert response.body == b"by proxy"
    assert proxy.requests[0].startswith(b"GET http://example.invalid/x HTTP/1.1")


def test_tls_files_that_cannot_be_used_are_named() -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        Fetcher(300, MB, tls=Tls(ca_file=Path("nowhere/ca.pem"))).request("GET", "https://127.0.0.1:1/")


def test_plain_text_where_tls_is_wanted(raw_server: Start) -> None:
    server = raw_server(answering(b"x"))
    assert failure(Fetcher(400, MB), server.url.replace("http:", "https:")).kind in {"tls", "timeout"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pass@Example.org:8443/a/b?c=d#e", "https://example.org:8443"),
        ("http://[::1]:9090/x", "http://[::1]:9090"),
        ("nonsense", "<not a URL>"),
        ("http://[::1", "<not a URL>"),
    ],
)
def test_what_may_be_shown_of_an_address(url: str, shown: str) -> None:
    assert origin(url) == shown


def test_inflate_stops_at_its_bound() -> None:
    assert inflate(gzip.compress(b"x" * 100), 100) == b"x" * 100
    assert inflate(gzip.compress(b"x" * 101), 100) is None
