"""The http_config and tls_config of alertmanager.yml, and the client made of one."""

import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar
from urllib.parse import urlencode, urlsplit

from pydantic import AfterValidator, model_validator
from pydantic_core import PydanticCustomError

from promkit.config import Model, Secret, field, resolve, reveal
from promkit.errors import Unavailable
from promkit.fetch import Auth, Basic, Bearer, Fetcher, Tls

__all__ = ["HttpConfig", "HttpUrl", "TlsConfig", "fetcher", "tls_of"]

BODY_BYTES_MAX = 1 << 20
_TOKEN_MARGIN_S = 30


def checked_url(text: str) -> str:
    """Take an http or https address, or a template that makes one."""
    if "{{" in text:
        return text
    try:
        parts = urlsplit(text)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        fits = False
    if not fits:
        raise PydanticCustomError("unit", "must be an http or https URL, not {text}", {"text": repr(text)})
    return text


HttpUrl = Annotated[str, AfterValidator(checked_url)]


class _AlertmanagerModel(Model):
    """Keys of alertmanager.yml: `${…}` in them is no variable of ours."""

    env_substitution: ClassVar[bool] = False


class BasicAuth(_AlertmanagerModel):
    """User and password."""

    username: str = field("", description="The user's name.")
    username_file: Path | None = field(None, description="A file with the user's name.")
    password: Secret | None = field(None, description="The password.")
    password_file: Path | None = field(None, description="A file with the password, read at each request.")

    @model_validator(mode="after")
    def _one_password(self) -> "BasicAuth":
        if self.password is not None and self.password_file is not None:
            raise PydanticCustomError("unit", "has both password and password_file: keep one")
        if self.username and self.username_file is not None:
            raise PydanticCustomError("unit", "has both username and username_file: keep one")
        return self


class Authorization(_AlertmanagerModel):
    """A token in the Authorization header."""

    type: str = field("Bearer", description="The scheme that stands before the token.")
    credentials: Secret | None = field(None, description="The token.")
    credentials_file: Path | None = field(None, description="A file with the token, read at each request.")


class TlsConfig(_AlertmanagerModel):
    """How a server proves who it is, and we to it."""

    ca_file: Path | None = field(None, description="Certificates of the authorities that are trusted.")
    cert_file: Path | None = field(None, description="Our certificate.")
    key_file: Path | None = field(None, description="Our certificate's key.")
    server_name: str = field("", description="The name that the server's certificate must bear.")
    insecure_skip_verify: bool = field(False, description="Take any certificate.")


class OAuth2(_AlertmanagerModel):
    """A token from a token endpoint, by client credentials."""

    client_id: str = field(description="The client's name.")
    client_secret: Secret | None = field(None, description="The client's secret.")
    client_secret_file: Path | None = field(None, description="A file with the client's secret.")
    token_url: HttpUrl = field(description="Where tokens are given out.")
    scopes: tuple[str, ...] = field((), description="What the token is to be good for.")
    endpoint_params: Mapping[str, str] = field(
        default_factory=dict, description="More parameters of the request for a token."
    )
    tls_config: TlsConfig | None = field(None, description="TLS towards the token endpoint.")


class HttpConfig(_AlertmanagerModel):
    """How requests are made."""

    basic_auth: BasicAuth | None = field(None, description="User and password.")
    authorization: Authorization | None = field(None, description="A token in the Authorization header.")
    bearer_token: Secret | None = field(None, description="A bearer token; older than authorization.")
    bearer_token_file: Path | None = field(None, description="A file with a bearer token.")
    oauth2: OAuth2 | None = field(None, description="A token by OAuth 2.0 client credentials.")
    tls_config: TlsConfig | None = field(None, description="TLS towards the receiver.")
    proxy_url: HttpUrl | None = field(None, description="An HTTP proxy.")
    follow_redirects: bool = field(True, description="Whether redirects on the same host are followed.")
    enable_http2: bool = field(True, description="Taken as it is written; HTTP/1.1 is spoken.")
    http_headers: Mapping[str, "HeaderValues"] = field(
        default_factory=dict, description="Headers that every request gets."
    )

    @model_validator(mode="after")
    def _one_way_in(self) -> "HttpConfig":
        ways = [
            self.basic_auth,
            self.authorization,
            self.oauth2,
            self.bearer_token or self.bearer_token_file,
        ]
        if sum(way is not None for way in ways) > 1:
            raise PydanticCustomError(
                "unit",
                "has more than one of basic_auth, authorization, oauth2 and bearer_token: keep one",
            )
        return self


