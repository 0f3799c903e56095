"""An engine with one container behind a unix socket, which speaks as much of Docker's API as is asked of it.

Its answers are those of Podman 4.3 (Docker API 1.41), recorded.
"""

import json
import socketserver
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

__all__ = ["Engine"]

VERSION = {"Version": "4.3.1", "ApiVersion": "1.41", "MinAPIVersion": "1.24", "Os": "linux", "Arch": "amd64"}
ID = "98d4b263928b3dfa91237cb20edad4d1004120cb057ff5f55e424a703e61b6ec"
AFTER = {"restart": "running", "start": "running", "stop": "exited", "pause": "paused", "unpause": "running"}


class Engine(socketserver.ThreadingUnixStreamServer):
    """`state` is its container's; `asked` the paths of what it was told to do."""

    daemon_threads = True

    def __init__(self, folder: Path, state: str = "running") -> None:
        self.path = folder / "engine.sock"
        self.url = f"unix://{self.path}"
        self.state = state
        self.after: dict[str, str | None] = dict(AFTER)  # by verb; None: it is refused
        self.asked: list[str] = []
        self.hangs = threading.Event()
        self.end = threading.Event()
        super().__init__(str(self.path), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """End it."""
        self.end.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Engine

    def do_GET(self) -> None:
        path = self.path.removeprefix("/v1.41")
        if path == "/version":
            self._answer(200, VERSION)
        elif path == "/containers/web/json":
            self._answer(200, {"Id": ID, "State": {"Status": self.server.state, "ExitCode": 0}})
        else:
            name = path.split("/")[2]
            self._answer(
                404,
                {
                    "cause": "no such container",
                    "message": f'no container with name or ID "{name}" found: no such container',
                    "response": 404,
                },
            )

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.removeprefix("/v1.41")
        self.server.asked.append(path)
        if self.server.hangs.is_set():
            self.server.end.wait(30)
        verb = path.split("/")[3].partition("?")[0]
        after = self.server.after[verb]
        if after is None:
            message = "cannot pause without using Cgroups: this container does not have a cgroup"
            self._answer(500, {"cause": "", "message": message, "response": 500})
            return
        self.server.state = after
        self._answer(204, None)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        pass

    def _answer(self, status: int, document: Any) -> None:
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
