"""`lumina remediations` against a ruler whose rules watch forecasts and anomalies (S36)."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lumina.__main__ import main
from tests.builders.ruler import ARuler, a_ruler_in_memory

REMEDY = {
    "action": "restart_service",
    "parameters": {"service": "{{ $labels.component }}"},
    "when": {"mode": "approve"},
    "on_failure": {"then": "scale_up", "parameters": {"instances": 1}},
}
RULES = {
    "rules": [
        {
            "id": "full-soon",
            "name": "Full Soon",
            "metric": 'analytics_breach_probability{rule="disk",within="1h"}',
            "condition": "gt",
            "threshold": 0.8,
            "duration": "0s",
            "severity": "medium",
            "auto_remediation": REMEDY,
        },
        {
            "id": "unusual",
            "name": "Unusual",
            "metric": "analytics_anomaly_score",
            "condition": "gt",
            "threshold": 0.9,
            "duration": "0s",
            "severity": "low",
            "auto_remediation": {**REMEDY, "when": {"mode": "auto"}},
        },
    ]
}
ECHO = {
    "kind": "command",
    "argv": ["echo", "restarted {service}"],
    "parameters": {"service": {"enum": ["api", "web", "db", "cache"], "target": True}},
}
CONFIG = {"remediation": {"enabled": True, "actions": {"restart_service": ECHO}}}
FORECAST = {"rule": "disk", "within": "1h", "component": "api"}


@pytest.fixture
def ruler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ARuler]:
    with a_ruler_in_memory(tmp_path, CONFIG, RULES) as ruler:
        monkeypatch.setenv("LUMINA_URL", ruler.url)
        monkeypatch.setenv("USER", "ann")
        yield ruler
        ruler.rooms.remediation.close()


def foresee(ruler: ARuler, probability: float) -> None:
    """Analytics publishes a forecast; the rules are evaluated, and remediation looks."""
    ruler.later(30_000)
    ruler.feed(("analytics_breach_probability", FORECAST, probability))
    ruler.evaluate()
    ruler.rooms.remediation.tick(ruler.clock.at_ms)


def until(ruler: ARuler, phase: str) -> None:
    deadline = time.monotonic() + 20
    while ruler.rooms.remediation.runs()[0].phase.value != phase:
        assert time.monotonic() < deadline, ruler.rooms.remediation.runs()[0]
        time.sleep(0.02)
        ruler.rooms.remediation.tick(ruler.clock.at_ms)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main(["remediations", *words, "--output", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_forecast_s_remedy_is_approved_and_seen_to_help(
    ruler: ARuler, capsys: pytest.CaptureFixture[str]
) -> None:
    foresee(ruler, 0.93)
    (waiting,) = told(capsys, "list")
    assert (waiting["phase"], waiting["rule"]) == ("approval", "full-soon")
    assert waiting["plan"]["text"] == "echo 'restarted api'"
    assert main(["remediations", "approve", "1"]) == 0
    assert capsys.readouterr().err == "remediation 1: approved by ann\n"
    until(ruler, "verifying")
    foresee(ruler, 0.1)
    until(ruler, "recovered")
    assert main(["remediations", "show", "1"]) == 0
    shown = capsys.readouterr().out
    assert "echo 'restarted api'" in shown
    assert shown.endswith("\nrestarted api\n")
    decisions = [row["decision"] for row in told(capsys, "audit")]
    assert decisions[::-1] == ["approval", "started", "finished", "verifying", "recovered"]


def test_an_anomaly_s_remedy_runs_by_itself(ruler: ARuler) -> None:
    ruler.feed(("analytics_anomaly_score", {"component": "web"}, 0.97))
    ruler.evaluate()
    ruler.rooms.remediation.tick(ruler.clock.at_ms)
    until(ruler, "verifying")
    (run,) = ruler.rooms.remediation.runs()
    assert (run.rule, run.target) == ("unusual", "web")
    assert run.result is not None
    assert run.result.output == "restarted web\n"
    page = ruler.get("/remediations").text
    assert "<code>echo &#39;restarted web&#39;</code>" in page
    assert "<pre>restarted web</pre>" in page


def test_a_plan_is_told_and_nothing_done(ruler: ARuler, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["remediations", "plan", "full-soon"]) == 1
    out = capsys.readouterr().out
    assert "the alert has no label 'component'" in out
    assert "add remediation.actions.scale_up to ruler.yml" in out
    foresee(ruler, 0.93)
    assert main(["remediations", "plan", "full-soon", "--output", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["enabled"] is True
    first, second = found["steps"]
    assert (first["mode"], first["plan"]["text"], first["plan"]["target"]) == (
        "approve",
        "echo 'restarted api'",
        "api",
    )
    assert second["plan"] is None
    assert main(["remediations", "plan", "no-such-rule"]) == 1
    assert "there is no rule 'no-such-rule'" in capsys.readouterr().err


def test_one_is_refused_and_another_cancelled(ruler: ARuler, capsys: pytest.CaptureFixture[str]) -> None:
    foresee(ruler, 0.93)
    assert main(["remediations", "refuse", "1", "--by", "ben"]) == 0
    assert capsys.readouterr().err == "remediation 1: refused by ben\n"
    assert told(capsys, "show", "1")["phase"] == "refused"
    ruler.later(600_000)
    foresee(ruler, 0.93)
    assert main(["remediations", "cancel", "2"]) == 0
    capsys.readouterr()
    assert told(capsys, "show", "2")["reason"] == "cancelled by ann"
    assert main(["remediations", "cancel", "2"]) == 1
    assert "there is nothing to cancel" in capsys.readouterr().err
    assert main(["remediations", "list"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["RUN", "PHASE", "RULE", "ACTION", "SINCE", "PLAN", "REASON"]
    assert [row.split()[:3] for row in rows] == [
        ["2", "cancelled", "full-soon"],
        ["1", "refused", "full-soon"],
    ]


def test_a_breaker_is_listed_and_reset(ruler: ARuler, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["remediations", "breakers"]) == 0
    assert capsys.readouterr().err == "no breaker has counted failures\n"
    foresee(ruler, 0.93)
    assert main(["remediations", "approve", "1"]) == 0
    until(ruler, "verifying")
    for _ in range(25):  # it does not help: after the time to verify it has failed
        foresee(ruler, 0.93)
    capsys.readouterr()
    assert told(capsys, "breakers")[0]["failures"] == 1
    assert main(["remediations", "reset", "full-soon", "restart_service"]) == 0
    assert capsys.readouterr().err == "restart_service may run for full-soon again\n"
    assert told(capsys, "breakers") == []
    assert main(["remediations", "reset", "full-soon", "restart_service"]) == 1
