"""Rules that are changed while the ruler runs: all in one file, which is written whole (DESIGN 5.4).

Pure: text in, text out. Rules of other files are people's, and are changed there. A fault of a rule that is
given is told at its key, for the caller sees no file.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from promkit.config import document
from promkit.errors import ConfigError, ConfigErrors, Conflict, NotFound, Where
from promkit.instant import format_instant
from ruler.rules.context import RuleContext
from ruler.rules.load import RuleSet, parse_rules

__all__ = ["Deed", "add_rule", "change_rule", "check_rule", "remove_rule", "written_rules"]

HEADER = "# Written by the API, which keeps no comments. Rules to be edited by hand go into other files.\n"
STAMP = "api"
_RULES_MAX = 10_000
_LENGTH_MAX = 65_536
Written = Mapping[str, Any]  # a rule of the short form, as JSON and YAML have it


@dataclass(frozen=True, slots=True)
class Deed:
    """Who changes the file, when, and what holds there."""

    source: str  # the file's name
    by: str
    now_ms: int
    in_force: RuleSet
    context: RuleContext


def add_rule(text: str, written: Written, deed: Deed) -> str:
    """The file with one more rule.

    ConfigError, ConfigErrors: it is faulty. Conflict: its id is taken.
    """
    id_ = _id(written)
    _check_owner(id_, deed)
    rules = _rules(text, deed.source)
    if any(rule.get("id") == id_ for rule in rules):
        raise Conflict(f"there is a rule {id_!r} already", remedy="change it, or give this one another id")
    if len(rules) >= _RULES_MAX:
        raise Conflict(f"{deed.source} has {_RULES_MAX} rules already")
    checked = check_rule(written, deed.source, deed.context)
    return _dumped(
        [*rules, {**checked, STAMP: {"created_by": deed.by, "created": format_instant(deed.now_ms)}}]
    )


def change_rule(text: str, id_: str, written: Written, deed: Deed) -> str:
    """The file with this in place of the rule of that id.

    NotFound: there is none. ConfigError, ConfigErrors: it is faulty. Conflict: it is another file's.
    """
    if written.get("id", id_) != id_:
        raise ConfigError(
            "an id is for ever", "id", f"write {id_!r}, or add another rule and remove this one"
        )
    checked = check_rule({"id": id_, **written}, deed.source, deed.context)
    stamp = {"changed_by": deed.by, "changed": format_instant(deed.now_ms)}
    return _replaced(text, id_, deed, lambda old: {**checked, STAMP: {**_mapping(old.get(STAMP)), **stamp}})


def remove_rule(text: str, id_: str, deed: Deed) -> str:
    """The file without the rule of this id. NotFound: there is none. Conflict: it is another file's."""
    return _replaced(text, id_, deed, lambda _old: None)


def written_rules(text: str, source: str) -> dict[str, Written]:
    """The file's rules by id, as they were given. ConfigError: not a file that the API wrote."""
    return {
        str(rule.get("id")): {key: value for key, value in rule.items() if key != STAMP}
        for rule in _rules(text, source)
    }


def _replaced(text: str, id_: str, deed: Deed, new: Callable[[dict[str, Any]], dict[str, Any] | None]) -> str:
    _check_owner(id_, deed)
    rules = _rules(text, deed.source)
    if all(rule.get("id") != id_ for rule in rules):
        raise NotFound(f"no rule has the id {id_!r}")
    kept = [new(rule) if rule.get("id") == id_ else rule for rule in rules]
    return _dumped([rule for rule in kept if rule is not None])


def _check_owner(id_: str, deed: Deed) -> None:
    for rule in deed.in_force.rules:
        if rule.id == id_ and rule.where.source != deed.source:
            raise Conflict(f"rule {id_!r} belongs to a file of its own", rule.where, "change it there")


def _id(written: Written) -> str:
    id_ = written.get("id")
    if not isinstance(id_, str) or not id_:
        raise ConfigError("a rule needs an id", "id")
    return id_


def check_rule(written: Written, source: str, context: RuleContext) -> dict[str, Any]:
    """The rule, once it is known to be right; read alone, so that a fault is told of it and no other.

    ConfigError, ConfigErrors: what is wrong, at its key.
    """
    if STAMP in written:
        raise ConfigError(f"{STAMP!r} is written by the API itself", STAMP, "leave it out")
    try:
        length = len(json.dumps(written, ensure_ascii=False).encode())
    except (UnicodeEncodeError, RecursionError):
        raise ConfigError("not a rule: what is in it is no text, or goes too deep") from None
    if length > _LENGTH_MAX:
        raise ConfigError(f"a rule may have {_LENGTH_MAX} bytes, this has {length}")
    try:
        alone = _dumped([dict(written)])
        parse_rules(alone, source, context)
    except RecursionError:
        raise ConfigError("not a rule: it goes too deep") from None
    except ConfigErrors as errors:
        raise ConfigErrors([_at_its_key(fault, alone) for fault in errors.faults]) from None
    except ConfigError as error:
        raise _at_its_key(error, alone) from None
    return dict(written)


def _at_its_key(fault: ConfigError, text: str) -> ConfigError:
    """The fault at the key of the rule, in place of the line of a file that nobody has."""
    if not isinstance(fault.where, Where):
        return fault
    at = (fault.where.line, fault.where.column)
    before = [(spot.key, path) for path, spot in document(text, "").spots.items() if spot.key <= at]
    path = max(before, key=lambda one: (one[0], len(one[1])), default=((0, 0), ()))[1][2:]
    return ConfigError(fault.problem, ".".join(map(str, path)) or None, fault.remedy)


def _rules(text: str, source: str) -> list[dict[str, Any]]:
    data = document(text, source).data or {}
    rules = data.get("rules") if isinstance(data, dict) else None
    if not isinstance(rules or [], list) or not all(isinstance(rule, dict) for rule in rules or []):
        raise ConfigError("not a file that the API wrote", Where(source), "move its rules to another file")
    return list(rules or [])


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _dumped(rules: list[dict[str, Any]]) -> str:
    body = yaml.safe_dump({"rules": rules}, sort_keys=False, allow_unicode=True, width=10_000)
    return HEADER + body
