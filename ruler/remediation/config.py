"""The `remediation` part of ruler.yml: what may be done, declared by whoever runs the ruler.

remediation:
  enabled: false            # false: a dry run, which says what it would do
  actions:
    restart_service:
      kind: systemd
      verb: restart
      parameters: {service: {enum: [api, worker], target: true}}
"""

from collections.abc import Mapping
from difflib import get_close_matches

from pydantic import field_validator

from promkit.config import Model, field
from promkit.errors import ConfigError
from promkit.labels import Labels
from ruler.remediation.action import Action, Parameters, Plan
from ruler.remediation.actions import KINDS, AnyAction
from ruler.remediation.parameters import check, from_labels, targets_declared

__all__ = ["WELL_KNOWN", "RemediationConfig", "how_to_bind"]

# The specification's own names (S9, S13): a rule may always ask for them, bound or not.
WELL_KNOWN = ("optimize_database", "optimize_memory", "restart_service", "scale_up")


class RemediationConfig(Model):
    """`remediation` in ruler.yml."""

    enabled: bool = field(default=False, description="false: a dry run, which only says what it would do")
    actions: Mapping[str, AnyAction] = field(
        default_factory=dict, description="what rules may ask for, by name"
    )

    @field_validator("actions")
    @classmethod
    def _names(cls, actions: Mapping[str, AnyAction]) -> Mapping[str, AnyAction]:
        for name in actions:
            if not (name.isascii() and name.replace("_", "a").replace("-", "a").isalnum()):
                raise ValueError(f"not a name for an action: {name!r}: use letters, digits, _ and -")
        return actions

    @property
    def names(self) -> tuple[str, ...]:
        """Every action that a rule may name."""
        return tuple(sorted({*WELL_KNOWN, *self.actions}))

    @property
    def unbound(self) -> tuple[str, ...]:
        """Names that do nothing so far, for the front page."""
        return tuple(name for name in WELL_KNOWN if name not in self.actions)

    def check_action(self, action: str, parameters: Parameters) -> None:
        """What a rule file is held to when it is loaded.

        ConfigError: an unknown action, or parameters outside what the operator allows.
        """
        bound = self.actions.get(action)
        if bound is not None:
            try:
                check(bound.parameters, parameters)
            except ConfigError as error:
                raise ConfigError(f"action {action!r}: {error.problem}", error.where, error.remedy) from None
        elif action not in WELL_KNOWN:
            near = get_close_matches(action, self.names, 1)
            remedy = f"did you mean {near[0]!r}?" if near else f"actions: {', '.join(self.names)}"
            raise ConfigError(f"unknown action {action!r}", remedy=remedy)

    def plan(self, action: str, parameters: Parameters, labels: Labels) -> Plan | None:
        """What would be done for an alert with these labels; None: nothing is bound to this name.

        ConfigError: see `check_action`; a label that is not there or is not allowed.
        """
        self.check_action(action, parameters)
        bound = self.actions.get(action)
        if bound is None:
            return None
        return self.kind(action).plan(bound, action, from_labels(parameters, labels))

    def kind(self, action: str) -> Action:
        """The functions of a bound action's kind."""
        return KINDS[self.actions[action].kind]

    def targets(self, action: str) -> int:
        """How many distinct targets a bound action declares, at least 1."""
        return targets_declared(self.actions[action].parameters)


def how_to_bind(action: str) -> str:
    """What a person adds where, so that a name does something."""
    return f"add remediation.actions.{action} to ruler.yml"
