"""Rule files: both forms, every key effective, every fault at its place."""
# ruff: noqa: E501 - a case is a row

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest

import ruler
from promkit.errors import ConfigError, ConfigErrors, Where
from promkit.labels import Labels
from ruler.rules import (
    Comparison,
    Condition,
    Escalation,
    EscalationStep,
    Group,
    Limits,
    Mode,
    NoData,
    NoDataState,
    OnFailure,
    Parameter,
    Remedy,
    Rule,
    RuleContext,
    RuleKind,
    RuleSet,
    Timing,
    Verify,
    load_files,
    parse_rules,
)

MINUTE = 60_000
ON_CALL = Escalation(
    "on-call", "ack", (EscalationStep(0, ("slack",)), EscalationStep(10 * MINUTE, ("sms",), 3))
)


def check_action(action: str, parameters: Mapping[str, Parameter]) -> None:
    if action not in {"restart_service", "scale_up"}:
        raise ConfigError(f"unknown action {action!r}", remedy="actions: restart_service, scale_up")
    if parameters.get("service", "api") != "api":
        raise ConfigError(f"action {action!r}: 'service' must be api")


def compile_template(text: str) -> object:
    if "{{ end }}" in text:
        raise ConfigError("1:4: unexpected {{end}}")
    return text


CONTEXT = RuleContext(
    receivers=frozenset({"team"}),
    escalations={"on-call": ON_CALL},
    check_action=check_action,
    compile_template=compile_template,
)


def parsed(text: str, context: RuleContext = CONTEXT) -> RuleSet:
    return parse_rules(text, "rules.yml", context)


def faults(text: str, context: RuleContext = CONTEXT) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parsed(text, context)
    return str(caught.value).splitlines()


BOTH = r"""groups:
  - name: node
    interval: 15s
    query_offset: 5s
    limit: 10
    labels: {site: a, team: none}
    rules:
      - record: instance:cpu_busy:ratio
        expr: 1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m]))
        labels: {kind: busy}
      - alert: HighCPU
        expr: instance:cpu_busy:ratio > 0.9
        for: 10m
        keep_firing_for: 5m
        labels: {severity: high, team: platform}
        annotations: {summary: "{{ $labels.instance }} is {{ $value | humanizePercentage }} busy"}
        recover_expr: instance:cpu_busy:ratio < 0.7
        cooldown: 30m

rules:
  - id: high-error-rate
    name: High Error Rate
    description: "{{ $labels.component }}: error rate {{ $value | humanizePercentage }}"
    metric: app_error_ratio
    condition: gt
    threshold: 0.05
    duration: 3m
    recover: {threshold: 0.03, for: 2m}
    no_data: keep
    optional: true
    severity: critical
    enabled: true
    cooldown: 5m
    channels: [email, slack, sms]
    escalation: on-call
    auto_remediation:
      action: restart_service
      parameters: {service: api}
      when: {after: 0m, mode: auto, only_if: 'app_deploy_in_progress == 0'}
      limits: {runs: 3, per: 1h, cooldown: 10m, concurrent: 1, targets: 25%}
      verify: {expr: 'app_error_ratio < 0.05', within: 5m, for: 1m}
      on_failure: {then: scale_up, parameters: {instances: +1}, escalate: true}
"""


