"""The command line's way to running processes: their public HTTP APIs, nothing else."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import yaml

from promkit.errors import (
    ConfigError,
    Conflict,
    Forbidden,
    LuminaError,
    NotFound,
    Outdated,
    QueryError,
    Unavailable,
)

__all__ = ["ANALYTICS_URL", "RULER_URL", "Client", "analytics_url", "ruler_url"]

RULER_URL = "http://127.0.0.1:19090"
ANALYTICS_URL = "http://127.0.0.1:19092"
ANSWER_BYTES_MAX = 64 << 20
TIMEOUT_MS = 30_000
_OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_KEYS = frozenset({"url", "analytics_url", "token_file", "ca_file"})
Json = Any  # a JSON document of the API's

_ERRORS: Mapping[int, type[LuminaError]] = {
    400: QueryError,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: Outdated,
    422: QueryError,
}


def ruler_url(given: str | None) -> str:
    """`--url`, else LUMINA_URL, else `url:` of ~/.config/lumina/config.yml, else the default address."""
    return _url(given, "LUMINA_URL", "url", RULER_URL)


def analytics_url(given: str | None) -> str:
    """`--analytics-url`, else LUMINA_ANALYTICS_URL, else `analytics_url:` of the file, else the default."""
    return _url(given, "LUMINA_ANALYTICS_URL", "analytics_url", ANALYTICS_URL)


def _url(given: str | None, variable: str, key: str, default: str) -> str:
    url = given or os.environ.get(variable) or _client_config().get(key) or default
    if urlsplit(url).scheme not in {"http", "https"}:
        raise ConfigError(f"not an http URL: {url!r}", remedy=f"as {default}")
    return url.rstrip("/")


def _client_config() -> Mapping[str, str]:
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    path = folder / "lumina" / "config.yml"
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot be read: {error}", str(path)) from None
    if not isinstance(document, dict) or set(document) - _KEYS:
        known = ", ".join(sorted(_KEYS))
        raise ConfigError("not a client configuration", str(path), f"the keys are {known}")
    return {key: str(value) for key, value in document.items()}


class Client:
    """One process' API under its base URL; answers are the `data` of its envelope.

    Who has to log in puts a token into LUMINA_TOKEN or a `token_file`, and names a private authority's
    certificate by LUMINA_CA_FILE or `ca_file`; the files are named in ~/.config/lumina/config.yml.
    """

    def __init__(self, url: str) -> None:
        from promkit.fetch import Bearer, Fetcher, Tls  # noqa: PLC0415 - a third of what `--help` would cost

        self.url = url
        config = _client_config()
        token = _token(config)
        ca_file = os.environ.get("LUMINA_CA_FILE") or config.get("ca_file")
        self._fetcher = Fetcher(
            timeout_ms=TIMEOUT_MS,
            body_bytes_max=ANSWER_BYTES_MAX,
            auth=Bearer(lambda: token) if token else None,
            tls=Tls(ca_file=Path(ca_file)) if ca_file else None,
        )

    def get(self, path: str, **parameters: str | float | None) -> Json:
        """GET. NotFound, Conflict, QueryError as the process says; Unavailable: no answer."""
        return self._call("GET", _with(path, parameters))

    def post(self, path: str, body: Json, **parameters: str | float | None) -> Json:
        """POST a JSON document. The errors of `get`, and Forbidden."""
        return self._call("POST", _with(path, parameters), json=body)

    def read(self, path: str) -> tuple[Json, str]:
        """GET a document that is to be changed → it, and its ETag. The errors of `get`."""
        return self._asked("GET", path)

    def put(self, path: str, body: Json, etag: str = "", **parameters: str | float | None) -> Json:
        """PUT a JSON document in place of the one with that ETag. The errors of `post`, and Outdated."""
        headers = {"If-Match": etag} if etag else {}
        return self._call("PUT", _with(path, parameters), json=body, headers=headers)

    def delete(self, path: str, **parameters: str | float | None) -> Json:
        """DELETE. The errors of `post`."""
        return self._call("DELETE", _with(path, parameters))

    def send(self, path: str, body: bytes, **parameters: str | float | None) -> Json:
        """POST OpenMetrics text. The errors of `post`."""
        return self._call("POST", _with(path, parameters), body=body, headers={"Content-Type": _OPENMETRICS})

    def alertmanager(self, method: str, path: str, body: Json = None) -> Json:
        """Ask Alertmanager's API v2, which has no envelope. The errors of `post`."""
        content = {} if body is None else {"json": body}
        return self._asked(method, path, bare=True, **content)[0]

    def _call(self, method: str, path: str, **content: Any) -> Json:  # noqa: ANN401 - the fetcher's
        return self._asked(method, path, **content)[0]

    def _asked(
        self,
        method: str,
        path: str,
        *,
        bare: bool = False,
        **content: Any,  # noqa: ANN401 - as above
    ) -> tuple[Json, str]:
        from promkit.fetch import FetchError  # noqa: PLC0415 - as above

        try:
            answer = self._fetcher.request(method, self.url + quote(path, safe="/?&=%+"), **content)
        except FetchError as error:
            remedy = "start one with `lumina up`, or name another URL" if error.kind == "refused" else None
            raise Unavailable(error.problem, error.where, error.remedy or remedy) from None
        try:
            document = json.loads(answer.body) if answer.body else None
        except ValueError:
            document = None
        if answer.is_success and bare:
            return document, ""
        if answer.is_success and isinstance(document, dict):
            return document.get("data", document), answer.headers.get("etag", "")
        if answer.is_success:
            raise Unavailable("does not answer as Lumina does", self.url, "name another URL with --url")
        said = document if isinstance(document, dict) else {}
        kind = _ERRORS.get(answer.status, Unavailable)
        bare_problem = document if isinstance(document, str) else ""
        problem = str(said.get("error") or bare_problem or f"answered with HTTP status {answer.status}")
        raise kind(problem, said.get("where") or self.url, said.get("remedy"))


def _with(path: str, parameters: Mapping[str, str | float | None]) -> str:
    given = {name: str(value) for name, value in parameters.items() if value is not None}
    return path + (f"?{urlencode(given)}" if given else "")


def _token(config: Mapping[str, str]) -> str:
    given = os.environ.get("LUMINA_TOKEN", "")
    if given or "token_file" not in config:
        return given
    path = Path(config["token_file"]).expanduser()
    try:
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise ConfigError(f"token cannot be read: {error.strerror}", str(path)) from None
