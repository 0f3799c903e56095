"""Rule files as they are written: one closed schema for the Prometheus form and the short form.

Nothing is replaced by the environment in a rule file: rules are shown, exported and changed over the API.
"""

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, model_validator
from pydantic_core import PydanticCustomError

from promkit.config import DurationMs, Model, Ratio, field
from promkit.errors import ConfigError
from promkit.instant import read_instant
from ruler.rules.rule import Comparison, Parameter

__all__ = [
    "AlertKeys",
    "EscalationConfig",
    "GroupConfig",
    "GroupRule",
    "NoDataConfig",
    "RecoverConfig",
    "RemedyConfig",
    "RuleFile",
    "ShortRule",
]

_BREACHES = re.compile(r"([1-9][0-9]{0,2})\s+of\s+([1-9][0-9]{0,2})")
_EVALUATIONS_MAX = 500
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")


def _breaches(text: str) -> str:
    match = _BREACHES.fullmatch(text.strip())
    if match is None or not int(match[1]) <= int(match[2]) <= _EVALUATIONS_MAX:
        raise ValueError(f"write n of m, as '3 of 5' (m up to {_EVALUATIONS_MAX}), not {text!r}")
    return text


def _id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError(f"not an id: {text!r}: use letters, digits, '-', '_', '.' and ':'")
    return text


def numbers_of(breaches: str) -> tuple[int, int]:
    """The two numbers of a `3 of 5` that the schema has accepted."""
    n, m = (int(number) for number in re.findall(r"[0-9]+", breaches))
    return n, m


def _instant(text: str) -> str:
    try:
        read_instant(text)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return text


Id = Annotated[str, AfterValidator(_id)]
Instant = Annotated[str, AfterValidator(_instant)]  # RFC 3339
Breaches = Annotated[str, AfterValidator(_breaches)]


class EscalationStepConfig(Model):
    """One step of an escalation."""

    after: DurationMs = field(
        0, description="How long after the step before was last told (the first: after firing)."
    )
    notify: tuple[str, ...] = field(description="Channels or receivers to tell.", min_length=1)
    repeat: int = field(1, description="How often in all, `after` apart.", ge=1, le=100)

    @model_validator(mode="after")
    def _repeats_are_apart(self) -> "EscalationStepConfig":
        if self.repeat > 1 and not self.after:
            raise PydanticCustomError(
                "unit",
                "repeats, and repeats are `after` apart: give it, or write the repeats as a further step",
            )
        return self


class EscalationConfig(Model):
    """Who is told one after another, until somebody has it in hand."""

    until: Literal["ack", "resolved"] = field("ack", description="What ends it early.")
    steps: tuple[EscalationStepConfig, ...] = field(
        description="From first to last, 20 at most.", min_length=1, max_length=20
    )


class NoDataConfig(Model):
    """What becomes of an alert whose data does not come."""

    state: Literal["keep", "resolve", "alert"] = field(description="Keep it, resolve it, or alert on that.")
    after: DurationMs | None = field(None, description="How long without data.")


class RecoverConfig(Model):
    """When a firing alert ends: hysteresis."""

    threshold: float | None = field(None, description="The value must be back on this side of it.")
    for_: DurationMs = field(0, alias="for", description="For that long.")


class WhenConfig(Model):
    """When a remedy is tried."""

    after: DurationMs = field(0, description="How long after the alert fires.")
    mode: Literal["auto", "approve", "dry_run"] = field("auto", description="Who starts it; dry_run: nobody.")
    only_if: str | None = field(None, description="An expression that must have a result.")


class LimitsConfig(Model):
    """How often a remedy may run."""

    runs: int = field(3, description="Runs in `per`, for each target.", ge=1)
    per: DurationMs = field(3_600_000, description="The window that runs are counted in.", ge=1_000)
    cooldown: DurationMs | None = field(None, description="Between two runs for one alert; else the rule's.")
    concurrent: int = field(1, description="Runs at a time.", ge=1)
    targets: Ratio = field(0.25, description="Share of the declared targets in `per`; one is always allowed.")


class VerifyConfig(Model):
    """What tells that a remedy helped."""

    expr: str | None = field(None, description="An expression with a result; else: condition is false again.")
    within: DurationMs = field(300_000, description="How long that may take.", ge=1_000)
    for_: DurationMs = field(0, alias="for", description="How long it must hold.")


class OnFailureConfig(Model):
    """What comes after a remedy that did not help."""

    then: str | None = field(None, description="The next action.")
    parameters: Mapping[str, Parameter] = field(default_factory=dict, description="Its parameters.")
    escalate: bool = field(False, description="Whether the next escalation step is climbed at once.")


