"""What is done about an alert, and whether it helped.

Rules name an action and its parameters; what an action may do is declared in ruler.yml. Until the operator
sets `remediation.enabled`, everything is a dry run that says its plan. Every decision is an audit row; what
people should hear of is a transition in the alert's timeline, which delivery tells.

    alert → guard (may it run now?) → started row → action → result → verify, on later vectors → transition
"""

from ruler.remediation.action import Outcome, Plan, Result
from ruler.remediation.config import RemediationConfig, how_to_bind
from ruler.remediation.guard import Breaker
from ruler.remediation.ledger import AuditRow, BreakerRow
from ruler.remediation.remediation import Foreseen, Remediation
from ruler.remediation.run import Run, RunPhase

__all__ = [
    "AuditRow",
    "Breaker",
    "BreakerRow",
    "Foreseen",
    "Outcome",
    "Plan",
    "Remediation",
    "RemediationConfig",
    "Result",
    "Run",
    "RunPhase",
    "how_to_bind",
]
