"""Why a request got no answer, said without the secrets that addresses hold."""

import ssl
from typing import Literal
from urllib.parse import urlsplit

from urllib3.exceptions import (
    HTTPError,
    LocationParseError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    SSLError,
)
from urllib3.exceptions import TimeoutError as Urllib3Timeout

from promkit.errors import Unavailable

__all__ = ["FetchError", "Kind", "origin", "translated"]

Kind = Literal["timeout", "refused", "dns", "tls", "too_large", "protocol"]


class FetchError(Unavailable):
    """No answer; `kind` says why. The text has scheme, host and port alone: a webhook's path is a secret."""

    def __init__(self, kind: Kind, problem: str, url: str) -> None:
        super().__init__(problem, where=origin(url))
        self.kind = kind


def origin(url: str) -> str:
    """Scheme, host and port: what may be shown of any address."""
    try:
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "<not a URL>"
    return f"{parts.scheme}://{host}{port}" if host else "<not a URL>"


def translated(error: Exception, url: str) -> FetchError:  # noqa: PLR0911 - a kind a return
    """Tell what urllib3 or the system raised as one of our kinds."""
    cause = _root(error)
    if isinstance(error, LocationParseError | LocationValueError | ValueError):
        return FetchError("protocol", "not a URL to ask", url)
    if isinstance(error, Urllib3Timeout | TimeoutError):
        if isinstance(error, NewConnectionError):
            return _unconnected(error, cause, url)
        return FetchError("timeout", "no answer in time", url)
    if isinstance(error, SSLError | ssl.SSLError) or isinstance(cause, ssl.SSLError):
        return FetchError("tls", f"TLS: {getattr(cause, 'verify_message', '') or _short(cause)}", url)
    if isinstance(error, NewConnectionError):
        return _unconnected(error, cause, url)
    if isinstance(error, ProxyError):
        return FetchError("refused", f"the proxy: {_short(cause)}", url)
    return FetchError("protocol", _short(cause), url)


def _unconnected(error: HTTPError, cause: BaseException, url: str) -> FetchError:
    if isinstance(error, NameResolutionError):
        return FetchError("dns", "the host's name is not known", url)
    return FetchError("refused", _short(cause), url)


def _root(error: BaseException) -> BaseException:
    """Find what was raised first."""
    for _ in range(8):
        inner = error.__cause__ or next((arg for arg in error.args if isinstance(arg, Exception)), None)
        if inner is None:
            return error
        error = inner
    return error


def _short(error: BaseException) -> str:
    """Name a failure without what urllib3 puts around it: addresses with query and path."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, PermissionError | ConnectionError):
        return str(error)
    return type(error).__name__
