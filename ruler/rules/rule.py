"""What should be watched: rules as the engine uses them, whichever of the two forms they were written in.

A rule of the short form has a `condition` and its `expr` is made of it; a rule of the Prometheus form has the
`expr` it was written with. Everything behind that point treats them alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from promkit.errors import Where
from promkit.labels import EMPTY

__all__ = [
    "Comparison",
    "Condition",
    "Escalation",
    "EscalationStep",
    "Group",
    "Limits",
    "Mode",
    "NoData",
    "NoDataState",
    "OnFailure",
    "Origin",
    "Parameter",
    "Remedy",
    "Rule",
    "RuleKind",
    "Timing",
    "Verify",
]

Parameter = str | int | float | bool


class RuleKind(StrEnum):
    """What a rule makes of its expression."""

    ALERT = "alert"
    RECORD = "record"


class Comparison(StrEnum):
    """How a value must stand to the threshold for the condition to be breached."""

    GT = "gt"
    LT = "lt"
    EQ = "eq"
    NE = "ne"
    GE = "ge"
    LE = "le"

    @property
    def operator(self) -> str:
        """PromQL's sign for it."""
        return {"gt": ">", "lt": "<", "eq": "==", "ne": "!=", "ge": ">=", "le": "<="}[self.value]

    @property
    def opposite(self) -> "Comparison":
        """What holds where this does not (NaN aside)."""
        return Comparison(
            {"gt": "le", "lt": "ge", "eq": "ne", "ne": "eq", "ge": "lt", "le": "gt"}[self.value]
        )


@dataclass(frozen=True, slots=True)
class Condition:
    """The short form's `metric condition threshold`; `metric` may be any expression without a comparison."""

    metric: str
    comparison: Comparison
    threshold: float


class NoDataState(StrEnum):
    """What becomes of a firing alert whose data does not come."""

    KEEP = "keep"
    RESOLVE = "resolve"
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class NoData:
    """After `after_ms` without data an alert is as `state` says; the Prometheus form resolves at once."""

    state: NoDataState = NoDataState.RESOLVE
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Timing:
    """The clocks of one alert, in milliseconds."""

    for_ms: int = 0  # breached this long before it fires
    keep_firing_ms: int = 0  # Prometheus' keep_firing_for: fires on this long after the last breach
    recover_ms: int = 0  # the recovery condition must hold this long
    breaches: tuple[int, int] | None = None  # n of m evaluations, instead of for_ms


@dataclass(frozen=True, slots=True)
class EscalationStep:
    """`after_ms` from firing (the first) or from the step before, tell `notify`, `repeat` times in all."""

    after_ms: int
    notify: tuple[str, ...]
    repeat: int = 1


@dataclass(frozen=True, slots=True)
class Escalation:
    """Steps that are climbed until somebody acknowledges (`ack`) or the alert ends (`resolved`)."""

    name: str
    until: str
    steps: tuple[EscalationStep, ...]


class Mode(StrEnum):
    """Who starts a remedy."""

    AUTO = "auto"
    APPROVE = "approve"
    DRY_RUN = "dry_run"


@dataclass(frozen=True, slots=True)
class Limits:
    """The guards of one remedy (DESIGN 5.7), counted per rule and target."""

    runs: int = 3
    per_ms: int = 3_600_000
    cooldown_ms: int | None = None  # between two runs for one alert; None: the rule's own
    concurrent: int = 1
    targets_ratio: float = 0.25  # share of the distinct targets declared, rounded up, at least 1


@dataclass(frozen=True, slots=True)
class Verify:
    """What tells that the remedy helped; without `expr`, that the rule's own condition is false."""

    expr: str | None = None
    within_ms: int = 300_000
    for_ms: int = 0


@dataclass(frozen=True, slots=True)
class OnFailure:
    """What comes after a remedy that did not help."""

    then: str | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    escalate: bool = False


@dataclass(frozen=True, slots=True)
class Remedy:
    """A rule's wish; what the action may do is declared in ruler.yml by whoever runs the ruler."""

    action: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    after_ms: int = 0
    mode: Mode = Mode.AUTO
    only_if: str | None = None
    limits: Limits = Limits()
    verify: Verify = Verify()
    on_failure: OnFailure = OnFailure()


@dataclass(frozen=True, slots=True)
class Origin:
    """Who made a rule over the API, and who changed it last."""

    created_by: str
    created_ms: int
    changed_by: str = ""
    changed_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `id` is the key of its state: given (short form), or made of file, group, name and labels."""

    id: str
    kind: RuleKind
    name: str  # the alert's name, or the recorded series'
    expr: str  # the whole expression, comparison included
    where: Where
    condition: Condition | None = None
    recover_expr: str | None = None  # once firing, until this holds
    present_expr: str | None = None  # whose series say that there is data; None: not breached is all we know
    timing: Timing = Timing()
    no_data: NoData = NoData()
    labels: Mapping[str, str] = EMPTY  # of what it makes; an empty value takes the series' own away
    annotations: Mapping[str, str] = field(default_factory=dict)
    severity: str = ""  # as written; "" where the file has none
    description: str = ""
    enabled: bool = True
    optional: bool = False  # no such series is normal here: shown, never told
    cooldown_ms: int | None = None
    repeat_ms: int | None = None  # None: as cooldown and repeat_interval say; 0: never
    channels: tuple[str, ...] = ()
    channels_only: bool = False
    escalation: Escalation | None = None
    remedy: Remedy | None = None
    origin: Origin | None = None  # None: of a file that people write


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated at one instant, in order. Short-form rules of a file make one group."""

    name: str
    file: str
    interval_ms: int
    rules: tuple[Rule, ...]
    query_offset_ms: int = 0
    limit: int = 0  # alerts or series a rule may make; 0: no limit
