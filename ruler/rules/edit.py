"""Rules that are changed while the ruler runs: all in one file, which is written whole (DESIGN 5.4).

Pure: text in, text out. Rules of other files are people's, and are changed there.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from promkit.config import document
from promkit.errors import ConfigError, Conflict, NotFound, Where
from ruler.rules.context import RuleContext
from ruler.rules.load import RuleSet, parse_rules
from ruler.rules.rule import Rule

__all__ = ["put_rule", "remove_rule"]

HEADER = "# Written by the API, which keeps no comments. Rules to be edited by hand go into other files.\n"
_RULES_MAX = 10_000


def put_rule(
    text: str, source: str, written: Mapping[str, Any], in_force: RuleSet, context: RuleContext
) -> tuple[str, Rule]:
    """The file with this rule of the short form added, or in place of the one of the same id.

    ConfigError, ConfigErrors: the rule is faulty. Conflict: the id is another file's.
    """
    id_ = written.get("id")
    if not isinstance(id_, str):
        raise ConfigError("a rule needs an id")
    _check_owner(id_, source, in_force)
    rules = [rule for rule in _rules(text, source) if rule.get("id") != id_]
    if len(rules) >= _RULES_MAX:
        raise Conflict(f"{source} has {_RULES_MAX} rules already")
    # Alone first, so that a fault is told of this rule, wherever it will stand.
    (rule,) = parse_rules(_dumped([dict(written)]), source, context).rules
    return _dumped([*rules, dict(written)]), rule


def remove_rule(text: str, source: str, id_: str, in_force: RuleSet) -> str:
    """The file without the rule of this id.

    NotFound: there is no such rule. Conflict: it is another file's.
    """
    _check_owner(id_, source, in_force)
    rules = _rules(text, source)
    kept = [rule for rule in rules if rule.get("id") != id_]
    if len(kept) == len(rules):
        raise NotFound(f"no rule has the id {id_!r}")
    return _dumped(kept)


def _check_owner(id_: str, source: str, in_force: RuleSet) -> None:
    for rule in in_force.rules:
        if rule.id == id_ and rule.where.source != source:
            raise Conflict(f"rule {id_!r} belongs to a file of its own", rule.where, "change it there")


def _rules(text: str, source: str) -> list[dict[str, Any]]:
    data = document(text, source).data or {}
    rules = data.get("rules") if isinstance(data, dict) else None
    if not isinstance(rules or [], list) or not all(isinstance(rule, dict) for rule in rules or []):
        raise ConfigError("not a file that the API wrote", Where(source), "move its rules to another file")
    return list(rules or [])


def _dumped(rules: list[dict[str, Any]]) -> str:
    body = yaml.safe_dump({"rules": rules}, sort_keys=False, allow_unicode=True, width=10_000)
    return HEADER + body
