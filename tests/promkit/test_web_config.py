import base64
import ssl
from pathlib import Path

import bcrypt
import pytest

from promkit.config import parse
from promkit.errors import ConfigError
from promkit.web_config import (
    Authenticator,
    Identity,
    Role,
    WebConfig,
    address_allowed,
    host_allowed,
    is_loopback,
    server_context,
)

HASH = bcrypt.hashpw(b"pa:ss", bcrypt.gensalt(4)).decode()
OTHER = bcrypt.hashpw(b"other", bcrypt.gensalt(4)).decode()
FILE = f"""
basic_auth_users: {{ann: {HASH}, ben: {OTHER}, ü: {HASH}}}
roles: {{ben: viewer}}
tokens: [{{name: ci, token: tok, role: operator}}, {{name: file, token_file: token}}]
"""


def read(text: str, base: Path | None = None) -> WebConfig:
    return parse(text, WebConfig, "web.yml", {}, base)


def basic(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode()


CALLERS = {
    "a user": (basic("ann:pa:ss"), Identity("ann", Role.ADMIN)),
    "a user with a role": (basic("ben:other"), Identity("ben", Role.VIEWER)),
    "a name of UTF-8": (basic("ü:pa:ss"), Identity("ü", Role.ADMIN)),
    "a token": ("Bearer tok", Identity("ci", Role.OPERATOR)),
    "a token of a file": ("bearer  from file ", Identity("file", Role.VIEWER)),
    "a wrong password": (basic("ann:other"), None),
    "another's password": (basic("ben:pa:ss"), None),
    "an unknown user": (basic("eve:pa:ss"), None),
    "no password": (basic("ann"), None),
    "an empty password": (basic("ann:"), None),
    "a NUL": (basic("ann:pa:ss\0"), None),
    "a wrong token": ("Bearer toc", None),
    "no token": ("Bearer ", None),
    "no base64": ("Basic ???", None),
    "no UTF-8": ("Basic " + base64.b64encode(b"\xff:\xff").decode(), None),
    "a token that is none": ("Bearer \u00fc", None),
    "another scheme": ("Digest x", None),
    "a header without end": ("Bearer " + "x" * 10_000, None),
    "nothing": (None, None),
}


@pytest.mark.parametrize("name", CALLERS)
def test_who_calls(tmp_path: Path, name: str) -> None:
    (tmp_path / "token").write_text("from file\n")
    authorization, identity = CALLERS[name]
    authenticator = Authenticator(read(FILE, tmp_path))
    assert authenticator.identify(authorization) == identity
    assert authenticator.identify(authorization) == identity  # now from memory, where it was right


def test_logins_that_were_right_are_remembered_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    check = bcrypt.checkpw

    def counting(password: bytes, hashed: bytes) -> bool:
        asked.append(password)
        return check(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", counting)
    authenticator = Authenticator(read(f"basic_auth_users: {{ann: {HASH}}}"))
    for _ in range(3):
        authenticator.identify(basic("ann:pa:ss"))
        authenticator.identify(basic("ann:wrong"))
        # The boundary between name and password is part of what is remembered.
        authenticator.identify(basic("annpa:ss"))
    assert asked.count(b"pa:ss") == 1
    assert asked.count(b"wrong") == 3


def test_an_unknown_user_costs_as_much_as_a_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    def agreeing(password: bytes, _hashed: bytes) -> bool:
        asked.append(password)
        return True

    monkeypatch.setattr(bcrypt, "checkpw", agreeing)
    assert Authenticator(read(f"basic_auth_users: {{ann: {HASH}}}")).identify(basic("eve:x")) is None
    assert asked == [b"x"]


def test_a_token_whose_file_is_gone_lets_nobody_in(tmp_path: Path) -> None:
    authenticator = Authenticator(read(FILE, tmp_path))
    assert authenticator.identify("Bearer from file") is None
    assert authenticator.identify("Bearer tok") == Identity("ci", Role.OPERATOR)


FAULTS = {
    "no hash": ("basic_auth_users: {a: hunter2}", "user 'a': not a bcrypt hash"),
    "a role of nobody": ("roles: {eve: admin}", "no such user in basic_auth_users: eve"),
    "no role": (
        f"basic_auth_users: {{a: {HASH}}}\nroles: {{a: root}}",
        "must be one of 'viewer', 'operator' or 'admin'",
    ),
    "a token of nothing": ("tokens: [{name: a}]", "needs token or token_file"),
    "no network": ("allow: [10.0.0.0/99]", "'10.0.0.0/99' does not appear to be"),
    "half of TLS": ("tls_server_config: {cert_file: a}", "key 'key_file' is missing"),
    "callers verified by nobody": (
        "tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAndVerifyClientCert}",
        "go together",
    ),
    "an anonymous admin": ("anonymous: admin", "'anonymous' must be one of 'viewer' or 'none'"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_in_the_file(name: str) -> None:
    text, problem = FAULTS[name]
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert problem in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_toolkits_own_file_loads() -> None:
    config = read(
        "tls_server_config: {cert_file: a.crt, key_file: a.key, client_auth_type: NoClientCert}\n"
        "http_server_config: {http2: false, headers: {X-Frame-Options: deny}}\n"
        f"basic_auth_users: {{ann: {HASH}}}\n"
    )
    assert config.has_logins()
    assert HASH not in repr(config)
    assert not read("").has_logins()


HOSTS = {
    # Host header, listening on, names known: loopback lets no other names in
    ("localhost:9090", "127.0.0.1", ""): True,
    ("LOCALHOST.", "127.0.0.1", ""): True,
    ("127.0.0.1:9090", "127.0.0.1", ""): True,
    ("[::1]:9090", "::1", ""): True,
    ("[fe80::1%25eth0]", "0.0.0.0", ""): True,
    ("evil.example", "127.0.0.1", ""): False,
    ("evil.example:9090", "localhost", ""): False,
    ("127.0.0.1.evil.example", "127.0.0.1", ""): False,
    ("known.example:443", "127.0.0.1", "Known.Example"): True,
    ("", "127.0.0.1", ""): False,
    (None, "0.0.0.0", ""): False,
    ("exporter:19100", "0.0.0.0", ""): True,
    ("evil.example", "0.0.0.0", "known.example"): False,
    ("10.0.0.7:9090", "0.0.0.0", "known.example"): True,
}


@pytest.mark.parametrize("case", HOSTS)
def test_hosts(case: tuple[str | None, str, str]) -> None:
    header, listen, known = case
    assert host_allowed(header, listen, known.split()) is HOSTS[case]


def test_addresses() -> None:
    config = read("allow: [10.0.0.0/8, '2001:db8::/32']")
    there = ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::5", "11.0.0.1", "::1", "nonsense", ""]
    assert [address_allowed(config, address) for address in there] == [
        True,
        True,
        True,
        False,
        False,
        False,
        False,
    ]
    assert not address_allowed(read(""), "10.0.0.1")


def test_loopback() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost")] == [True] * 4
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "example.org", "")] == [False] * 5


def test_roles_are_steps() -> None:
    assert [[a.covers(b) for b in Role] for a in Role] == [
        [True, False, False],
        [True, True, False],
        [True] * 3,
    ]


def test_tls(tmp_path: Path) -> None:
    assert server_context(read("")) is None
    config = read("tls_server_config: {cert_file: a.crt, key_file: a.key}", tmp_path)
    with pytest.raises(ConfigError, match="tls_server_config"):
        server_context(config)
    (tmp_path / "a.crt").write_text("nonsense")
    (tmp_path / "a.key").write_text("nonsense")
    with pytest.raises(ConfigError, match="tls_server_config"):
        server_context(config)
    assert ssl.PROTOCOL_TLS_SERVER
