"""Would it have fired? The live functions of the rooms below, run on given data."""

from ruler.workbench.check import Finding, Severity, Surroundings, check
from ruler.workbench.policies import check_policies, policy_faults

__all__ = ["Finding", "Severity", "Surroundings", "check", "check_policies", "policy_faults"]
