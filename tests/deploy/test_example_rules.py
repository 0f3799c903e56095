"""The example rule files: they load, and each rule tells what it is about and nothing else."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from promkit.labels import METRIC_NAME, Labels
from ruler.promql import Engine
from ruler.rules import Group, Rule, RuleContext, evaluate, parse_rules
from tests.builders.e2e import LUMINA
from tests.builders.rules import NOW_MS, STEP_MS
from tests.builders.series import ListSource

FILE = Path(__file__).resolve().parents[2] / "deploy" / "examples" / "compliance.yml"
RULES = {
    rule.id: rule
    for group in parse_rules(FILE.read_text(encoding="utf-8"), FILE.name, RuleContext()).groups
    for rule in group.rules
}
SCRAPED_MS = 10_000
POOL = {"pool": "shop", "type": "connections"}
Values = float | Sequence[float]
AGE, DEPTH = "business_compliance_oldest_age_seconds", "business_compliance_queue_depth"
PER_MINUTE, FAILURES = "business_compliance_throughput_per_minute", "business_compliance_failures_ratio"
SCAN, APDEX = "business_compliance_scan_duration_seconds", "app_apdex_ratio"
# Rule: what it must tell, and what it must not; a list of values ends now, a sample every ten seconds.
CASES: dict[str, tuple[Mapping[str, Values], Mapping[str, Values]]] = {
    "compliance-scan-waits-too-long": ({AGE: 900}, {AGE: 30}),
    "compliance-queue-grows": ({DEPTH: range(91)}, {DEPTH: [90.0] * 91}),
    "compliance-scans-fail": ({FAILURES: 0.2}, {FAILURES: 0.0}),
    "compliance-stands-still": ({DEPTH: 5, PER_MINUTE: 0}, {DEPTH: 5, PER_MINUTE: 20}),
    "compliance-scan-slow": ({SCAN: 90}, {SCAN: 2}),
    "users-not-satisfied": ({APDEX: 0.4}, {APDEX: 0.95}),
    "pool-nearly-used-up": (
        {"resource_pool_utilization_ratio": 0.95},
        {"resource_pool_utilization_ratio": 0.5},
    ),
}


def breaching(rule: Rule, figures: Mapping[str, Values]) -> int:
    source = ListSource()
    for name, given in figures.items():
        values = [given] * 6 if isinstance(given, (int, float)) else list(given)
        labels = Labels({METRIC_NAME: name, "job": "lumina", "instance": "a", **POOL})
        begun_ms = NOW_MS - SCRAPED_MS * (len(values) - 1)
        source.add(labels, [(begun_ms + SCRAPED_MS * row, float(value)) for row, value in enumerate(values)])
    found = evaluate(rule, Group("g", FILE.name, STEP_MS, (rule,)), Engine(source), NOW_MS)
    assert found.error is None
    return len(found.breaching)


def test_rules_check_accepts_it(tmp_path: Path) -> None:
    argv = [*LUMINA, "rules", "check", str(FILE), "--output", "json", "--home", str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found  # a fresh machine has no channels
    assert [one for one in found if not one["text"].endswith(" is not set up")] == []


def test_every_rule_has_its_case() -> None:
    assert set(RULES) == set(CASES)


@pytest.mark.parametrize("rule", CASES)
def test_it_tells_what_it_is_about(rule: str) -> None:
    bad, good = CASES[rule]
    assert breaching(RULES[rule], bad) == 1
    assert breaching(RULES[rule], good) == 0
    assert breaching(RULES[rule], {}) == 0


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_nothing_is_told_where_nothing_is_measured(rule: Rule) -> None:
    assert rule.optional
    assert rule.remedy is None
