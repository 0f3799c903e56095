"""What one evaluation of an alerting rule found: all that the state machine needs, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promkit.labels import Labels
from ruler.rules.rule import Rule

__all__ = ["Breach", "Evaluation"]


@dataclass(frozen=True, slots=True)
class Breach:
    """One label set for which the condition is breached."""

    labels: Labels  # the alert's: series, rule and `alertname`
    value: float
    annotations: Mapping[str, str]  # rendered


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A rule at one instant. The sets hold alert labels, and only such as were asked for in `known`.

    `present`   label sets that have data though they are not breached; None: the expression cannot tell, so
                whatever is not breached counts as present
    `recovered` label sets for which the recovery condition holds; None: the rule has none
    `failing`   label sets without data whose target fails its scrapes
    `blind`     nothing is known of any target (no series `up` at all): neither failing nor gone can be told
    `error`     the evaluation failed: no state changes, unless `cleared` (more alerts than the group's limit)
    """

    rule: Rule
    at_ms: int
    breaching: Sequence[Breach] = ()
    present: frozenset[Labels] | None = None
    recovered: frozenset[Labels] | None = None
    failing: frozenset[Labels] = frozenset()
    blind: bool = False
    error: str | None = None
    cleared: bool = False
    samples: int = 0  # raw samples read
    warnings: tuple[str, ...] = ()
    series: int = 0  # series that the rule saw: 0 for long means that it cannot fire
