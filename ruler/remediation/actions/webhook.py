"""A request to an HTTP endpoint: a deploy tool, a runbook server, an application's own switch.

What is secret stands in files, which are read when the request is sent, in the process that sends it: plans,
audit and API never have it. Redirects are not followed. Each request has an `Idempotency-Key` of its own: a
started remedy is never sent twice, and whoever repeats it on the way shows by the key that he does.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import JsonValue, field_validator, model_validator

from promkit.config import DurationMs, Model, field, resolve
from promkit.errors import ConfigError
from ruler.remediation.action import Action, Parameters, Plan, Result
from ruler.remediation.apart import execute
from ruler.remediation.declaration import Declaration
from ruler.remediation.parameters import as_text, fill, placeholders, settle, target_of

__all__ = ["WEBHOOK", "Config"]

# What is kept with the run, and fits into the pipe to the process that sends it.
REQUEST_BYTES_MAX = 32_768


class Request(Model):
    """One request."""

    method: Literal["POST", "PUT", "PATCH", "DELETE", "GET"] = field("POST", description="the HTTP method")
    url: str | None = field(
        None,
        description="where it goes; {name} is a parameter's place in its path or query; shown in plans: no "
        "secrets",
    )
    url_file: Path | None = field(None, description="a file with that address, where it is a secret")
    body: JsonValue = field(
        None, description="a JSON document; a text that is {name} alone becomes the parameter's own value"
    )

    @model_validator(mode="after")
    def _has_address(self) -> Self:
        if (self.url is None) is (self.url_file is None):
            raise ValueError("give `url` or `url_file`")
        if self.url is None:
            return self
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("`url` is not an http or https address")
        if parts.username is not None:
            raise ValueError("`url` has a login in it: use `username` and `password_file`")
        try:
            if placeholders(parts.netloc):
                raise ValueError("the host in `url` cannot be a parameter")
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return self


class Config(Declaration, Request):
    """An action of kind `webhook` in ruler.yml."""

    places: ClassVar[tuple[str, ...]] = ("url", "body", "headers", "undo")

    kind: Literal["webhook"] = field(description="ask an HTTP endpoint")
    headers: Mapping[str, str] = field(
        default_factory=dict, description="headers; {name} is a parameter's place; shown in plans: no secrets"
    )
    header_files: Mapping[str, Path] = field(
        default_factory=dict, description="headers that are secrets, each with the file of its value"
    )
    username: str | None = field(None, description="user for basic authentication")
    password_file: Path | None = field(None, description="a file with that user's password")
    bearer_token_file: Path | None = field(None, description="a file with a bearer token")
    ca_file: Path | None = field(None, description="certificates of the authorities that are trusted instead")
    expect: tuple[int, ...] = field((), description="statuses that mean it was done; none: any 2xx")
    undo: Request | None = field(
        None, description="the request that takes it back when it did not help; same headers and login"
    )
    timeout: DurationMs = field(30_000, description="an answer must be there within this time", gt=0)

    @field_validator("headers", "header_files")
    @classmethod
    def _header_names(cls, headers: Mapping[str, Any]) -> Mapping[str, Any]:
        for name in headers:
            if not name.isascii() or not name.replace("-", "a").replace("_", "a").isalnum():
                raise ValueError(f"not a header's name: {name!r}")
            if name.lower() in {"authorization", "cookie", "idempotency-key", "host", "content-length"}:
                raise ValueError(f"{name} is not set here: a login has keys of its own")
        return headers

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        if (self.username is None) is not (self.password_file is None):
            raise ValueError("`username` and `password_file` go together")
        if self.username is not None and self.bearer_token_file is not None:
            raise ValueError("give `username` or `bearer_token_file`, not both")
        return self


def plan(config: Config, name: str, parameters: Parameters) -> Plan:
    """Pure. ConfigError: a parameter that the operator does not allow, a body that is too large."""
    settled = settle(config.parameters, parameters)
    details = {
        **_request(config, config, settled),
        "headers": {name: fill(text, settled) for name, text in config.headers.items()},
        "header_files": {name: _file(config, path) for name, path in config.header_files.items()},
        "username": config.username,
        "password_file": _file(config, config.password_file),
        "bearer_token_file": _file(config, config.bearer_token_file),
        "ca_file": _file(config, config.ca_file),
        "expect": list(config.expect),
        "undo": None if config.undo is None else _request(config, config.undo, settled),
    }
    if len(json.dumps(details)) > REQUEST_BYTES_MAX:
        raise ConfigError(f"the request is larger than {REQUEST_BYTES_MAX} bytes")
    return _plan(name, target_of(config.parameters, settled), config.timeout, details)


def undo(plan: Plan, result: Result) -> Plan | None:
    """The request that the operator declared for it; the answer does not change it."""
    del result
    back = plan.details["undo"]
    if back is None:
        return None
    return _plan(plan.action, plan.target, plan.timeout_ms, {**plan.details, **back, "undo": None})


def _plan(name: str, target: str, timeout_ms: int, details: Mapping[str, Any]) -> Plan:
    where = details["url"] or f"the address in {details['url_file']}"
    return Plan(name, "webhook", target, f"{details['method']} {where}", timeout_ms, details)


def _request(config: Config, request: Request, settled: Parameters) -> dict[str, Any]:
    quoted = {name: quote(as_text(value), safe="") for name, value in settled.items()}
    return {
        "method": request.method,
        "url": None if request.url is None else fill(request.url, quoted),
        "url_file": _file(config, request.url_file),
        "body": _filled(request.body, settled),
    }


def _filled(document: JsonValue, settled: Parameters) -> JsonValue:
    match document:
        case str():
            whole = document[1:-1] if document[:1] == "{" and document[-1:] == "}" else ""
            return settled[whole] if whole in settled else fill(document, settled)
        case list():
            return [_filled(member, settled) for member in document]
        case dict():
            return {fill(key, settled): _filled(member, settled) for key, member in document.items()}
        case _:
            return document


def _file(config: Config, path: Path | None) -> str | None:
    return None if path is None else str(resolve(config, path))


WEBHOOK = Action("webhook", Config, plan, execute, undo)
