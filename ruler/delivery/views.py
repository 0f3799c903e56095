"""What API and pages see of delivery."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from promkit.labels import Labels
from ruler.alerts import Alert
from ruler.delivery.outbox import Row
from ruler.delivery.sender import Health
from ruler.delivery.setup import Integration

__all__ = ["DeadLetter", "GroupView", "NotificationRecord", "ReceiverView", "receiver_view"]


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group as API v2 shows it."""

    receiver: str
    labels: Labels
    key: str
    alerts: tuple[Alert, ...]
    muted_by: tuple[str, ...]
    next_flush_ms: int


@dataclass(frozen=True, slots=True)
class ReceiverView:
    """A receiver and how it fares."""

    name: str
    integrations: tuple[str, ...]
    set_up: bool
    healthy: bool
    last_sent_ms: int | None
    last_error: str
    labels: Mapping[str, str]  # its name, and what the configuration adds


def receiver_view(
    name: str, ways: tuple[Integration, ...], health: Mapping[str, Health], labels: Mapping[str, str]
) -> ReceiverView:
    """Sum up a receiver's integrations."""
    states = [health[way.target.key] for way in ways]
    sent = [state.last_sent_ms for state in states if state.last_sent_ms is not None]
    failing = [state for state in states if state.failed]
    missing = next((way.missing for way in ways if way.missing), "")
    return ReceiverView(
        name=name,
        integrations=tuple(way.target.integration for way in ways),
        set_up=not missing,
        healthy=not failing,
        last_sent_ms=max(sent, default=None),
        last_error=missing or next((state.last_error for state in failing), ""),
        labels={**labels, "name": name},
    )


@dataclass(frozen=True, slots=True)
class NotificationRecord:
    """S12: what was sent where, when, and how that went."""

    id: int
    channel: str
    integration: str
    group_key: str
    kind: str
    at_ms: int
    status: str  # sent | failed | pending
    error: str
    attempts: int
    fingerprints: tuple[str, ...]
    took_ms: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "NotificationRecord":
        """Read a row of the table."""
        values = {name: row[name] for name in cls.__dataclass_fields__ if name != "fingerprints"}
        return cls(**values, fingerprints=tuple(row["fingerprints"]))

    def json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {**asdict(self), "fingerprints": list(self.fingerprints)}


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was given up."""

    id: int
    receiver: str
    integration: str
    group_key: str
    kind: str
    created_ms: int
    attempts: int
    error: str
    fingerprints: tuple[str, ...]

    @classmethod
    def of(cls, row: Row) -> "DeadLetter":
        """Sum up a row of the outbox."""
        receiver, _, integration = row.target.rpartition("/")
        return cls(
            id=row.id,
            receiver=receiver,
            integration=integration,
            group_key=row.group_key,
            kind=row.kind,
            created_ms=row.created_ms,
            attempts=row.attempts,
            error=row.error,
            fingerprints=tuple(fact.fingerprint for fact in row.facts),
        )

    def json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {**asdict(self), "fingerprints": list(self.fingerprints)}
