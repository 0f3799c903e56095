"""The health check asks whoever is there, and each must be healthy."""

import http.server
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from lumina import healthcheck
from tests.builders.processes import free_port


@contextmanager
def answering(status: int, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A process that answers /-/healthy with this status → its host and port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/-/healthy" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass  # who speaks plain HTTP to TLS

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


CASES = {
    "one process, as in an image": ([200], 0, ""),
    "all three": ([200, 200, 200], 0, ""),
    "one of them is not well": ([200, 503], 1, "status 503"),
    "nobody is there": ([], 1, "nobody listens there"),
}


@pytest.mark.parametrize("case", CASES)
def test_without_a_url_the_default_ports_are_asked(
    case: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    statuses, code, said = CASES[case]
    with ExitStack() as stack:
        hosts = [stack.enter_context(answering(status)) for status in statuses]
        hosts += [f"127.0.0.1:{free_port()}" for _ in range(3 - len(hosts))]
        monkeypatch.setattr(healthcheck, "DEFAULT_HOSTS", hosts)
        assert healthcheck.run([]) == code
    err = capsys.readouterr().err
    assert said in err
    assert (err == "") == (code == 0)


def test_a_process_with_tls_is_asked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=ruler"
    cert, key = tmp_path / "ruler.crt", tmp_path / "ruler.key"
    subprocess.run([*make.split(), "-keyout", key, "-out", cert], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with answering(200, context) as host, answering(500, context) as sick:
        monkeypatch.setattr(healthcheck, "DEFAULT_HOSTS", [host])
        assert healthcheck.run([]) == 0
        assert healthcheck.run(["--url", f"https://{host}"]) == 0
        assert healthcheck.run(["--url", f"http://{host}"]) == 1
        monkeypatch.setattr(healthcheck, "DEFAULT_HOSTS", [sick])
        assert healthcheck.run([]) == 1
