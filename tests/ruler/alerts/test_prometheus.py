"""Our rules against Prometheus' own: ALERTS and ALERTS_FOR_STATE must agree at every evaluation.

promtool runs Prometheus' rule manager under a clock of its own; what it is told to expect is what ours made.
"""

import json
import random
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from promkit.labels import METRIC_NAME, Labels
from ruler.alerts import State, alert_series, step
from ruler.promql import Engine
from ruler.rules import Group, RuleContext, evaluate, parse_rules
from ruler.store import STALE
from tests.builders.series import ListSource
from tests.peers import peer

MINUTE = 60_000
EVALUATIONS = 40
SERIES = 4
# Expressions, and a label of the rule that makes no two of their series one.
EXPRESSIONS = {
    "load > 5": {"zone": ""},
    "load < 3": {"zone": "mine"},
    "sum by (zone) (load) > 9": {"instance": "all"},
    "max_over_time(load[3m]) > 8": {"severity": "page"},
    "load > 5 and on (zone) load < 7": {"origin": "rule"},
    "count(load) < 3": {"zone": "all"},
    "absent(load{instance='i0'})": {"instance": ""},
    "vector(1)": {"instance": "none"},
}


def rule_file(random_: random.Random, count: int) -> str:
    rules = []
    for index in range(count):
        rule: dict[str, object] = {"alert": f"A{index}", "expr": random_.choice(list(EXPRESSIONS))}
        if random_.random() < 0.7:
            rule["for"] = random_.choice(["0s", "1m", "90s", "3m", "5m"])
        if random_.random() < 0.5:
            rule["keep_firing_for"] = random_.choice(["1m", "2m", "150s", "6m"])
        rule["labels"] = random_.choice([{}, {"team": "t"}, EXPRESSIONS[str(rule["expr"])]])
        rules.append(rule)
    return json.dumps(
        {"groups": [{"name": "g", "interval": "1m", "labels": {"origin": "g"}, "rules": rules}]}
    )


def values(random_: random.Random) -> list[str]:
    """A series as promtool writes it: now and then a gap, or an end."""
    made, level = [], 5.0
    for _ in range(EVALUATIONS):
        level = min(max(level + random_.choice([-3, -1, 0, 1, 3]), 0), 10)
        made.append(random_.choices([f"{level:g}", "_", "stale"], [90, 5, 5])[0])
    return made


def played(text: str, series: Mapping[Labels, list[str]]) -> list[dict[Labels, float]]:
    """What our rules make of the series, evaluation by evaluation."""
    source = ListSource()
    for labels, written in series.items():
        points = [(minute * MINUTE, value) for minute, value in enumerate(written) if value != "_"]
        source.add(labels, [(at_ms, float(STALE if value == "stale" else value)) for at_ms, value in points])
    engine = Engine(source)
    (group,) = parse_rules(text, "rules.yml", RuleContext()).groups
    states: dict[str, Mapping[Labels, State]] = {}
    return [made_at(group, engine, states, minute * MINUTE) for minute in range(EVALUATIONS)]


def made_at(
    group: Group, engine: Engine, states: dict[str, Mapping[Labels, State]], at_ms: int
) -> dict[Labels, float]:
    made: dict[Labels, float] = {}
    for rule in group.rules:
        before = states.get(rule.id, {})
        evaluation = evaluate(rule, group, engine, at_ms, known=before)
        states[rule.id], _ = step(rule, evaluation, before, at_ms)
        if evaluation.error is None:
            made.update(zip(*alert_series(rule, states[rule.id]), strict=True))
    return made


@pytest.mark.service
@pytest.mark.parametrize("seed", range(4))
def test_alerts_agree_with_prometheus(seed: int, tmp_path: Path) -> None:
    promtool = peer("promtool")
    random_ = random.Random(seed)
    rules = rule_file(random_, 30)
    series = {
        Labels({METRIC_NAME: "load", "instance": f"i{index}", "zone": f"z{index % 2}"}): values(random_)
        for index in range(SERIES)
    }
    made = played(rules, series)
    assert sum(map(len, made)) > 1000
    expected = [
        {
            "expr": '{__name__=~"ALERTS|ALERTS_FOR_STATE"}',
            "eval_time": f"{minute}m",
            "exp_samples": [{"labels": str(labels), "value": value} for labels, value in now.items()],
        }
        for minute, now in enumerate(made)
    ]
    test = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": str(name), "values": " ".join(each)} for name, each in series.items()
                ],
                "promql_expr_test": expected,
            }
        ],
    }
    (tmp_path / "rules.yml").write_text(rules)
    (tmp_path / "test.yml").write_text(json.dumps(test))
    ran = subprocess.run(
        [promtool, "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-4000:]