class TestBothForms:
    def test_the_prometheus_form(self) -> None:
        group = parsed(BOTH).groups[0]
        assert group == Group("node", "rules.yml", 15_000, group.rules, query_offset_ms=5_000, limit=10)
        recording, alert = group.rules
        assert (recording.kind, recording.name) == (RuleKind.RECORD, "instance:cpu_busy:ratio")
        assert recording.labels == {"site": "a", "team": "none", "kind": "busy"}
        labels = {"severity": "high", "site": "a", "team": "platform"}
        assert alert == Rule(
            id=f"rules.yml;node;HighCPU{Labels(labels)}",
            kind=RuleKind.ALERT,
            name="HighCPU",
            expr="instance:cpu_busy:ratio > 0.9",
            where=Where("rules.yml", 11, 9),
            recover_expr="instance:cpu_busy:ratio < 0.7",
            present_expr="instance:cpu_busy:ratio",
            timing=Timing(for_ms=10 * MINUTE, keep_firing_ms=5 * MINUTE),
            labels=labels,
            annotations={"summary": "{{ $labels.instance }} is {{ $value | humanizePercentage }} busy"},
            severity="high",
            cooldown_ms=30 * MINUTE,
        )

    def test_the_short_form(self) -> None:
        group = parsed(BOTH).groups[1]
        assert (group.name, group.interval_ms) == ("rules", 30_000)
        description = "{{ $labels.component }}: error rate {{ $value | humanizePercentage }}"
        assert group.rules == (
            Rule(
                id="high-error-rate",
                kind=RuleKind.ALERT,
                name="High Error Rate",
                expr="app_error_ratio > 0.05",
                where=Where("rules.yml", 21, 5),
                condition=Condition("app_error_ratio", Comparison.GT, 0.05),
                recover_expr="app_error_ratio <= 0.03",
                present_expr="app_error_ratio",
                timing=Timing(for_ms=3 * MINUTE, recover_ms=2 * MINUTE),
                no_data=NoData(NoDataState.KEEP, 15 * MINUTE),
                labels={"severity": "critical"},
                annotations={"description": description},
                severity="critical",
                description=description,
                optional=True,
                cooldown_ms=5 * MINUTE,
                channels=("email", "slack", "sms"),
                escalation=ON_CALL,
                remedy=Remedy(
                    action="restart_service",
                    parameters={"service": "api"},
                    after_ms=0,
                    mode=Mode.AUTO,
                    only_if="app_deploy_in_progress == 0",
                    limits=Limits(3, 60 * MINUTE, 10 * MINUTE, 1, 0.25),
                    verify=Verify("app_error_ratio < 0.05", 5 * MINUTE, MINUTE),
                    on_failure=OnFailure("scale_up", {"instances": 1}, escalate=True),
                ),
            ),
        )

    def test_camel_case_reads_alike(self) -> None:
        camel = BOTH
        for key in ("auto_remediation", "only_if", "on_failure", "no_data"):
            head, *rest = key.split("_")
            camel = camel.replace(f"{key}:", f"{head}{''.join(word.title() for word in rest)}:")
        assert parsed(camel).groups == parsed(BOTH).groups

    def test_intervals_of_the_configuration(self) -> None:
        text = BOTH.replace("    interval: 15s\n    query_offset: 5s\n", "")
        context = RuleContext(
            any_name=True, evaluation_interval_ms=20_000, short_interval_ms=9_000, query_offset_ms=7
        )
        groups = parsed(text, context).groups
        assert [(group.interval_ms, group.query_offset_ms) for group in groups] == [(20_000, 7), (9_000, 7)]


def short(**keys: object) -> str:
    """A rule of the short form; keys as YAML."""
    given = {"id": "r", "metric": "cpu", "condition": "gt", "threshold": 5, **keys}
    return "rules:\n  - " + "    ".join(f"{key}: {value}\n" for key, value in given.items())


def prometheus(**keys: object) -> str:
    given = {"alert": "A", "expr": "cpu > 5", **keys}
    rule = "        ".join(f"{key.rstrip('_')}: {value}\n" for key, value in given.items())
    return f"groups:\n  - name: g\n    rules:\n      - {rule}"


def one(text: str) -> Rule:
    (rule,) = parsed(text).rules
    return rule


