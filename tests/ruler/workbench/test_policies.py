"""What `lumina escalations check` says: faults that keep a ruler.yml out, and doubts."""
# ruff: noqa: E501 - a case is a row

from pathlib import Path

import pytest

from promkit.errors import ConfigError
from ruler.settings import policies

RULE = "rules: [{id: r, metric: cpu, condition: gt, threshold: 5, escalation: on-call}]\n"
HOOK = "channels: {webhook: {url: 'http://h.example'}}\nrule_files: [r.yml]\n"
ON_CALL = HOOK + "escalations:\n  on-call:\n    steps:\n%s"


def said(folder: Path, config: str, rule: str = RULE) -> list[str]:
    (folder / "r.yml").write_text(rule)
    path = folder / "ruler.yml"
    path.write_text(config)
    try:
        found = [str(finding) for finding in policies(path, {})[2]]
    except ConfigError as faults:
        found = str(faults).splitlines()
    return [line.replace(f"{folder}/", "") for line in found]


CASES = {
    "nothing": (ON_CALL % "    - {notify: [webhook]}\n    - {after: 5m, notify: [webhook], repeat: 3}\n", RULE, []),
    "nobody of that name": (
        ON_CALL % "    - {notify: [webhook]}\n    - {after: 5m, notify: [webhook, pager]}\n", RULE,
        ["ruler.yml:7:37: step 2 of escalation 'on-call' notifies 'pager', which is no channel or receiver: known are email, slack, sms, ui, webhook"]),
    "repeats at one moment": (
        ON_CALL % "    - {notify: [webhook], repeat: 3}\n", RULE,
        ["ruler.yml:6:7: 'steps[0]' repeats, and repeats are `after` apart: give it, or write the repeats as a further step"]),
    "no step": (HOOK + "escalations:\n  on-call: {steps: []}\n", RULE, ["ruler.yml:4:20: 'steps' must have at least 1 entry, not 0"]),
    "not set up": (
        ON_CALL % "    - {notify: [webhook, sms]}\n", RULE,
        ["ruler.yml:6:7: warning: step 1 of escalation on-call: sms reaches nobody: sms is not set up: add channels.sms to ruler.yml"]),
    "tells nobody at all": (
        ON_CALL % "    - {notify: [webhook]}\n    - {after: 5m, notify: [ui]}\n", RULE,
        ["ruler.yml:7:7: warning: step 2 of escalation on-call: ui reaches nobody: give the receiver a way, or name another",
         "ruler.yml:7:7: warning: step 2 of escalation on-call: it tells nobody: it can never be reached: notify somebody who is set up"]),
    "at the same moment": (
        ON_CALL % "    - {after: 5m, notify: [webhook]}\n    - {notify: [webhook]}\n", RULE,
        ["ruler.yml:7:7: warning: step 2 of escalation on-call: told at the same moment as the step before: make one step of them, or give `after`"]),
    "no rule names it": (
        ON_CALL % "    - {notify: [webhook]}\n", RULE.replace(", escalation: on-call", ""),
        ["ruler.yml:5:5: warning: escalation on-call: no rule names it: nothing climbs it: write `escalation: on-call` into a rule"]),
    "a rule names another": (
        ON_CALL % "    - {notify: [webhook]}\n", RULE.replace("on-call", "on-cal"),
        ["r.yml:1:59: unknown escalation 'on-cal': known are on-call"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_finding(case: str, tmp_path: Path) -> None:
    config, rule, expected = CASES[case]
    assert said(tmp_path, config, rule) == expected