class HeaderValues(_AlertmanagerModel):
    """The values of one header."""

    values: tuple[str, ...] = field((), description="Values as they are.")
    secrets: tuple[Secret, ...] = field((), description="Values that are secrets.")
    files: tuple[Path, ...] = field((), description="Files with a value each.")


HttpConfig.model_rebuild()


def tls_of(config: TlsConfig | None) -> Tls:
    """Give the client's form of a tls_config, files seen from the configuration's folder."""
    if config is None:
        return Tls()
    return Tls(
        ca_file=config.ca_file and resolve(config, config.ca_file),
        cert_file=config.cert_file and resolve(config, config.cert_file),
        key_file=config.key_file and resolve(config, config.key_file),
        server_name=config.server_name or None,
        insecure_skip_verify=config.insecure_skip_verify,
    )


def fetcher(config: HttpConfig, timeout_ms: int) -> Fetcher:
    """Make the client. Secrets in files are read when a request is sent."""
    return Fetcher(
        timeout_ms,
        BODY_BYTES_MAX,
        tls=tls_of(config.tls_config),
        proxy=config.proxy_url,
        auth=_auth(config),
        follow_redirects=config.follow_redirects,
        link_local=True,  # the operator, not an alert, says where messages go
        headers={"User-Agent": "Alertmanager/0.33 lumina-monitoring", **_headers(config)},
    )


def _auth(config: HttpConfig) -> Auth | None:
    if config.basic_auth is not None:
        basic = config.basic_auth
        username = basic.username
        if basic.username_file is not None:
            username = resolve(basic, basic.username_file).read_text().strip()
        return Basic(username, lambda: reveal(basic, "password") or "")
    if config.authorization is not None:
        authorization = config.authorization
        return Bearer(lambda: reveal(authorization, "credentials") or "", authorization.type)
    if config.bearer_token is not None or config.bearer_token_file is not None:
        return Bearer(lambda: reveal(config, "bearer_token") or "")
    return None if config.oauth2 is None else Bearer(_Tokens(config.oauth2))


def _headers(config: HttpConfig) -> dict[str, str]:
    headers = {}
    for name, given in config.http_headers.items():
        values = [*given.values, *(secret.reveal() for secret in given.secrets)]
        values += [resolve(given, path).read_text().strip() for path in given.files]
        headers[name] = ", ".join(values)
    return headers


class _Tokens:
    """The present token, fetched anew before it ends."""

    def __init__(self, config: OAuth2) -> None:
        self._config = config
        self._fetcher = Fetcher(10_000, BODY_BYTES_MAX, tls=tls_of(config.tls_config), link_local=True)
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0

    def __call__(self) -> str:
        with self._lock:
            if time.monotonic() >= self._until:
                self._fetch()
            return self._token

    def _fetch(self) -> None:
        config = self._config
        form = {"grant_type": "client_credentials", **config.endpoint_params}
        if config.scopes:
            form["scope"] = " ".join(config.scopes)
        basic = Basic(config.client_id, lambda: reveal(config, "client_secret") or "")
        response = self._fetcher.request(
            "POST",
            config.token_url,
            body=urlencode(form).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded", "Authorization": basic.header()},
        )
        try:
            answer = json.loads(response.body)
            token, lasts = str(answer["access_token"]), float(answer.get("expires_in", 300))
        except (ValueError, KeyError, TypeError):
            raise Unavailable(f"the token endpoint answered {response.status} without a token") from None
        self._token = token
        self._until = time.monotonic() + max(lasts - _TOKEN_MARGIN_S, 1)
