"""Who may do what: stands between the server and the paths.

                          loopback, no logins   beyond, no logins      with logins (--web.config.file)
    /-/healthy, /-/ready  all                   all                    all
    /metrics, /           all                   all, errors hidden     who logs in; all where `anonymous` may
    /push                 all                   networks in `allow`    operators; networks in `allow`

A browser must not be made to push, or to read what it may not: names that are not ours in `Host`, and other
sites in `Origin`, are refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from exporter.http1 import Answer, Head, Request, error_answer
from exporter.routes import Site
from exporter.server import Caller
from promkit.hosts import host_allowed, host_name, is_loopback

if TYPE_CHECKING:
    import ssl

    from promkit.web_config import Authenticator, WebConfig

__all__ = ["Access", "Gate"]

_OPEN = {"/-/healthy", "/-/ready"}  # they tell nothing but one word
_PUSH = "/push"
_LOGIN = {"WWW-Authenticate": 'Basic realm="lumina", Bearer realm="lumina"'}


@dataclass(frozen=True, slots=True)
class Access:
    """`--web.config.file`, read; the empty one where there is none."""

    web: "WebConfig | None" = None
    authenticator: "Authenticator | None" = None
    tls: "ssl.SSLContext | None" = None

    @classmethod
    def load(cls, path: Path | None, env: dict[str, str]) -> "Access":
        """Read the file and what it names. ConfigError, ConfigErrors: what is wrong in it."""
        if path is None:
            return cls()
        # Only here: who asks for logins or TLS pays the 12 MiB of pydantic.
        from promkit.config import load  # noqa: PLC0415
        from promkit.web_config import Authenticator, WebConfig, server_context  # noqa: PLC0415

        web = load(path, WebConfig, env)
        return cls(web, Authenticator(web) if web.has_logins() else None, server_context(web))

    @property
    def hosts(self) -> Sequence[str]:
        return self.web.hosts if self.web is not None else ()

    def allows(self, address: str) -> bool:
        """Whether this address may push without a login."""
        if self.web is None or not self.web.allow:
            return False
        from promkit.web_config import address_allowed  # noqa: PLC0415 - loaded with the file

        return address_allowed(self.web, address)


class Gate:
    """The app that the server serves. A reload puts new values in `site` and `access`, each whole."""

    def __init__(self, site: Site, access: Access) -> None:
        self.site = site
        self.access = access

    def tls(self) -> "ssl.SSLContext | None":
        """How to speak TLS; every connection takes the certificate of the last reload."""
        context = self.access.tls
        if context is not None:
            context.sni_callback = self._newest
        return context

    def early(self, head: Head, caller: Caller) -> Answer | None:
        """Refuse by what the headers say."""
        access = self.access
        host = head.headers.get("host")
        if host is not None and not host_allowed(host, caller.listener, access.hosts):
            problem = f"not our name: {host_name(host)[:200]!a}"
            return error_answer(403, f"{problem}: add it to `hosts` in --web.config.file")
        origin = head.headers.get("origin")
        if origin is not None and head.method not in {"GET", "HEAD"} and not _same_host(origin, host or ""):
            return error_answer(403, "another site's page may not ask this")
        if self._needs_login(head, caller) and "authorization" not in head.headers:
            if access.authenticator is None:
                return error_answer(403, "beyond loopback a push needs a token: see --web.config.file")
            return error_answer(401, "log in", _LOGIN)
        return None

    def body_bytes_max(self, head: Head) -> int:
        """Only pushes have a body."""
        push = self.site.intake.push
        return push.settings.body_bytes_max if head.path == _PUSH and push is not None else 0

    def is_quick(self, head: Head) -> bool:
        """Pushes are read, selections rendered, passwords checked: the rest is there."""
        return head.path != _PUSH and not head.query and self.access.authenticator is None

    def answer(self, request: Request, caller: Caller) -> Answer:
        """Check who asks, then answer."""
        access = self.access
        identity = None
        if access.authenticator is not None:
            identity = access.authenticator.identify(request.head.headers.get("authorization"))
        if self._needs_login(request.head, caller):
            if identity is None:
                refusal = error_answer(401, "wrong user, password or token", _LOGIN)
                return refusal if access.authenticator else error_answer(403, "a push needs a token")
            if request.head.path == _PUSH and identity.role == "viewer":
                return error_answer(403, f"a push needs role operator, {identity.name[:100]!a} is viewer")
        is_local = is_loopback(caller.listener) and access.authenticator is None
        answer = self.site.answer(request, trusted=is_local or identity is not None)
        if access.web is not None and access.web.http_server_config.headers:
            return replace(answer, headers={**access.web.http_server_config.headers, **answer.headers})
        return answer

    def _needs_login(self, head: Head, caller: Caller) -> bool:
        access = self.access
        has_logins = access.authenticator is not None
        if head.path in _OPEN:
            return False
        if head.path == _PUSH:
            return (has_logins or not is_loopback(caller.listener)) and not access.allows(caller.address)
        return has_logins and access.web is not None and access.web.anonymous != "viewer"

    def _newest(self, stream: object, name: str | None, context: object) -> None:
        """Called by ssl for each handshake."""
        del name, context
        if self.access.tls is not None:
            stream.context = self.access.tls  # type: ignore[attr-defined] # an SSLObject, by ssl's word


def _same_host(origin: str, host: str) -> bool:
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False
