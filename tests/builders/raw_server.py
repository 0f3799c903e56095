"""A server that answers any bytes, to misbehave on purpose."""

import re
import socket
import threading
from collections.abc import Callable

Handler = Callable[[socket.socket, bytes], None]


class RawServer:
    """Answers each connection with what `handler` writes; keeps the requests it saw."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.requests: list[bytes] = []
        self.connections = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                while request := self._read(client):
                    self.requests.append(request)
                    self._handler(client, request)
            except OSError:
                return

    @staticmethod
    def _read(client: socket.socket) -> bytes:
        request = b""
        while b"\r\n\r\n" not in request:
            chunk = client.recv(65536)
            if not chunk:
                return b""
            request += chunk
        head, _, rest = request.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        while length is not None and len(rest) < int(length[1]):
            chunk = client.recv(65536)
            rest += chunk
            request += chunk
        return request


def answering(body: bytes, *headers: str, status: str = "200 OK") -> Handler:
    """Give every request the same answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]

    def handler(client: socket.socket, _request: bytes) -> None:
        client.sendall("\r\n".join([*lines, "", ""]).encode() + body)

    return handler
