"""What bodies and routes of our own API share: spans of time, and who does it."""

from typing import Annotated, Any

from fastapi import Depends
from pydantic import BeforeValidator

from promkit.config import DurationMs
from promkit.web import Identity, needs
from promkit.web_config import Role

__all__ = ["Json", "Operator", "Span", "named"]

Json = Any  # a JSON document, its shape said in each docstring
Operator = Annotated[Identity, Depends(needs(Role.OPERATOR))]


def _with_unit(value: object) -> object:
    if value is not None and not isinstance(value, str):
        raise ValueError("write a duration with its unit, as 30m or 2h")
    return value


Span = Annotated[DurationMs, BeforeValidator(_with_unit)]


def named(who: Identity, given: str) -> str:
    """The login's name, or where nobody logs in the name that was given."""
    return who.name or given or "anonymous"