EFFECTS: dict[str, tuple[str, object, object]] = {
    "breaches": (short(breaches="3 of 5"), lambda r: r.timing.breaches, (3, 5)),
    "keep_firing_for": (short(keep_firing_for="1m"), lambda r: r.timing.keep_firing_ms, MINUTE),
    "recover_expr": (short(recover_expr="cpu < 2"), lambda r: r.recover_expr, "cpu < 2"),
    "recover time alone": (short(recover="{for: 1m}"), lambda r: (r.recover_expr, r.timing.recover_ms), (None, MINUTE)),
    "recover, falling": (
        short(condition="le", recover="{threshold: 7}"), lambda r: (r.expr, r.recover_expr), ("cpu <= 5", "cpu > 7")),
    "recover, Prometheus form": (prometheus(recover="{threshold: 3}"), lambda r: r.recover_expr, "cpu <= 3"),
    "recover, number first": (
        prometheus(expr="5 < cpu", recover="{threshold: 3}"), lambda r: r.recover_expr, "cpu <= 3"),
    "no_data of the short form": (short(), lambda r: r.no_data, NoData(NoDataState.KEEP, 15 * MINUTE)),
    "no_data of Prometheus": (prometheus(), lambda r: (r.no_data, r.present_expr), (NoData(), None)),
    "no_data, resolve": (short(no_data="resolve"), lambda r: r.no_data, NoData(NoDataState.RESOLVE, 0)),
    "no_data, alert as soon as a breach": (
        short(no_data="alert", duration="4m"), lambda r: r.no_data, NoData(NoDataState.ALERT, 4 * MINUTE)),
    "no_data, whole": (
        short(no_data="{state: keep, after: 1h}"), lambda r: r.no_data, NoData(NoDataState.KEEP, 60 * MINUTE)),
    "no_data, Prometheus form": (
        prometheus(no_data="keep"), lambda r: (r.no_data, r.present_expr),
        (NoData(NoDataState.KEEP, 15 * MINUTE), "cpu")),
    "channels_only": (short(channels="[team]", channels_only="true"), lambda r: (r.channels, r.channels_only), (("team",), True)),
    "repeat never": (short(repeat="never"), lambda r: r.repeat_ms, 0),
    "repeat": (short(repeat="1h"), lambda r: r.repeat_ms, 60 * MINUTE),
    "escalation inline": (
        short(escalation="{until: resolved, steps: [{notify: [team]}, {after: 5m, notify: [sms], repeat: 2}]}"),
        lambda r: r.escalation,
        Escalation("", "resolved", (EscalationStep(0, ("team",)), EscalationStep(5 * MINUTE, ("sms",), 2)))),
    "mode": (
        short(auto_remediation="{action: scale_up, when: {mode: approve, after: 2m}}"),
        lambda r: (r.remedy.mode, r.remedy.after_ms), (Mode.APPROVE, 2 * MINUTE)),
    "enabled": (short(enabled="false"), lambda r: r.enabled, False),
    "name": (short(), lambda r: r.name, "r"),
    "id, Prometheus form": (prometheus(id="mine"), lambda r: r.id, "mine"),
    "labels": (
        short(labels="{team: x}", severity="low"), lambda r: r.labels, {"team": "x", "severity": "low"}),
    "annotations": (
        short(annotations="{runbook: u}", description="'d {{ $value }}'"),
        lambda r: r.annotations, {"runbook": "u", "description": "d {{ $value }}"}),
    "an expression as metric": (short(metric="rate(a[5m]) / rate(b[5m])"), lambda r: r.expr, "(rate(a[5m]) / rate(b[5m])) > 5"),
    "a word that counts as one of the five": (short(severity="page"), lambda r: r.severity, "page"),
    "severity of labels": (prometheus(labels="{severity: warning}"), lambda r: r.severity, "warning"),
    "unquoted numbers are texts": (prometheus(expr="1", labels="{level: 10}"), lambda r: (r.expr, r.labels["level"]), ("1", "10")),
}  # fmt: skip


@pytest.mark.parametrize("case", EFFECTS)
def test_effect(case: str) -> None:
    text, look, expected = EFFECTS[case]
    assert callable(look)
    assert look(one(text)) == expected


DESCRIPTIONS = {
    "ratio": (short(metric="cpu_ratio", threshold=0.8, description="busy"), "busy (now {{ $value | humanizePercentage }})"),
    "seconds": (short(metric="t_seconds", description="slow"), "slow (now {{ $value | humanizeDuration }})"),
    "bytes": (short(metric="'m_bytes{a=\"b\"}'", description="full"), "full (now {{ $value | humanize1024 }}B)"),
    "rate": (short(metric="requests_per_second", description="few"), "few (now {{ $value | humanize }} per second)"),
    "expression": (short(metric="a_ratio + b_ratio", description="x"), "x (now {{ $value | humanize }})"),
    "none given": (
        short(metric="cpu_ratio", threshold=0.8, name="Hot"),
        "Hot: cpu_ratio is above 80% (now {{ $value | humanizePercentage }})"),
    "with the value": (short(description="'at {{ $value }}'"), "at {{ $value }}"),
}  # fmt: skip


@pytest.mark.parametrize("case", DESCRIPTIONS)
def test_a_description_says_the_present_value_and_its_unit(case: str) -> None:
    text, expected = DESCRIPTIONS[case]
    assert one(text).annotations["description"] == expected


