"""A small web shop: answers requests from a pool of connections and writes an access log as nginx does.

    GET /            the front page          GET /checkout       takes a pooled connection for a moment
    GET /-/healthy   for whoever restarts    POST /-/break       from now on slow, and mostly failing

It is broken until it is restarted: SIGTERM ends it, and its keeper (`keep`) starts a new one. Every second it
pushes the use of its pool to the exporter.
"""

import argparse
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType

POOL_SIZE = 8
FAILING = 3  # of four requests, while broken
SLOW_S = 0.4
PUSH_EVERY_S = 1.0


class Shop(ThreadingHTTPServer):
    """The server, its pool and its log."""

    daemon_threads = True

    def __init__(self, port: int, log: Path) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.pool: queue.Queue[int] = queue.Queue()
        for connection in range(POOL_SIZE):
            self.pool.put(connection)
        self.broken = threading.Event()
        self._log = log.open("a", encoding="utf-8", buffering=1)
        self._writing = threading.Lock()
        self._served = 0

    def serve_one(self, path: str) -> int:
        """The work of one request; its status."""
        if path not in {"/", "/checkout"}:
            return 404
        connection = self.pool.get(timeout=10)
        try:
            broken = self.broken.is_set()
            time.sleep(SLOW_S if broken else 0.004)
            with self._writing:
                self._served += 1
                turn = self._served % 4
            return 503 if broken and turn < FAILING else 200
        finally:
            self.pool.put(connection)

    def write_log(self, client: str, request: str, status: int, took_s: float) -> None:
        """One line, in nginx's combined format with the request's time at the end."""
        stamp = datetime.now(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
        with self._writing:
            self._log.write(f'{client} - - [{stamp}] "{request}" {status} 0 "-" "-" {took_s:.3f}\n')

    def push_pool(self, url: str) -> None:
        """Tell the exporter how much of the pool is in use."""
        in_use = POOL_SIZE - self.pool.qsize()
        labels = {"pool": "shop-database", "type": "connections"}
        metrics = [
            {"name": "resource_pool_size", "labels": labels, "value": POOL_SIZE},
            {"name": "resource_pool_in_use", "labels": labels, "value": in_use},
            {"name": "resource_pool_utilization_ratio", "labels": labels, "value": in_use / POOL_SIZE},
        ]
        body = json.dumps({"group": "shop", "ttl": "15s", "metrics": metrics}).encode()
        request = urllib.request.Request(  # noqa: S310 - the demo's own loopback address
            url, data=body, headers={"Content-Type": "application/json"}, method="POST"
        )
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=2):  # noqa: S310
            pass


class Handler(BaseHTTPRequestHandler):
    """One connection of the shop's."""

    server: Shop
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Serve a page."""
        if self.path == "/-/healthy":
            self._answer(200)
            return
        begun = time.monotonic()
        try:
            status = self.server.serve_one(self.path)
        except queue.Empty:
            status = 503
        self.server.write_log(self.client_address[0], self.requestline, status, time.monotonic() - begun)
        self._answer(status)

    def do_POST(self) -> None:
        """Break the shop."""
        if self.path == "/-/break":
            self.server.broken.set()
        self._answer(200 if self.path == "/-/break" else 404)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Keep quiet: the access log is the log."""

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


def serve(port: int, log: Path, push: str) -> None:
    """Be the shop until SIGTERM."""
    shop = Shop(port, log)
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: ending.set())
    threading.Thread(target=shop.serve_forever, name="shop", daemon=True).start()
    while not ending.wait(PUSH_EVERY_S):
        shop.push_pool(push)
    shop.server_close()


def keep(argv: Sequence[str], pid_file: Path) -> None:
    """Be the shop's keeper: start it, write its pid down, start it again when it ends, until SIGTERM."""
    child: subprocess.Popen[bytes] | None = None
    ending = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ending.set()
        if child is not None:
            child.terminate()

    signal.signal(signal.SIGTERM, end)
    while not ending.is_set():
        child = subprocess.Popen(argv)
        pid_file.write_text(str(child.pid))
        child.wait()
    pid_file.unlink(missing_ok=True)


def restart(pid_file: Path, port: int, timeout_s: float = 15.0) -> int:
    """End the running shop and wait for its successor: what an operator binds to `restart_service`."""
    before = int(pid_file.read_text())
    os.kill(before, signal.SIGTERM)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            after = int(pid_file.read_text())
            url = f"http://127.0.0.1:{port}/-/healthy"
            if after != before:
                with urllib.request.urlopen(url, timeout=1):
                    sys.stdout.write(f"shop restarted: pid {before} → {after}\n")
                    return 0
        time.sleep(0.1)
    sys.stderr.write(f"the shop was not back after {timeout_s:g} s\n")
    return 1


def main(argv: Sequence[str] | None = None) -> int:
    """`serve`, `keep` or `restart`: one program, so that each is a process of its own."""
    parser = argparse.ArgumentParser(prog="lumina-demo-shop")
    parser.add_argument("role", choices=["serve", "keep", "restart"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--pid-file", type=Path)
    parser.add_argument("--push")
    options = parser.parse_args(argv)
    match options.role:
        case "serve":
            serve(options.port, options.log, options.push)
        case "keep":
            flags = ["--port", str(options.port), "--log", str(options.log), "--push", options.push]
            keep([sys.executable, "-m", "lumina.demo.shop", "serve", *flags], options.pid_file)
        case "restart":
            return restart(options.pid_file, options.port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
