"""The command line's way to running processes: their public HTTP APIs, nothing else."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import yaml

from promkit.errors import ConfigError, Conflict, Forbidden, LuminaError, NotFound, QueryError, Unavailable

__all__ = ["ANALYTICS_URL", "RULER_URL", "Client", "analytics_url", "ruler_url"]

RULER_URL = "http://127.0.0.1:19090"
ANALYTICS_URL = "http://127.0.0.1:19092"
ANSWER_BYTES_MAX = 64 << 20
TIMEOUT_MS = 30_000
Json = Any  # a JSON document of the API's

_ERRORS: Mapping[int, type[LuminaError]] = {
    400: QueryError,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
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
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot be read: {error}", str(path)) from None
    if not isinstance(document, dict) or set(document) - {"url", "analytics_url"}:
        raise ConfigError("not a client configuration", str(path), "the keys are url and analytics_url")
    return {key: str(value) for key, value in document.items()}


class Client:
    """One process' API under its base URL; answers are the `data` of its envelope."""

    def __init__(self, url: str) -> None:
        from promkit.fetch import Fetcher  # noqa: PLC0415 - a third of what `lumina --help` would cost

        self.url = url
        self._fetcher = Fetcher(timeout_ms=TIMEOUT_MS, body_bytes_max=ANSWER_BYTES_MAX)

    def get(self, path: str, **parameters: str | float | None) -> Json:
        """GET. NotFound, Conflict, QueryError as the process says; Unavailable: no answer."""
        given = {name: str(value) for name, value in parameters.items() if value is not None}
        return self._call("GET", path + (f"?{urlencode(given)}" if given else ""), None)

    def post(self, path: str, body: Json) -> Json:
        """POST a JSON document. The errors of `get`, and Forbidden."""
        return self._call("POST", path, body)

    def _call(self, method: str, path: str, body: Json) -> Json:
        answer = self._fetcher.request(method, self.url + quote(path, safe="/?&=%+"), json=body)
        try:
            document = json.loads(answer.body) if answer.body else None
        except ValueError:
            document = None
        if 200 <= answer.status < 300 and isinstance(document, dict):
            return document.get("data", document)
        said = document.get("error") if isinstance(document, dict) else None
        kind = _ERRORS.get(answer.status, Unavailable)
        raise kind(str(said or f"answered with HTTP status {answer.status}"), self.url)
