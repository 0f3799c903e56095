"""What docs/remediation.md shows is taken as it stands there."""

import re
from pathlib import Path

import pytest
import yaml

from promkit.config import parse
from promkit.labels import Labels
from ruler.remediation import RemediationConfig
from ruler.rules.context import RuleContext
from ruler.rules.load import parse_rules

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "remediation.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml (\S+)\n(.*?)```", PAGE, re.DOTALL)
CONFIGS = [text for name, text in BLOCKS if name == "ruler.yml"]
RULES = [text for name, text in BLOCKS if name.startswith("rules/")]


def config_of(text: str) -> RemediationConfig:
    inner = yaml.safe_dump(yaml.safe_load(text)["remediation"])
    return parse(inner, RemediationConfig, "ruler.yml", {})


def test_the_page_has_examples() -> None:
    assert len(CONFIGS) == 2
    assert len(RULES) == 1


@pytest.mark.parametrize("text", CONFIGS)
def test_the_operator_s_examples_are_taken(text: str) -> None:
    assert config_of(text).actions


@pytest.mark.parametrize("text", RULES)
def test_the_rule_s_example_is_allowed_and_planned(text: str) -> None:
    config = config_of(CONFIGS[0])
    loaded = parse_rules(text, "rules/api.yml", RuleContext(check_action=config.check_action))
    remedy = loaded.groups[0].rules[0].remedy
    assert remedy is not None
    plan = config.plan(remedy.action, remedy.parameters, Labels())
    assert plan is not None
    assert plan.text == "systemctl restart api"
