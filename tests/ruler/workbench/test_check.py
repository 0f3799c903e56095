"""What `lumina rules check` says: errors that keep a file out, and doubts."""
# ruff: noqa: E501 - a case is a row

from pathlib import Path

import pytest

from ruler.rules import RuleContext
from ruler.workbench import Finding, Surroundings, check

AROUND = Surroundings(
    not_set_up={"email": "add channels.email to ruler.yml"},
    not_bound={"scale_up": "add remediation.actions.scale_up to ruler.yml"},
    scrape_interval_ms=30_000,
    retention_ms=86_400_000,
    has_series=lambda matchers: all(matcher.value != "cpux" for matcher in matchers),
)


def findings(folder: Path, text: str) -> list[str]:
    (folder / "r.yml").write_text(text)
    found, _ = check(["r.yml"], folder, RuleContext(), AROUND)
    return [str(finding) for finding in found]


def prometheus(rule: str) -> str:
    return f"groups: [{{name: g, rules: [{{{rule}}}]}}]"


SHORT = "rules: [{id: r, metric: cpu, condition: gt, threshold: 5, %s}]"
CASES = {
    "nothing": (prometheus("alert: A, expr: 'rate(cpu[5m]) > 5', labels: {severity: warning}"), []),
    "channel": (SHORT % "channels: [email]", ["r.yml:1:10: warning: r: email is not set up: add channels.email to ruler.yml"]),
    "channel of a step": (SHORT % "escalation: {steps: [{notify: [email]}]}", ["r.yml:1:10: warning: r: email is not set up: add channels.email to ruler.yml"]),
    "action": (SHORT % "auto_remediation: {action: scale_up}", ["r.yml:1:10: warning: r: action scale_up is not bound: add remediation.actions.scale_up to ruler.yml"]),
    "verification": (SHORT % "auto_remediation: {action: x, verify: {within: 30s}}", ["r.yml:1:10: warning: r: verify.within is shorter than two evaluations: make it 1m or more"]),
    "severity": (prometheus("alert: A, expr: up == 0, labels: {severity: urgent}"), ["r.yml:1:29: warning: A: severity 'urgent' has no place in the order: add it to severities in ruler.yml"]),
    "no condition": (prometheus("alert: A, expr: cpu"), ["r.yml:1:29: warning: A: no condition: it fires for every value: compare with a number"]),
    "a label of the value": (prometheus("alert: A, expr: cpu > 5, labels: {at: '{{ $value }}', severity: '{{ if gt $value 9.0 }}high{{ end }}'}"), ["r.yml:1:29: warning: A: label at changes with the value: each is an alert of its own: say it in an annotation"]),
    "no vector": (prometheus("record: 'a:b', expr: 'cpu[5m]'"), ["r.yml:1:44: warning: the result is no vector: the rule will fail"]),
    "absence is a condition": (prometheus("alert: A, expr: absent(cpux)"), []),
    "counter": (prometheus("alert: A, expr: errors_total > 5"), ["r.yml:1:29: warning: A: errors_total is a counter, which only rises: compare rate(errors_total[5m])"]),
    "ratio": (prometheus("alert: A, expr: cpu_ratio > 80"), ["r.yml:1:29: warning: A: cpu_ratio is a ratio from 0 to 1: it never fires: compare with 0.8 for 80 %"]),
    "short window": (prometheus("record: 'a:b', expr: 'rate(cpu[45s])'"), ["r.yml:1:29: warning: a:b: rate over less than two scrapes: make its range 2m or more"]),
    "beyond retention": (prometheus("record: 'a:b', expr: cpu offset 2d"), ["r.yml:1:29: warning: a:b: looks back 2d, but 1d are kept: raise storage.retention"]),
    "no such series": (prometheus("alert: A, expr: cpux > 5"), ["r.yml:1:29: warning: A: no series so far is cpux: look for a typing error, or what should report it"]),
    "recovery that may never come": (prometheus("alert: A, expr: cpu > 5, recover_expr: cpu < 3 and on () up"), ["r.yml:1:29: warning: A: an alert whose series goes away stays until somebody resolves it: write recover_expr as: metric < number"]),
    "one alert of two rules": (
        prometheus("alert: A, expr: cpu > 5}, {alert: A, expr: cpu > 9"),
        ["r.yml:1:56: warning: A: the same labels as the rule at r.yml:1:29: together they are one alert: give it another name or a label"]),
    "errors": (
        SHORT % "channels: [x], severity: y",
        ["r.yml:1:59: error: unknown channel 'x': known are email, slack, sms",
         "r.yml:1:74: error: unknown severity 'y': write critical, high, medium, low or info, or add it to severities in ruler.yml"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_finding(case: str, tmp_path: Path) -> None:
    text, expected = CASES[case]
    assert findings(tmp_path, text) == expected


def test_a_file_that_is_not_there_is_a_doubt(tmp_path: Path) -> None:
    found, loaded = check(["none.yml"], tmp_path, RuleContext())
    assert [str(finding) for finding in found] == ["none.yml: warning: matches no file"]
    assert loaded.rules == []


def test_findings_are_in_the_order_of_the_files(tmp_path: Path) -> None:
    for name in ("a.yml", "b.yml"):
        (tmp_path / name).write_text(
            prometheus("alert: A, expr: cpu}, {alert: B, expr: cpu, labels: {f: x}").replace(
                "x}", f"{name}}}"
            )
        )
    found: list[Finding] = check(["*.yml"], tmp_path, RuleContext())[0]
    assert [
        (finding.where.source, finding.where.column > 40)
        for finding in found
        if "no condition" in finding.text
    ] == [("a.yml", False), ("a.yml", True), ("b.yml", False), ("b.yml", True)]
