"""What end-to-end tests share: the command as a user has it, its APIs, a receiver, waiting."""

import json
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import yaml

from tests.builders.processes import Process, free_port, running

T = TypeVar("T")

__all__ = ["LUMINA", "Catcher", "Ruler", "a_ruler", "ask", "call", "catching", "until"]

LUMINA = (sys.executable, "-m", "lumina")


def until(look: Callable[[], T | None], within_s: float = 30.0) -> T:
    """Look again and again until there is something, and give that; the test fails when the time is over."""
    deadline = time.monotonic() + within_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.05)


def call(method: str, url: str, body: Any = None) -> tuple[int, Any]:
    """Ask an API → status and JSON (text where it is none)."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        url, data=data, method=method, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, _read(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, _read(error.read())


def ask(url: str, **parameters: str) -> Any:
    """GET an API of Prometheus' shape → `data`."""
    query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
    status, answer = call("GET", url + query)
    assert status == 200, answer
    return answer["data"]


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")


@dataclass(slots=True)
class Catcher:
    """A webhook receiver: what it got, and what it answers."""

    port: int
    bodies: list[Any] = field(default_factory=list)
    status: int = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def told(self, name: str, status: str) -> int:
        """How many messages say that an alert of this name is firing or resolved."""
        return sum(
            alert["labels"].get("alertname") == name and alert["status"] == status
            for body in list(self.bodies)
            for alert in body["alerts"]
        )


@contextmanager
def catching() -> Iterator[Catcher]:
    """Run a webhook receiver."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if catcher.status < 300:
                catcher.bodies.append(json.loads(body))
            self.send_response(catcher.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    catcher = Catcher(server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield catcher
    finally:
        server.shutdown()
        server.server_close()


@dataclass(slots=True)
class Ruler:
    """A ruler's folder and address; `start` runs it, as often as a test likes."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def write(self, config: Any, rules: Any = None) -> None:
        """Write ruler.yml and, if given, rules/all.yml."""
        (self.folder / "ruler.yml").write_text(yaml.safe_dump(config))
        if rules is not None:
            (self.folder / "rules").mkdir(exist_ok=True)
            (self.folder / "rules" / "all.yml").write_text(yaml.safe_dump(rules))

    @contextmanager
    def start(self, *flags: str) -> Iterator[Process]:
        """Run it until the block ends."""
        config, data = self.folder / "ruler.yml", self.folder / "data"
        argv = [*LUMINA, "ruler", "--config", config, "--data", data, "--listen", f"127.0.0.1:{self.port}"]
        with running([*argv, *flags], f"{self.url}/-/ready") as process:
            yield process

    def happenings(self, name: str) -> list[str]:
        """What happened to the alert of this name, in order."""
        rows = ask(f"{self.url}/api/v1/lumina/timeline")
        return [row["happening"] for row in rows if row["name"] == name]

    def alerts(self, name: str) -> list[Any]:
        """The active alerts of this name."""
        return [alert for alert in ask(f"{self.url}/api/v1/lumina/alerts") if alert["name"] == name]


def a_ruler(folder: Path) -> Ruler:
    """A ruler that does not run yet."""
    return Ruler(folder, free_port())
