"""What a collector that asks over HTTP can be told: how it logs in, how the server is checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from exporter.settings import Option, revealed
from promkit.errors import Unavailable
from promkit.secret import Secret

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["AS_USUAL", "BasicAuth", "Contexts", "Tls", "authorization", "check_headers", "check_url"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How the server is checked."""

    ca_file: Annotated[Path | None, Option("Certificates to trust instead of the system's.")] = None
    server_name: Annotated[str, Option("The name the certificate must have (default: the URL's host).")] = ""
    insecure_skip_verify: Annotated[bool, Option("Take any certificate; its expiry is then unknown.")] = False


AS_USUAL = Tls()


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicAuth:
    """User and password."""

    username: Annotated[str, Option("User's name.")]
    password: Annotated[Secret | None, Option("Password.")] = None
    password_file: Annotated[Path | None, Option("File with the password.")] = None


class Contexts:
    """How to check servers: kept, for reading all certificates takes 20 ms, until the file changes."""

    def __init__(self, tls: Tls, make: "Callable[..., SSLContext]") -> None:
        self._tls = tls
        self._make = make
        self._kept: tuple[int, SSLContext] | None = None  # of a CA file's time of change

    def __call__(self) -> "SSLContext":
        """Unavailable: the file cannot be read."""
        path = self._tls.ca_file
        try:
            changed_ns = path.stat().st_mtime_ns if path else 0
            if self._kept is None or changed_ns != self._kept[0]:
                verify = not self._tls.insecure_skip_verify
                context = self._make(str(path) if path else None, verify=verify)
                self._kept = (changed_ns, context)
        except OSError as error:
            raise Unavailable(f"cannot read {path}: {error.strerror or error}") from error
        return self._kept[1]


def check_url(url: str) -> None:
    """ValueError: no address of a web server, or one with a password."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or any(sign <= " " for sign in url):
        raise ValueError("`url` must be http://… or https://…")
    if "@" in parts.netloc:
        raise ValueError("`url` must not hold a password: see `basic_auth`")


def check_headers(headers: Mapping[str, str]) -> None:
    """ValueError: one would end early and begin another."""
    if any("\n" in text or "\r" in text for pair in headers.items() for text in pair):
        raise ValueError("`headers` must not hold line breaks")


def authorization(token: Secret | None, token_file: Path | None, basic: BasicAuth | None) -> dict[str, str]:
    """The header that logs in, or none. Unavailable: a file cannot be read."""
    bearer = revealed(token, token_file)
    if bearer:
        return {"Authorization": f"Bearer {bearer}"}
    if basic is None:
        return {}
    from base64 import b64encode  # noqa: PLC0415 - only who logs in pays for it

    password = revealed(basic.password, basic.password_file) or ""
    pair = f"{basic.username}:{password}".encode()
    return {"Authorization": f"Basic {b64encode(pair).decode()}"}
