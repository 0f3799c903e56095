"""Who may do what."""

import json
from pathlib import Path

import bcrypt
import pytest

from exporter.gate import Access, Gate
from exporter.server import Caller
from promkit.errors import ConfigError
from tests.builders.sites import House
from tests.builders.sources import a_request

LOCAL, REMOTE = Caller("127.0.0.1", "127.0.0.1"), Caller("192.0.2.1", "192.0.2.9")
PUSH = b'{"metrics": []}'
PASSWORD = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
LOGINS = f"""
basic_auth_users: {{alice: {PASSWORD}}}
tokens:
  - {{name: ci, token: writes, role: operator}}
  - {{name: eye, token: reads}}
"""


def an_access(tmp_path: Path, text: str) -> Access:
    (tmp_path / "web.yml").write_text(text)
    return Access.load(tmp_path / "web.yml", {})


def status(house: House, access: Access, caller: Caller, target: str, **headers: str) -> int:
    """What an asker gets; early refusals count."""
    gate = Gate(house.site, access)
    is_push = target == "/push"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = a_request(
        "POST" if is_push else "GET",
        target,
        PUSH if is_push else b"",
        {"Content-Type": "application/json", **named} if is_push else named,
    )
    early = gate.early(request.head, caller)
    return early.status if early is not None else gate.answer(request, caller).status


WRITES, READS, WRONG = ({"Authorization": f"Bearer {token}"} for token in ("writes", "reads", "wrong"))
ALICE = {"Authorization": "Basic YWxpY2U6c2VjcmV0"}  # alice:secret
NO, ALLOW = "", "allow: [192.0.2.0/24]"
CASES = {
    "loopback, no file: reads": (NO, LOCAL, "/metrics", {}, 200),
    "loopback, no file: pushes": (NO, LOCAL, "/push", {}, 202),
    "beyond, no file: reads": (NO, REMOTE, "/metrics", {}, 200),
    "beyond, no file: pushes": (NO, REMOTE, "/push", {}, 403),
    "beyond, network allowed": (ALLOW, REMOTE, "/push", {}, 202),
    "beyond, another network": ("allow: [10.0.0.0/8]", REMOTE, "/push", {}, 403),
    "logins: reads need one": (LOGINS, REMOTE, "/metrics", {}, 401),
    "logins: health does not": (LOGINS, REMOTE, "/-/healthy", {}, 200),
    "logins: nor does readiness": (LOGINS, REMOTE, "/-/ready", {}, 200),
    "logins: on loopback too": (LOGINS, LOCAL, "/metrics", {}, 401),
    "logins: password": (LOGINS, REMOTE, "/metrics", ALICE, 200),
    "logins: token": (LOGINS, REMOTE, "/metrics", READS, 200),
    "logins: wrong token": (LOGINS, REMOTE, "/metrics", WRONG, 401),
    "logins: push without": (LOGINS, LOCAL, "/push", {}, 401),
    "logins: push by operator": (LOGINS, REMOTE, "/push", WRITES, 202),
    "logins: push by admin": (LOGINS, REMOTE, "/push", ALICE, 202),
    "logins: push by viewer": (LOGINS, REMOTE, "/push", READS, 403),
    "anonymous may read": (LOGINS + "anonymous: viewer", REMOTE, "/metrics", {}, 200),
    "anonymous may not push": (LOGINS + "anonymous: viewer", REMOTE, "/push", {}, 401),
    "rebinding": (NO, LOCAL, "/metrics", {"Host": "evil.example"}, 403),
    "a name of ours": ("hosts: [mon.example]", LOCAL, "/metrics", {"Host": "mon.example:80"}, 200),
    "another site's page": (NO, LOCAL, "/push", {"Origin": "https://evil.example"}, 403),
    "another port's page": (NO, LOCAL, "/push", {"Origin": "http://localhost:8080"}, 403),
    "our own page": (NO, LOCAL, "/push", {"Origin": "http://localhost"}, 202),
    "a page without origin": (NO, LOCAL, "/push", {"Origin": "null"}, 403),
}


@pytest.mark.parametrize(("text", "caller", "target", "headers", "expected"), CASES.values(), ids=CASES)
def test_access(
    house: House,
    tmp_path: Path,
    text: str,
    caller: Caller,
    target: str,
    headers: dict[str, str],
    expected: int,
) -> None:
    access = an_access(tmp_path, text) if text else Access()
    if "Host" in headers:  # the builder's own must give way
        request = a_request(target=target)
        object.__setattr__(request.head, "headers", {**request.head.headers, "host": headers["Host"]})
        gate = Gate(house.site, access)
        early = gate.early(request.head, caller)
        assert (early or gate.answer(request, caller)).status == expected
    else:
        assert status(house, access, caller, target, **headers) == expected


def test_strangers_do_not_see_errors(house: House) -> None:
    gate = Gate(house.site, Access())
    assert b"such file" in gate.answer(a_request(target="/"), LOCAL).body
    assert b"such file" not in gate.answer(a_request(target="/"), REMOTE).body


def test_headers_of_the_file(house: House, tmp_path: Path) -> None:
    access = an_access(tmp_path, "http_server_config: {headers: {X-Frame-Options: deny}}")
    assert Gate(house.site, access).answer(a_request(), LOCAL).headers["X-Frame-Options"] == "deny"


def test_a_refusal_says_what_to_do(house: House) -> None:
    answer = Gate(house.site, Access()).early(a_request("POST", "/push").head, REMOTE)
    assert answer is not None
    assert "--web.config.file" in json.loads(answer.body)["error"]


def test_a_wrong_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cert_file"):
        an_access(tmp_path, "tls_server_config: {cert_file: missing.crt, key_file: missing.key}")
