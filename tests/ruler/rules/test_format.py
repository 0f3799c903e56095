"""Export: a file that Prometheus takes, and that fires as ours does."""
# ruff: noqa: E501 - a case is a row

import subprocess
from pathlib import Path

import pytest
import yaml

import ruler
from ruler.rules import RuleContext, RuleSet, export, load_files, parse_rules
from tests.peers import peer

CONTEXT = RuleContext(any_name=True)


def short(**keys: object) -> RuleSet:
    given = {"id": "r", "metric": "cpu", "condition": "gt", "threshold": 5, **keys}
    text = "rules:\n  - " + "    ".join(f"{key}: {value}\n" for key, value in given.items())
    return parse_rules(text, "rules.yml", CONTEXT)


EXPRESSIONS = {
    "greater": ({}, "min_over_time(cpu[30s]) > 5"),
    "at most": ({"condition": "le", "metric": "'cpu{a=\"b\"}'"}, 'max_over_time(cpu{a="b"}[30s]) <= 5'),
    "equal": ({"condition": "eq"}, "min_over_time(cpu[30s]) == 5 and max_over_time(cpu[30s]) == 5"),
    "not equal": ({"condition": "ne"}, "cpu != 5"),
    "an expression": ({"metric": "sum(cpu)"}, "(sum(cpu)) > 5"),
    "with an offset": ({"metric": "cpu offset 5m"}, "(cpu offset 5m) > 5"),
    "n of m": ({"breaches": "3 of 5"}, "count_over_time((min_over_time(cpu[30s]) > 5)[2m30s:30s]) >= 3"),
}


@pytest.mark.parametrize("case", EXPRESSIONS)
def test_expression(case: str) -> None:
    keys, expected = EXPRESSIONS[case]
    (group,) = yaml.safe_load(export(short(**keys)).text)["groups"]
    assert group["rules"][0]["expr"] == expected


def test_looks_over_a_scrape_interval_that_is_longer() -> None:
    assert "min_over_time(cpu[1m])" in export(short(), scrape_interval_ms=60_000).text


def test_a_rule_whole() -> None:
    exported = export(
        short(
            duration="5m",
            recover="{for: 2m}",
            keep_firing_for="1m",
            severity="low",
            description="'at {{ $value }}'",
        )
    )
    assert yaml.safe_load(exported.text) == {
        "groups": [
            {
                "name": "rules",
                "interval": "30s",
                "rules": [
                    {
                        "alert": "r",
                        "expr": "min_over_time(cpu[30s]) > 5",
                        "for": "5m",
                        "keep_firing_for": "2m",
                        "labels": {"severity": "low"},
                        "annotations": {"description": "at {{ $value }}"},
                    }
                ],
            }
        ]
    }


LEFT_OUT = {
    "no data": ({}, ["r: it resolves when its data does not come"]),
    "nothing": ({"no_data": "resolve"}, []),
    "recovery": (
        {"no_data": "resolve", "recover": "{threshold: 3}"},
        ["r: the recovery condition is left out: it resolves when its condition is false"],
    ),
    "disabled": ({"enabled": "false"}, ["r: left out, for it is disabled"]),
    "not equal": (
        {"no_data": "resolve", "condition": "ne"},
        ["r: only the latest sample is compared, for PromQL cannot ask that all differ"],
    ),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_says_what_is_left_out(case: str) -> None:
    keys, expected = LEFT_OUT[case]
    assert list(export(short(**keys)).left_out) == expected


PROMETHEUS_FILE = """groups:
  - name: rules
    interval: 15s
    query_offset: 10s
    limit: 5
    labels: {site: a}
    rules:
      - {record: 'a:b', expr: sum(c), labels: {k: v}}
      - {alert: A, expr: 'c > 1', for: 5m, keep_firing_for: 1m, labels: {severity: page}, annotations: {s: '{{ $value }}'}}
"""


def test_the_prometheus_form_comes_out_as_it_went_in(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(PROMETHEUS_FILE)
    (tmp_path / "b.yml").write_text(PROMETHEUS_FILE)
    loaded = load_files(["*.yml"], tmp_path, CONTEXT)
    first, second = yaml.safe_load(export(loaded).text)["groups"]
    given = yaml.safe_load(PROMETHEUS_FILE)["groups"][0]
    assert (first["name"], second["name"]) == ("rules", "b.yml;rules")
    for key in ("interval", "query_offset", "limit"):
        assert first[key] == given[key]
    assert [rule["expr"] for rule in first["rules"]] == ["sum(c)", "c > 1"]
    assert first["rules"][1]["labels"] == {"site": "a", "severity": "page"}


@pytest.mark.service
def test_promtool_accepts_what_is_exported(tmp_path: Path) -> None:
    promtool = peer("promtool")
    defaults = load_files(["default.yml"], Path(ruler.__file__).parent / "defaults" / "rules", CONTEXT)
    sets = [defaults, parse_rules(PROMETHEUS_FILE, "rules.yml", CONTEXT)]
    sets += [short(**keys) for keys, _ in EXPRESSIONS.values()]
    for index, rule_set in enumerate(sets):
        (tmp_path / f"{index}.yml").write_text(export(rule_set).text)
    files = sorted(str(path) for path in tmp_path.glob("*.yml"))
    ran = subprocess.run([promtool, "check", "rules", *files], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("SUCCESS") == len(sets)
