"""What is posted to API v2, alerts and silences: as JSON, and as the house has them."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from promkit.errors import ConfigError
from promkit.labels import Labels
from promkit.matchers import Matcher, MatchOp
from ruler.alerts import PostedAlert, Silence
from ruler.api.wire import parse_iso

__all__ = ["AlertBody", "MatcherBody", "SilenceBody", "posted_alert", "posted_silence"]

_URI = re.compile(r"(/|[A-Za-z][A-Za-z0-9+.-]*:)[^\s\x00-\x1f]*")


class _Body(BaseModel):
    """Bodies are read as Go does: unknown keys are left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def _uri(text: str) -> str:
    if text and not _URI.fullmatch(text):
        raise PydanticCustomError("uri", "must be of type uri: {text}", {"text": repr(text)})
    return text


class AlertBody(_Body):
    """An alert as it is posted."""

    labels: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)
    startsAt: str | None = None  # noqa: N815 - the API's names
    endsAt: str | None = None  # noqa: N815
    generatorURL: Annotated[str, AfterValidator(_uri)] = ""  # noqa: N815


class MatcherBody(_Body):
    """A matcher of a silence."""

    name: str
    value: str
    isRegex: bool  # noqa: N815
    isEqual: bool = True  # noqa: N815

    def matcher(self) -> Matcher:
        """As a matcher. QueryError: not a regular expression."""
        if self.isRegex:
            op = MatchOp.REGEX if self.isEqual else MatchOp.NOT_REGEX
        else:
            op = MatchOp.EQUAL if self.isEqual else MatchOp.NOT_EQUAL
        return Matcher(self.name, op, self.value)


class SilenceBody(_Body):
    """A silence as it is posted; with `id` it changes that one."""

    id: str | None = None
    matchers: list[MatcherBody] = Field(min_length=1)
    startsAt: str  # noqa: N815
    endsAt: str  # noqa: N815
    createdBy: str  # noqa: N815
    comment: str
    annotations: dict[str, str] = Field(default_factory=dict)


def posted_alert(body: AlertBody) -> PostedAlert:
    """As the book takes it. ConfigError: no label, not a time, or an end before its start."""
    labels = Labels(body.labels)
    if not labels:
        raise ConfigError("at least one label pair required")
    starts_ms = parse_iso(body.startsAt) if body.startsAt else None
    ends_ms = parse_iso(body.endsAt) if body.endsAt else None
    if starts_ms is not None and ends_ms is not None and ends_ms < starts_ms:
        raise ConfigError("start time must be before end time")
    return PostedAlert(labels, dict(sorted(body.annotations.items())), starts_ms, ends_ms, body.generatorURL)


def posted_silence(body: SilenceBody) -> Silence:
    """As the book takes it. ConfigError: not a time. QueryError: not a regular expression."""
    starts_ms, ends_ms = parse_iso(body.startsAt), parse_iso(body.endsAt)
    if starts_ms is None or ends_ms is None:
        raise ConfigError("a silence needs a start and an end")
    return Silence(
        id=body.id or "",
        matchers=tuple(matcher.matcher() for matcher in body.matchers),
        starts_ms=starts_ms,
        ends_ms=ends_ms,
        updated_ms=0,
        by=body.createdBy,
        comment=body.comment,
        annotations=body.annotations,
    )
