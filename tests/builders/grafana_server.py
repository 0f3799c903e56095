"""A Grafana that answers dashboards as its documentation says, and remembers what it was sent."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

__all__ = ["Fake", "a_grafana"]

TAKEN = {"id": 1, "uid": "lumina-test", "url": "/d/lumina-test/test", "status": "success", "version": 2}


@dataclass
class Fake:
    """A Grafana that answers one thing, and remembers what it was asked."""

    url: str
    status: int = 200
    answer: Any = field(default_factory=lambda: TAKEN)
    asked: list[tuple[str, str | None, Any]] = field(default_factory=list)


@contextmanager
def a_grafana(status: int = 200, answer: Any = TAKEN) -> Iterator[Fake]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            fake.asked.append((self.path, self.headers.get("Authorization"), json.loads(body)))
            said = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake = Fake(f"http://127.0.0.1:{server.server_address[1]}")
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
