"""Changes that must not run over one another: a reader gets an ETag, and gives it back as If-Match."""

import hashlib
from typing import Annotated

from fastapi import Header

from promkit.errors import Outdated

__all__ = ["IfMatch", "check_match", "etag_of"]

IfMatch = Annotated[str | None, Header(description="the ETag that was read; else whatever is there now")]


def etag_of(text: str) -> str:
    """The ETag of a text."""
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def check_match(if_match: str | None, etag: str) -> None:
    """Outdated: the caller read something else than there is now."""
    if if_match is None or if_match.strip() == "*":
        return
    if etag not in [one.strip() for one in if_match.split(",")]:
        raise Outdated("it has changed since it was read", remedy="read it again, and put the change to that")
