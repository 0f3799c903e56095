"""How each API writes an error."""

from promkit.errors import LimitError, LuminaError, NotFound, QueryError, Unavailable
from promkit.web import Envelope, plain_error

__all__ = ["ENVELOPES", "NotExecuted"]


class NotExecuted(LimitError):  # noqa: N818 - said as the other errors of the house are
    """The expression is right, and its data do not allow an answer (Prometheus: 422, execution)."""


# Prometheus' error types (web/api/v1), by what went wrong.
_TYPES: tuple[tuple[type[LuminaError], str], ...] = (
    (LimitError, "execution"),
    (NotFound, "not_found"),
    (Unavailable, "unavailable"),
    (QueryError, "bad_data"),
)


def _prometheus(status: int, error: LuminaError) -> object:
    kind = next((name for cls, name in _TYPES if isinstance(error, cls)), "bad_data")
    if status >= 500 and kind == "bad_data":
        kind = "internal"
    return {"status": "error", "errorType": kind, "error": _said(error)}


def _said(error: LuminaError) -> str:
    """Where and what, as Prometheus words it: `1:5: parse error: …`."""
    return f"{error.where}: {error.problem}" if error.where else error.problem


def _ours(status: int, error: LuminaError) -> object:
    """Prometheus' envelope, and where and what mends it."""
    written = {"status": "error", "errorType": "bad_data" if status < 500 else "unavailable"}
    more = plain_error(status, error)
    return {**written, **(more if isinstance(more, dict) else {})}


def _alertmanager(_status: int, error: LuminaError) -> object:
    return str(error)


ENVELOPES: dict[str, Envelope] = {
    "/api/v1": _prometheus,
    "/api/v1/lumina": _ours,
    "/api/v2": _alertmanager,
}
