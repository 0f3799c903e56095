"""What configurations of receivers share."""

from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from promkit.config import Model, Secret, field

__all__ = ["TIMEOUT_MS", "ReceiverModel", "SecretUrl", "shortened"]

TIMEOUT_MS = 10_000


def _checked(secret: Secret) -> Secret:
    text = secret.reveal()
    if "{{" in text:
        return secret
    try:
        parts = urlsplit(text)
        _ = parts.port
        scheme, host = parts.scheme, parts.hostname
    except ValueError:
        scheme, host = "", None
    if scheme not in {"http", "https"} or not host:
        # The address itself is a secret.
        raise PydanticCustomError(
            "unit", "must be an http or https URL, not one of scheme {scheme}", {"scheme": repr(scheme)}
        )
    return secret


SecretUrl = Annotated[Secret, AfterValidator(_checked)]


class ReceiverModel(Model):
    """Keys that every *_config of alertmanager.yml has: `${…}` in them is no variable of ours."""

    env_substitution: ClassVar[bool] = False

    send_resolved: bool = field(False, description="Whether the end of alerts is told too.")


def shortened(text: str, length_max: int) -> str:
    """Cut to so many signs, the last an ellipsis where something was cut."""
    return text if len(text) <= length_max else text[: length_max - 1] + "…"
