"""A target whose answers a test sets."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass
class FakeTarget:
    """What it answers next, and what it was asked."""

    address: str = ""
    page: bytes = b""
    status: int = 200
    content_type: str = TEXT
    chunked: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0


@contextmanager
def a_target(page: bytes = b"", **answers: Any) -> Iterator[FakeTarget]:
    target = FakeTarget(page=page)
    for name, value in answers.items():
        setattr(target, name, value)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65_536  # head and body leave together

        def setup(self) -> None:
            target.connections += 1
            super().setup()

        def do_GET(self) -> None:
            target.requests.append({**dict(self.headers), "path": self.path})
            body = target.page
            self.send_response(target.status)
            if target.content_type:
                self.send_header("Content-Type", target.content_type)
            for name, value in target.headers.items():
                self.send_header(name, value)
            if target.headers.get("Content-Encoding") == "gzip":
                body = gzip.compress(body)
            if target.chunked:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for start in range(0, len(body), 7):
                    piece = body[start : start + 7]
                    self.wfile.write(b"%x;note=1\r\n%s\r\n" % (len(piece), piece))
                self.wfile.write(b"0\r\nTrailer: x\r\n\r\n")
            else:
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    target.address = f"127.0.0.1:{server.server_port}"
    try:
        yield target
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
