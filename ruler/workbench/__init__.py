"""Would it have fired? The live functions of the rooms below, run on given data."""

from ruler.workbench.check import Finding, Severity, Surroundings, check

__all__ = ["Finding", "Severity", "Surroundings", "check"]
