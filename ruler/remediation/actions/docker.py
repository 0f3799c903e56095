"""A container, by the Docker API: of Docker, or of Podman behind its socket.

Only a container that is there already is touched: nothing is created, pulled or removed.
"""

from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from promkit.config import DurationMs, field, resolve
from ruler.remediation.action import Action, Parameters, Plan, Result
from ruler.remediation.apart import execute
from ruler.remediation.declaration import Declaration
from ruler.remediation.parameters import settle, target_of

__all__ = ["DOCKER", "Config"]

_OPPOSITE = {"start": "stop", "stop": "start", "pause": "unpause", "unpause": "pause"}
# In which states a verb changes nothing, so that there is nothing to take back.
_IDLE = {
    "start": {"running", "paused"},
    "stop": {"exited", "created", "dead"},
    "pause": {"paused"},
    "unpause": {"running"},
}


class Config(Declaration):
    """An action of kind `docker` in ruler.yml."""

    places: ClassVar[tuple[str, ...]] = ("container",)
    names_target: ClassVar[str | None] = "container"
    client: ClassVar[tuple[str, str] | None] = ("docker", "docker")

    kind: Literal["docker"] = field(description="start, stop, restart or pause a container")
    verb: Literal["restart", "start", "stop", "pause", "unpause"] = field(
        description="what is done; all but restart are taken back when they did not help"
    )
    container: str | None = field(
        None,
        description="its name or id; {name} is a parameter's place; left out, it is the parameter marked as "
        "target",
    )
    host: str | None = field(
        None,
        description="the engine, unix:///run/docker.sock or tcp://host:2376; without: DOCKER_HOST, else "
        "Docker's own socket",
    )
    ca_file: Path | None = field(
        None, description="certificate of the authority of a tcp engine; needs the two"
    )
    cert_file: Path | None = field(None, description="our certificate for it")
    key_file: Path | None = field(None, description="the key of our certificate")
    grace: DurationMs = field(
        10_000, description="time from the first signal to the kill, when it is stopped", ge=0
    )
    timeout: DurationMs = field(60_000, description="it must be done within this time", gt=0)

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        files = (self.ca_file, self.cert_file, self.key_file)
        if any(files) and not all(files):
            raise ValueError("`ca_file`, `cert_file` and `key_file` go together")
        if self.host is not None and not self.host.startswith(("unix:///", "tcp://")):
            raise ValueError("`host` begins with unix:/// or tcp://")
        if any(files) and not (self.host or "").startswith("tcp://"):
            raise ValueError("certificates are for a `host` that begins with tcp://")
        if self.grace >= self.timeout:
            raise ValueError("`grace` is not shorter than `timeout`: it would end before the container does")
        return self


def plan(config: Config, name: str, parameters: Parameters) -> Plan:
    """Pure. ConfigError: a parameter that the operator does not allow."""
    settled = settle(config.parameters, parameters)
    details: dict[str, Any] = {
        "verb": config.verb,
        "container": config.named(config.container, settled),
        "host": config.host,
        "grace_ms": config.grace,
        "way_back": False,
    }
    for key in ("ca_file", "cert_file", "key_file"):
        path = getattr(config, key)
        details[key] = None if path is None else str(resolve(config, path))
    return _plan(name, target_of(config.parameters, settled), config.timeout, details)


def undo(plan: Plan, result: Result) -> Plan | None:
    """The opposite verb, where the first one changed something."""
    verb, state = plan.details["verb"], result.before.get("state")
    if plan.details["way_back"] or verb not in _OPPOSITE or state is None or state in _IDLE[verb]:
        return None
    details = {**plan.details, "verb": _OPPOSITE[verb], "way_back": True}
    return _plan(plan.action, plan.target, plan.timeout_ms, details)


def _plan(name: str, target: str, timeout_ms: int, details: dict[str, Any]) -> Plan:
    where = f" on {details['host']}" if details["host"] else ""
    text = f"{details['verb']} container {details['container']}{where}"
    return Plan(name, "docker", target, text, timeout_ms, details)


DOCKER = Action("docker", Config, plan, execute, undo)
