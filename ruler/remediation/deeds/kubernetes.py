"""Does to a workload what a kubernetes plan says."""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError
from yaml import YAMLError

from promkit.apart import NotStarted, Tell, work
from promkit.errors import LuminaError

__all__ = ["do"]

_LOOK_S = 0.5
# What `kubectl rollout restart` writes: a pod template that differs, so that the workload's strategy acts.
_RESTARTED = "kubectl.kubernetes.io/restartedAt"


class Workload:
    """One workload behind the API; each call raises LuminaError with what the server said."""

    def __init__(self, api: client.AppsV1Api, resource: str, namespace: str, name: str) -> None:
        self._api = api
        self._resource = resource.replace("statefulset", "stateful_set")
        for whole, parts in (("replicaset", "replica_set"), ("daemonset", "daemon_set")):
            self._resource = self._resource.replace(whole, parts)
        self._place = (name, namespace)

    def read(self) -> Mapping[str, Any]:
        return self._call("read", "")

    def scale(self) -> Mapping[str, Any]:
        return self._call("read", "_scale")

    def replace_scale(self, scale: Mapping[str, Any], replicas: int) -> None:
        """Of the version that was read: 409 where somebody has changed it since."""
        known = {key: scale["metadata"].get(key) for key in ("name", "namespace", "resourceVersion")}
        body = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": known}
        self._call("replace", "_scale", {**body, "spec": {"replicas": replicas}})

    def patch(self, patch: Mapping[str, Any]) -> None:
        self._call("patch", "", patch)

    def _call(self, verb: str, part: str, *body: Mapping[str, Any]) -> dict[str, Any]:
        call: Callable[..., Any] = getattr(self._api, f"{verb}_namespaced_{self._resource}{part}")
        try:
            # As JSON: what the client's models do not know or miss is between server and workload.
            answer = call(*self._place, *body, _preload_content=False)
            document: dict[str, Any] = json.loads(answer.data)
        except ApiException as error:
            raise LuminaError(_said(error)) from None
        except HTTPError as error:
            why = str(error).rpartition("connection: ")[2][:300]
            raise LuminaError(f"the API server does not answer: {why}") from None
        except ValueError:
            raise LuminaError("the API server's answer is no JSON") from None
        return document


def do(order: Mapping[str, Any], tell: Tell) -> str:
    """Scale or restart it. LuminaError: the server refused, or the rollout failed."""
    with client.ApiClient(_settings(order)) as api:
        workload = Workload(client.AppsV1Api(api), order["resource"], order["namespace"], order["name"])
        text = _scale(workload, order, tell) if order["verb"] == "scale" else _restart(workload)
        return f"{text}; {_rolled_out(workload, text, tell)}" if order["wait"] else text


def _scale(workload: Workload, order: Mapping[str, Any], tell: Tell) -> str:
    try:
        scale = workload.scale()
    except LuminaError as error:
        raise NotStarted(error.problem) from None
    now = scale["spec"].get("replicas", 0)  # 0 is left out on the wire
    if order["found"] is not None and now != order["found"]:
        raise NotStarted(f"{now} replicas by now, not {order['found']}: somebody else has changed them")
    asked = now + order["by"] if order["by"] is not None else order["replicas"]
    if order["bounds"] is not None:
        least, most = order["bounds"]
        asked = min(max(asked, least), most)
        if asked == now:
            raise NotStarted(f"{now} replicas already, of {least} to {most} that are allowed")
    tell(f"{now} replicas, {asked} are asked for", {"replicas": now, "asked": asked})
    workload.replace_scale(scale, asked)
    return f"{now} → {asked} replicas"


def _restart(workload: Workload) -> str:
    stamp = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    workload.patch({"spec": {"template": {"metadata": {"annotations": {_RESTARTED: stamp}}}}})
    return f"restart asked for at {stamp}"


def _rolled_out(workload: Workload, text: str, tell: Tell) -> str:
    while True:
        found = workload.read()
        is_done, progress = rollout(found)
        if is_done:
            return progress
        tell(f"{text}; {progress}")
        time.sleep(_LOOK_S)


def rollout(found: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether a workload is all new and available, as `kubectl rollout status` tells it.

    LuminaError: it never will be.
    """
    status = found.get("status") or {}
    wanted = status.get("desiredNumberScheduled", (found.get("spec") or {}).get("replicas", 1))
    total = status.get("currentNumberScheduled", status.get("replicas", 0))
    updated = status.get("updatedNumberScheduled", status.get("updatedReplicas", 0))
    available = status.get("numberAvailable", status.get("availableReplicas", 0))
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            raise LuminaError(condition.get("message") or "the rollout exceeded its progress deadline")
    progress = f"{available} of {wanted} available, {updated} updated"
    is_seen = status.get("observedGeneration", 0) >= (found.get("metadata") or {}).get("generation", 0)
    return is_seen and updated >= wanted and available >= wanted and total <= updated, progress


def _settings(order: Mapping[str, Any]) -> client.Configuration:
    """NotStarted: there is no way to the cluster."""
    settings = client.Configuration()
    try:
        if order["url"] is not None:
            settings.host = order["url"].rstrip("/")
            settings.ssl_ca_cert = order["ca_file"]
            if order["token_file"]:
                token = Path(order["token_file"]).read_text("utf-8").strip()
                settings.api_key = {"authorization": f"Bearer {token}"}
        elif order["kubeconfig"] or order["context"] or "KUBERNETES_SERVICE_HOST" not in os.environ:
            config.load_kube_config(  # type: ignore[no-untyped-call]
                order["kubeconfig"], order["context"], settings
            )
        else:
            config.load_incluster_config(settings)  # type: ignore[no-untyped-call]
    except (config.ConfigException, OSError, UnicodeDecodeError, YAMLError) as error:
        raise NotStarted(f"no way to the cluster: {error}") from None
    except (TypeError, AttributeError, LookupError, ValueError):  # the client's, of a file of another shape
        raise NotStarted("no way to the cluster: not a kubeconfig", order["kubeconfig"]) from None
    settings.retries = False  # what was asked twice might be done twice
    return settings


def _said(error: ApiException) -> str:
    """The message of the server's Status, which names the user and what it may not do."""
    try:
        message = json.loads(error.body or "")["message"]
    except (ValueError, KeyError, TypeError):
        message = error.reason
    return f"{message} (HTTP status {error.status})"


if __name__ == "__main__":
    sys.exit(work(do))
