"""What should be watched: rule files, and the evaluation of a group at one instant."""

from ruler.rules.evaluation import Breach, Evaluation
from ruler.rules.rule import (
    Comparison,
    Condition,
    Escalation,
    EscalationStep,
    Group,
    Limits,
    Mode,
    NoData,
    NoDataState,
    OnFailure,
    Parameter,
    Remedy,
    Rule,
    RuleKind,
    Timing,
    Verify,
)
from ruler.rules.severity import SEVERITIES, Severities

__all__ = [
    "SEVERITIES",
    "Breach",
    "Comparison",
    "Condition",
    "Escalation",
    "EscalationStep",
    "Evaluation",
    "Group",
    "Limits",
    "Mode",
    "NoData",
    "NoDataState",
    "OnFailure",
    "Parameter",
    "Remedy",
    "Rule",
    "RuleKind",
    "Severities",
    "Timing",
    "Verify",
]