FAULTS = {
    "unknown key": (
        BOTH.replace("threshold: 0.05\n", "treshold: 0.05\n"),
        ["rules.yml:21:5: key 'threshold' is missing in 'High Error Rate'",
         "rules.yml:26:5: unknown key 'treshold' in 'High Error Rate': did you mean 'threshold'?"]),
    "no unit": (short(duration=300), ["rules.yml:6:15: 'duration' needs a unit: write 300s or 300m, not 300"]),
    "PromQL": (
        prometheus(expr="sum(rate(x[5m])) by ) > 3"),
        ['rules.yml:5:35: expr: parse error: unexpected ")" in grouping opts']),
    "PromQL in a block": (
        prometheus(expr="|\n          sum(\n            cpu{a=b}\n          ) > 3"),
        ["rules.yml:7:19: expr: parse error"]),
    "PromQL folded": (
        prometheus(expr=">-\n          cpu\n          > bool\n          nope_function(x)"),
        ["rules.yml:8:11: expr: parse error: unknown function"]),
    "PromQL quoted": (prometheus(expr='"cpu{a=\\"b\\"} > )"'), ["rules.yml:5:31: expr: parse error"]),
    "a metric with a comparison": (
        short(metric="cpu > 3"),
        ["rules.yml:3:5: metric: has a comparison of its own: use 'condition' and 'threshold'"]),
    "a metric with a comparison of series": (short(metric="cpu > other"), ["rules.yml:3:5: metric: has a comparison"]),
    "no series": (short(metric="time()"), ["rules.yml:3:5: metric: gives a scalar, where series are needed"]),
    "percent on a ratio": (
        short(metric="system_cpu_usage_ratio", threshold=80),
        ["rules.yml:5:5: system_cpu_usage_ratio is a ratio from 0 to 1: write 0.8 for 80 %"]),
    "channel": (short(channels="[emial]"), ["rules.yml:6:5: unknown channel 'emial': known are email, slack, sms, team"]),
    "channel of a step": (
        short(escalation="{steps: [{notify: [nobody]}]}"),
        ["rules.yml:6:27: unknown channel 'nobody': known are email, slack, sms, team"]),
    "escalation": (short(escalation="on-cal"), ["rules.yml:6:5: unknown escalation 'on-cal': known are on-call"]),
    "action": (
        short(auto_remediation="{action: reboot}"),
        ["rules.yml:6:24: unknown action 'reboot': actions: restart_service, scale_up"]),
    "next action": (
        short(auto_remediation="{action: scale_up, on_failure: {then: reboot}}"),
        ["rules.yml:6:55: unknown action 'reboot': actions: restart_service, scale_up"]),
    "parameters": (
        short(auto_remediation="{action: scale_up, parameters: {service: db}}"),
        ["rules.yml:6:24: action 'scale_up': 'service' must be api"]),
    "verification": (
        short(auto_remediation="{action: scale_up, verify: {expr: 'cpu <', within: 1m, for: 2m}}"),
        ["rules.yml:6:63: expr: parse error: unexpected end of input", "rules.yml:6:78: 'for' is longer than 'within'"]),
    "recovery on the wrong side": (
        short(recover="{threshold: 6}"), ["rules.yml:6:15: the recovery threshold must be at or below the threshold 5"]),
    "recovery of equality": (
        short(condition="eq", recover="{threshold: 6}"), ["rules.yml:6:15: a recovery threshold needs a condition of greater"]),
    "two recoveries": (
        short(recover="{threshold: 4}", recover_expr="cpu < 4"),
        ["rules.yml:7:5: give 'recover_expr' or a threshold in 'recover', not both"]),
    "two waits": (short(duration="1m", breaches="2 of 3"), ["rules.yml:7:5: give a duration or 'breaches', not both"]),
    "n of m": (short(breaches="5 of 3"), ["rules.yml:6:15: 'breaches': write n of m, as '3 of 5'"]),
    "no_data without a comparison": (
        prometheus(expr="absent(cpu)", no_data="keep"),
        ["rules.yml:6:9: 'no_data' needs an expression that compares with a number: write it as: metric > number"]),
    "only nobody": (short(channels_only="true"), ["rules.yml:6:5: 'channels_only' without channels would tell nobody"]),
    "severity": (short(severity="urgent"), ["rules.yml:6:5: unknown severity 'urgent': write critical, high"]),
    "severity twice": (short(labels="{severity: low}"), ["rules.yml:6:14: the severity is given twice: keep 'severity'"]),
    "ids": (short() + short()[7:], ["rules.yml:6:5: rule id 'r' is taken already at rules.yml:2:5"]),
    "not an id": (short(id="a b"), ["rules.yml:2:9: 'id': not an id: 'a b'"]),
    "group names": (
        "groups: [{name: g}, {name: g}]", ["rules.yml:1:22: group name 'g' is repeated in this file"]),
    "no group name": ("groups: [{name: ''}]", ["rules.yml:1:11: a group needs a name"]),
    "neither": (
        "groups: [{name: g, rules: [{expr: x}]}]", ["rules.yml:1:28: one of 'record' or 'alert' must be set"]),
    "both": (prometheus(record="x"), ["rules.yml:4:9: only one of 'record' and 'alert' may be set"]),
    "fields of alerts": (
        "groups: [{name: g, rules: [{record: x, expr: y, for: 1m}]}]",
        ["rules.yml:1:49: invalid field 'for' in recording rule 'x'"]),
    "label": (prometheus(labels="{__name__: x}"), ["rules.yml:6:18: not a label that a rule may set: '__name__'"]),
    "template": (
        prometheus(annotations="{summary: '{{ end }}'}"), ["rules.yml:6:23: summary: 1:4: unexpected {{end}}"]),
    "template of the short form": (short(description="'{{ end }}'"), ["rules.yml:6:5: description: 1:4: unexpected"]),
    "all at once": (
        short(channels="[a]", severity="b") + short(id="s", metric="sum(")[7:],
        ["rules.yml:6:5: unknown channel 'a'", "rules.yml:7:5: unknown severity 'b'", "rules.yml:9:17: metric: parse error"]),
}  # fmt: skip


