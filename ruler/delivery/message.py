"""What is owed to whom: the words of the outbox.

Target    one integration of a receiver: `ops/webhook[0]`
Fact      an alert as one message tells it
Escalated why an escalation tells a receiver of it
Told      what a target knows of an alert, as it last accepted it
Message   the content of an outbox row: facts and why; it is rendered when it is sent
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from promkit.labels import EMPTY, Labels
from ruler.alerts import Alert

__all__ = ["Escalated", "Fact", "Message", "Reason", "Status", "Target", "Told"]


class Status(StrEnum):
    """The two things a message can say of an alert."""

    FIRING = "firing"
    RESOLVED = "resolved"


class Reason(StrEnum):
    """Why a group's message is sent, in Alertmanager's words."""

    FIRST = "first notification"
    ADDED = "new alerts added"
    ALL_RESOLVED = "all alerts resolved"
    SOME_RESOLVED = "some alerts resolved"
    REPEAT = "repeat interval elapsed"
    ESCALATED = "escalated"  # ours


@dataclass(frozen=True, slots=True)
class Target:
    """One integration of a receiver. Its key is what outlives a reload."""

    receiver: str
    kind: str
    index: int
    send_resolved: bool

    @property
    def integration(self) -> str:
        """`webhook[0]`."""
        return f"{self.kind}[{self.index}]"

    @property
    def key(self) -> str:
        """`ops/webhook[0]`."""
        return f"{self.receiver}/{self.integration}"


@dataclass(frozen=True, slots=True)
class Escalated:
    """A step of an escalation, as its receivers are told of it."""

    at_ms: int
    level: int
    levels: int
    number: int = 1  # the how many-eth time that the level is told
    policy: str = ""  # "": one without a name
    why: str = ""  # of a step out of turn
    by: str = ""  # the person who asked for it; nothing holds it back

    @property
    def text(self) -> str:
        """Say it in a message's title."""
        again = f", time {self.number}" if self.number > 1 else ""
        policy = f" of {self.policy}" if self.policy else ""
        said = [
            f"escalated to level {self.level} of {self.levels}{policy}{again}",
            self.why,
            f"by {self.by}" if self.by else "",
        ]
        return "; ".join(part for part in said if part)


@dataclass(frozen=True, slots=True)
class Fact:
    """An alert as one message tells it."""

    fingerprint: str
    status: Status
    labels: Labels
    annotations: Mapping[str, str]
    starts_ms: int
    ends_ms: int | None = None
    generator_url: str = ""
    value: float | None = None
    severity: str = ""
    rule: str = ""
    reason: str = ""
    no_data: bool = False
    escalated: Escalated | None = None  # where an escalation tells it

    @classmethod
    def of(cls, alert: Alert) -> "Fact":
        """Tell an alert as it stands now."""
        return cls(
            fingerprint=alert.fingerprint,
            status=Status.FIRING if alert.firing else Status.RESOLVED,
            labels=alert.labels,
            annotations=dict(alert.annotations),
            starts_ms=alert.starts_ms,
            ends_ms=None if alert.firing else (alert.ends_ms or alert.updated_ms),
            generator_url=alert.generator_url,
            value=alert.value,
            severity=alert.severity,
            rule=alert.rule,
            reason=alert.reason,
            no_data=alert.no_data,
        )

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values; `of_json` reads them."""
        return {
            "fingerprint": self.fingerprint,
            "status": self.status.value,
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
            "starts_ms": self.starts_ms,
            "ends_ms": self.ends_ms,
            "generator_url": self.generator_url,
            # NaN and the infinities are no JSON.
            "value": None if self.value is None else repr(self.value),
            "severity": self.severity,
            "rule": self.rule,
            "reason": self.reason,
            "no_data": self.no_data,
            "escalated": None if self.escalated is None else asdict(self.escalated),
        }

    @classmethod
    def of_json(cls, row: Mapping[str, Any]) -> "Fact":
        """Read what `to_json` gave."""
        value, escalated = row["value"], row.get("escalated")
        return cls(
            **{
                **row,
                "status": Status(row["status"]),
                "labels": Labels(row["labels"]),
                "value": None if value is None else float(value),
                "escalated": None if escalated is None else Escalated(**escalated),
            }
        )


@dataclass(frozen=True, slots=True)
class Told:
    """What a target knows of an alert."""

    status: Status
    told_ms: int  # when a firing message about it was last accepted: cooldown counts from here
    fact: Fact  # as it was told, so that its end can be told even when nothing else remembers it
    owes: bool = False  # a firing was accepted and its resolved is still due


@dataclass(frozen=True, slots=True)
class Message:
    """The content of an outbox row about a group."""

    facts: tuple[Fact, ...]
    reason: Reason
    group_labels: Labels = EMPTY
    forgets: tuple[str, ...] = ()  # fingerprints that count as resolved once this is accepted, though untold
    late: bool = False  # something in it was over before it could be sent
    follow: bool = False  # something is due right behind it

    @property
    def status(self) -> Status:
        """Firing while any of its alerts is."""
        firing = any(fact.status is Status.FIRING for fact in self.facts)
        return Status.FIRING if firing else Status.RESOLVED

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values; `of_json` reads them."""
        return {
            "facts": [fact.to_json() for fact in self.facts],
            "reason": self.reason.value,
            "group_labels": dict(self.group_labels),
            "forgets": list(self.forgets),
            "late": self.late,
            "follow": self.follow,
        }

    @classmethod
    def of_json(cls, row: Mapping[str, Any]) -> "Message":
        """Read what `to_json` gave."""
        return cls(
            facts=tuple(Fact.of_json(fact) for fact in row["facts"]),
            reason=Reason(row["reason"]),
            group_labels=Labels(row["group_labels"]),
            forgets=tuple(row["forgets"]),
            late=row["late"],
            follow=row["follow"],
        )
