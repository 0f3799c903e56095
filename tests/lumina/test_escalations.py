"""`lumina escalations` on a ruler.yml."""

import json
from pathlib import Path

import pytest

from lumina.__main__ import main

RULER = """
channels: {webhook: {url: 'http://h.example'}}
rule_files: [rules/*.yml]
escalations:
  on-call:
    steps:
      - {after: 0m, notify: [webhook]}
      - {after: 10m, notify: [webhook], repeat: 3}
  loud: {until: resolved, steps: [{after: 5m, notify: [webhook]}]}
"""
RULES = """
rules:
  - {id: a, metric: cpu, condition: gt, threshold: 5, escalation: on-call}
  - {id: b, metric: cpu, condition: gt, threshold: 9, escalation: loud}
"""


@pytest.fixture
def ruler_yml(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "r.yml").write_text(RULES)
    path = tmp_path / "ruler.yml"
    path.write_text(RULER)
    return path


def said(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    code = main(["escalations", *map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err


def test_right_ones_are_right(ruler_yml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "check", "--config", ruler_yml)
    assert (code, out) == (0, "")
    assert "2 escalations" in err
    assert "0 findings" in err


def test_a_fault_is_said_with_its_place(ruler_yml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ruler_yml.write_text(RULER.replace("[webhook], repeat", "[nobody], repeat"))
    code, out, _ = said(capsys, "check", "--config", ruler_yml)
    assert code == 1
    assert f"{ruler_yml}:8:31: step 2 of escalation 'on-call' notifies 'nobody'" in out
    code, out, _ = said(capsys, "check", "--config", ruler_yml, "--output", "json")
    assert code == 1
    assert [one["severity"] for one in json.loads(out)] == ["error"]


def test_a_doubt_fails_where_asked(ruler_yml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ruler_yml.write_text(RULER.replace("5m, notify: [webhook]", "5m, notify: [webhook, sms]"))
    code, out, _ = said(capsys, "check", "--config", ruler_yml)
    assert code == 0
    assert "warning: step 1 of escalation loud: sms reaches nobody" in out
    assert said(capsys, "check", "--config", ruler_yml, "--fail-on", "warning")[0] == 1


def test_no_file_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "check", "--home", tmp_path)
    assert code != 0
    assert "ruler.yml: no such file" in err


def test_the_list_says_who_is_told_when(ruler_yml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "list", "--config", ruler_yml)
    assert code == 0
    assert "at once webhook; after 10m webhook, 3 times" in out
    assert "resolved" in out


def test_a_simulation_is_stopped_by_an_acknowledgement(
    ruler_yml: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = said(capsys, "simulate", "on-call", "--config", ruler_yml, "--output", "json")
    assert [(one["at_ms"] // 60_000, one["level"], one["number"]) for one in json.loads(out)] == [
        (0, 1, 1),
        (10, 2, 1),
        (20, 2, 2),
        (30, 2, 3),
    ]
    _, out, err = said(capsys, "simulate", "on-call", "--config", ruler_yml, "--ack-after", "25m")
    assert len(out.splitlines()) == 4
    assert "acknowledged after 25m" in err


def test_one_until_resolved_is_not_stopped(ruler_yml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, err = said(capsys, "simulate", "loud", "--config", ruler_yml, "--ack-after", "1m")
    assert "5m" in out
    assert "does not stop it" in err


def test_an_unknown_policy_is_said(ruler_yml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "simulate", "oncall", "--config", ruler_yml)
    assert code != 0
    assert "no escalation 'oncall': known are loud, on-call" in err
