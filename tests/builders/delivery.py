"""Alerts, groups and a delivery that a test drives by hand; receivers that do as they are told."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from promkit.labels import Labels
from ruler.alerts import Alert, Book, Phase, PostedAlert
from ruler.database import Database
from ruler.delivery import Delivery, Setup, make_setup
from ruler.delivery.setup import parse_delivery

START_MS = 1_000_000_000_000


@dataclass
class HandClock:
    """Both clocks, turned by hand."""

    at_ms: int = START_MS

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic_ms(self) -> int:
        return self.at_ms


def an_alert(name: str = "A", /, *, firing: bool = True, **more: Any) -> Alert:
    """An alert that sets only what the case is about; labels by `labels=`."""
    labels = Labels({"alertname": name, **more.pop("labels", {})})
    fields: dict[str, Any] = {
        "annotations": {},
        "phase": Phase.FIRING if firing else Phase.RESOLVED,
        "starts_ms": START_MS,
        "updated_ms": START_MS,
        "ends_ms": None if firing else START_MS + 1,
        **more,
    }
    return Alert(labels=labels, **fields)


def a_setup(text: str, channels: Any = None) -> Setup:
    """A setup of alertmanager.yml's text."""
    return make_setup(parse_delivery(text, "alertmanager.yml"), channels)


ROUTE = """
route:
  receiver: hook
  group_by: [alertname]
  group_wait: {wait}
  group_interval: {interval}
  repeat_interval: {repeat}
receivers: [{{name: hook, webhook_configs: [{{url: '{url}'}}]}}]
"""


def a_hook(url: str, wait: str = "1s", interval: str = "10s", repeat: str = "1h", more: str = "") -> Setup:
    """One webhook that hears of everything."""
    return a_setup(ROUTE.format(url=url, wait=wait, interval=interval, repeat=repeat) + more)


@dataclass
class House:
    """Book, database and delivery under one clock, without threads."""

    setup: Setup
    url: str = "sqlite://"
    clock: HandClock = field(default_factory=HandClock)

    def __post_init__(self) -> None:
        self.database = Database.open(self.url)
        self.open()

    def open(self) -> None:
        self.book = Book(self.database)
        self.delivery = Delivery(
            self.setup, self.book, self.database, self.clock, external_url="http://ruler.example"
        )
        self.book.listen(self.delivery.hear)

    def restart(self) -> None:
        """As after kill -9: all that is left is what was committed."""
        if self.url != "sqlite://":
            self.database.close()
            self.database = Database.open(self.url)
        self.open()

    def fire(self, *labels: Mapping[str, str], **annotations: str) -> None:
        self.book.post(
            [PostedAlert(one, annotations, ends_ms=self.clock.at_ms + 10**9) for one in labels],
            self.clock.at_ms,
        )

    def resolve(self, *labels: Mapping[str, str]) -> None:
        self.book.post([PostedAlert(one, ends_ms=self.clock.at_ms) for one in labels], self.clock.at_ms)

    def pass_time(self, seconds: float, step_ms: int = 100) -> None:
        """Let time go by in small steps, everything due done in each."""
        for _ in range(round(seconds * 1000 / step_ms)):
            self.clock.at_ms += step_ms
            self.delivery.turn()
            self.delivery.send_due()
        self.delivery.turn()


@dataclass(frozen=True)
class Got:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Behaviour:
    """How requests are answered from now on."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    wait_s: float = 0
    reset: bool = False  # the connection is cut without an answer


class Hook:
    """A receiving server on a free port of loopback."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.answers: Callable[[str], Behaviour] = lambda _path: Behaviour()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = hook.answers(self.path)
                hook.got.append(Got(self.path, dict(self.headers.items()), body, answer.status))
                if answer.wait_s:
                    time.sleep(answer.wait_s)
                if answer.reset:
                    self.close_connection = True
                    self.connection.close()
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_arguments: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_arguments: Any) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def answer(self, **behaviour: Any) -> None:
        fixed = Behaviour(**behaviour)
        self.answers = lambda _path: fixed

    def taken(self, path: str | None = None) -> list[Any]:
        """The bodies that were accepted."""
        return [
            got.json() for got in self.got if 200 <= got.status < 300 and (path is None or got.path == path)
        ]

    def told(self, path: str | None = None) -> list[tuple[str, list[str]]]:
        """Status, and `name:status` of each alert, of each message that was accepted."""
        return [
            (body["status"], [f"{a['labels']['alertname']}:{a['status']}" for a in body["alerts"]])
            for body in self.taken(path)
        ]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@contextmanager
def a_receiving_hook() -> Iterator[Hook]:
    hook = Hook()
    try:
        yield hook
    finally:
        hook.close()


def until(holds: Callable[[], object], seconds: float = 10) -> None:
    """Wait until it holds, or fail."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.01)


SHARED = Path(__file__).resolve().parents[3] / "shared"
