"""A line of an access log → a request. Pure; any bytes give a request or None, in time linear in the line.

combined   nginx's and Apache's `common` and `combined`, with or without a virtual host in front, and with the
           time the request took anywhere after them: `… "Mozilla/5.0" 0.120`, or named `rt=0.120`
json       an object a line, keys given or the usual ones; `request.uri` goes into an object
regex      your own, with the groups `status`, and if you like `duration` and `path`
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["LINE_BYTES_MAX", "Parser", "Request", "combined", "json_lines", "regex"]

LINE_BYTES_MAX = 8 * 1024

STATUS_KEYS = ("status", "status_code", "code", "DownstreamStatus", "response.status")
DURATION_KEYS = ("request_time", "duration", "duration_seconds", "elapsed", "Duration")
PATH_KEYS = ("path", "uri", "request_uri", "url", "RequestPath", "request.uri")

_QUOTED = rb'"((?:[^"\\]|\\.)*+)"'
_COMBINED = re.compile(
    rb"[^\[\n]*+\[[^\]\n]*+\] "
    + _QUOTED
    + rb" (\d{3}) (?:\d++|-)(?: "
    + _QUOTED
    + rb" "
    + _QUOTED
    + rb")?+(.*)"
)
_DURATION = re.compile(rb'(?:^| )(?:(?:rt|request_time|duration)=)?"?(\d{1,15}(?:\.\d{1,9})?)"?(?= |$)')


class Request(NamedTuple):
    """What is counted of a request."""

    status: int
    seconds: float | None
    path: str


Parser = Callable[[bytes], Request | None]


def combined(seconds_per_unit: float) -> Parser:
    """The formats that nginx and Apache come with."""

    def parse(line: bytes) -> Request | None:
        match = _COMBINED.match(line)
        if match is None:
            return None
        duration = _DURATION.search(match[5])
        seconds = float(duration[1]) * seconds_per_unit if duration else None
        return _request(match[2], seconds, _path(match[1]))

    return parse


def json_lines(
    seconds_per_unit: float,
    status_keys: Sequence[str] = STATUS_KEYS,
    duration_keys: Sequence[str] = DURATION_KEYS,
    path_keys: Sequence[str] = PATH_KEYS,
) -> Parser:
    """An object a line; the first key that is there is taken."""

    def parse(line: bytes) -> Request | None:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if not isinstance(found, dict):
            return None
        duration = _number(_first(found, duration_keys))
        seconds = None if duration is None else duration * seconds_per_unit
        return _request(_first(found, status_keys), seconds, str(_first(found, path_keys) or ""))

    return parse


def regex(pattern: str, seconds_per_unit: float) -> Parser:
    """The user's own pattern."""
    compiled = re.compile(pattern.encode())
    groups = compiled.groupindex

    def parse(line: bytes) -> Request | None:
        match = compiled.search(line)
        if match is None:
            return None
        duration = _number(_text(match["duration"])) if "duration" in groups else None
        seconds = None if duration is None else duration * seconds_per_unit
        return _request(match["status"], seconds, _text(match["path"]) if "path" in groups else "")

    return parse


def _request(status: object, seconds: float | None, path: str) -> Request | None:
    number = _number(_text(status) if isinstance(status, bytes) else status)
    if number is None or not 100 <= number <= 599:
        return None
    if seconds is not None and not (0 <= seconds < math.inf):
        seconds = None
    return Request(int(number), seconds, path.partition("?")[0])


def _path(request: bytes) -> str:
    """`GET /a?b HTTP/1.1` → `/a?b`; what is not a request line (a probe's bytes) has no path."""
    parts = request.split(b" ", 2)
    return _text(parts[1]) if len(parts) > 1 else ""


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")


def _number(value: object) -> float | None:
    """Numbers also where they are written as text; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _first(found: Mapping[str, Any], keys: Sequence[str]) -> object:  # Any: what JSON gives
    for key in keys:
        value: object = found
        for part in (key,) if key in found else key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None:
            return value
    return None
