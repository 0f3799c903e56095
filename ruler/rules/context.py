"""What rule files are held to: the names that exist, and the languages that are understood."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ruler.promql import Node, parse
from ruler.rules.rule import Escalation, Parameter
from ruler.rules.severity import Severities

__all__ = ["DEFAULT_CHANNELS", "RuleContext"]

DEFAULT_CHANNELS = frozenset({"email", "slack", "sms"})  # always exist as names (DESIGN 5.4)


def _any_action(_action: str, _parameters: Mapping[str, Parameter]) -> None:
    """Without a configuration every action may be named."""


def _any_template(_text: str) -> None:
    """Without an interpreter every text may be a template."""


@dataclass(frozen=True, slots=True)
class RuleContext:
    """The rest of the configuration, as far as rules name it.

    `check_action` and `compile_template` raise ConfigError, `parse` raises QueryError. With `any_name`
    channels and escalations are not checked: for tools that look at a rule file alone.
    """

    channels: frozenset[str] = DEFAULT_CHANNELS
    receivers: frozenset[str] = frozenset()
    escalations: Mapping[str, Escalation] = field(default_factory=dict)
    severities: Severities = field(default_factory=Severities)
    check_action: Callable[[str, Mapping[str, Parameter]], None] = _any_action
    compile_template: Callable[[str], object] = _any_template
    parse: Callable[[str], Node] = parse
    any_name: bool = False
    evaluation_interval_ms: int = 60_000  # of groups that say none
    query_offset_ms: int = 0  # of groups that say none
    short_interval_ms: int = 30_000  # of rules of the short form
