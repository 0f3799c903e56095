"""Sends the request of a webhook's plan, with what its files hold."""

import sys
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from promkit.apart import NotStarted, Tell, show, work
from promkit.errors import LuminaError
from promkit.fetch import Auth, Basic, Bearer, Fetcher, FetchError, Tls, origin

__all__ = ["do"]

# The parent ends this process at the plan's deadline; this is only what no plan outlasts.
_TIMEOUT_MS = 86_400_000
_BODY_BYTES_MAX = 1 << 20
_SECRET_BYTES_MAX = 65_536
_TEXT_LENGTH_MAX = 2_000


def do(order: Mapping[str, Any], tell: Tell) -> str:
    """Send it once. LuminaError: no answer, or another status than expected."""
    url = order["url"] or _secret(order["url_file"])
    if not url.startswith(("http://", "https://")):
        raise NotStarted("is not an http or https address", order["url_file"])
    where = origin(url) if order["url"] is None else url
    headers = dict(order["headers"])
    headers |= {name: _secret(path) for name, path in order["header_files"].items()}
    headers["Idempotency-Key"] = str(uuid.uuid4())
    fetcher = Fetcher(
        timeout_ms=_TIMEOUT_MS,
        body_bytes_max=_BODY_BYTES_MAX,
        auth=_auth(order),
        tls=Tls(ca_file=Path(order["ca_file"]) if order["ca_file"] else None),
    )
    tell(f"{order['method']} {where} has not answered")
    try:
        answer = fetcher.request(order["method"], url, headers=headers, json=order["body"])
    except FetchError as error:
        if error.kind in {"refused", "dns", "tls"}:
            raise NotStarted(error.problem, error.where) from None
        raise
    show(answer.text(_TEXT_LENGTH_MAX))
    expected = answer.status in order["expect"] if order["expect"] else answer.is_success
    if not expected:
        raise LuminaError(f"HTTP status {answer.status}", where)
    return f"HTTP status {answer.status}"


def _auth(order: Mapping[str, Any]) -> Auth | None:
    if order["bearer_token_file"]:
        return Bearer(_read(order["bearer_token_file"]))
    if order["username"] is not None:
        return Basic(order["username"], _read(order["password_file"]))
    return None


def _read(path: str) -> Callable[[], str]:
    secret = _secret(path)
    return lambda: secret


def _secret(path: str) -> str:
    """The content of a file. NotStarted: it cannot be read, or is no line of text."""
    try:
        with Path(path).open("rb") as file:
            text = file.read(_SECRET_BYTES_MAX).decode().strip()
    except OSError as error:
        raise NotStarted(error.strerror or str(error), path) from None
    except UnicodeDecodeError:
        raise NotStarted("is not UTF-8", path) from None
    if not text.isprintable() or not text:
        raise NotStarted("is not one line of text", path)
    return text


if __name__ == "__main__":
    sys.exit(work(do))
