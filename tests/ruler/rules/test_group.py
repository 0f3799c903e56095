"""Rules at one instant: what breaches, what has data, what has recovered, whose target fails."""
# ruff: noqa: E501 - a case is a row

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from promkit.errors import QueryError
from promkit.labels import METRIC_NAME, Labels
from ruler.promql import Engine
from ruler.rules import (
    Comparison,
    Condition,
    Evaluation,
    Group,
    NoData,
    NoDataState,
    Rule,
    RuleContext,
    TemplateData,
    evaluate,
    parse_rules,
    recorded,
)
from tests.builders.rules import NOW_MS, STEP_MS, a_rule
from tests.builders.series import ListSource

A = Labels({"job": "j", "instance": "a", "severity": "high", "alertname": "Busy"})
B = A.merged({"instance": "b"})
STALE_AFTER_MS = 300_000


def engine(**series: Mapping[int, float]) -> Engine:
    """Series `metric__instance`, each a mapping from seconds before the evaluation to a value."""
    source = ListSource()
    for name, points in series.items():
        metric, _, instance = name.partition("__")
        labels = Labels({METRIC_NAME: metric, "job": "j", "instance": instance})
        source.add(labels, [(NOW_MS - ago * 1000, value) for ago, value in points.items()])
    return Engine(source)


def a_group(rule: Rule, **fields: Any) -> Group:
    return Group("g", "rules.yml", STEP_MS, (rule,), **fields)


def found(rule: Rule, on: Engine, **fields: Any) -> Evaluation:
    return evaluate(rule, a_group(rule), on, NOW_MS, **fields)


def breaching(evaluation: Evaluation) -> dict[Labels, float]:
    assert evaluation.error is None
    return {breach.labels: breach.value for breach in evaluation.breaching}


