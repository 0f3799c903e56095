"""What is wrong: the state of a rule for one label set, the alert that the house sees, and its moves.

State        rule × labels, owned by `book`, moved by `step` alone
Alert        one fingerprint, as delivery, API and UI see it: derived from states and from what was posted
Transition   that something happened to an alert: a row of the timeline, told to delivery and remediation
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from promkit.labels import Labels
from ruler.rules import Escalation

__all__ = ["Acknowledgement", "Alert", "Happening", "Phase", "State", "Transition"]


class Phase(StrEnum):
    """Where an alert stands. The Prometheus API shows `recovering` as firing."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class State:
    """One rule's memory of one label set. Instants are Unix milliseconds, None: has not come so far."""

    phase: Phase
    value: float  # of the last breach
    evaluated_ms: int
    active_ms: int | None = None  # breached since
    fired_ms: int | None = None
    keep_ms: int | None = (
        None  # not breached since, while keep_firing_for holds it (Prometheus' keepFiringSince)
    )
    recovering_ms: int | None = None  # the recovery condition holds since
    resolved_ms: int | None = None
    no_data_ms: int | None = None  # no data since
    no_data_told: bool = False
    missed: int = 0  # evaluations in which the series was not there though its target answered
    breaches: int = 0  # the last evaluations as bits, the newest lowest: for `n of m`
    reason: str = ""  # why it ended: "", "gone", "no data", "by hand", "rule removed", "severity changed" …
    held: bool = False  # resolved by hand: must be false once (or the cooldown over) before it fires again
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody has it. It ends with the alert, or at `until_ms`."""

    by: str
    at_ms: int
    comment: str = ""
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of one fingerprint, with what its rule asks of delivery."""

    labels: Labels
    annotations: Mapping[str, str]
    phase: Phase
    starts_ms: int  # firing since (pending: breached since)
    updated_ms: int
    active_ms: int = 0  # breached since (Prometheus' activeAt)
    ends_ms: int | None = None  # when it resolved; for a posted alert also when it will, unless posted again
    value: float | None = None
    severity: str = ""
    rule: str = ""  # the rule's id; "" for a posted alert
    generator_url: str = ""
    reason: str = ""
    no_data: bool = False
    optional: bool = False
    acknowledged: Acknowledgement | None = None
    escalation_level: int = 0
    channels: tuple[str, ...] = ()
    channels_only: bool = False
    cooldown_ms: int | None = None
    repeat_ms: int | None = None
    escalation: Escalation | None = None

    @property
    def fingerprint(self) -> str:
        """16 hex digits; the same labels give the same one, whoever raised the alert."""
        return self.labels.fingerprint_hex()

    @property
    def name(self) -> str:
        """The label `alertname`."""
        return self.labels["alertname"]

    @property
    def firing(self) -> bool:
        """Whether it counts as firing for delivery and for Prometheus' API."""
        return self.phase in {Phase.FIRING, Phase.RECOVERING}


class Happening(StrEnum):
    """What can happen to an alert: the timeline's vocabulary."""

    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"
    RELAPSED = "relapsed"  # recovering, and then the recovery condition did not hold
    RESOLVED = "resolved"
    INACTIVE = "inactive"  # pending, and then not breached
    NO_DATA = "no data"
    DATA = "data again"
    SEVERITY = "severity changed"  # fires on under new labels; the detail says from what to what
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "acknowledgement ended"
    ESCALATED = "escalated"
    NOTIFIED = "notified"
    NOTIFICATION_FAILED = "notification failed"
    REMEDY_PLANNED = "remedy planned"  # a dry run: the detail holds the plan
    REMEDY_NOT_BOUND = "remedy not bound"
    REMEDY_REFUSED = "remedy refused"  # a guard said no: the detail says which and why
    REMEDY_APPROVAL = "remedy awaits approval"
    REMEDY_STARTED = "remedy started"
    REMEDY_FINISHED = "remedy finished"
    REMEDY_RECOVERED = "remedy verified"
    REMEDY_FAILED = "remedy failed"
    REMEDY_CANCELLED = "remedy cancelled"
    BREAKER_OPENED = "remedy breaker opened"


@dataclass(frozen=True, slots=True)
class Transition:
    """A row of the timeline. `seq` rises by one a row and is 0 until the row is stored."""

    at_ms: int
    happening: Happening
    alert: Alert
    detail: Mapping[str, str] = field(default_factory=dict)
    seq: int = 0
