"""Who may ask what of a process: `--web.config.file` as data, and the decisions about it. Opens no socket.

The file is that of Prometheus' exporter-toolkit, with our keys beside its own:

    tls_server_config: {cert_file: server.crt, key_file: server.key}
    basic_auth_users: {alice: $2y$10$…}           # bcrypt
    roles: {alice: operator}                      # admin, where nothing is said
    tokens: [{name: ci, token_file: secrets/ci, role: operator}]
    anonymous: viewer                             # without a login: read only
    hosts: [monitoring.example.org]
    allow: [10.0.0.0/8]                           # may push and probe without a token
"""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import os
import threading
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import field_validator, model_validator

from promkit.config import Model, Secret, field, resolve, reveal
from promkit.errors import ConfigError
from promkit.hosts import host_allowed, host_name, is_loopback
from promkit.log import get

if TYPE_CHECKING:
    import ssl

__all__ = [
    "Authenticator",
    "Identity",
    "Role",
    "WebConfig",
    "address_allowed",
    "host_allowed",
    "host_name",
    "is_loopback",
    "server_context",
]

log = get("web")

_CACHED_LOGINS_MAX = 256
_HEADER_LENGTH_MAX = 4_096
_PASSWORD_BYTES_MAX = 72  # what bcrypt looks at


class Role(StrEnum):
    """What a caller may do; each may do all that the ones before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, needed: "Role") -> bool:
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller, as far as known; `name` is "" for who did not log in."""

    name: str
    role: Role


class TlsServer(Model):
    """How the server proves itself, and whether callers must."""

    env_substitution: ClassVar[bool] = False
    cert_file: Path = field(description="The server's certificate, PEM.")
    key_file: Path = field(description="Its private key, PEM.")
    client_auth_type: Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"] = (
        field("NoClientCert", description="Whether callers show a certificate.")
    )
    client_ca_file: Path | None = field(None, description="Who may have signed the callers' certificates.")
    min_version: Literal["TLS12", "TLS13"] = field("TLS12", description="Oldest protocol spoken.")
    max_version: Literal["TLS12", "TLS13"] = field("TLS13", description="Newest protocol spoken.")
    prefer_server_cipher_suites: bool = field(
        default=True, description="Read for compatibility; the server's order always counts."
    )

    @model_validator(mode="after")
    def _clients(self) -> "TlsServer":
        if (self.client_auth_type == "NoClientCert") != (self.client_ca_file is None):
            raise ValueError("client_ca_file and a client_auth_type that verifies go together")
        return self


class HttpServer(Model):
    """What every answer carries."""

    env_substitution: ClassVar[bool] = False
    http2: bool = field(default=True, description="Read for compatibility; HTTP/1.1 is spoken.")
    headers: dict[str, str] = field(default_factory=dict, description="Headers added to every answer.")


class Token(Model):
    """A bearer token of a program."""

    name: str = field(description="Who shows it, for logs and audit rows.", min_length=1)
    token: Secret | None = field(None, description="The token.")
    token_file: Path | None = field(None, description="A file that holds it, read at each login.")
    role: Role = field(Role.VIEWER, description="What its bearer may do.")

    @model_validator(mode="after")
    def _has_one(self) -> "Token":
        if self.token is None and self.token_file is None:
            raise ValueError("needs token or token_file")
        return self


class ToolkitConfig(Model):
    """The keys that Prometheus' exporter-toolkit defines."""

    env_substitution: ClassVar[bool] = False
    tls_server_config: TlsServer | None = field(None, description="TLS; plain HTTP without it.")
    http_server_config: HttpServer = field(default_factory=HttpServer, description="HTTP.")
    basic_auth_users: dict[str, Secret] = field(
        default_factory=dict, description="Users and the bcrypt hashes of their passwords."
    )

    @field_validator("basic_auth_users")
    @classmethod
    def _hashes(cls, users: dict[str, Secret]) -> dict[str, Secret]:
        for name, hashed in users.items():
            if not hashed.reveal().startswith(("$2a$", "$2b$", "$2y$")) or len(hashed.reveal()) != 60:
                raise ValueError(f"user {name!r}: not a bcrypt hash: make one with `htpasswd -nBC 10 {name}`")
        return users


class WebConfig(ToolkitConfig):
    """`--web.config.file`."""

    env_substitution: ClassVar[bool] = True
    roles: dict[str, Role] = field(
        default_factory=dict, description="What a user may do; admin where nothing is said."
    )
    tokens: list[Token] = field(default_factory=list, description="Bearer tokens of programs.")
    anonymous: Literal["viewer", "none"] | None = field(
        None, description="What callers without a login may do; by default nothing once there are logins."
    )
    hosts: list[str] = field(
        default_factory=list, description="Names by which browsers reach this process, as behind a proxy."
    )
    allow: list[str] = field(
        default_factory=list, description="Networks (CIDR) that may push and probe without a token."
    )

    @field_validator("allow")
    @classmethod
    def _networks(cls, networks: list[str]) -> list[str]:
        for network in networks:
            ipaddress.ip_network(network)  # its ValueError says what is wrong with it
        return networks

    @model_validator(mode="after")
    def _users(self) -> "WebConfig":
        unknown = sorted(set(self.roles) - set(self.basic_auth_users))
        if unknown:
            raise ValueError(f"roles: no such user in basic_auth_users: {', '.join(unknown)}")
        return self

    def has_logins(self) -> bool:
        return bool(self.basic_auth_users or self.tokens)


