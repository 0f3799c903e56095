"""A text that does not show itself. Standard library only, for the exporter too."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import core_schema

__all__ = ["Secret"]


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
        _handler: "GetCoreSchemaHandler",
    ) -> "core_schema.CoreSchema":
        from pydantic_core import core_schema  # noqa: PLC0415 - who asks has loaded it, others never need it

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
