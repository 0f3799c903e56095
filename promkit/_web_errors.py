"""Errors → status and body."""

from collections.abc import Callable, Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from promkit._web_access import LoginNeeded
from promkit.errors import (
    ConfigError,
    ConfigErrors,
    Conflict,
    Forbidden,
    LimitError,
    LuminaError,
    NotFound,
    Outdated,
    QueryError,
    Unavailable,
)
from promkit.exposition import ExpositionError

__all__ = ["Envelope", "Envelopes", "error_response", "install", "plain_error", "status_of"]

# How one API writes an error: its status and what went wrong → the JSON value of the body.
Envelope = Callable[[int, LuminaError], object]

# The nearest class counts.
_STATUS: dict[type[LuminaError], int] = {
    ConfigError: 400,
    QueryError: 400,
    ExpositionError: 400,
    LuminaError: 400,
    LoginNeeded: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Outdated: 412,
    LimitError: 422,
    Unavailable: 503,
}
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="Lumina Monitor", charset="UTF-8"'}
_RETRY = {"Retry-After": "5"}


def status_of(error: LuminaError) -> int:
    """Give the HTTP status that tells a caller what they can do."""
    return next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)


def plain_error(_status: int, error: LuminaError) -> object:
    """Write our own APIs' errors: problem, where, remedy, as far as they are known; of several, all."""
    if isinstance(error, ConfigErrors):
        return {**_parts(error), "faults": [_parts(fault) for fault in error.faults]}
    return _parts(error)


def _parts(error: LuminaError) -> dict[str, object]:
    parts = {
        "error": error.problem,
        "where": str(error.where) if error.where else None,
        "remedy": error.remedy,
    }
    return {name: text for name, text in parts.items() if text}


class Envelopes:
    """Finds the envelope of a path: that of the longest prefix."""

    def __init__(self, by_prefix: Mapping[str, Envelope]) -> None:
        self._by_prefix = sorted(by_prefix.items(), key=lambda item: len(item[0]), reverse=True)

    def of(self, path: str) -> Envelope:
        for prefix, envelope in self._by_prefix:
            if path == prefix or path.startswith(f"{prefix.rstrip('/')}/"):
                return envelope
        return plain_error


def error_response(
    envelopes: Envelopes, path: str, error: LuminaError, status: int | None = None
) -> Response:
    """Answer with an error."""
    status = status or status_of(error)
    headers = {401: _CHALLENGE, 503: _RETRY}.get(status)
    return JSONResponse(envelopes.of(path)(status, error), status, headers=headers)


def install(app: FastAPI, envelopes: Envelopes) -> None:
    """Make the application answer errors in its APIs' envelopes."""

    async def lumina(request: Request, error: Exception) -> Response:
        assert isinstance(error, LuminaError)  # noqa: S101 - as registered below
        return error_response(envelopes, request.url.path, error)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - as registered below
        response = error_response(
            envelopes, request.url.path, LuminaError(str(error.detail).lower()), error.status_code
        )
        response.headers.update(error.headers or {})
        return response

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - as registered below
        return error_response(envelopes, request.url.path, LuminaError(_described(error)), 400)

    app.add_exception_handler(LuminaError, lumina)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)


def _described(error: RequestValidationError) -> str:
    """Say in a line what a request lacks: every fault, each with its place."""
    faults = []
    for detail in error.errors():
        place, *path = [str(part) for part in detail["loc"]]
        name = ".".join(path) or place
        faults.append(f"{name}: {detail['msg'][:1].lower()}{detail['msg'][1:]}")
    return "; ".join(faults[:20])
