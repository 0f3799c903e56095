"""Silences, with Alertmanager's rules for changing them (its silence.Silences: Set, Expire). Pure.

    pending ──starts──▶ active ──ends, or expired by hand──▶ expired ──five days──▶ forgotten

An expired silence never comes back; a change that would alter what an active one has muted already makes a
new silence and expires the old one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from promkit.errors import ConfigError, Conflict, NotFound
from promkit.labels import Labels
from promkit.matchers import Matcher, MatchOp

__all__ = ["RETENTION_MS", "Silence", "SilenceState", "changed", "expired"]

RETENTION_MS = 5 * 86_400_000  # Alertmanager's --data.retention


class SilenceState(StrEnum):
    """Where a silence stands at an instant."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Silence:
    """Whatever all matchers match is told to nobody from `starts_ms` until `ends_ms`. New: id ""."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_ms: int
    ends_ms: int
    updated_ms: int
    by: str
    comment: str
    annotations: Mapping[str, str] = field(default_factory=dict)

    def state(self, now_ms: int) -> SilenceState:
        """Where it stands."""
        if now_ms < self.starts_ms:
            return SilenceState.PENDING
        return SilenceState.ACTIVE if now_ms < self.ends_ms else SilenceState.EXPIRED

    def matches(self, labels: Labels) -> bool:
        """Whether every matcher fits the alert."""
        return all(matcher.matches_labels(labels) for matcher in self.matchers)


def changed(silences: Mapping[str, Silence], wanted: Silence, new_id: str, now_ms: int) -> list[Silence]:
    """What has to be stored so that `wanted` holds: itself last, before it the one that it replaces.

    ConfigError: it says nothing sensible. NotFound: its id is unknown.
    """
    _check(wanted, now_ms)
    wanted = replace(wanted, updated_ms=now_ms)
    if not wanted.id:
        return [_new(wanted, new_id, now_ms)]
    earlier = silences.get(wanted.id)
    if earlier is None:
        raise NotFound(f"no silence {wanted.id}")
    if _can_change(earlier, wanted, now_ms):
        return [wanted]
    new = _new(wanted, new_id, now_ms)
    return [new] if earlier.state(now_ms) is SilenceState.EXPIRED else [_ended(earlier, now_ms), new]


def expired(silences: Mapping[str, Silence], id_: str, now_ms: int) -> Silence:
    """The silence, over now.

    NotFound: its id is unknown. Conflict: it is over already.
    """
    silence = silences.get(id_)
    if silence is None:
        raise NotFound(f"no silence {id_}")
    if silence.state(now_ms) is SilenceState.EXPIRED:
        raise Conflict(f"silence {id_} has expired already")
    return _ended(silence, now_ms)


def _new(wanted: Silence, new_id: str, now_ms: int) -> Silence:
    return replace(wanted, id=new_id, starts_ms=max(wanted.starts_ms, now_ms))


def _ended(silence: Silence, now_ms: int) -> Silence:
    return replace(silence, starts_ms=min(silence.starts_ms, now_ms), ends_ms=now_ms, updated_ms=now_ms)


def _can_change(earlier: Silence, wanted: Silence, now_ms: int) -> bool:
    if earlier.matchers != wanted.matchers:
        return False
    match earlier.state(now_ms):
        case SilenceState.ACTIVE:
            return wanted.starts_ms // 1000 == earlier.starts_ms // 1000 and wanted.ends_ms >= now_ms
        case SilenceState.PENDING:
            return wanted.starts_ms >= now_ms
        case SilenceState.EXPIRED:
            return False


def _check(silence: Silence, now_ms: int) -> None:
    if not silence.matchers:
        raise ConfigError("a silence needs at least one matcher")
    if all(_matches_empty(matcher) for matcher in silence.matchers):
        raise ConfigError("at least one matcher of a silence must not match the empty text")
    if any(not matcher.name for matcher in silence.matchers):
        raise ConfigError("a matcher of a silence has no label name")
    if silence.ends_ms <= silence.starts_ms:
        raise ConfigError("a silence must end after it starts")
    if silence.ends_ms < now_ms:
        raise ConfigError("a silence cannot end in the past")


def _matches_empty(matcher: Matcher) -> bool:
    if matcher.op is MatchOp.EQUAL:
        return not matcher.value
    return matcher.op is not MatchOp.NOT_EQUAL and matcher.matches("")
