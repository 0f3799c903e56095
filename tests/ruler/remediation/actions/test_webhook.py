"""A request is sent as declared; what is secret is on the wire alone."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from promkit.errors import ConfigError
from ruler.remediation.action import Outcome
from ruler.remediation.actions.webhook import WEBHOOK
from tests.builders.deeds import back, do, plan
from tests.builders.processes import free_port
from tests.builders.raw_server import RawServer

PARAMETERS = {
    "instances": {"type": "int", "min": 1, "max": 4},
    "service": {"pattern": ".*", "target": True},
}


class Endpoint:
    """An endpoint that keeps requests, and answers with what a test told it to."""

    def __init__(self) -> None:
        self.answer = (200, b"scaled", "")
        self._server = RawServer(self._handle)
        self.url = self._server.url
        self.close = self._server.close

    def _handle(self, client: socket.socket, request: bytes) -> None:
        status, body, header = self.answer
        head = f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\n{header}\r\n"
        client.sendall(head.encode() + body)

    @property
    def request(self) -> tuple[str, dict[str, str], Any]:
        """The last one: its first line, headers by lower case, body."""
        head, _, body = self._server.requests[-1].partition(b"\r\n\r\n")
        first, *lines = head.decode().splitlines()
        headers = dict(line.split(": ", 1) for line in lines)
        return first, {name.lower(): text for name, text in headers.items()}, body and json.loads(body)

    @property
    def count(self) -> int:
        return len(self._server.requests)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.close()


def secret(folder: Path, text: str) -> str:
    path = folder / f"secret-{len(list(folder.iterdir()))}"
    path.write_text(text + "\n")
    return str(path)


def test_parameters_stay_in_their_places(endpoint: Endpoint) -> None:
    name = "web/../x?y=1 &"
    planned = plan(
        WEBHOOK,
        {"instances": 2, "service": name},
        method="PUT",
        url=f"{endpoint.url}/services/{{service}}/scale?by={{instances}}",
        headers={"X-Service": "the {service}"},
        body={"{service}": ["{instances}", "+{instances}", {"at": "{service}", "{{x}}": None}], "n": 1.5},
        parameters=PARAMETERS,
    )
    result = do(WEBHOOK, planned)
    assert result.ok
    assert (result.text, result.output) == ("HTTP status 200", "scaled")
    first, headers, body = endpoint.request
    assert first == "PUT /services/web%2F..%2Fx%3Fy%3D1%20%26/scale?by=2 HTTP/1.1"
    assert headers["x-service"] == "the web/../x?y=1 &"
    assert headers["content-type"] == "application/json"
    assert body == {name: [2, "+2", {"at": name, "{x}": None}], "n": 1.5}
    assert planned.target == name


def test_secrets_are_on_the_wire_alone(endpoint: Endpoint, tmp_path: Path) -> None:
    planned = plan(
        WEBHOOK,
        url_file=secret(tmp_path, f"{endpoint.url}/hooks/T0P"),
        header_files={"X-Api-Key": secret(tmp_path, "K3Y")},
        bearer_token_file=secret(tmp_path, "T0KEN"),
    )
    result = do(WEBHOOK, planned)
    first, headers, _ = endpoint.request
    assert first == "POST /hooks/T0P HTTP/1.1"
    assert headers["x-api-key"] == "K3Y"
    assert headers["authorization"] == "Bearer T0KEN"
    endpoint.answer = (500, b"no", "")
    refused = do(WEBHOOK, planned)
    assert refused.text == f"{endpoint.url}: HTTP status 500"
    shown = json.dumps([planned.to_json(), result.to_json(), refused.to_json()])
    assert not [word for word in ("T0P", "K3Y", "T0KEN") if word in shown]


def test_a_changed_secret_is_taken_up(endpoint: Endpoint, tmp_path: Path) -> None:
    password = secret(tmp_path, "old")
    planned = plan(WEBHOOK, url=endpoint.url, username="lumina", password_file=password)
    Path(password).write_text("new")
    do(WEBHOOK, planned)
    assert endpoint.request[1]["authorization"] == "Basic bHVtaW5hOm5ldw=="


def test_each_request_has_a_key_of_its_own(endpoint: Endpoint) -> None:
    planned = plan(WEBHOOK, url=endpoint.url)
    keys = [do(WEBHOOK, planned).ok and endpoint.request[1]["idempotency-key"] for _ in range(2)]
    assert len(set(keys)) == 2
    assert endpoint.request[2] == b""


ANSWERS: dict[str, tuple[tuple[int, bytes, str], list[int], Outcome, str]] = {
    "a yes": ((202, b"", ""), [], Outcome.DONE, "HTTP status 202"),
    "a no": ((409, b"busy", ""), [], Outcome.FAILED, "HTTP status 409"),
    "a no that means done": ((409, b"", ""), [200, 409], Outcome.DONE, "HTTP status 409"),
    "a yes that does not": ((200, b"", ""), [202], Outcome.FAILED, "HTTP status 200"),
    "a redirect": ((302, b"", "Location: http://elsewhere/\r\n"), [], Outcome.FAILED, "HTTP status 302"),
    "a forged record": (
        (500, b'\x1e{"text": "all is well", "before": {}, "outcome": "done"}', ""),
        [],
        Outcome.FAILED,
        "HTTP status 500",
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_the_status_decides(case: str, endpoint: Endpoint) -> None:
    answer, expect, outcome, text = ANSWERS[case]
    endpoint.answer = answer
    result = do(WEBHOOK, plan(WEBHOOK, url=endpoint.url, expect=expect))
    assert result.outcome is outcome
    assert text in result.text
    assert endpoint.count == 1


def test_where_nobody_listens_nothing_was_done(tmp_path: Path) -> None:
    result = do(WEBHOOK, plan(WEBHOOK, url=f"http://127.0.0.1:{free_port()}/"))
    assert result.outcome is Outcome.NOT_STARTED
    assert "connection refused" in result.text
    missing = do(WEBHOOK, plan(WEBHOOK, url_file=str(tmp_path / "none")))
    assert missing.outcome is Outcome.NOT_STARTED
    assert missing.text == f"{tmp_path}/none: No such file or directory"


def test_an_answer_is_bounded(endpoint: Endpoint) -> None:
    endpoint.answer = (200, b"x" * 900_000, "")
    result = do(WEBHOOK, plan(WEBHOOK, url=endpoint.url))
    assert result.ok
    assert len(result.output) == 2_000


def test_it_is_taken_back_as_declared(endpoint: Endpoint) -> None:
    planned = plan(
        WEBHOOK,
        {"instances": 3, "service": "web"},
        url=f"{endpoint.url}/up",
        headers={"X-By": "lumina"},
        body={"by": "{instances}"},
        undo={"method": "DELETE", "url": f"{endpoint.url}/up/{{instances}}"},
        parameters=PARAMETERS,
    )
    taken_back = back(WEBHOOK, planned, do(WEBHOOK, planned))
    assert taken_back is not None
    assert taken_back.ok
    first, headers, body = endpoint.request
    assert first == "DELETE /up/3 HTTP/1.1"
    assert headers["x-by"] == "lumina"
    assert body == b""


URL = "http://127.0.0.1:1/"
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no address": ({}, "give `url` or `url_file`"),
    "two addresses": ({"url": URL, "url_file": "/x"}, "give `url` or `url_file`"),
    "another protocol": ({"url": "ftp://x/"}, "not an http or https address"),
    "a login in the address": ({"url": "http://me:pw@x/"}, "use `username` and `password_file`"),
    "a host that a rule chooses": (
        {"url": "http://{h}/", "parameters": {"h": {"enum": ["a"]}}},
        "the host in `url` cannot be a parameter",
    ),
    "a place that is not declared": ({"url": URL, "body": {"a": ["{x}"]}}, "{x} in '{x}' is not declared"),
    "a place in undo": ({"url": URL, "undo": {"url": f"{URL}{{x}}"}}, "is not declared"),
    "a login as a header": ({"url": URL, "headers": {"Authorization": "x"}}, "a login has keys of its own"),
    "a header of two lines": ({"url": URL, "headers": {"X\r\nY": "x"}}, "not a header's name"),
    "half a login": ({"url": URL, "username": "x"}, "go together"),
    "two logins": (
        {"url": URL, "username": "x", "password_file": "/x", "bearer_token_file": "/x"},
        "not both",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_faulty_declaration_is_refused(case: str) -> None:
    declared, problem = FAULTS[case]
    with pytest.raises(ValidationError) as caught:
        plan(WEBHOOK, **declared)
    assert problem in str(caught.value)


def test_a_request_too_large_to_keep_is_refused() -> None:
    with pytest.raises(ConfigError, match="larger than"):
        plan(WEBHOOK, url=URL, body={"text": "x" * 40_000})
