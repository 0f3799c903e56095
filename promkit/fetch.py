"""All outgoing HTTP: one deadline over the whole exchange, a cap on bodies, TLS, and errors without secrets.

fetcher = Fetcher(timeout_ms=10_000, body_bytes_max=16 << 20, auth=Bearer(token))
response = fetcher.request("GET", url)      # any status is an answer; FetchError: there was none
"""

import base64
import json as json_format
import ssl
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from promkit._fetch_fault import FetchError, Kind, origin, translated
from promkit._fetch_wire import EXCHANGE, Exchange, HttpPool, HttpsPool
from promkit.errors import ConfigError

__all__ = ["Auth", "Basic", "Bearer", "FetchError", "Fetcher", "Kind", "Response", "Tls", "origin"]

_CHUNK_BYTES = 65_536
_REDIRECTS_MAX = 5
_HOSTS_MAX = 256
_IDLE_PER_HOST = 4
_REDIRECTS = {301, 302, 303, 307, 308}


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, whole and decompressed. Header names are looked up in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed_ms: int

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def text(self, length_max: int = 512) -> str:
        """Give the start of the body, for messages."""
        return self.body[: 4 * length_max].decode(errors="replace")[:length_max].strip()


@dataclass(frozen=True, slots=True)
class Tls:
    """How a server proves itself, and we to it."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str | None = None
    insecure_skip_verify: bool = False

    def files(self) -> list[Path]:
        return [path for path in (self.ca_file, self.cert_file, self.key_file) if path is not None]


class Auth(Protocol):
    """Gives an Authorization header. Asked at each request, so that a changed file is taken up."""

    def header(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Basic:
    """User and password."""

    username: str
    password: Callable[[], str]

    def header(self) -> str:
        return "Basic " + base64.b64encode(f"{self.username}:{self.password()}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token, or other credentials of another `scheme`."""

    token: Callable[[], str]
    scheme: str = "Bearer"

    def header(self) -> str:
        return f"{self.scheme} {self.token()}"


