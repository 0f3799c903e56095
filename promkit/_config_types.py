"""The types of configuration values that YAML itself has no word for."""

from typing import Annotated, Any

from pydantic import BeforeValidator, GetCoreSchemaHandler, PlainSerializer, ValidationInfo
from pydantic_core import PydanticCustomError, core_schema

from promkit.duration import format_duration, parse_duration
from promkit.errors import ConfigError

__all__ = ["ByteSize", "DurationMs", "Ratio", "Secret", "format_bytes"]

# As in Prometheus, KB and KiB are both 1024 bytes.
_BYTE_UNITS = {"B": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}


class Secret:
    """A text that shows itself only when asked by name: never in logs, errors, JSON or pages."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text, to whoever must send it."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __str__(self) -> str:
        return "<secret>"

    __repr__ = __str__

    @classmethod
    def __get_pydantic_core_schema__(
        cls,
        _source: Any,  # noqa: ANN401 - pydantic's protocol
        _handler: GetCoreSchemaHandler,
    ) -> core_schema.CoreSchema:
        return core_schema.union_schema(
            [
                core_schema.is_instance_schema(cls),
                core_schema.no_info_after_validator_function(cls, core_schema.str_schema()),
            ],
            mode="left_to_right",
            custom_error_type="secret_type",
            custom_error_message="must be a text",
            serialization=core_schema.to_string_ser_schema(),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: Any, _handler: Any) -> dict[str, object]:  # noqa: ANN401 - as above
        return {"type": "string", "writeOnly": True}


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
