"""Who calls, and whether a route is for them."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from promkit.errors import Forbidden
from promkit.web_config import Authenticator, Identity, Role, WebConfig, is_loopback

__all__ = ["READING", "Access", "Caller", "LoginNeeded", "Needs", "guard", "needs"]

READING = {"GET", "HEAD", "OPTIONS"}
# Probes ask these without a login; they tell nothing but one word.
OPEN = {"/-/healthy", "/-/ready"}


class LoginNeeded(Forbidden):
    """The caller is not known: 401 rather than 403."""


@dataclass(slots=True)
class Access:
    """Decides for one listening address.

    On loopback without a web configuration every caller is admin: who can connect may as well edit the
    files. Beyond it, a caller without a login reads at most.
    """

    listen_host: str
    config: WebConfig = field(default_factory=WebConfig)
    hosts: tuple[str, ...] = ()  # further names, as of --web.external-url
    insecure: bool = False  # beyond loopback, too, every caller is admin
    _authenticator: Authenticator = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._authenticator = Authenticator(self.config)

    def use(self, config: WebConfig) -> None:
        """Take up a changed configuration."""
        self._authenticator = Authenticator(config)
        self.config = config

    def allowed_hosts(self) -> tuple[str, ...]:
        return (*self.config.hosts, *self.hosts)

    def identify(self, authorization: str | None) -> Identity | None:
        """Tell who calls. None: one who must log in first, or whose login is wrong."""
        if authorization and self.config.has_logins():
            return self._authenticator.identify(authorization)
        role = self._anonymous()
        return Identity("", role) if role is not None else None

    def recall(self, authorization: str) -> Identity | None:
        """Tell who calls, where that takes no time; None: ask `identify`."""
        return self._authenticator.recall(authorization)

    def _anonymous(self) -> Role | None:
        if self.config.anonymous is not None:
            return Role.VIEWER if self.config.anonymous == "viewer" else None
        if self.config.has_logins():
            return None
        return Role.ADMIN if self.insecure or is_loopback(self.listen_host) else Role.VIEWER


class Needs:
    """A dependency that lets pass who has at least this role, and says who it is."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, request: Request) -> Identity:  # async: needs no thread, waits for none
        return require(request, self.role)


def needs(role: Role) -> Needs:
    """`Annotated[Identity, Depends(needs(Role.OPERATOR))]`, or in a route's `dependencies`."""
    return Needs(role)


async def guard(request: Request) -> None:
    """Hold every route to a role, that of its `needs` or a strict default, by the route that was matched."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or route.path in OPEN or _states_role(route.dependant):
        return
    require(request, Role.VIEWER if request.method in READING else Role.ADMIN)


def _states_role(dependant: Dependant) -> bool:
    return any(isinstance(inner.call, Needs) or _states_role(inner) for inner in dependant.dependencies)


def require(request: Request, role: Role) -> Identity:
    """Give the caller. Forbidden, LoginNeeded: may not."""
    access: Access = request.app.state.access
    identity: Identity | None = request.scope.get("lumina_identity")
    if identity is not None and identity.role.covers(role):
        return identity
    if identity is not None and identity.name:
        raise Forbidden(f"{identity.name} is {identity.role.value}, this needs {role.value}")
    if access.config.has_logins():
        raise LoginNeeded("a login is needed", remedy=f"log in as one who is {role.value}")
    raise Forbidden(
        f"beyond loopback this needs a login as {role.value}",
        remedy="start the process with --web.config.file, which has basic_auth_users or tokens",
    )


async def _caller(request: Request) -> Identity:
    return require(request, Role.VIEWER)


Caller = Annotated[Identity, Depends(_caller)]
