"""Each rule of the linter with a dashboard that breaks it, and one that breaks none."""

import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumina.dashboards import RULES, lint, text_of
from tests.builders.grafana import a_document

Json = dict[str, Any]
Change = Callable[[Json], object]
GOOD = a_document(
    {"queries": [{"expr": 'rate(x_total{job=~"$job",instance=~"$instance"}[$__rate_interval])'}]},
    {"type": "table"},
    {"type": "heatmap"},
)


def variable(document: Json, name: str) -> Json:
    return next(one for one in document["templating"]["list"] if one["name"] == name)


def target(document: Json) -> Json:
    found: Json = document["panels"][0]["targets"][0]
    return found


def asks(expr: str) -> Change:
    return lambda document: target(document).update(expr=expr)


def set_(path: str, value: Any) -> Change:
    """Put a value where the path of keys leads."""

    def change(document: Json) -> None:
        *parents, last = [int(key) if key.isdigit() else key for key in path.split("/")]
        inner: Any = document
        for key in parents:
            inner = inner[key]
        inner[last] = value

    return change


def of_variable(name: str, /, **keys: Any) -> Change:
    return lambda document: variable(document, name).update(keys)


def without_variable(name: str) -> Change:
    return lambda document: document["templating"]["list"].remove(variable(document, name))


IN_ROW = {"type": "row", "panels": [{"type": "timeseries", "id": 9, "title": "inside", "targets": []}]}
J = 'job=~"$job"'
I = 'instance=~"$instance"'  # noqa: E741 - as long as its neighbour
BROKEN: dict[str, tuple[str, Change, str]] = {
    "no chooser": ("template-datasource", without_variable("datasource"), "no variable chooses"),
    "chooser's name": ("template-datasource", of_variable("datasource", name="ds"), "is called 'ds'"),
    "chooser's label": ("template-datasource", of_variable("datasource", label="DS"), "labelled 'DS'"),
    "no job": ("template-job", without_variable("job"), "no variable 'job'"),
    "job's type": ("template-job", of_variable("job", type="custom"), "is a custom, not a query"),
    "job's source": (
        "template-job",
        of_variable("job", datasource={"uid": "prom"}),
        "data source of its own",
    ),
    "job's label": ("template-job", of_variable("job", label="job"), "labelled 'job', not 'Job'"),
    "one job only": ("template-job", of_variable("job", multi=False), "only one value"),
    "all jobs": ("template-job", of_variable("job", allValue=".*"), "not '.+'"),
    "no instance": ("template-instance", without_variable("instance"), "no variable 'instance'"),
    "all instances": ("template-instance", of_variable("instance", allValue=None), "not '.+'"),
    "asked once": ("template-on-time-change-reload", of_variable("job", refresh=1), "time range changes"),
    "variable's PromQL": (
        "template-label-promql",
        of_variable("job", query="label_values(up{, job)"),
        "the variable 'job'",
    ),
    "variable's function": (
        "template-label-promql",
        of_variable("job", query="metrics(up)"),
        "not label_values",
    ),
    "panel's source": ("panel-datasource", set_("panels/0/datasource", {"uid": "prom"}), "of its own"),
    "query's source": ("panel-datasource", set_("panels/0/targets/0/datasource", "prom"), "of its own"),
    "no title": ("panel-title-description", set_("panels/0/title", ""), "has no title"),
    "no description": ("panel-title-description", set_("panels/0/description", ""), "has no description"),
    "no unit": ("panel-units", set_("panels/0/fieldConfig/defaults/unit", ""), "has no unit"),
    "a made-up unit": ("panel-units", set_("panels/0/fieldConfig/defaults/unit", "furlong"), "'furlong'"),
    "a made-up unit of one field": (
        "panel-units",
        set_("panels/0/fieldConfig/overrides", [{"properties": [{"id": "unit", "value": "ell"}]}]),
        "'ell'",
    ),
    "no query": ("panel-no-targets", set_("panels/0/targets", []), "has no query"),
    "no query in a row": ("panel-no-targets", lambda d: d["panels"].append(IN_ROW), "'inside': has no query"),
    "no PromQL": ("target-promql", asks(f"sum(up{{{J},{I}}}"), "query A"),
    "a window of its own": (
        "target-rate-interval",
        asks(f"rate(x_total{{{J},{I}}}[5m])"),
        "rate() of x_total",
    ),
    "another variable": (
        "target-rate-interval",
        asks(f"irate(x_total{{{J},{I}}}[$__interval])"),
        "irate() of x_total",
    ),
    "any job": ("target-job", asks(f"up{{{I}}}"), 'up has no job=~"$job"'),
    "job by equality": ("target-job", asks(f'up{{job="$job",{I}}}'), 'up has no job=~"$job"'),
    "any job in one of two": ("target-job", asks(f"up{{{J},{I}}} / on () down{{{I}}}"), "down has no job"),
    "any instance": ("target-instance", asks(f"up{{{J}}}"), 'up has no instance=~"$instance"'),
    "a bare counter": ("target-counter-agg", asks(f"sum(x_total{{{J},{I}}})"), "x_total is a counter"),
    "editable": ("uneditable", set_("editable", True), "may be edited"),
    "no uid": ("identity", set_("uid", ""), "has no uid"),
    "an id": ("identity", set_("id", 7), "has the id 7"),
    "no schema version": ("identity", set_("schemaVersion", None), "has no schemaVersion"),
    "inputs": ("identity", set_("__inputs", []), "has __inputs"),
    "one id twice": ("unique", set_("panels/1/id", 1), "its id 1"),
    "no refId": ("unique", set_("panels/0/targets/0/refId", ""), "refId"),
    "upon another": (
        "grid",
        set_("panels/1/gridPos", {"x": 0, "y": 0, "w": 4, "h": 4}),
        "lies upon 'Widget 0'",
    ),
    "too wide": (
        "grid",
        set_("panels/0/gridPos", {"x": 0, "y": 99, "w": 30, "h": 4}),
        "ends at column 30 of 24",
    ),
    "nowhere": ("grid", set_("panels/0/gridPos", {}), "no place on the grid"),
}


def test_a_good_one_has_no_findings() -> None:
    assert lint(GOOD) == []


@pytest.mark.parametrize(("rule", "change", "said"), BROKEN.values(), ids=BROKEN)
def test_rule(rule: str, change: Change, said: str) -> None:
    document = deepcopy(GOOD)
    change(document)
    found = [str(one) for one in lint(document) if one.rule == rule]
    assert len(found) == 1, found
    assert said in found[0]
    assert found[0].endswith(f"({rule})")


def test_every_rule_has_a_dashboard_that_breaks_it() -> None:
    assert {rule for rule, _, _ in BROKEN.values()} == {rule.name for rule in RULES}
    assert all(rule.asks for rule in RULES)


def test_mappings_stand_for_a_unit() -> None:
    document = deepcopy(GOOD)
    document["panels"][0]["fieldConfig"]["defaults"].update(unit="", mappings=[{"type": "value"}])
    assert lint(document) == []


KEYS = sorted(set(re.findall(r'"(\w+)"', text_of(GOOD))))
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["panels", "templating", "title", "id"]), ANY))
def test_any_json_has_findings_and_no_crash(document: Json) -> None:
    assert lint(document)
