"""Rules that are added, changed and removed while the ruler runs."""

from typing import Any

import pytest

from promkit.errors import ConfigError, ConfigErrors, Conflict, NotFound
from ruler.rules import (
    Deed,
    Origin,
    RuleContext,
    add_rule,
    change_rule,
    parse_rules,
    remove_rule,
    written_rules,
)

CONTEXT = RuleContext()
RULE = {"id": "hot", "name": "Hot", "metric": "cpu", "condition": "gt", "threshold": 5, "duration": "1m"}
FILE = "rules/api.yml"
OTHERS = parse_rules("rules: [{id: busy, metric: x, condition: gt, threshold: 1}]", "rules/mine.yml", CONTEXT)
NOON_MS = 1_769_860_800_000


def deed(by: str = "ann", later_ms: int = 0) -> Deed:
    return Deed(FILE, by, NOON_MS + later_ms, OTHERS, CONTEXT)


def add(text: str, **changes: object) -> str:
    return add_rule(text, {**RULE, **changes}, deed())


def change(text: str, id_: str = "hot", **changes: object) -> str:
    return change_rule(text, id_, {**RULE, **changes}, deed("ben", 60_000))


def exprs(text: str) -> dict[str, str]:
    return {rule.id: rule.expr for rule in parse_rules(text, FILE, CONTEXT).rules}


def test_added_changed_and_removed() -> None:
    text = add("")
    assert exprs(text) == {"hot": "cpu > 5"}
    text = change(add(text, id="cold", condition="lt"), threshold=7)
    assert exprs(text) == {"hot": "cpu > 7", "cold": "cpu < 5"}
    text = remove_rule(text, "hot", deed())
    assert exprs(text) == {"cold": "cpu < 5"}
    assert exprs(remove_rule(text, "cold", deed())) == {}


def test_who_and_when_stand_beside_the_rule() -> None:
    text = add("")
    (rule,) = parse_rules(text, FILE, CONTEXT).rules
    assert rule.origin == Origin("ann", NOON_MS)
    (rule,) = parse_rules(change(text), FILE, CONTEXT).rules
    assert rule.origin == Origin("ann", NOON_MS, "ben", NOON_MS + 60_000)


def test_a_rule_is_given_back_as_it_was_given() -> None:
    given = {**RULE, "keepFiringFor": "2m", "autoRemediation": {"action": "scale_up", "parameters": {"n": 1}}}
    assert written_rules(add_rule("", given, deed()), FILE) == {"hot": given}
    without_id = {key: value for key, value in given.items() if key != "id"}
    assert written_rules(change_rule(add(""), "hot", without_id, deed()), FILE) == {"hot": given}


def test_rules_of_other_files_are_changed_there() -> None:
    place = r"rules/mine.yml:1:10: rule 'busy' belongs to a file of its own: change it there"
    with pytest.raises(Conflict, match=place):
        add("", id="busy")
    with pytest.raises(Conflict, match=place):
        change(add(""), "busy", id="busy")
    with pytest.raises(Conflict, match=place):
        remove_rule(add(""), "busy", deed())


def test_who_wrote_it_is_for_the_api_to_say() -> None:
    stamp = "{created_by: ann, created: 2026-01-31T12:00:00Z}"
    text = f"rules: [{{id: a, metric: x, condition: gt, threshold: 1, api: {stamp}}}]"
    with pytest.raises(ConfigError, match=r"mine.yml:1:57: 'api' is written by the API, into api.yml alone"):
        parse_rules(text, "rules/mine.yml", CONTEXT)


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown key": ({"treshold": 1}, "treshold: unknown key 'treshold' in 'Hot': did you mean"),
    "no id": ({"id": None}, "id: a rule needs an id"),
    "no text as id": ({"id": 5}, "id: a rule needs an id"),
    "an id with a blank": ({"id": "a b"}, "id: 'id': not an id: 'a b'"),
    "a number without a unit": ({"duration": 300}, "duration: 'duration' needs a unit: write 300s or 300m"),
    "a ratio in percent": ({"metric": "a_ratio", "threshold": 80}, "threshold: a_ratio is a ratio"),
    "an expression that ends early": ({"metric": "sum("}, "metric: "),
    "a nested key": ({"recover": {"treshold": 1}}, "recover.treshold: "),
    "an unknown channel": ({"channels": ["email", "mial"]}, "channels: unknown channel 'mial'"),
    "the API's own key": ({"api": {"created_by": "eve"}}, "api: 'api' is written by the API itself"),
    "no text": ({"name": "\ud800"}, "not a rule"),
    "much": ({"description": "x" * 70_000}, "a rule may have 65536 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_told_at_the_key(name: str) -> None:
    changes, words = FAULTS[name]
    with pytest.raises(ConfigError) as error:
        add("", **changes)
    assert str(error.value).startswith(words)


def test_a_rule_that_goes_too_deep() -> None:
    deep: Any = "x"
    for _ in range(5_000):
        deep = [deep]
    with pytest.raises(ConfigError, match="too deep"):
        add("", labels=deep)
    nested: Any = 1
    for _ in range(100):
        nested = {"a": nested}
    with pytest.raises(ConfigError):
        add("", labels=nested)


def test_all_faults_come_at_once() -> None:
    with pytest.raises(ConfigErrors) as error:
        add("", threshold="much", duration="long")
    assert [fault.where for fault in error.value.faults] == ["threshold", "duration"]


def test_what_cannot_be_done() -> None:
    with pytest.raises(ConfigError, match="not a file that the API wrote"):
        add("rules: {a: b}")
    with pytest.raises(Conflict, match="there is a rule 'hot' already"):
        add(add(""))
    with pytest.raises(NotFound, match="no rule has the id 'nope'"):
        remove_rule(add(""), "nope", deed())
    with pytest.raises(NotFound, match="no rule has the id 'nope'"):
        change(add(""), "nope", id="nope")
    with pytest.raises(ConfigError, match="an id is for ever"):
        change(add(""), "hot", id="cold")
