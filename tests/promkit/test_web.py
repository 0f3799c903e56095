import base64
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import bcrypt
import pytest
from fastapi import APIRouter, Depends
from pydantic import BaseModel

from promkit._web_protocol import ImpatientProtocol
from promkit.config import parse
from promkit.errors import (
    ConfigError,
    Conflict,
    Forbidden,
    LimitError,
    LuminaError,
    NotFound,
    Outdated,
    QueryError,
    Unavailable,
)
from promkit.exposition import parse as parse_page
from promkit.fetch import Fetcher, FetchError, Response, Tls
from promkit.own import Registry
from promkit.web import Access, Caller, Hooks, Identity, Server, create_app, needs, serve
from promkit.web_config import Role, WebConfig

ERRORS = {
    "config": (ConfigError("x"), 400),
    "query": (QueryError("x"), 400),
    "limit": (LimitError("x"), 422),
    "none": (NotFound("x"), 404),
    "conflict": (Conflict("x"), 409),
    "outdated": (Outdated("x"), 412),
    "forbidden": (Forbidden("x"), 403),
    "unavailable": (Unavailable("x", "db", "wait"), 503),
    "other": (LuminaError("x"), 400),
}
PASSWORD_HASH = bcrypt.hashpw(b"pa:ss", bcrypt.gensalt(4)).decode()
LOGINS = f"""
basic_auth_users: {{ann: "{PASSWORD_HASH}", ben: "{PASSWORD_HASH}"}}
roles: {{ben: viewer}}
tokens: [{{name: ci, token: tok, role: operator}}]
"""


class Thing(BaseModel):
    size: int


router = APIRouter()


@router.get("/errors/{name}")
def raising(name: str) -> None:
    raise ERRORS[name][0]


@router.get("/api/v2/errors/{name}")
def raising_there(name: str) -> None:
    raise ERRORS[name][0]


@router.get("/bug")
def bug() -> None:
    raise ZeroDivisionError


@router.post("/things")
def things(thing: Thing) -> int:
    return thing.size


@router.post("/acknowledge")
def acknowledge(who: Annotated[Identity, Depends(needs(Role.OPERATOR))]) -> str:
    return f"{who.name}:{who.role.value}"


@router.get("/me")
def me(caller: Caller) -> str:
    return f"{caller.name}:{caller.role.value}"


@router.post("/query", dependencies=[Depends(needs(Role.VIEWER))])
def query() -> str:
    return "read"


class Site:
    """An application that is being served, and a client of it."""

    def __init__(self, server: Server, own: Registry) -> None:
        self.server = server
        self.own = own
        self.url = f"http://127.0.0.1:{server.port}"
        self._fetcher = Fetcher(10_000, 1 << 20)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, bytes):
            return self._fetcher.request(method, self.url + path, headers=named, body=body)
        return self._fetcher.request(method, self.url + path, headers=named, json=body)


