"""A workload of a Kubernetes cluster: another number of replicas, or all its pods anew.

scale            through the scale subresource, as the autoscaler and kubectl do; against the version that was
                 read, so that who changes it meanwhile is not overruled
rollout_restart  by the annotation that `kubectl rollout restart` sets; the workload's own strategy replaces
                 its pods

A step (`by`) ends at the operator's `min` and `max`. The way back from scaling is the number that was found,
unless somebody has changed it since.
"""

from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from promkit.config import DurationMs, field, resolve
from promkit.errors import ConfigError
from ruler.remediation.action import Action, Parameters, Plan, Result
from ruler.remediation.apart import execute
from ruler.remediation.declaration import Declaration
from ruler.remediation.parameters import settle, target_of

__all__ = ["KUBERNETES", "Config"]

_SCALED = {"deployment", "statefulset", "replicaset"}
_ROLLED = {"deployment", "statefulset", "daemonset"}


class Config(Declaration):
    """An action of kind `kubernetes` in ruler.yml."""

    places: ClassVar[tuple[str, ...]] = ("namespace", "name", "replicas", "by")
    names_target: ClassVar[str | None] = "name"
    client: ClassVar[tuple[str, str] | None] = ("kubernetes", "kubernetes")

    kind: Literal["kubernetes"] = field(description="scale or restart a workload")
    verb: Literal["scale", "rollout_restart"] = field(
        description="what is done; scale is taken back when it did not help"
    )
    resource: Literal["deployment", "statefulset", "daemonset", "replicaset"] = field(
        "deployment", description="what kind of workload it is"
    )
    namespace: str = field(description="its namespace; {name} is a parameter's place")
    name: str | None = field(
        None,
        description="its name; {name} is a parameter's place; left out, it is the parameter marked as target",
    )
    replicas: int | str | None = field(None, description="scale to so many; '{name}' is a parameter's place")
    by: int | str | None = field(
        None, description="scale by so many more, fewer below 0; '{name}' is a parameter's place"
    )
    min: int | None = field(None, description="never scaled below this; scale needs both bounds", ge=0)
    max: int | None = field(None, description="never scaled above this", ge=1)
    wait: bool = field(
        default=False, description="done once the new pods are available; without: once it is accepted"
    )
    kubeconfig: Path | None = field(
        None,
        description="how the cluster is reached; without: the pod's own service account, else ~/.kube/config",
    )
    context: str | None = field(None, description="the kubeconfig's context; without: its current one")
    url: str | None = field(None, description="the API server, instead of a kubeconfig")
    token_file: Path | None = field(None, description="a file with the bearer token for `url`")
    ca_file: Path | None = field(None, description="certificate of the authority of `url`")
    timeout: DurationMs = field(60_000, description="it must be done within this time", gt=0)

    @model_validator(mode="after")
    def _scaled_within_bounds(self) -> Self:
        amounts = [one for one in (self.replicas, self.by, self.min, self.max) if one is not None]
        if self.verb != "scale":
            if amounts:
                raise ValueError("`replicas`, `by`, `min` and `max` are for scale")
        elif (self.replicas is None) is (self.by is None):
            raise ValueError("scale needs `replicas` or `by`")
        elif self.min is None or self.max is None or self.min > self.max:
            raise ValueError("scale needs `min` and `max`, the smaller one first")
        allowed = _SCALED if self.verb == "scale" else _ROLLED
        if self.resource not in allowed:
            raise ValueError(f"{self.verb} is for {', '.join(sorted(allowed))}")
        return self

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.url is None and (self.token_file or self.ca_file):
            raise ValueError("`token_file` and `ca_file` belong to `url`")
        if self.url is not None:
            if self.kubeconfig or self.context:
                raise ValueError("give `url` or a kubeconfig, not both")
            if not self.url.startswith(("https://", "http://")):
                raise ValueError("`url` is not an http or https address")
        return self


def plan(config: Config, name: str, parameters: Parameters) -> Plan:
    """Pure. ConfigError: a parameter that the operator does not allow, a number outside the bounds."""
    settled = settle(config.parameters, parameters)
    details: dict[str, Any] = {
        "verb": config.verb,
        "resource": config.resource,
        "namespace": _word(config.named(config.namespace, settled)),
        "name": _word(config.named(config.name, settled)),
        "replicas": _number(config, config.replicas, settled),
        "by": _number(config, config.by, settled),
        "bounds": None if config.min is None else [config.min, config.max],
        "found": None,
        "wait": config.wait,
        "context": config.context,
        "url": config.url,
    }
    for key in ("kubeconfig", "token_file", "ca_file"):
        path = getattr(config, key)
        details[key] = None if path is None else str(resolve(config, path))
    to, bounds = details["replicas"], details["bounds"]
    if to is not None and not bounds[0] <= to <= bounds[1]:
        raise ConfigError(f"{to} replicas are not allowed: from {bounds[0]} to {bounds[1]}")
    return _plan(name, target_of(config.parameters, settled), config.timeout, details)


def undo(plan: Plan, result: Result) -> Plan | None:
    """As many replicas as were found, where they are still as many as were set."""
    found, asked = result.before.get("replicas"), result.before.get("asked")
    if plan.details["found"] is not None or found is None or asked is None:
        return None
    details = {**plan.details, "replicas": found, "by": None, "bounds": None, "found": asked}
    return _plan(plan.action, plan.target, plan.timeout_ms, details)


def _plan(name: str, target: str, timeout_ms: int, details: dict[str, Any]) -> Plan:
    what = f"{details['resource']} {details['namespace']}/{details['name']}"
    if details["verb"] == "rollout_restart":
        text = f"rollout restart of {what}"
    elif details["by"] is not None:
        text = f"scale {what} by {details['by']:+d}, from {details['bounds'][0]} to {details['bounds'][1]}"
    else:
        text = f"scale {what} to {details['replicas']}"
    return Plan(name, "kubernetes", target, text, timeout_ms, details)


def _word(text: str) -> str:
    """A name as Kubernetes has it: nothing that would change the request's path."""
    if not text or len(text) > 253 or not all(one.isalnum() or one in "-." for one in text) or ".." in text:
        raise ConfigError(f"{text!r} is not a name of Kubernetes")
    return text


def _number(config: Config, written: int | str | None, settled: Parameters) -> int | None:
    if written is None or isinstance(written, int):
        return written
    try:
        return int(config.named(written, settled))
    except ValueError:
        raise ConfigError(f"{config.named(written, settled)!r} is not a whole number") from None


KUBERNETES = Action("kubernetes", Config, plan, execute, undo)
