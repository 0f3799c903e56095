"""Prometheus' own rule files: taken where promtool takes them, refused where it refuses them."""
# ruff: noqa: E501 - a case is a row

import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import ruler
from promkit.errors import ConfigError
from ruler.rules import RuleContext, load_files, parse_rules
from ruler.template import compile_alert_text
from tests.peers import peer

CONTEXT = RuleContext(any_name=True, compile_template=lambda text: compile_alert_text(text, "text"))


def group(*rules: str, **keys: str) -> str:
    given = "".join(f"    {key}: {value}\n" for key, value in keys.items())
    return f"groups:\n  - name: g\n{given}    rules:\n" + "".join(f"      - {rule}\n" for rule in rules)


FILES = {
    "recording": group("{record: 'a:b', expr: sum(x), labels: {l: v}}"),
    "alerting": group("{alert: A, expr: x > 1, for: 5m, keep_firing_for: 1h30m, labels: {severity: page}, annotations: {summary: s}}"),
    "whole group": group("{record: a, expr: b}", interval="1m", limit="10", query_offset="1m", labels="{a: b}"),
    "empty group": "groups: [{name: g}]",
    "empty file": "",
    "no groups": "groups: []",
    "null rules": "groups: [{name: g, rules: }]",
    "number as expr": group("{record: a, expr: 1}"),
    "number as label": group("{record: a, expr: b, labels: {l: 1}}"),
    "boolean as label": group("{record: a, expr: b, labels: {l: true}}"),
    "empty label": group("{record: a, expr: b, labels: {l: ''}}"),
    "UTF-8 names": group("{record: 'a.b', expr: '{\"x.y\"}', labels: {'l.m': v}}", "{alert: 'Ä ö', expr: x}"),
    "block expressions": group("alert: A\n        expr: |\n          sum(rate(x[5m])) # why\n            > 1"),
    "templates": group("{alert: A, expr: x, labels: {a: '{{ $labels.b | toUpper }}'}, annotations: {s: '{{ with query \"up\" }}{{ . | first | value | humanize }}{{ end }}'}}"),
    "template ranges": group("{alert: A, expr: x, annotations: {s: '{{ range $i, $e := query \"up\" }}{{ $e.Labels.job }}{{ end }} {{ $externalURL }} {{ $externalLabels.a }}'}}"),
    "anchors": "groups:\n  - name: g\n    rules:\n      - &a {record: a, expr: b}\n      - {<<: *a, record: c}",
    "durations": group("{alert: A, expr: x, for: 0}", "{alert: B, expr: x, for: 1d12h}"),
    "same alert twice": group("{alert: A, expr: x}", "{alert: A, expr: y}"),
    "two groups": "groups: [{name: a, rules: [{record: r, expr: x}]}, {name: b, rules: [{record: r, expr: x}]}]",
    "one name twice": "groups: [{name: a}, {name: a}]",
    "no name": "groups: [{rules: []}]",
    "unknown key of a rule": group("{alert: A, expr: x, severty: page}"),
    "unknown key of a group": group("{record: a, expr: b}", intervall="1m"),
    "unknown key of the file": "groups: []\nrule_groups: []",
    "neither": group("{expr: x}"),
    "both": group("{alert: A, record: a, expr: x}"),
    "no expr": group("{alert: A}"),
    "empty expr": group("{alert: A, expr: ''}"),
    "not PromQL": group("{alert: A, expr: 'sum(x'}"),
    "unknown function": group("{alert: A, expr: 'ratee(x[5m])'}"),
    "wrong type": group("{alert: A, expr: 'rate(x)'}"),
    "for of recording": group("{record: a, expr: x, for: 1m}"),
    "annotations of recording": group("{record: a, expr: x, annotations: {a: b}}"),
    "keep_firing_for of recording": group("{record: a, expr: x, keep_firing_for: 1m}"),
    "name as label": group("{record: a, expr: x, labels: {__name__: b}}"),
    "name as group label": group("{record: a, expr: x}", labels="{__name__: b}"),
    "a template left open": group("{alert: A, expr: x, annotations: {s: '{{ $value '}}"),
    "unknown template function": group("{alert: A, expr: x, annotations: {s: '{{ $value | humanise }}'}}"),
    "unknown template variable": group("{alert: A, expr: x, annotations: {s: '{{ $vale }}'}}"),
    "bad duration": group("{alert: A, expr: x, for: 5 minutes}"),
    "negative duration": group("{alert: A, expr: x, for: -5m}"),
    "duration without unit": group("{alert: A, expr: x, for: 5}"),
    "negative limit": group("{record: a, expr: b}", limit="-1"),
    "a key twice": group("{alert: A, expr: x, expr: y}"),
    "rules as a mapping": "groups: [{name: g, rules: {alert: A, expr: x}}]",
    "not YAML": "groups: [",
    "a list": "[]",
}  # fmt: skip
# Where we mean to differ, and why.
OURS = {
    "negative limit": "takes it as no limit; a mistake in any case",
}


def taken(text: str) -> bool:
    try:
        parse_rules(text, "rules.yml", CONTEXT)
    except ConfigError:
        return False
    return True


@pytest.mark.service
def test_taken_and_refused_as_by_prometheus(tmp_path: Path) -> None:
    promtool = peer("promtool")
    verdicts = {}
    for name, text in FILES.items():
        path = tmp_path / f"{name}.yml"
        path.write_text(text)
        ran = subprocess.run(
            [promtool, "check", "rules", "--lint=none", path], capture_output=True, check=False
        )
        verdicts[name] = ran.returncode == 0
    ours = {name: taken(text) for name, text in FILES.items()}
    assert {name for name in FILES if ours[name] != verdicts[name]} == set(OURS)


def test_the_shipped_rules_are_whole_with_templates() -> None:
    folder = Path(ruler.__file__).parent / "defaults" / "rules"
    assert len(load_files(["*.yml"], folder, CONTEXT).rules) == 10


KEYS = ["groups", "name", "rules", "alert", "expr", "for", "labels", "record", "id", "metric", "recover", "no_data", "escalation", "steps", "auto_remediation", "limits", "x"]  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["5m", "x > 1", "{{ .", "keep"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)


@settings(deadline=None, max_examples=150)
@given(VALUES)
def test_any_yaml_is_taken_or_refused(value: Any) -> None:
    taken(yaml.safe_dump(value))


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32), st.sampled_from(["cut", "swap", "drop", "double"]))
def test_any_damaged_file_is_taken_or_refused(seed: int, how: str) -> None:
    random_ = random.Random(seed)
    text = (Path(ruler.__file__).parent / "defaults" / "rules" / "default.yml").read_text()
    damage: dict[str, Callable[[int], str]] = {
        "cut": lambda at: text[:at],
        "swap": lambda at: text[:at] + random_.choice("{}[]:'\"|>&*#\t\n\0é") + text[at + 1 :],
        "drop": lambda at: text[:at] + text[at + random_.randrange(20) :],
        "double": lambda at: text[:at] + text[at : at + 30] + text[at:],
    }
    taken(damage[how](random_.randrange(len(text))))


def test_a_large_file_is_read_in_good_time(benchmark_ms: Callable[[Callable[[], object]], float]) -> None:
    rules = [
        {
            "alert": f"A{index}",
            "expr": f"sum by (job) (rate(x_{index}[5m])) > 1",
            "labels": {"severity": "page"},
        }
        for index in range(300)
    ]
    text = json.dumps({"groups": [{"name": "g", "rules": rules}]})
    assert benchmark_ms(lambda: parse_rules(text, "rules.yml", CONTEXT)) < 2_000