class RemedyConfig(Model):
    """What is done about an alert; what the action may do is declared in ruler.yml."""

    action: str = field(description="The action's name in ruler.yml.", min_length=1)
    parameters: Mapping[str, Parameter] = field(default_factory=dict, description="Its parameters.")
    when: WhenConfig = field(WhenConfig(), description="When it is tried.")
    limits: LimitsConfig = field(LimitsConfig(), description="How often it may run.")
    verify: VerifyConfig = field(VerifyConfig(), description="What tells that it helped.")
    on_failure: OnFailureConfig = field(OnFailureConfig(), description="What comes if it did not.")


class AlertKeys(Model):
    """What Lumina adds to an alerting rule, in both forms."""

    env_substitution: ClassVar[bool] = False

    id: Id | None = field(None, description="Key of the rule's state, silences and audit; never a label.")
    enabled: bool = field(True, description="Whether it is evaluated.")
    optional: bool = field(False, description="No such series is normal here: shown, never told.")
    recover: RecoverConfig | None = field(None, description="Hysteresis by threshold, or a time.")
    recover_expr: str | None = field(
        None, description="Hysteresis by expression: once firing, until this holds."
    )
    no_data: Literal["keep", "resolve", "alert"] | NoDataConfig | None = field(
        None, description="What becomes of an alert without data (short form: keep)."
    )
    breaches: Breaches | None = field(None, description="Fire at `n of m` evaluations, in place of a time.")
    keep_firing_for: DurationMs = field(0, description="Fire on this long after the last breach.")
    cooldown: DurationMs | None = field(None, description="At most one message and remedy in this time.")
    repeat: Literal["never"] | DurationMs | None = field(
        None, description="Tell again after this long, or never; else after the cooldown."
    )
    channels: tuple[str, ...] = field((), description="Who is told, besides whom the routes say.")
    channels_only: bool = field(False, description="Tell the channels instead of whom the routes say.")
    escalation: str | EscalationConfig | None = field(None, description="A policy's name, or a policy.")
    auto_remediation: RemedyConfig | None = field(None, description="What is done about it.")
    labels: Mapping[str, str] = field(default_factory=dict, description="Labels of the alert; templates.")
    annotations: Mapping[str, str] = field(default_factory=dict, description="Texts of the alert; templates.")


class GroupRule(AlertKeys):
    """A rule of the Prometheus form: `alert` or `record`."""

    env_substitution: ClassVar[bool] = False

    alert: str | None = field(None, description="The alert's name.")
    record: str | None = field(None, description="The series that is recorded.")
    expr: str = field(description="PromQL.")
    for_: DurationMs = field(0, alias="for", description="Breached this long before it fires.")


class GroupConfig(Model):
    """Rules that are evaluated one after another at the same instants."""

    env_substitution: ClassVar[bool] = False

    name: str = field(description="The group's name, once in a file.")
    interval: DurationMs | None = field(None, description="How often; else global.evaluation_interval.")
    query_offset: DurationMs | None = field(None, description="How far in the past its rules look.")
    limit: int = field(0, description="Alerts or series that a rule may make; 0: no limit.", ge=0)
    labels: Mapping[str, str] = field(default_factory=dict, description="Labels of all its rules.")
    rules: tuple[GroupRule, ...] = field((), description="The rules, in order.")


class OriginConfig(Model):
    """Who made and changed a rule over the API."""

    created_by: str = field(description="Who made it.")
    created: Instant = field(description="When.")
    changed_by: str = field("", description="Who changed it last.")
    changed: Instant | None = field(None, description="When.")


class ShortRule(AlertKeys):
    """A rule of the short form: `metric condition threshold`."""

    env_substitution: ClassVar[bool] = False

    id: Id = field(description="Key of the rule's state, silences and audit; never a label.")
    name: str = field("", description="The alert's name; else the id.")
    description: str = field("", description="What is wrong; a template.")
    metric: str = field(description="A metric, or any PromQL without a comparison.")
    condition: Comparison = field(description="How the value stands to the threshold when it is breached.")
    threshold: float = field(description="In the metric's unit; ratios from 0 to 1.")
    duration: DurationMs = field(0, description="Breached this long before it fires.")
    severity: str = field("medium", description="critical, high, medium, low or info.")
    api: OriginConfig | None = field(
        None, description="Who made and changed it over the API, which writes this, in rules/api.yml alone."
    )


class RuleFile(Model):
    """A rule file."""

    env_substitution: ClassVar[bool] = False

    groups: tuple[GroupConfig, ...] = field((), description="Rules of the Prometheus form.")
    rules: tuple[ShortRule, ...] = field((), description="Rules of the short form.")
