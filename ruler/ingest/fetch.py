"""A target's page over HTTP: what is asked, with which proof, and what the answer must look like."""

import ssl
from base64 import b64encode
from dataclasses import dataclass
from importlib.metadata import version
from urllib.parse import SplitResult, urljoin, urlsplit

from promkit.config import resolve, reveal
from promkit.errors import ConfigError
from ruler.ingest.config import BasicAuth, Scrape, TlsConfig
from ruler.ingest.connection import Address, Answer, Connection
from ruler.ingest.errors import FailureKind, ScrapeError

__all__ = ["Fetch", "Fetched"]

_BODY_BYTES_MAX = 256 << 20  # where the configuration sets no limit of its own
_REDIRECTS_MAX = 10
_REDIRECTIONS = {301, 302, 303, 307, 308}
_MEDIA = {
    "OpenMetricsText1.0.0": "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8",
    "OpenMetricsText0.0.1": "application/openmetrics-text;version=0.0.1",
    "PrometheusText1.0.0": "text/plain;version=1.0.0;escaping=allow-utf-8",
    "PrometheusText0.0.4": "text/plain;version=0.0.4",
}
_AGENT = f"Lumina/{version('lumina-monitoring')}"
_TLS_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page that was answered with 200."""

    body: bytes
    openmetrics: bool


class Fetch:
    """Fetches one target's page again and again. Used by one thread at a time."""

    def __init__(self, job: Scrape, url: str, timeout_ms: int) -> None:
        self._job = job
        self._url = url
        self._timeout_ms = timeout_ms
        self._bytes_max = job.body_size_limit or _BODY_BYTES_MAX
        self._connection: Connection | None = None
        self._origin = ""
        parts = urlsplit(url)
        self._home = f"{parts.scheme}://{parts.netloc}"
        self._fixed_request: bytes | None = None

    def fetch(self) -> Fetched:
        """Ask for the page.

        ScrapeError: why there is none.
        """
        url = self._url
        for _ in range(_REDIRECTS_MAX):
            answer = self._ask(url)
            if answer.status == 200:
                return Fetched(answer.body, self._is_openmetrics(answer))
            target = answer.headers.get("location")
            if answer.status not in _REDIRECTIONS or not target or not self._job.follow_redirects:
                raise ScrapeError(FailureKind.HTTP_STATUS, f"server returned HTTP status {answer.status}")
            url = urljoin(url, target)
        raise ScrapeError(FailureKind.HTTP_STATUS, f"more than {_REDIRECTS_MAX} redirections")

    def close(self) -> None:
        """Close the connection that is kept."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, url: str) -> Answer:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if self._connection is None or origin != self._origin:
            self.close()
            self._connection = Connection(self._address(parts), self._bytes_max)
            self._origin = origin
        request = self._fixed_request if url == self._url else None
        if request is None:
            # What proves who we are goes to the target alone, never to where it points.
            request = self._request(parts, proven=origin == self._home)
            if url == self._url and not _proof_in_file(self._job):
                self._fixed_request = request
        return self._connection.get(request, self._timeout_ms)

    def _address(self, parts: SplitResult) -> Address:
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ScrapeError(FailureKind.HTTP_STATUS, "redirected to what is no http URL")
        if parts.scheme == "http":
            return Address(parts.hostname, parts.port or 80)
        tls = self._job.tls_config
        return Address(parts.hostname, parts.port or 443, _tls_context(tls), tls.server_name)

    def _request(self, parts: SplitResult, *, proven: bool) -> bytes:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [
            f"GET {target} HTTP/1.1",
            f"Host: {parts.netloc.rpartition('@')[2]}",
            f"User-Agent: {_AGENT}",
            f"Accept: {_accept(self._job)}",
            f"X-Prometheus-Scrape-Timeout-Seconds: {self._timeout_ms / 1000:g}",
        ]
        if self._job.enable_compression:
            lines.append("Accept-Encoding: gzip")
        if proven:
            lines += _proof(self._job)
        for name, header in self._job.http_headers.items():
            if proven:
                lines += [f"{name}: {value}" for value in header.values]
                lines += [f"{name}: {secret.reveal()}" for secret in header.secrets]
        if any("\r" in line or "\n" in line for line in lines):
            raise ScrapeError(FailureKind.CONFIG, "a header has a line break in it")
        return "\r\n".join([*lines, "", ""]).encode()

    def _is_openmetrics(self, answer: Answer) -> bool:
        media = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media in {"text/plain", "application/openmetrics-text"}:
            return media != "text/plain"
        fallback = self._job.fallback_scrape_protocol
        if fallback is None or fallback == "PrometheusProto":
            shown = repr(media[:60]) if media else "none"
            raise ScrapeError(
                FailureKind.MALFORMED, f"content type is {shown}: set fallback_scrape_protocol for this job"
            )
        return fallback.startswith("OpenMetrics")


def _accept(job: Scrape) -> str:
    known = [_MEDIA[name] for name in job.scrape_protocols if name in _MEDIA] or list(_MEDIA.values())
    weighted = [f"{media};q=0.{len(known) + 1 - place}" for place, media in enumerate(known)]
    return ",".join([*weighted, "*/*;q=0.1"])


def _proof_in_file(job: Scrape) -> bool:
    basic, token = job.basic_auth, job.authorization
    return bool(
        (basic and (basic.password_file or basic.username_file)) or (token and token.credentials_file)
    )


def _proof(job: Scrape) -> list[str]:
    """The Authorization header, if any; its secret is read now."""
    try:
        if job.basic_auth is not None:
            pair = f"{_username(job.basic_auth)}:{reveal(job.basic_auth, 'password') or ''}"
            return [f"Authorization: Basic {b64encode(pair.encode()).decode()}"]
        if job.authorization is not None:
            return [
                f"Authorization: {job.authorization.type} {reveal(job.authorization, 'credentials') or ''}"
            ]
    except ConfigError as error:
        raise ScrapeError(FailureKind.CONFIG, str(error)) from None
    return []


def _username(basic: BasicAuth) -> str:
    if basic.username_file is None:
        return basic.username
    path = resolve(basic, basic.username_file)
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ScrapeError(FailureKind.CONFIG, f"username_file: {path}: {error}") from None


def _tls_context(tls: TlsConfig) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(
            cafile=str(resolve(tls, tls.ca_file)) if tls.ca_file is not None else None
        )
        if tls.cert_file is not None:
            key = resolve(tls, tls.key_file) if tls.key_file is not None else None
            context.load_cert_chain(resolve(tls, tls.cert_file), key)
    except (OSError, ssl.SSLError) as error:
        raise ScrapeError(FailureKind.CONFIG, f"tls_config: {error}") from None
    if tls.min_version:
        context.minimum_version = _TLS_VERSIONS[tls.min_version]
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
