"""What should be watched: rule files, and the evaluation of a group at one instant."""

from ruler.rules.rule import (
    Comparison,
    Condition,
    Escalation,
    EscalationStep,
    Group,
    Rule,
    RuleKind,
)

__all__ = ["Comparison", "Condition", "Escalation", "EscalationStep", "Group", "Rule", "RuleKind"]
