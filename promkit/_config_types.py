"""The types of configuration values that YAML itself has no word for."""

from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, ValidationInfo
from pydantic_core import PydanticCustomError

from promkit.duration import format_duration, parse_duration
from promkit.errors import ConfigError
from promkit.secret import Secret

__all__ = ["ByteSize", "DurationMs", "Ratio", "Secret", "format_bytes"]

# As in Prometheus, KB and KiB are both 1024 bytes.
_BYTE_UNITS = {"B": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}


def format_bytes(size: int) -> str:
    """Write the shortest exact form: 10_737_418_240 → `10GiB`."""
    for unit, power in reversed(_BYTE_UNITS.items()):
        if power and size and size % 1024**power == 0:
            return f"{size // 1024**power}{unit}iB"
    return f"{size}B"


def _duration(value: object, info: ValidationInfo) -> int:
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except ConfigError:
            raise _expected("a duration, as 30s, 5m or 1h30m") from None
    if isinstance(value, int) and not isinstance(value, bool):
        # A file must say the unit; code that builds a model counts in milliseconds.
        if value == 0 or info.mode == "python":
            return value
        raise PydanticCustomError(
            "unit", "needs a unit: write {number}s or {number}m, not {number}", {"number": value}
        )
    raise _expected("a duration, as 30s, 5m or 1h30m")


def _byte_size(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str):
        number, unit = value, value.lstrip("0123456789.")
        number = value[: len(value) - len(unit)]
        power = _BYTE_UNITS.get(unit.strip().upper().removesuffix("B").removesuffix("I") or "B")
        try:
            if power is not None and unit:
                return int(float(number) * 1024**power) if "." in number else int(number) * 1024**power
        except ValueError:
            pass
    raise _expected("a size in bytes, as 512MB or 10GiB")


def _ratio(value: object) -> float:
    number = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    elif isinstance(value, str) and value.endswith("%"):
        try:
            number = float(value[:-1]) / 100
        except ValueError:
            number = None
    if number is None or not 0 <= number <= 1:
        raise _expected("a ratio from 0 to 1, or a percentage, as 0.25 or 25%")
    return number


def _expected(what: str) -> PydanticCustomError:
    return PydanticCustomError("expected", "must be {what}", {"what": what})


DurationMs = Annotated[
    int,
    BeforeValidator(_duration, json_schema_input_type=str),
    PlainSerializer(format_duration, when_used="json"),
]
ByteSize = Annotated[
    int,
    BeforeValidator(_byte_size, json_schema_input_type=str | int),
    PlainSerializer(format_bytes, when_used="json"),
]
Ratio = Annotated[float, BeforeValidator(_ratio, json_schema_input_type=float | str)]
