"""The exporter's site, and how to ask it over a socket."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse

from exporter.collectors.push import Push
from exporter.gate import Gate
from exporter.page import Page
from exporter.routes import Site
from exporter.server import Server
from tests.builders.sources import ManualClock

__all__ = ["WITHIN_S", "House", "Served"]

WITHIN_S = 10


@dataclass
class House:
    """A page with two sources, pushes, and the site over them."""

    clock: ManualClock
    page: Page
    push: Push
    site: Site


@dataclass
class Served:
    """A server that runs, and how to ask it."""

    gate: Gate
    server: Server
    port: int

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=WITHIN_S)

    def raw(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=WITHIN_S)

    def ask(
        self,
        target: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes, HTTPResponse]:
        connection = self.connect()
        try:
            connection.request(method, target, body, dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.read(), response
        finally:
            connection.close()
