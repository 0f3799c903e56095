"""What should be watched: rule files, and the evaluation of a group at one instant."""

from ruler.rules.build import escalation_of
from ruler.rules.context import DEFAULT_CHANNELS, RuleContext
from ruler.rules.edit import Deed, add_rule, change_rule, check_rule, remove_rule, written_rules
from ruler.rules.evaluation import Breach, Evaluation
from ruler.rules.format import Exported, export
from ruler.rules.group import Render, TemplateData, evaluate, recorded
from ruler.rules.load import RuleSet, load_files, parse_rules
from ruler.rules.place import inside
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
    Origin,
    Parameter,
    Remedy,
    Rule,
    RuleKind,
    Timing,
    Verify,
)
from ruler.rules.schema import EscalationConfig
from ruler.rules.severity import SEVERITIES, Severities

__all__ = [
    "DEFAULT_CHANNELS",
    "SEVERITIES",
    "Breach",
    "Comparison",
    "Condition",
    "Deed",
    "Escalation",
    "EscalationConfig",
    "EscalationStep",
    "Evaluation",
    "Exported",
    "Group",
    "Limits",
    "Mode",
    "NoData",
    "NoDataState",
    "OnFailure",
    "Origin",
    "Parameter",
    "Remedy",
    "Render",
    "Rule",
    "RuleContext",
    "RuleKind",
    "RuleSet",
    "Severities",
    "TemplateData",
    "Timing",
    "Verify",
    "add_rule",
    "change_rule",
    "check_rule",
    "escalation_of",
    "evaluate",
    "export",
    "inside",
    "load_files",
    "parse_rules",
    "recorded",
    "remove_rule",
    "written_rules",
]
