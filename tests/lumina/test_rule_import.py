"""Rules as the specification's own document writes them."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lumina.__main__ import main
from tests.builders.ruler import a_ruler_in_memory
from tests.peers import peer

Capture = pytest.CaptureFixture[str]
# S9, with the keys of S7.
DOCUMENT: list[dict[str, Any]] = [
    {"id": "high-cpu-usage", "name": "High CPU Usage", "metric": "system.cpu.usage", "condition": "gt",
     "threshold": 80, "duration": 300, "severity": "high", "enabled": True, "cooldown": 600,
     "channels": ["email", "slack"],
     "autoRemediation": {"action": "scale_up", "parameters": {"instances": 1}}},
    {"id": "high-memory-usage", "name": "High Memory Usage", "metric": "system.memory.used",
     "condition": "gt", "threshold": 85, "duration": 300, "severity": "high", "enabled": True,
     "cooldown": 600, "channels": ["email", "slack"],
     "autoRemediation": {"action": "optimize_memory", "parameters": {}}},
    {"id": "high-response-time", "name": "High Response Time", "metric": "app.response_time",
     "condition": "gt", "threshold": 2000, "duration": 180, "severity": "medium", "enabled": True,
     "cooldown": 300, "channels": ["email"],
     "autoRemediation": {"action": "optimize_database", "parameters": {}}},
    {"id": "high-error-rate", "name": "High Error Rate", "metric": "app.error_rate", "condition": "gt",
     "threshold": 5, "duration": 180, "severity": "critical", "enabled": True, "cooldown": 300,
     "channels": ["email", "slack", "sms"],
     "autoRemediation": {"action": "restart_service", "parameters": {"service": "api"}}},
    {"id": "low-throughput", "name": "Low Throughput", "metric": "app.throughput", "condition": "lt",
     "threshold": 10, "duration": 600, "severity": "medium", "enabled": True, "cooldown": 900,
     "channels": ["email"]},
]  # fmt: skip
# Rule → our metric, its threshold, a value that breaches, one that does not.
MEANT = {
    "high-cpu-usage": ("system_cpu_usage_ratio", 0.8, 0.801, 0.8),
    "high-memory-usage": ("system_memory_usage_ratio", 0.85, 0.851, 0.85),
    "high-response-time": ("app_response_time_seconds", 2, 2.001, 2),
    "high-error-rate": ("app_error_ratio", 0.05, 0.0501, 0.05),
    "low-throughput": ("app_throughput_requests_per_second", 10, 9.99, 10),
}


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "document.json"
    path.write_text(json.dumps(DOCUMENT, indent="\t"))
    return path


def imported(document: Path, capsys: Capture) -> Any:
    assert main(["rules", "import", str(document)]) == 0
    return yaml.safe_load(capsys.readouterr().out)


def test_each_rule_has_our_names_and_units(document: Path, capsys: Capture) -> None:
    rules = imported(document, capsys)["rules"]
    assert {rule["id"]: (rule["metric"], rule["threshold"]) for rule in rules} == {
        id_: meant[:2] for id_, meant in MEANT.items()
    }
    assert [(rule["duration"], rule["cooldown"]) for rule in rules] == [
        ("5m", "10m"), ("5m", "10m"), ("3m", "5m"), ("3m", "5m"), ("10m", "15m")
    ]  # fmt: skip
    assert rules[3]["auto_remediation"] == {"action": "restart_service", "parameters": {"service": "api"}}


def test_what_became_what_is_said(document: Path, capsys: Capture) -> None:
    main(["rules", "import", str(document)])
    assert [line.split("; ") for line in capsys.readouterr().err.splitlines()[:3]] == [
        ["high-cpu-usage: system.cpu.usage > 80 percent → system_cpu_usage_ratio > 0.8",
         "duration 300 s → 5m", "cooldown 600 s → 10m"],
        ["high-memory-usage: system.memory.used > 85 percent → system_memory_usage_ratio > 0.85",
         "duration 300 s → 5m", "cooldown 600 s → 10m"],
        ["high-response-time: app.response_time > 2000 ms → app_response_time_seconds > 2",
         "duration 180 s → 3m", "cooldown 300 s → 5m"],
    ]  # fmt: skip


@pytest.mark.parametrize("id_", MEANT)
def test_each_fires_at_its_threshold_and_not_below(
    id_: str, document: Path, tmp_path: Path, capsys: Capture
) -> None:
    metric, _, breaching, keeping = MEANT[id_]
    with a_ruler_in_memory(tmp_path, rules=imported(document, capsys)) as ruler:
        for_ms = ruler.loop.rule(id_).timing.for_ms
        for _ in range(for_ms // 30_000 + 1):
            ruler.feed((metric, {"at": "it"}, keeping), (metric, {"at": "past it"}, breaching))
            assert not any(alert.firing for alert in ruler.book.alerts())
            ruler.evaluate()
            ruler.later(30_000)
        fired = [(alert.rule, alert.labels["at"]) for alert in ruler.book.alerts() if alert.firing]
        assert fired == [(id_, "past it")]


def test_into_a_file_that_is_not_there_yet(document: Path, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "rules" / "imported.yml"
    argv = ["rules", "import", str(document), "--write", str(path)]
    assert main(argv) == 0
    assert len(yaml.safe_load(path.read_text())["rules"]) == 5
    assert main(["rules", "check", str(path), "--home", str(tmp_path)]) == 0
    capsys.readouterr()
    assert main(argv) == 2
    assert "is there already" in capsys.readouterr().err


def test_into_a_running_ruler(document: Path, tmp_path: Path, capsys: Capture) -> None:
    with a_ruler_in_memory(tmp_path) as ruler:
        assert main(["rules", "import", str(document), "--url", ruler.url, "--by", "ann"]) == 0
        rows = ruler.get("/api/v1/lumina/rules").data
    assert {row["id"]: (row["metric"], row["threshold"], row["created_by"]) for row in rows} == {
        id_: (*meant[:2], "ann") for id_, meant in MEANT.items()
    }


@pytest.mark.service
def test_promtool_takes_what_is_exported(document: Path, tmp_path: Path, capsys: Capture) -> None:
    promtool = peer("promtool")
    rules, exported = tmp_path / "imported.yml", tmp_path / "exported.yml"
    main(["rules", "import", str(document), "--write", str(rules)])
    capsys.readouterr()
    assert main(["rules", "export", str(rules)]) == 0
    exported.write_text(capsys.readouterr().out)
    ran = subprocess.run([promtool, "check", "rules", exported], capture_output=True, text=True, check=False)
    assert (ran.returncode, "5 rules found" in ran.stdout) == (0, True), ran.stdout + ran.stderr


def changed(**changes: Any) -> str:
    return json.dumps({**DOCUMENT[0], **changes})


FAULTS = {
    "a metric nobody knows": (
        changed(metric="system.cpu.use"),
        "rule high-cpu-usage: unknown metric 'system.cpu.use': did you mean 'system.cpu.usage'?",
    ),
    "no metric": (changed(metric=None), "rule high-cpu-usage: a rule needs a metric"),
    "a threshold in words": (changed(threshold="high"), "rule high-cpu-usage: a threshold must be a number"),
    "a key nobody knows": (changed(colour="red"), "rule 'high-cpu-usage': colour: unknown key 'colour'"),
    "a condition nobody knows": (changed(condition="above"), "rule 'high-cpu-usage': condition: "),
    "no rules": ('{"a": 1}', "a rule needs a metric"),
    "an empty list": ("[]", "no rules in it"),
    "no text of rules": ("hello", "no rules in it"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_be_read_is_one_line(name: str, tmp_path: Path, capsys: Capture) -> None:
    text, words = FAULTS[name]
    path = tmp_path / "old.json"
    path.write_text(text)
    assert main(["rules", "import", str(path)]) == 2
    out, said = capsys.readouterr()
    assert words in said
    assert said.count("\n") == 1
    assert not out