SINCE: dict[str, tuple[str, float, dict[int, float], bool]] = {
    # condition, threshold, samples by age in seconds; evaluated every 30 s
    "all breach": ("gt", 5, {25: 6, 15: 7, 5: 8}, True),
    "one in between does not": ("gt", 5, {25: 6, 15: 4, 5: 8}, False),
    "the latest does not": ("gt", 5, {25: 6, 5: 5}, False),
    "one before the window does not": ("gt", 5, {30: 4, 25: 6, 5: 8}, True),
    "none since: the latest stands": ("gt", 5, {100: 6}, True),
    "none since, and too old": ("gt", 5, {STALE_AFTER_MS // 1000: 6}, False),
    "none at all": ("gt", 5, {}, False),
    "lower": ("lt", 5, {25: 4, 5: 3}, True),
    "lower, not throughout": ("lt", 5, {25: 6, 5: 3}, False),
    "equal": ("eq", 5, {25: 5, 5: 5}, True),
    "equal, not throughout": ("eq", 5, {25: 4, 5: 5}, False),
    "not equal": ("ne", 5, {25: 4, 5: 6}, True),
    "not equal, not throughout": ("ne", 5, {25: 5, 5: 6}, False),
    "at least": ("ge", 5, {25: 5, 5: 6}, True),
    "at most": ("le", 5, {25: 5, 5: 4}, True),
    "a real NaN does not breach": ("gt", 5, {25: float("nan"), 5: 6}, False),
}


@pytest.mark.parametrize("case", SINCE)
def test_short_form_looks_at_every_sample(case: str) -> None:
    comparison, threshold, samples, expected = SINCE[case]
    rule = a_rule(condition=Condition("cpu", Comparison(comparison), threshold))
    evaluation = found(rule, engine(cpu__a=samples), since_ms=NOW_MS - STEP_MS)
    assert (A in breaching(evaluation)) is expected


def test_the_value_is_the_latest() -> None:
    assert breaching(found(a_rule(), engine(cpu__a={25: 6, 5: 8}, cpu__b={25: 6, 5: 5}))) == {A: 8}


def test_after_a_late_evaluation_all_samples_since_count() -> None:
    late = found(a_rule(), engine(cpu__a={80: 4, 50: 6, 5: 8}), since_ms=NOW_MS - 90_000)
    assert breaching(late) == {}


def test_an_expression_goes_by_its_value() -> None:
    rule = a_rule(condition=Condition("max by (instance) (cpu)", Comparison.GT, 5))
    found_ = breaching(found(rule, engine(cpu__a={15: 4, 5: 8})))
    assert found_ == {Labels({"instance": "a", "severity": "high", "alertname": "Busy"}): 8}


PROMETHEUS = a_rule(short=False, expr="cpu > 5")


class TestPrometheusForm:
    def test_goes_by_the_value_now(self) -> None:
        assert breaching(found(PROMETHEUS, engine(cpu__a={15: 4, 5: 8}, cpu__b={5: 5}))) == {A: 8}

    def test_a_scalar_is_a_series_without_labels(self) -> None:
        rule = replace(PROMETHEUS, expr="2 + 3")
        assert breaching(found(rule, engine())) == {Labels({"severity": "high", "alertname": "Busy"}): 5}

    def test_another_result_fails(self) -> None:
        evaluation = found(replace(PROMETHEUS, expr="cpu[1m]"), engine(cpu__a={5: 8}))
        assert evaluation.error == "rule result is not a vector or scalar"

    def test_a_failing_query_is_said(self) -> None:
        evaluation = found(
            replace(PROMETHEUS, expr="cpu + on (job) cpu"), engine(cpu__a={5: 8}, cpu__b={5: 8})
        )
        assert "many-to-many" in (evaluation.error or "")
        assert not evaluation.cleared

    def test_looks_back_by_the_offset(self) -> None:
        group = a_group(PROMETHEUS, query_offset_ms=10_000)
        on = engine(cpu__a={15: 8, 5: 4})
        assert breaching(evaluate(PROMETHEUS, group, on, NOW_MS)) == {A: 8}

    def test_labels_of_the_rule_stand_over_those_of_the_series(self) -> None:
        rule = replace(PROMETHEUS, labels=Labels({"job": "mine", "instance": "{{ drop }}"}))
        evaluation = found(rule, engine(cpu__a={5: 8}), render=lambda _text, _data: "")
        assert list(breaching(evaluation)) == [Labels({"job": "mine", "alertname": "Busy"})]

    def test_two_alerts_of_one_label_set_fail(self) -> None:
        rule = replace(PROMETHEUS, labels=Labels({"instance": "x"}))
        evaluation = found(rule, engine(cpu__a={5: 8}, cpu__b={5: 9}))
        assert (
            evaluation.error == "vector contains metrics with the same labelset after applying alert labels"
        )

    def test_more_than_the_limit_clears(self) -> None:
        group = a_group(PROMETHEUS, limit=1)
        evaluation = evaluate(PROMETHEUS, group, engine(cpu__a={5: 8}, cpu__b={5: 9}), NOW_MS)
        assert (evaluation.error, evaluation.cleared) == ("exceeded limit of 1 with 2 alerts", True)


class TestTexts:
    def test_are_rendered_with_labels_and_value(self) -> None:
        def render(text: str, data: TemplateData) -> str:
            return text.replace("{{ x }}", f"{data.labels['instance']}={data.value:g}@{data.at_ms}")

        rule = a_rule(annotations={"a": "is {{ x }}", "b": "fixed"}, labels=Labels({"level": "{{ x }}"}))
        (breach,) = found(rule, engine(cpu__a={5: 8}), render=render).breaching
        assert breach.annotations == {"a": f"is a=8@{NOW_MS}", "b": "fixed"}
        assert breach.labels["level"] == f"a=8@{NOW_MS}"

    def test_a_failing_template_stands_in_its_text(self) -> None:
        def render(_text: str, _data: TemplateData) -> str:
            raise QueryError("no such function")

        (breach,) = found(
            a_rule(annotations={"a": "{{ x }}"}), engine(cpu__a={5: 8}), render=render
        ).breaching
        assert breach.annotations == {"a": "<error expanding template: no such function>"}


KEEP = a_rule(no_data=NoData(NoDataState.KEEP, 0))
ALERT = a_rule(no_data=NoData(NoDataState.ALERT, 0))


class TestData:
    """What is known of alerts that are not breached now."""

    CASES: Mapping[str, tuple[dict[str, dict[int, float]], tuple[int, int, bool]]] = {
        # series; then: A is present, A's target fails, nothing is known of any target
        "has data": ({"cpu__a": {5: 1}}, (1, 0, False)),
        "its target fails": ({"up__a": {5: 0}, "up__b": {5: 1}}, (0, 1, False)),
        "another target fails": ({"up__a": {5: 1}, "up__b": {5: 0}}, (0, 0, False)),
        "its target is no longer there": ({"up__b": {5: 1}}, (0, 0, False)),
        "no target at all": ({}, (0, 0, True)),
    }

    @pytest.mark.parametrize("case", CASES)
    def test_is_told_apart(self, case: str) -> None:
        series, (is_present, is_failing, blind) = self.CASES[case]
        evaluation = found(KEEP, engine(**series), known=[A])
        assert evaluation.present == frozenset([A] * is_present)
        assert evaluation.failing == frozenset([A] * is_failing)
        assert evaluation.blind == blind

    def test_is_not_asked_without_need(self) -> None:
        asked: list[str] = []

        class Counting(Engine):
            def instant(self, query: Any, *args: Any, **more: Any) -> Any:
                asked.append(str(query))
                return super().instant(query, *args, **more)

        on = Counting(ListSource())
        found(KEEP, on)
        found(PROMETHEUS, on, known=[A])
        assert asked == ["cpu", "cpu > 5"]
        found(KEEP, on, known=[A])
        assert asked[2:] == ["cpu", "up"]

    def test_without_target_labels_any_failing_target_counts(self) -> None:
        rule = replace(KEEP, condition=Condition("sum(cpu)", Comparison.GT, 5), present_expr="sum(cpu)")
        alert = Labels({"severity": "high", "alertname": "Busy"})
        assert found(rule, engine(up__a={5: 0}), known=[alert]).failing == frozenset({alert})
        assert found(rule, engine(up__a={5: 1}), known=[alert]).failing == frozenset()

    def test_a_rule_that_alerts_on_silence_learns_all_it_sees(self) -> None:
        evaluation = found(ALERT, engine(cpu__a={5: 1}, cpu__b={5: 9}))
        assert evaluation.present == frozenset({A})
        assert list(breaching(evaluation)) == [B]

    def test_a_label_that_hangs_on_the_value_does_not_hide_data(self) -> None:
        rule = replace(KEEP, labels=Labels({"severity": "{{ x }}"}))
        evaluation = found(rule, engine(cpu__a={5: 1}), known=[A.merged({"severity": "critical"})])
        assert len(evaluation.present or ()) == 1

    def test_the_prometheus_form_is_asked_by_what_it_compares(self) -> None:
        text = "groups: [{name: g, rules: [{alert: Busy, expr: cpu > 5, no_data: keep, labels: {severity: high}}]}]"
        (group,) = parse_rules(text, "rules.yml", RuleContext()).groups
        evaluation = evaluate(group.rules[0], group, engine(cpu__a={5: 1}), NOW_MS, known=[A, B])
        assert evaluation.present == frozenset({A})


RECOVERY: dict[str, tuple[str, set[Labels]]] = {
    "of each": ("cpu < 4", {A}),
    "with fewer labels": ("max by (instance) (cpu) < 4", {A}),
    "of all": ("vector(1)", {A, B}),
    "of none": ("cpu < 1", set()),
}


@pytest.mark.parametrize("case", RECOVERY)
def test_recovery_covers_alerts_that_have_its_labels(case: str) -> None:
    expr, expected = RECOVERY[case]
    on = engine(cpu__a={5: 3}, cpu__b={5: 4.5})
    evaluation = found(replace(PROMETHEUS, recover_expr=expr), on, known=[A, B])
    assert evaluation.recovered == frozenset(expected)


class TestRecorded:
    def rule(self, text: str) -> tuple[Rule, Group]:
        (group,) = parse_rules(f"groups: [{{name: g, {text}}}]", "rules.yml", RuleContext()).groups
        return group.rules[0], group

    def test_carries_its_own_name_and_labels(self) -> None:
        rule, group = self.rule(
            "labels: {site: s}, rules: [{record: cpu:sum, expr: cpu * 2, labels: {kind: k, job: ''}}]"
        )
        labels, values = recorded(rule, group, engine(cpu__a={5: 4}), NOW_MS)
        assert labels == [Labels({METRIC_NAME: "cpu:sum", "instance": "a", "kind": "k", "site": "s"})]
        assert np.array_equal(values, [8.0])

    FAILURES: Mapping[str, tuple[str, str]] = {
        "one name twice": (
            "rules: [{record: x, expr: cpu, labels: {instance: ''}}]",
            "same labelset after applying rule",
        ),
        "over the limit": ("limit: 1, rules: [{record: x, expr: cpu}]", "exceeded limit of 1 with 2 series"),
        "no vector": ("rules: [{record: x, expr: 'cpu[1m]'}]", "not a vector or scalar"),
    }

    @pytest.mark.parametrize("case", FAILURES)
    def test_fails(self, case: str) -> None:
        text, problem = self.FAILURES[case]
        rule, group = self.rule(text)
        with pytest.raises(QueryError, match=problem):
            recorded(rule, group, engine(cpu__a={5: 4}, cpu__b={5: 4}), NOW_MS)


def test_many_series_are_handled_in_batch(benchmark_ms: Callable[[Callable[[], object]], float]) -> None:
    source = ListSource()
    for index in range(2_000):
        source.add(
            Labels({METRIC_NAME: "cpu", "job": "j", "instance": str(index)}),
            [(NOW_MS - ago * 1000, 9.0) for ago in (25, 15, 5)],
        )
    on = Engine(source)
    rule = a_rule()
    assert len(found(rule, on).breaching) == 2_000
    assert benchmark_ms(lambda: found(rule, on)) < 2_000
