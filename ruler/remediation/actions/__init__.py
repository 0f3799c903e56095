"""The kinds of actions: one a file, listed here alone."""

from collections.abc import Mapping

from ruler.remediation.action import Action
from ruler.remediation.actions.command import COMMAND

__all__ = ["KINDS"]

KINDS: Mapping[str, Action] = {action.kind: action for action in (COMMAND,)}