Start = Callable[..., Site]


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Serve an application; one that is asked for again is served already."""
    sites: dict[tuple[object, ...], Site] = {}

    def starting(
        listen_host: str = "127.0.0.1", config: str = "", hooks: Hooks | None = None, **more: Any
    ) -> Site:
        key = (listen_host, config, hooks, repr(more))
        if key not in sites:
            own = Registry("test")
            access = Access(listen_host, parse(config, WebConfig, "web.yml", {}))
            app = create_app("Test", access, own, hooks=hooks, **{"routers": [router], **more})
            # Whatever address the access rules are told, tests themselves stay on loopback.
            sites[key] = Site(serve(app, "127.0.0.1:0"), own)
        return sites[key]

    yield starting
    stopping = [threading.Thread(target=site.server.stop) for site in sites.values()]
    for thread in stopping:
        thread.start()
    for thread in stopping:
        thread.join()


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def test_errors_have_their_status_and_say_what_mends_them(start: Start) -> None:
    site = start(envelopes={"/api/v2": lambda _status, error: error.problem})
    for name, (_, status) in ERRORS.items():
        assert site.ask("GET", f"/errors/{name}").status == status, name
    answer = site.ask("GET", "/errors/unavailable")
    assert json.loads(answer.body) == {"error": "x", "where": "db", "remedy": "wait"}
    assert answer.headers["Retry-After"]
    assert json.loads(site.ask("GET", "/api/v2/errors/none").body) == "x"
    assert json.loads(site.ask("GET", "/nowhere").body) == {"error": "not found"}
    assert site.ask("DELETE", "/me").status == 405


def test_a_bug_is_500_without_its_traceback(start: Start) -> None:
    answer = start().ask("GET", "/bug")
    assert answer.status == 500
    assert json.loads(answer.body) == {"error": "internal error", "remedy": "the log has more"}


def test_a_body_that_does_not_fit_is_400_and_says_where(start: Start) -> None:
    site = start()
    answer = site.ask("POST", "/things", {"size": "big"})
    assert answer.status == 400
    assert json.loads(answer.body)["error"].startswith("size: ")
    assert site.ask("POST", "/things", b"{", content_type="application/json").status == 400
    assert site.ask("POST", "/things", {"size": 3}).body == b"3"


def test_bodies_are_bounded_whether_they_say_their_length_or_not(start: Start) -> None:
    site = start(body_bytes_max=1000)
    assert site.ask("POST", "/things", b"x" * 1001, content_type="application/json").status == 413
    chunked = b"3e9\r\n" + b" " * 1001 + b"\r\n0\r\n\r\n"
    answer = site.ask(
        "POST", "/things", chunked, content_type="application/json", transfer_encoding="chunked"
    )
    assert answer.status == 413
    assert "larger than 1000 bytes" in answer.text()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:19090", 200),
        ("localhost", 200),
        ("[::1]:19090", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("known.example:80", 200),
    ],
)
def test_on_loopback_a_name_bound_to_us_by_others_is_refused(start: Start, host: str, status: int) -> None:
    site = start(config="hosts: [Known.example]")
    answer = site.ask("GET", "/me", host=host)
    assert answer.status == status
    if status == 403:
        assert "hosts in --web.config.file" in answer.text()


WRITES = {
    "json": ({"content_type": "application/json"}, 200),
    "a form of another site": ({"content_type": "application/x-www-form-urlencoded"}, 415),
    "a file of another site": ({"content_type": "multipart/form-data; boundary=x"}, 415),
    "text": ({"content_type": "text/plain;charset=UTF-8"}, 415),
    "another origin": ({"content_type": "application/json", "origin": "https://evil.example"}, 403),
    "no origin to tell": ({"content_type": "application/json", "origin": "null"}, 403),
}


@pytest.mark.parametrize("name", WRITES)
def test_other_sites_cannot_write_through_a_browser(start: Start, name: str) -> None:
    headers, status = WRITES[name]
    site = start()
    assert site.ask("POST", "/acknowledge", b"{}", **headers).status == status


def test_our_own_pages_may_send_forms(start: Start) -> None:
    site = start()
    answer = site.ask(
        "POST", "/acknowledge", b"a=b", origin=site.url, content_type="application/x-www-form-urlencoded"
    )
    assert answer.status == 200


def test_a_query_may_be_a_form(start: Start) -> None:
    site = start(form_reads=["/query"])
    form = {"content_type": "application/x-www-form-urlencoded"}
    assert site.ask("POST", "/query", b"query=up", **form).body == b'"read"'
    assert site.ask("POST", "/query", b"query=up", origin="https://evil.example", **form).status == 403


# listen host, config, method, path → status by caller: nobody, a viewer, an operator, an admin, a wrong login
ROLES = {
    "loopback is trusted": ("127.0.0.1", "", "POST", "/acknowledge", (200,)),
    "loopback may reload": ("::1", "", "POST", "/-/reload", (200,)),
    "beyond, all may read": ("0.0.0.0", "", "GET", "/me", (200,)),
    "beyond, nobody may write": ("0.0.0.0", "", "POST", "/acknowledge", (403,)),
    "beyond, nobody may reload": ("0.0.0.0", "", "POST", "/-/reload", (403,)),
    "beyond, queries are reads": ("0.0.0.0", "", "POST", "/query", (200,)),
    "what says nothing is for admins": ("0.0.0.0", LOGINS, "POST", "/things", (401, 403, 403, 400, 401)),
    "logins guard reads": ("0.0.0.0", LOGINS, "GET", "/me", (401, 200, 200, 200, 401)),
    "logins guard reads on loopback": ("127.0.0.1", LOGINS, "GET", "/me", (401, 200, 200, 200, 401)),
    "logins guard metrics": ("0.0.0.0", LOGINS, "GET", "/metrics", (401, 200, 200, 200, 401)),
    "health is open": ("0.0.0.0", LOGINS, "GET", "/-/healthy", (200, 200, 200, 200, 200)),
    "roles are steps": ("0.0.0.0", LOGINS, "POST", "/acknowledge", (401, 403, 200, 200, 401)),
    "reload is for admins": ("0.0.0.0", LOGINS, "POST", "/-/reload", (401, 403, 403, 200, 401)),
    "anonymous may read": ("0.0.0.0", LOGINS + "anonymous: viewer", "GET", "/me", (200, 200, 200, 200, 401)),
    "anonymous may not write": ("::", LOGINS + "anonymous: viewer", "POST", "/acknowledge", (401,)),
    "nobody at all": ("0.0.0.0", "anonymous: none", "GET", "/me", (403,)),
}
RELOADS = Hooks(reload=lambda: None)
CALLERS = ("", basic("ben", "pa:ss"), "Bearer tok", basic("ann", "pa:ss"), basic("ann", "wrong"))


@pytest.mark.parametrize("name", ROLES)
def test_who_may_do_what(start: Start, name: str) -> None:
    listen_host, config, method, path, statuses = ROLES[name]
    site = start(listen_host, config, RELOADS)
    found = []
    for authorization in CALLERS[: len(statuses)]:
        headers = {"authorization": authorization} if authorization else {}
        found.append(site.ask(method, path, **headers).status)
    assert tuple(found) == statuses


@pytest.mark.parametrize(
    "path", ["//acknowledge", "/acknowledge/", "/%61cknowledge", "/x/../acknowledge", "/Acknowledge"]
)
def test_no_spelling_of_a_path_goes_around_its_role(start: Start, path: str) -> None:
    site = start("0.0.0.0", LOGINS)
    assert site.ask("POST", path).status in {401, 403, 404, 405}


def test_a_refusal_beyond_loopback_says_what_to_do(start: Start) -> None:
    assert "--web.config.file" in start("0.0.0.0").ask("POST", "/acknowledge").text()


def test_a_browser_is_asked_for_the_login(start: Start) -> None:
    assert start("0.0.0.0", LOGINS).ask("GET", "/me").headers["WWW-Authenticate"].startswith("Basic ")


def test_a_caller_is_known_by_name(start: Start) -> None:
    site = start("0.0.0.0", LOGINS)
    assert site.ask("POST", "/acknowledge", authorization="Bearer tok").body == b'"ci:operator"'
    assert site.ask("GET", "/me", authorization=basic("ben", "pa:ss")).body == b'"ben:viewer"'


def test_answers_carry_security_headers_and_those_of_the_file(start: Start) -> None:
    site = start(config="http_server_config: {headers: {Strict-Transport-Security: max-age=1}}")
    for path in ("/me", "/nowhere", "/bug"):
        headers = site.ask("GET", path).headers
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Strict-Transport-Security"] == "max-age=1"
        assert "server" not in headers


def test_readiness_and_reload(start: Start) -> None:
    ready = threading.Event()

    def reload() -> None:
        raise ConfigError("unknown key 'x'", "ruler.yml:1:1")

    site = start(hooks=Hooks(ready.is_set, reload))
    assert site.ask("GET", "/-/ready").status == 503
    ready.set()
    assert site.ask("GET", "/-/ready").status == 200
    answer = site.ask("POST", "/-/reload")
    assert (answer.status, json.loads(answer.body)["where"]) == (400, "ruler.yml:1:1")


def test_metrics_are_a_page_and_count_requests_by_route(start: Start) -> None:
    site = start()
    site.ask("GET", "/errors/none")
    site.ask("GET", "/no/such/path")
    for accept, openmetrics in (("text/plain", False), ("application/openmetrics-text; version=1.0.0", True)):
        answer = site.ask("GET", "/metrics", accept=accept)
        families = {family.name: family for family in parse_page(answer.body, openmetrics)}
        counted = {
            (sample.labels["handler"], sample.labels["code"])
            for sample in families["test_http_requests"].samples
        }
        assert {("/errors/{name}", "404"), ("none", "404")} <= counted
        assert "process_cpu_seconds" in families


def test_health_and_metrics_never_wait_behind_queries(start: Start) -> None:
    slow = APIRouter()
    release = threading.Event()
    running = threading.Semaphore(0)

    @slow.get("/slow")
    def query() -> None:
        running.release()
        release.wait(30)

    site = start(threads=2, routers=[slow], hooks=Hooks(reload=lambda: None))
    queries = [threading.Thread(target=site.ask, args=("GET", "/slow")) for _ in range(6)]
    for thread in queries:
        thread.start()
    assert running.acquire(timeout=10)
    assert running.acquire(timeout=10)
    began = time.monotonic()
    for method, path in (
        ("GET", "/-/healthy"),
        ("GET", "/-/ready"),
        ("GET", "/metrics"),
        ("POST", "/-/reload"),
    ):
        assert site.ask(method, path).status == 200
    assert time.monotonic() - began < 3
    assert not running.acquire(blocking=False)  # a third query has not begun: threads are bounded
    release.set()
    for thread in queries:
        thread.join()


def test_guessing_passwords_keeps_nobody_waiting_who_is_known(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = start("0.0.0.0", LOGINS, threads=3)
    known = basic("ann", "pa:ss")
    assert site.ask("GET", "/me", authorization=known).status == 200
    release = threading.Event()
    monkeypatch.setattr(bcrypt, "checkpw", lambda *_: release.wait(30) and False)
    guesses = [
        threading.Thread(target=site.ask, args=("GET", "/me"), kwargs={"authorization": basic("ann", str(n))})
        for n in range(8)
    ]
    for thread in guesses:
        thread.start()
    assert site.ask("GET", "/me", authorization=known).status == 200
    assert site.ask("GET", "/metrics", authorization="Bearer tok").status == 200
    release.set()
    for thread in guesses:
        thread.join()


def test_a_taken_address_is_said_in_a_line(start: Start) -> None:
    site = start()
    with pytest.raises(Conflict, match="address already in use"):
        serve(create_app("x", Access("127.0.0.1"), Registry("x")), f"127.0.0.1:{site.server.port}")


def test_answers_do_not_wait_for_acknowledgements(start: Start) -> None:
    # Without TCP_NODELAY each answer on a kept connection, written in two parts, takes 40 ms and more.
    site = start()
    assert min(site.ask("GET", "/-/healthy").elapsed_ms for _ in range(10)) < 35


def test_stopping_answers_what_was_asked(start: Start) -> None:
    slow = APIRouter()
    begun, release = threading.Event(), threading.Event()

    @slow.get("/slow")
    def query() -> str:
        begun.set()
        release.wait(30)
        return "done"

    site = start(routers=[slow])
    answers: list[Response] = []
    asking = threading.Thread(target=lambda: answers.append(site.ask("GET", "/slow")))
    asking.start()
    assert begun.wait(10)
    stopping = threading.Thread(target=site.server.stop)
    stopping.start()
    while is_listening(site.server.port):
        pass
    release.set()
    stopping.join()
    asking.join()
    assert answers[0].body == b'"done"'


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    except ConnectionResetError:  # closed while we were in its queue
        return True
    return True


@pytest.mark.parametrize("beginning", [b"", b"GET / HT"], ids=["nothing", "half a line"])
def test_half_a_request_is_not_waited_for(
    start: Start, monkeypatch: pytest.MonkeyPatch, beginning: bytes
) -> None:
    monkeypatch.setattr(ImpatientProtocol, "head_seconds_max", 0.2)
    with socket.create_connection(("127.0.0.1", start().server.port), timeout=10) as caller:
        caller.sendall(beginning)
        while caller.recv(4096):
            pass  # until it is closed


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, and certificates by it of a server and of a caller."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not there")
    folder = tmp_path_factory.mktemp("tls")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    by_authority = ["-CA", "ca.crt", "-CAkey", "ca.key", "-addext", "basicConstraints=CA:FALSE"]
    for name, more in (
        ("ca", ["-addext", "keyUsage=keyCertSign"]),
        ("server", [*by_authority, "-addext", "subjectAltName=DNS:lumina.test"]),
        ("caller", by_authority),
    ):
        files = ["-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name}"]
        subprocess.run(
            ["openssl", "req", "-x509", *key, *files, *more], cwd=folder, check=True, capture_output=True
        )
    return folder


def test_tls_from_end_to_end(certificates: Path) -> None:
    text = (
        "tls_server_config: {cert_file: server.crt, key_file: server.key, client_ca_file: ca.crt, "
        "client_auth_type: RequireAndVerifyClientCert}"
    )
    config = parse(text, WebConfig, "web.yml", {}, certificates)
    server = serve(create_app("x", Access("127.0.0.1", config), Registry("x")), "127.0.0.1:0", config)
    url = f"https://127.0.0.1:{server.port}/-/healthy"
    ours = Tls(
        certificates / "ca.crt", certificates / "caller.crt", certificates / "caller.key", "lumina.test"
    )

    def ask(tls: Tls) -> str:
        try:
            return str(Fetcher(10_000, 1 << 20, tls=tls).request("GET", url).status)
        except FetchError as error:
            return error.kind

    try:
        assert ask(ours) == "200"
        assert ask(replace(ours, ca_file=None, server_name=None, insecure_skip_verify=True)) == "200"
        assert ask(replace(ours, server_name=None)) == "tls"  # the certificate has another name
        assert ask(replace(ours, ca_file=None)) == "tls"  # an authority that nobody knows
        # TLS 1.3: a caller is refused after the handshake, by an alert or a reset.
        assert ask(replace(ours, cert_file=None, key_file=None)) in {"tls", "protocol"}
    finally:
        server.stop()


def test_tls_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    config = parse("tls_server_config: {cert_file: a.crt, key_file: a.key}", WebConfig, "w", {}, tmp_path)
    with pytest.raises(ConfigError, match="cert_file"):
        serve(create_app("x", Access("127.0.0.1"), Registry("x")), "127.0.0.1:0", config)
