"""Does to a container what a docker plan says."""

import contextlib
import math
import sys
from collections.abc import Mapping
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException
from docker.tls import TLSConfig
from docker.utils import kwargs_from_env

from promkit.apart import NotStarted, Tell, work
from promkit.errors import LuminaError

__all__ = ["do"]

# The parent ends this process at the plan's deadline; this is only what no plan outlasts.
_TIMEOUT_S = 86_400
_UP = {"running", "paused"}


def do(order: Mapping[str, Any], tell: Tell) -> str:
    """Look at it, do it, look again. LuminaError: it could not be done, or the container did not stay up."""
    try:
        engine = _engine(order)
    except (DockerException, requests.RequestException) as error:
        raise NotStarted(_why(error)) from None
    with contextlib.closing(engine):
        return _tend(engine, order, tell)


def _tend(engine: docker.APIClient, order: Mapping[str, Any], tell: Tell) -> str:
    name, verb = order["container"], order["verb"]
    try:
        state = engine.inspect_container(name)["State"]["Status"]
    except (DockerException, requests.RequestException) as error:
        raise NotStarted(_why(error)) from None
    tell(f"container {name} was {state}", {"state": state})
    try:
        _do(engine, order)
        now = engine.inspect_container(name)["State"]
    except (DockerException, requests.RequestException) as error:
        raise LuminaError(_why(error)) from None
    if verb != "stop" and now["Status"] not in _UP:
        raise LuminaError(f"container {name} is {now['Status']}, exit code {now.get('ExitCode')}")
    return f"{verb} of container {name}: was {state}, is {now['Status']}"


def _engine(order: Mapping[str, Any]) -> docker.APIClient:
    if order["host"] is None:
        settings = kwargs_from_env()
        return docker.APIClient(timeout=_TIMEOUT_S, version="auto", **settings)
    tls = None
    if order["ca_file"]:
        certificate = (order["cert_file"], order["key_file"])
        tls = TLSConfig(client_cert=certificate, ca_cert=order["ca_file"], verify=True)
    return docker.APIClient(order["host"], timeout=_TIMEOUT_S, version="auto", tls=tls or False)


def _do(engine: docker.APIClient, order: Mapping[str, Any]) -> None:
    name, grace_s = order["container"], math.ceil(order["grace_ms"] / 1000)
    match order["verb"]:
        case "restart":
            engine.restart(name, timeout=grace_s)
        case "stop":
            engine.stop(name, timeout=grace_s)
        case "start":
            engine.start(name)
        case "pause":
            engine.pause(name)
        case "unpause":
            engine.unpause(name)


def _why(error: Exception) -> str:
    """What the engine said, or why there is none."""
    if isinstance(error, APIError):
        status = error.response.status_code if error.response is not None else "?"
        return f"{error.explanation or error} (HTTP status {status})"
    return str(error)[:500]


if __name__ == "__main__":
    sys.exit(work(do))