class Authenticator:
    """Checks Authorization headers; remembers logins that were right, for bcrypt takes 50 ms.

    What is remembered is keyed by a digest of the user's stored hash, name and password together under a
    random key, so that a digest of one is never that of another (CVE-2022-46146).
    """

    def __init__(self, config: WebConfig) -> None:
        self._config = config
        self._key = os.urandom(32)
        self._right: dict[bytes, None] = {}
        self._lock = threading.Lock()  # one bcrypt at a time: guessing costs one core at most

    def identify(self, authorization: str | None) -> Identity | None:
        """Tell who calls; None: nobody that the file knows. May take 50 ms, more when others guess."""
        return self.recall(authorization) or self._basic(authorization)

    def recall(self, authorization: str | None) -> Identity | None:
        """Tell who calls with a token, or with a login that was right before; at once."""
        login = self._login(authorization)
        if login is not None:
            return self._identity(login) if self._digest(login) in self._right else None
        scheme, credentials = _parts(authorization)
        return self._bearer(credentials) if scheme == "bearer" else None

    def _bearer(self, given: str) -> Identity | None:
        found = None
        for token in self._config.tokens:  # all of them, so that the time tells nothing
            try:
                expected = reveal(token, "token") or ""
            except ConfigError as error:
                log.warning("token cannot be read", token=token.name, error=error)
                continue
            if expected and hmac.compare_digest(expected.encode(), given.encode()):
                found = Identity(token.name, token.role)
        return found

    def _basic(self, authorization: str | None) -> Identity | None:
        login = self._login(authorization)
        if login is None:
            return None
        import bcrypt  # noqa: PLC0415 - only where there are users

        with self._lock:
            is_right = bcrypt.checkpw(login.password[:_PASSWORD_BYTES_MAX], login.hashed)
            if not is_right or not login.is_known:
                return None
            while len(self._right) >= _CACHED_LOGINS_MAX:
                del self._right[next(iter(self._right))]
            self._right[self._digest(login)] = None
        return self._identity(login)

    def _login(self, authorization: str | None) -> "_Login | None":
        scheme, encoded = _parts(authorization)
        users = self._config.basic_auth_users
        if scheme != "basic" or not users:
            return None
        try:
            name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        # An unknown user costs as much as a wrong password.
        hashed = users.get(name) or next(iter(users.values()))
        login = _Login(name, password.encode(), hashed.reveal().encode(), is_known=name in users)
        return login if colon else None

    def _digest(self, login: "_Login") -> bytes:
        parts = (login.hashed, login.name.encode(), login.password)
        message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._key, message, hashlib.sha256)

    def _identity(self, login: "_Login") -> Identity:
        return Identity(login.name, self._config.roles.get(login.name, Role.ADMIN))


@dataclass(frozen=True, slots=True)
class _Login:
    """What a caller showed, and the hash to hold it against."""

    name: str
    password: bytes
    hashed: bytes
    is_known: bool


def _parts(authorization: str | None) -> tuple[str, str]:
    """Give scheme, in lower case, and credentials of an Authorization header."""
    if not authorization or len(authorization) > _HEADER_LENGTH_MAX:
        return "", ""
    scheme, _, credentials = authorization.partition(" ")
    return scheme.lower(), credentials.strip()


def address_allowed(config: WebConfig, address: str) -> bool:
    """Tell whether a caller's address is in one of the `allow` networks."""
    try:
        caller = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    caller = getattr(caller, "ipv4_mapped", None) or caller
    return any(caller in ipaddress.ip_network(network) for network in config.allow)


def server_context(config: WebConfig) -> "ssl.SSLContext | None":
    """Build the server's TLS; None: plain HTTP. ConfigError: a file cannot be used."""
    tls = config.tls_server_config
    if tls is None:
        return None
    import ssl  # noqa: PLC0415 - 3 MiB that most exporters never need

    versions = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = versions[tls.min_version]
    context.maximum_version = versions[tls.max_version]
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(resolve(tls, tls.cert_file), resolve(tls, tls.key_file))
        if tls.client_ca_file is not None:
            context.load_verify_locations(resolve(tls, tls.client_ca_file))
            required = tls.client_auth_type == "RequireAndVerifyClientCert"
            context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"tls_server_config: {error}", remedy="check cert_file, key_file, client_ca_file"
        ) from None
    return context
