"""Dashboards into a running Grafana, over its HTTP API."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from lumina.dashboards.shape import Json
from promkit.errors import ConfigError, Conflict, Forbidden, LuminaError, NotFound, Unavailable
from promkit.fetch import Bearer, Fetcher, FetchError, Tls

__all__ = ["Grafana", "Pushed", "token_of"]

TIMEOUT_MS = 30_000
ANSWER_BYTES_MAX = 1 << 20
TOKEN_BYTES_MAX = 4_096
PATH = "/api/dashboards/db"


@dataclass(frozen=True, slots=True)
class Pushed:
    """A dashboard that Grafana took: its version there, and where it is seen."""

    uid: str
    version: int
    url: str


def token_of(path: Path) -> str:
    """The service account's token in a file. ConfigError: there is none."""
    try:
        with path.open("rb") as file:
            token = file.read(TOKEN_BYTES_MAX).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "not a text"
        raise ConfigError(f"token cannot be read: {said}", str(path)) from None
    if not token:
        raise ConfigError("token file is empty", str(path))
    return token


class Grafana:
    """One server, seen with a service account's token."""

    def __init__(self, url: str, token: Callable[[], str] | None, ca_file: Path | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigError("not an http URL", remedy="as http://127.0.0.1:3000")
        if parts.username is not None:
            raise ConfigError("no user and password in the URL", remedy="put a token into --token-file")
        self.url = url.rstrip("/")
        self._fetcher = Fetcher(
            timeout_ms=TIMEOUT_MS,
            body_bytes_max=ANSWER_BYTES_MAX,
            auth=Bearer(token) if token else None,
            tls=Tls(ca_file=ca_file) if ca_file else None,
        )

    def push(self, document: Json, folder: str, *, overwrite: bool) -> Pushed:
        """Make the dashboard, or with `overwrite` replace it.

        Conflict: it is there already. Forbidden: the token does not do. NotFound: no such folder.
        ConfigError: Grafana refuses it. Unavailable: no answer, or another one.
        """
        body: Json = {"dashboard": document, "overwrite": overwrite, "message": "lumina dashboards push"}
        if folder:
            body["folderUid"] = folder
        try:
            answer = self._fetcher.request("POST", self.url + PATH, json=body)
        except FetchError as error:
            raise Unavailable(error.problem, error.where, error.remedy) from None
        said = _object(answer.body)
        if answer.is_success and "uid" in said:
            return Pushed(str(said["uid"]), int(said.get("version", 0)), self.url + str(said.get("url", "")))
        raise _refused(answer.status, str(said.get("message") or f"HTTP status {answer.status}"), self.url)


def _object(body: bytes) -> Json:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _refused(status: int, message: str, url: str) -> LuminaError:
    match status:
        case 400 | 422:
            return ConfigError(f"Grafana refuses it: {message}", url)
        case 401 | 403:
            return Forbidden(
                f"Grafana says: {message}", url, "give a service account's token in --token-file"
            )
        case 404:
            return NotFound(f"Grafana says: {message}", url, "give the uid of a folder that is there")
        case 412:
            return Conflict(f"Grafana says: {message}", url, "give --overwrite to replace it")
    return Unavailable(f"Grafana answered {status}: {message}", url)
