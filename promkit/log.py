"""Logging: a constant phrase and fields, a line an event, as logfmt or JSON. Standard library only.

log = get("ruler.scrape")
log.warning("target unreachable", target=url, error=error)

time=2026-11-25T03:33:00.123Z level=warning logger=ruler.scrape msg="target unreachable" target=…
"""

import json
import logging
import sys
import time
import traceback
from collections.abc import Mapping
from typing import Any, Literal, TextIO

__all__ = ["LEVELS", "Log", "LogFormat", "get", "setup"]

LogFormat = Literal["logfmt", "json"]
LEVELS = ("debug", "info", "warning", "error")
_FIELDS = "lumina_fields"
_VALUE_LENGTH_MAX = 4096
# Libraries that speak of every request at info.
_NOISY = ("urllib3", "uvicorn", "watchfiles", "sqlalchemy", "alembic", "asyncio")


class Log:
    """A logger of one room: the message is a constant phrase in lower case, facts are keyword arguments."""

    __slots__ = ("_logger",)

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def debug(self, message: str, **fields: object) -> None:
        self._log(logging.DEBUG, message, fields)

    def info(self, message: str, **fields: object) -> None:
        self._log(logging.INFO, message, fields)

    def warning(self, message: str, **fields: object) -> None:
        self._log(logging.WARNING, message, fields)

    def error(self, message: str, **fields: object) -> None:
        self._log(logging.ERROR, message, fields)

    def exception(self, message: str, **fields: object) -> None:
        """Log an error with the traceback of the exception being handled: for bugs alone."""
        self._log(logging.ERROR, message, fields, trace=True)

    def is_debug(self) -> bool:
        """Tell whether it is worth preparing fields for a debug line."""
        return self._logger.isEnabledFor(logging.DEBUG)

    def _log(self, level: int, message: str, fields: Mapping[str, object], *, trace: bool = False) -> None:
        self._logger.log(level, message, extra={_FIELDS: fields}, exc_info=trace)


def get(name: str) -> Log:
    """Give the logger of a room, named by its dotted path."""
    return Log(logging.getLogger(name))


def setup(level: str = "info", format: LogFormat = "logfmt", stream: TextIO | None = None) -> None:  # noqa: A002 - as the flag is called
    """Send all logging of this process, the libraries' too, to `stream` (stderr) in one format."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Json() if format == "json" else _Logfmt())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


class _Formatter(logging.Formatter):
    """Turns a record, whoever wrote it, into ordered pairs."""

    def pairs(self, record: logging.LogRecord) -> dict[str, object]:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        pairs: dict[str, object] = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
        }
        fields: Mapping[str, object] = getattr(record, _FIELDS, {})
        for key, value in fields.items():
            pairs[f"{key}_" if key in pairs else key] = value
        if record.exc_info and record.exc_info[0] is not None:
            pairs["traceback"] = "".join(traceback.format_exception(*record.exc_info)).rstrip()
        return pairs


class _Logfmt(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return " ".join([f"{key}={_logfmt_value(value)}" for key, value in self.pairs(record).items()])


class _Json(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        pairs = {key: _json_value(value) for key, value in self.pairs(record).items()}
        return json.dumps(pairs, ensure_ascii=False, allow_nan=False)


def _logfmt_value(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    text = _cut(str(value))
    if text and text.isascii() and text.isprintable() and not any(sign in text for sign in ' "=\\'):
        return text
    return json.dumps(text, ensure_ascii=False)


def _json_value(value: object) -> Any:  # noqa: ANN401 - what json can say
    if isinstance(value, bool | int) or value is None:
        return value
    if isinstance(value, float) and abs(value) < float("inf"):
        return value
    return _cut(str(value))


def _cut(text: str) -> str:
    """Bound a value: what a peer sent may be of any length."""
    return text if len(text) <= _VALUE_LENGTH_MAX else f"{text[:_VALUE_LENGTH_MAX]}…"
