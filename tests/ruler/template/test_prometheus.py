"""The templates of rules: Prometheus' functions, and what they see."""

import json
import subprocess
from pathlib import Path

import pytest

from promkit.errors import ConfigError
from promkit.labels import Labels
from ruler.template import TemplateError, alert_data, compile_alert_text, render_alert_text
from tests.peers import peer

DATA = alert_data(
    {"instance": "h.example:9100", "job": "node"}, 0.1234, {"region": "eu"}, "http://p.example/prom"
)


def query(expression: str) -> list[tuple[Labels, float]]:
    if expression == "none":
        return []
    return [(Labels({"host": "b", "__value__": "v"}), 2.0), (Labels({"host": "a"}), 1e9)]


def render(text: str) -> str:
    return render_alert_text(compile_alert_text(text, "summary"), DATA, 1_500_000_000_000, query)


RENDERS = {
    "labels and value": ("{{ $labels.instance }} {{ $value }}", "h.example:9100 0.1234"),
    "the long way": ("{{ .Labels.job }} {{ .Value }}", "node 0.1234"),
    "missing label": ("({{ $labels.nope }})", "()"),
    "external": ("{{ $externalLabels.region }} {{ $externalURL }}", "eu http://p.example/prom"),
    "percentage": ("{{ $value | humanizePercentage }}", "12.34%"),
    "humanize": ("{{ humanize 1234567.0 }} {{ humanize 0.00012 }} {{ humanize 0.0 }}", "1.235M 120u 0"),
    "humanize1024": ("{{ humanize1024 1610612736.0 }} {{ humanize1024 100.0 }}", "1.5Gi 100"),
    "duration": ("{{ humanizeDuration 3661.0 }} {{ humanizeDuration 0.1 }}", "1h 1m 1s 100ms"),
    "timestamp": ("{{ humanizeTimestamp 1435065584.128 }}", "2015-06-23 13:19:44.128 +0000 UTC"),
    "query": ('{{ range query "up" }}{{ .Labels.host }}={{ .Value }} {{ end }}', "b=2 a=1e+09 "),
    "first": ('{{ with query "up" }}{{ . | first | value }} {{ . | first | label "host" }}{{ end }}', "2 b"),
    "sorted": ('{{ range query "up" | sortByLabel "host" }}{{ .Labels.host }}{{ end }}', "ab"),
    "strvalue": ('{{ query "up" | first | strvalue }}', "v"),
    "no result": ('{{ with query "none" }}x{{ else }}nothing{{ end }}', "nothing"),
    "stripPort": ("{{ stripPort $labels.instance }} {{ stripDomain $labels.instance }}", "h.example h:9100"),
    "prefix": ("{{ pathPrefix }} {{ externalURL }}", "/prom http://p.example/prom"),
    "parseDuration": ('{{ parseDuration "1h30m" }}', "5400"),
    "args": ('{{ define "t" }}{{ .arg0 }}-{{ .arg1 }}{{ end }}{{ template "t" (args 1 "b") }}', "1-b"),
    "links": ('{{ graphLink "up == 0" }}', "/graph?g0.expr=up+%3D%3D+0&g0.tab=0"),
    "now": ("{{ now }}", "1.5e+09"),
    "time": ("{{ (1435065584.0 | toTime).Year }}", "2015"),
    "float format": ('{{ printf "%.2f" $value }} {{ with printf "%g" 1e6 }}{{ . }}{{ end }}', "0.12 1e+06"),
}


@pytest.mark.parametrize(("text", "wanted"), RENDERS.values(), ids=RENDERS)
def test_renders(text: str, wanted: str) -> None:
    assert render(text) == wanted


@pytest.mark.service
def test_promtool_renders_the_same(tmp_path: Path) -> None:
    promtool = peer("promtool")
    same = {
        f"case_{number}": row
        for number, (name, row) in enumerate(RENDERS.items())
        # promtool has no such samples, another now, and no external URL.
        if name not in {"query", "sorted", "first", "strvalue", "no result", "now", "prefix"}
    }
    labels = {"instance": "h.example:9100", "job": "node"}
    rule = {
        "alert": "A",
        "expr": "m",
        "annotations": {name: text for name, (text, _) in same.items()},
    }
    expected = {
        "exp_labels": {"alertname": "A", **labels},
        "exp_annotations": {name: text for name, (_, text) in same.items()},
    }
    test = {
        "rule_files": ["rules.yml"],
        "tests": [
            {
                "interval": "1m",
                "external_labels": {"region": "eu"},
                "external_url": "http://p.example/prom",
                "input_series": [{"series": 'm{instance="h.example:9100",job="node"}', "values": "0.1234x5"}],
                "alert_rule_test": [{"eval_time": "2m", "alertname": "A", "exp_alerts": [expected]}],
            }
        ],
    }
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "g", "rules": [rule]}]}))
    (tmp_path / "test.yml").write_text(json.dumps(test))
    run = subprocess.run(
        [promtool, "test", "rules", tmp_path / "test.yml"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


REFUSED = {
    "field": ("{{ $labels.x }} {{ .Lables.x }}", "no field Lables"),
    "function": ("{{ humanise $value }}", "function 'humanise' is not defined"),
    "variable": ("{{ $label.x }}", "undefined variable $label"),
}


@pytest.mark.parametrize(("text", "says"), REFUSED.values(), ids=REFUSED)
def test_refused_when_read(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compile_alert_text(text, "summary")
    assert says in str(caught.value)


def test_a_query_without_a_result_fails_where_one_is_needed() -> None:
    with pytest.raises(TemplateError, match="no elements"):
        render('{{ query "none" | first | value }}')