@pytest.mark.parametrize("case", FAULTS)
def test_fault(case: str) -> None:
    text, expected = FAULTS[case]
    found = faults(text)
    assert len(found) == len(expected), found
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(start)


class TestFiles:
    def write(self, folder: Path, **texts: str) -> None:
        (folder / "rules").mkdir(exist_ok=True)
        for name, text in texts.items():
            (folder / "rules" / f"{name}.yml").write_text(text)

    def test_patterns_are_seen_from_the_folder(self, tmp_path: Path) -> None:
        self.write(tmp_path, a=short(id="a"), b=prometheus())
        loaded = load_files(["rules/*.yml", "rules/a.yml"], tmp_path, CONTEXT)
        assert loaded.files == ("rules/a.yml", "rules/b.yml")
        assert [rule.id for rule in loaded.rules] == ["a", "rules/b.yml;g;A"]

    def test_all_faults_of_all_files(self, tmp_path: Path) -> None:
        self.write(tmp_path, a=short(metric="sum("), b=short(channels="[x]"), c="rules: [", d=short(id="d"))
        with pytest.raises(ConfigErrors) as caught:
            load_files(["rules/*.yml"], tmp_path, CONTEXT)
        assert [str(fault).split(":")[0] for fault in caught.value.faults] == [
            "rules/a.yml",
            "rules/b.yml",
            "rules/c.yml",
        ]

    def test_ids_are_told_apart_over_files(self, tmp_path: Path) -> None:
        self.write(tmp_path, a=short(), b=short())
        with pytest.raises(
            ConfigError, match=r"rules/b.yml:2:5: rule id 'r' is taken already at rules/a.yml:2:5"
        ):
            load_files(["rules/*.yml"], tmp_path, CONTEXT)

    def test_a_pattern_without_files_is_said(self, tmp_path: Path) -> None:
        assert load_files(["none/*.yml"], tmp_path, CONTEXT).warnings == ("none/*.yml: matches no file",)

    def test_rules_without_ids_that_are_alike_are_numbered(self) -> None:
        text = prometheus() + "      - {alert: A, expr: cpu > 9}\n"
        loaded = parsed(text)
        assert [rule.id for rule in loaded.rules] == ["rules.yml;g;A", "rules.yml;g;A#2"]


class TestDefaults:
    """The five rules of the specification, row S9."""

    ROWS: ClassVar = {
        "high-cpu-usage": ("system_cpu_usage_ratio > 0.8", 300, "high", 600, "email slack", "scale_up", {"instances": 1}),
        "high-memory-usage": (
            "system_memory_usage_ratio > 0.85", 300, "high", 600, "email slack", "optimize_memory", {}),
        "high-response-time": (
            "app_response_time_seconds > 2", 180, "medium", 300, "email", "optimize_database", {}),
        "high-error-rate": (
            "app_error_ratio > 0.05", 180, "critical", 300, "email slack sms", "restart_service", {"service": "api"}),
        "low-throughput": ("app_throughput_requests_per_second < 10", 600, "medium", 900, "email", None, {}),
    }  # fmt: skip

    def test_are_those_of_the_specification(self) -> None:
        folder = Path(ruler.__file__).parent / "defaults" / "rules"
        loaded = load_files(["default.yml"], folder, RuleContext())
        found = {
            rule.id: (
                rule.expr,
                rule.timing.for_ms // 1000,
                rule.severity,
                (rule.cooldown_ms or 0) // 1000,
                " ".join(rule.channels),
                rule.remedy.action if rule.remedy else None,
                rule.remedy.parameters if rule.remedy else {},
            )
            for rule in loaded.rules
        }
        assert found == self.ROWS
        needs_an_app = {rule.id for rule in loaded.rules if rule.optional}
        assert needs_an_app == {"high-response-time", "high-error-rate", "low-throughput"}
        assert loaded.groups[0].interval_ms == 30_000