class Fetcher:
    """Keeps connections for requests of one kind: same limits, TLS, proxy and credentials. Thread-safe.

    `link_local`: whether 169.254.0.0/16, fe80::/10 and the clouds' metadata addresses may be asked.
    `follow_redirects`: on the same host alone.
    """

    def __init__(
        self,
        timeout_ms: int,
        body_bytes_max: int,
        *,
        tls: Tls | None = None,
        proxy: str | None = None,
        auth: Auth | None = None,
        follow_redirects: bool = False,
        link_local: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._timeout_ms = timeout_ms
        self._body_bytes_max = body_bytes_max
        self._tls = tls or Tls()
        self._proxy = proxy
        self._auth = auth
        self._follow_redirects = follow_redirects
        self._link_local = link_local
        self._headers = {
            "User-Agent": "lumina-monitoring",
            "Accept-Encoding": "gzip, deflate",
            **(headers or {}),
        }
        self._plain = self._pools(None)
        self._secure: tuple[tuple[int, ...], urllib3.PoolManager] | None = None

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        json: Any = None,  # noqa: ANN401 - whatever json can say
        timeout_ms: int | None = None,
    ) -> Response:
        """Send a request and read the answer, whatever its status.

        FetchError: no answer within `timeout_ms` (the fetcher's own by default), or one that is too large.
        """
        if not url.lower().startswith(("http://", "https://")):
            raise FetchError("protocol", "not an http or https address", url)
        start = time.monotonic()
        seconds = (self._timeout_ms if timeout_ms is None else timeout_ms) / 1000
        exchange = Exchange(start + seconds, self._link_local)
        sent = {**self._headers, **(headers or {})}
        if json is not None:
            body = json_format.dumps(json, ensure_ascii=False, allow_nan=False).encode()
            sent.setdefault("Content-Type", "application/json")
        if self._auth is not None:
            sent["Authorization"] = self._auth.header()
        token = EXCHANGE.set(exchange)
        try:
            status, answered, raw = self._redirected(method, url, sent, body)
        finally:
            EXCHANGE.reset(token)
        return Response(status, answered, raw, round((time.monotonic() - start) * 1000))

    def close(self) -> None:
        """Close idle connections."""
        self._plain.clear()
        if self._secure is not None:
            self._secure[1].clear()

    def _redirected(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        for _ in range(_REDIRECTS_MAX + 1):
            status, answered, raw = self._exchange(method, url, headers, body)
            location = answered.get("Location")
            if not self._follow_redirects or status not in _REDIRECTS or not location:
                return status, answered, raw
            target = urljoin(url, location)
            if _authority(target) != _authority(url):
                raise FetchError("protocol", "a redirect to another host is not followed", url)
            if status in {301, 302, 303} and method not in {"GET", "HEAD"}:
                method, body = "GET", None
            url = target
        raise FetchError("protocol", f"more than {_REDIRECTS_MAX} redirects", url)

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        try:
            return self._send(method, url, headers, body)
        except FetchError as error:
            # A server may close an idle connection at the moment it is taken up again: no answer was begun,
            # and asking again changes nothing there.
            if error.kind != "protocol" or method not in {"GET", "HEAD"} or not EXCHANGE.get().reused:
                raise
            self._pool_manager(url).clear()
            return self._send(method, url, headers, body)

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        try:
            seconds = EXCHANGE.get().remaining()
            response = self._pool_manager(url).urlopen(
                method,
                url,
                body=body,
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=seconds, read=seconds),
            )
            try:
                EXCHANGE.get().reused = False  # an answer has begun
                raw = self._read(response, url)
            except BaseException:
                response.close()
                raise
            response.release_conn()
        except (HTTPError, OSError, ValueError) as error:
            raise translated(error, url) from None
        return response.status, response.headers, self._decoded(raw, response.headers, url)

    def _read(self, response: urllib3.BaseHTTPResponse, url: str) -> bytes:
        chunks: list[bytes] = []
        left = self._body_bytes_max
        while chunk := response.read(_CHUNK_BYTES, decode_content=False):
            left -= len(chunk)
            if left < 0:
                raise self._too_large(url)
            chunks.append(chunk)
        return b"".join(chunks)

    def _decoded(self, raw: bytes, headers: Mapping[str, str], url: str) -> bytes:
        coding = headers.get("Content-Encoding", "identity").strip().lower()
        if coding in {"identity", ""} or not raw:
            return raw
        if coding not in {"gzip", "x-gzip", "deflate"}:
            raise FetchError("protocol", f"unknown Content-Encoding {coding[:40]!r}", url)
        try:
            body = inflate(raw, self._body_bytes_max)
        except zlib.error as error:
            raise FetchError("protocol", f"cannot be decompressed: {error}", url) from None
        if body is None:
            raise self._too_large(url)
        return body

    def _too_large(self, url: str) -> FetchError:
        return FetchError("too_large", f"the answer is larger than {self._body_bytes_max} bytes", url)

    def _pool_manager(self, url: str) -> urllib3.PoolManager:
        if url[:6].lower() != "https:":
            return self._plain
        # Certificates are renewed in place: a changed file gives new connections.
        changed = tuple(path.stat().st_mtime_ns for path in self._tls.files() if path.exists())
        if self._secure is None or self._secure[0] != changed:
            self._secure = (changed, self._pools(_context(self._tls)))
        return self._secure[1]

    def _pools(self, context: ssl.SSLContext | None) -> urllib3.PoolManager:
        options: dict[str, Any] = {"maxsize": _IDLE_PER_HOST}
        if context is not None:
            options["ssl_context"] = context
            if self._tls.server_name:
                options["server_hostname"] = self._tls.server_name
        if self._proxy:
            pools: urllib3.PoolManager = urllib3.ProxyManager(self._proxy, _HOSTS_MAX, **options)
        else:
            pools = urllib3.PoolManager(_HOSTS_MAX, **options)
        pools.pool_classes_by_scheme = {"http": HttpPool, "https": HttpsPool}
        return pools


def inflate(raw: bytes, bytes_max: int) -> bytes | None:
    """Decompress gzip or zlib; None as soon as it would be more than `bytes_max`."""
    parts: list[bytes] = []
    left = bytes_max
    while raw:
        stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # either header
        part = stream.decompress(raw, left + 1)
        left -= len(part)
        if left < 0:
            return None
        if not stream.eof:
            raise zlib.error("cut off")
        parts.append(part)
        raw = stream.unused_data  # a gzip file may have several members
    return b"".join(parts)


def _authority(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _context(tls: Tls) -> ssl.SSLContext:
    """Build TLS as configured. ConfigError: a file cannot be used."""
    try:
        context = ssl.create_default_context(cafile=tls.ca_file or _bundled_authorities())
        if tls.cert_file is not None:
            context.load_cert_chain(tls.cert_file, tls.key_file)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(str(path) for path in tls.files())
        raise ConfigError(f"TLS files cannot be used ({files}): {error}") from None
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _bundled_authorities() -> str | None:
    """Give the bundle that comes with requests, where the system has none (slim images)."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile or paths.capath:
        return None
    import certifi  # noqa: PLC0415 - seldom needed

    return certifi.where()
