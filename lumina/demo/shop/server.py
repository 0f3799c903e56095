"""The shop's server: answers requests from a pool of connections and writes an access log as nginx does.

    GET  /, /checkout            pages, each takes a pooled connection for a moment
    POST /login/NAME, /logout/NAME             a session begins, ends; `Cookie: user=NAME` keeps it alive
    GET  /api/compliance         POST /api/compliance/scans      asks for a scan
    GET  /-/healthy              for whoever restarts
    POST /-/break                from now on slow, mostly failing, and no scan succeeds
    POST /-/pool/grow/N, /-/pool/shrink/N      so many connections more, or fewer
    POST /-/optimize             vacuum and analyze its database

It is broken until it is restarted. Every second it pushes the use of its pool to the exporter. On SIGUSR1 it
gives memory back.
"""

import contextlib
import json
import queue
import sqlite3
import threading
import time
import urllib.request
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from lumina.demo.shop import database
from lumina.demo.shop.worker import Worker

__all__ = ["Shop", "now_ms"]

FAILING = 3  # of four requests, while broken
SLOW_S = 0.4
WORK_S = 0.004
PAGES = ("/", "/checkout", "/api/compliance")


class Shop(ThreadingHTTPServer):
    """The server, its pool, its worker and its log."""

    daemon_threads = True

    def __init__(self, port: int, log: Path, data: Path) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        database.prepare(data)
        self.pool = database.Pool(data)
        self.broken = threading.Event()
        self.worker = Worker(self.pool, self.broken, now_ms)
        self._log = log.open("a", encoding="utf-8", buffering=1)
        self._writing = threading.Lock()
        self._served = 0

    def serve_one(self, method: str, path: str, user: str) -> int:
        """The work of one request; its status. queue.Empty: the pool gave no connection in time."""
        with self.pool.connection() as connection:
            broken = self.broken.is_set()
            time.sleep(SLOW_S if broken else WORK_S)
            with self._writing:
                self._served += 1
                turn = self._served % 4
            return 503 if broken and turn < FAILING else _done(connection, method, path, user)

    def tend(self, path: str) -> int:
        """What its operator asks for; the status. queue.Empty: the pool gave no connection in time."""
        match path.split("/")[2:]:
            case ["break"]:
                self.broken.set()
            case ["optimize"]:
                with self.pool.connection() as connection:
                    database.optimize(connection)
            case ["pool", "grow" | "shrink" as how, count] if count.isascii() and count.isdigit():
                return 200 if self.pool.resize(int(count) if how == "grow" else -int(count)) else 409
            case _:
                return 404
        return 200

    def write_log(self, client: str, request: str, status: int, took_s: float) -> None:
        """One line, in nginx's combined format with the request's time at the end."""
        stamp = datetime.now(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
        with self._writing:
            self._log.write(f'{client} - - [{stamp}] "{request}" {status} 0 "-" "-" {took_s:.3f}\n')

    def push_pool(self, url: str) -> None:
        """Tell the exporter how much of the pool is in use; the share it finds itself."""
        labels = {"pool": "shop-database", "type": "connections"}
        metrics = [
            {"name": "resource_pool_size", "labels": labels, "value": self.pool.size},
            {"name": "resource_pool_in_use", "labels": labels, "value": self.pool.in_use},
        ]
        body = json.dumps({"group": "shop", "ttl": "15s", "metrics": metrics}).encode()
        request = urllib.request.Request(  # noqa: S310 - the demo's own loopback address
            url, data=body, headers={"Content-Type": "application/json"}, method="POST"
        )
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=2):  # noqa: S310
            pass

    def end(self) -> None:
        """Stop what was started, and close what was opened."""
        self.shutdown()
        self.worker.stop()
        self.server_close()
        self.pool.close()
        self._log.close()


def _done(connection: sqlite3.Connection, method: str, path: str, user: str) -> int:
    """What a request does in the database; its status."""
    verb, _, name = path.strip("/").partition("/")
    match method, verb:
        case "POST", "login" if name:
            database.log_in(connection, name, now_ms())
        case "POST", "logout" if name:
            database.log_out(connection, name, now_ms())
        case "POST", "api" if name == "compliance/scans":
            database.queue_scan(connection, "requested", now_ms())
        case "GET", _ if path in PAGES:
            database.touch(connection, user, now_ms())
        case _:
            return 404
    return 200


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Handler(BaseHTTPRequestHandler):
    """One connection of the shop's."""

    server: Shop
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Serve a page."""
        if self.path == "/-/healthy":
            self._answer(200)
        else:
            self._serve()

    def do_POST(self) -> None:
        """Take an order, or do what the operator asks for."""
        if not self.path.startswith("/-/"):
            self._serve()
            return
        try:
            self._answer(self.server.tend(self.path))
        except queue.Empty:
            self._answer(503)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Keep quiet: the access log is the log."""

    def _serve(self) -> None:
        begun = time.monotonic()
        user = self.headers.get("Cookie", "").removeprefix("user=")
        try:
            status = self.server.serve_one(self.command, self.path, user)
        except queue.Empty:
            status = 503
        self.server.write_log(self.client_address[0], self.requestline, status, time.monotonic() - begun)
        self._answer(status)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
