"""Rules that are added, changed and removed while the ruler runs."""

import pytest

from promkit.errors import ConfigError, Conflict, NotFound
from ruler.rules import RuleContext, RuleSet, parse_rules, put_rule, remove_rule

CONTEXT = RuleContext()
RULE = {"id": "hot", "name": "Hot", "metric": "cpu", "condition": "gt", "threshold": 5, "duration": "1m"}
FILE = "rules/api.yml"
OTHERS = parse_rules("rules: [{id: busy, metric: x, condition: gt, threshold: 1}]", "rules/mine.yml", CONTEXT)


def put(text: str, **changes: object) -> str:
    return put_rule(text, FILE, {**RULE, **changes}, OTHERS, CONTEXT)[0]


def exprs(text: str) -> dict[str, str]:
    return {rule.id: rule.expr for rule in parse_rules(text, FILE, CONTEXT).rules}


def test_added_changed_and_removed() -> None:
    text = put("")
    assert exprs(text) == {"hot": "cpu > 5"}
    text = put(put(text, id="cold", condition="lt"), threshold=7)
    assert exprs(text) == {"cold": "cpu < 5", "hot": "cpu > 7"}
    text = remove_rule(text, FILE, "hot", OTHERS)
    assert exprs(text) == {"cold": "cpu < 5"}
    assert exprs(remove_rule(text, FILE, "cold", OTHERS)) == {}


def test_the_rule_comes_back_as_the_engine_has_it() -> None:
    _, rule = put_rule("", FILE, {**RULE, "keepFiringFor": "2m"}, RuleSet(), CONTEXT)
    assert (rule.id, rule.timing.for_ms, rule.timing.keep_firing_ms) == ("hot", 60_000, 120_000)


def test_rules_of_other_files_are_changed_there() -> None:
    with pytest.raises(Conflict, match=r"rules/mine.yml:1:10: rule 'busy' belongs to a file of its own"):
        put("", id="busy")
    with pytest.raises(Conflict, match=r"rules/mine.yml:1:10"):
        remove_rule(put(""), FILE, "busy", OTHERS)


def test_faults() -> None:
    with pytest.raises(ConfigError, match="unknown key 'treshold' in 'Hot': did you mean 'threshold'"):
        put("", treshold=1)
    with pytest.raises(ConfigError, match="needs an id"):
        put("", id=None)
    with pytest.raises(ConfigError, match="not a file that the API wrote"):
        put("rules: {a: b}")
    with pytest.raises(NotFound, match="no rule has the id 'nope'"):
        remove_rule(put(""), FILE, "nope", OTHERS)
