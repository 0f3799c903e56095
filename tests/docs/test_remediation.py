"""What docs/remediation.md shows is taken as it stands there."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from promkit.config import load, parse
from promkit.labels import Labels
from ruler.config import RulerConfig
from ruler.main import run as check
from ruler.remediation import Plan, RemediationConfig
from ruler.rules.context import RuleContext
from ruler.rules.load import parse_rules
from tests.builders.prose import ROOT

PAGE = (ROOT / "docs" / "remediation.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml (\S+)\n(.*?)```", PAGE, re.DOTALL)
CONFIGS = [text for name, text in BLOCKS if name == "ruler.yml"]
DEFAULTS = ROOT / "ruler" / "defaults" / "rules" / "default.yml"
EXAMPLES = sorted((ROOT / "deploy" / "examples").glob("remediation-*.yml"))
RULES = [text for name, text in BLOCKS if name.startswith("rules/")]


def config_of(text: str) -> RemediationConfig:
    inner = yaml.safe_dump(yaml.safe_load(text)["remediation"])
    return parse(inner, RemediationConfig, "ruler.yml", {})


def plans_of(config: RemediationConfig) -> list[Plan]:
    """What each action would do with the first value that is allowed for each of its parameters."""
    plans = []
    for name, action in config.actions.items():
        chosen = {}
        for parameter, declared in action.parameters.items():
            chosen[parameter] = declared.enum[0] if declared.enum else int(declared.min or 0)
        plan = config.plan(name, chosen, Labels())
        assert plan is not None
        plans.append(plan)
    return plans


def test_the_page_has_examples() -> None:
    assert len(CONFIGS) == 8
    assert len(RULES) == 1


@pytest.mark.parametrize("text", CONFIGS)
def test_the_operator_s_examples_are_taken_and_planned(text: str) -> None:
    assert all(plan.text for plan in plans_of(config_of(text)))


@pytest.mark.parametrize("text", RULES)
def test_the_rule_s_example_is_allowed_and_planned(text: str) -> None:
    config = config_of(CONFIGS[0])
    loaded = parse_rules(text, "rules/api.yml", RuleContext(check_action=config.check_action))
    remedy = loaded.groups[0].rules[0].remedy
    assert remedy is not None
    plan = config.plan(remedy.action, remedy.parameters, Labels())
    assert plan is not None
    assert plan.text == "systemctl restart api"


def test_there_is_an_example_for_each_platform() -> None:
    platforms = {path.stem.removeprefix("remediation-") for path in EXAMPLES}
    assert platforms == {"docker", "kubernetes", "postgres", "systemd"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_platform_s_example_does_what_the_shipped_rules_ask_for(path: Path) -> None:
    config = load(path, RulerConfig, {}).remediation
    assert not config.enabled
    context = RuleContext(check_action=config.check_action)
    groups = parse_rules(DEFAULTS.read_text(encoding="utf-8"), "default.yml", context).groups
    asked = [rule.remedy for group in groups for rule in group.rules]
    plans = [config.plan(one.action, one.parameters, Labels()) for one in asked if one is not None]
    assert len(plans) == 4
    assert [plan for plan in plans if plan is None] == [None] * len(config.unbound)
    assert len(config.unbound) == (3 if path.stem.endswith("postgres") else 0)
    assert plans_of(config)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_platform_s_example_is_right_beside_the_shipped_rules(path: Path, tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    shutil.copy(path, tmp_path)
    shutil.copy(DEFAULTS, tmp_path / "rules")
    assert check(["--config", str(tmp_path / path.name), "--check-config"]) == 0
