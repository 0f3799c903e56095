"""The pages' markup: what stands where, and that nothing from outside is markup."""

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import pytest

from ruler.ui.ahead import ahead
from ruler.ui.panels import fitting_ms, lines_of
from ruler.ui.views import rule_views
from tests.builders.ruler import ARuler, a_ruler_in_memory

EVIL = '<script>alert("x")</script>'
RULES: dict[str, Any] = {
    "rules": [
        {
            "id": "cpu",
            "name": "CPU High",
            "description": f"{EVIL} {{{{ $labels.host }}}}",
            "metric": "cpu_ratio",
            "condition": "gt",
            "threshold": 0.8,
            "duration": "0s",
            "severity": "high",
            "channels": ["email"],
        },
        {
            "id": "flow",
            "name": "Low Flow",
            "metric": "flow",
            "condition": "lt",
            "threshold": 10,
            "duration": "5m",
            "optional": True,
        },
    ],
    "groups": [
        {
            "name": "g",
            "rules": [
                {"record": "a:b", "expr": "sum(cpu_ratio)"},
                {"alert": "Absent", "expr": "absent(cpu_ratio)"},
            ],
        }
    ],
}
CONFIG = {"scrape_configs": [{"job_name": "j", "static_configs": [{"targets": ["127.0.0.1:1"]}]}]}
PAGES = ("/", "/dashboards", "/alerts", "/rules", "/targets", "/deliveries", "/remediations", "/query")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ARuler]:
    with a_ruler_in_memory(tmp_path_factory.mktemp("site"), CONFIG, RULES) as ruler:
        ruler.feed(
            ("cpu_ratio", {"host": EVIL}, 0.9),
            ("cpu_ratio", {"host": "calm"}, 0.4),
            ("analytics_seconds_to_breach", {"rule": "cpu", "metric": "cpu_ratio", "host": EVIL}, 900),
            ("analytics_anomaly_score", {"metric": "flow", "model": "m"}, 0.7),
            ("analytics_anomaly_score", {"metric": "calm", "model": "m"}, 0.1),
        )
        ruler.evaluate()
        yield ruler


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[ARuler]:
    with a_ruler_in_memory(tmp_path) as ruler:
        yield ruler


@pytest.mark.parametrize("path", PAGES)
def test_every_page_stands_on_an_empty_system(empty: ARuler, path: str) -> None:
    answer = empty.get(path)
    assert answer.status == 200
    assert "All times are" in answer.text


@pytest.mark.parametrize("path", PAGES)
def test_nothing_from_outside_is_markup(site: ARuler, path: str) -> None:
    text = site.get(path).text
    assert EVIL not in text
    assert text.count("<script") == 1
    assert "style=" not in text
    assert "onclick=" not in text


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_not_kept_and_forbid_inline_code(site: ARuler, path: str) -> None:
    headers = {name.lower(): value for name, value in site.get(path).headers.items()}
    assert headers["cache-control"] == "no-store"
    assert "unsafe-inline" not in headers["content-security-policy"]


def test_the_front_page_sums_up(site: ARuler) -> None:
    text = site.get("/").text
    assert "(1) Overview" in text
    assert "<b>1</b> alert fires" in text
    assert "<b>dry run</b> remediation" in text
    assert escape(EVIL, quote=True).replace("&quot;", "&#34;").replace("&#x27;", "&#39;") in text
    for thing in ("channels.email", "remediation.enabled: true", "ruler.yml", "&gt; 80 %", "&lt; 10 for 5m"):
        assert thing in text


def test_what_comes_is_on_the_front_page_and_calm_series_are_not(site: ARuler) -> None:
    text = site.get("/").text
    assert "<h2>Ahead</h2>" in text
    assert "in 15 min" in text
    assert "70 % strange" in text
    assert [one.metric for one in ahead(site.rooms.engine, site.clock.at_ms)] == ["cpu_ratio", "flow"]


def test_without_analytics_nothing_is_said_of_it(empty: ARuler) -> None:
    assert "Ahead" not in empty.get("/").text


def test_an_alerts_page_links_to_all_that_it_has_to_do_with(site: ARuler) -> None:
    alert = site.alert("CPU High")
    text = site.get(f"/alerts/{alert.fingerprint}").text
    for link in ('href="/rules#cpu"', 'href="/query?expr=cpu_ratio"', 'href="/deliveries"'):
        assert link in text
    for form in ("acknowledge", "silence", "resolve"):
        assert f'data-api="/api/v1/lumina/alerts/{alert.fingerprint}/{form}"' in text
    assert "email is not set up" in text
    assert "threshold <b>80 %</b>" in text


def test_links_of_posted_alerts_are_followed_only_to_http(empty: ARuler) -> None:
    empty.post(
        "/api/v2/alerts",
        [
            {
                "labels": {"alertname": "A"},
                "annotations": {"runbook_url": "javascript:alert(1)"},
                "generatorURL": "http://prometheus/graph",
            }
        ],
    )
    text = empty.get(f"/alerts/{empty.alert('A').fingerprint}").text
    assert 'href="http://prometheus/graph"' in text
    assert 'href="javascript' not in text
    assert "posted from outside" in text


def test_an_unknown_alert_is_a_page_that_leads_back(site: ARuler) -> None:
    answer = site.get("/alerts/0123456789abcdef")
    assert answer.status == 404
    assert "no alert 0123456789abcdef" in answer.text
    assert 'href="/"' in answer.text


def test_an_acknowledged_and_silenced_alert_says_so(tmp_path: Path) -> None:
    with a_ruler_in_memory(tmp_path, CONFIG, RULES) as ruler:
        ruler.feed(("cpu_ratio", {"host": "a"}, 0.9))
        ruler.evaluate()
        base = f"/api/v1/lumina/alerts/{ruler.alert('CPU High').fingerprint}"
        ruler.post(f"{base}/acknowledge", {"by": "ann", "comment": "on it"})
        ruler.post(f"{base}/silence", {"by": "ben", "comment": "later", "duration": "1h"})
        text = ruler.get(f"/alerts/{ruler.alert('CPU High').fingerprint}").text
        assert "Acknowledged by ann" in text
        assert "Nobody is told:" in text
        assert "/unacknowledge" in text
        listed = ruler.get("/alerts").text
        assert "acknowledged by ann" in listed
        assert 'data-method="DELETE"' in listed
        assert "in 1 h" in listed


def test_an_alert_that_escalates_says_its_level_and_who_is_told_next(tmp_path: Path) -> None:
    config = {
        "channels": {"webhook": {"url": "http://127.0.0.1:9/"}},
        "escalations": {
            "on-call": {"steps": [{"notify": ["webhook"]}, {"after": "10m", "notify": ["webhook"]}]}
        },
    }
    rules = {"rules": [{**RULES["rules"][0], "escalation": "on-call", "channels": []}]}
    with a_ruler_in_memory(tmp_path, config, rules) as ruler:
        ruler.feed(("cpu_ratio", {"host": "a"}, 0.9))
        ruler.evaluate()
        ruler.delivery.settled(["cpu"])
        ruler.delivery.turn()
        path = f"/alerts/{ruler.alert('CPU High').fingerprint}"
        text = ruler.get(path).text
        assert "level 1 of 2" in text
        assert "in 10 min" in text
        assert f'data-api="/api/v1/lumina{path}/escalate"' in text
        assert "escalated to level 1" in ruler.get("/alerts").text
        ruler.post(f"/api/v1/lumina{path}/acknowledge", {"by": "ann"})
        assert "held back: acknowledged by ann" in ruler.get(path).text
        ruler.post(f"/api/v1/lumina{path}/escalate", {"by": "ann"})
        text = ruler.get(path).text
        assert "at the top: nobody is left to be told" in text
        assert "/escalate" not in text


def test_a_rule_that_is_off_can_be_turned_on(tmp_path: Path) -> None:
    with a_ruler_in_memory(tmp_path, rules=RULES) as ruler:
        assert 'aria-label="Turn off CPU High"' in ruler.get("/rules").text
        ruler.post("/api/v1/lumina/rules/cpu/switch", {"enabled": False, "by": "ann"})
        text = ruler.get("/rules").text
        assert 'aria-label="Turn on CPU High"' in text
        assert "off by ann" in text


def test_a_rule_of_the_api_says_by_whom(tmp_path: Path) -> None:
    with a_ruler_in_memory(tmp_path, rules=RULES) as ruler:
        rule = {"id": "hot", "metric": "t", "condition": "gt", "threshold": 30}
        assert ruler.post("/api/v1/lumina/rules?by=ann", rule).status == 201
        ruler.later(60_000)
        text = ruler.get("/rules").text
        assert "<h2><code>rules/api.yml</code></h2>" in text
        assert re.search("made by ann, <time [^>]*>1 min ago</time>", text)


VIEWS = {
    "CPU High": ("90 %", "> 80 %", True, "firing"),
    "Low Flow": ("no data yet", "< 10 for 5m", False, "inactive"),
    "a:b": ("", "", False, "recording"),
    "Absent": ("", "", False, "inactive"),
}


def test_rules_stand_with_their_present_value_beside_the_threshold(site: ARuler) -> None:
    found = {
        view.rule.name: (view.present, view.threshold, view.breached, view.state)
        for view in rule_views(site.rooms, site.clock.at_ms)
    }
    assert found == VIEWS


def test_the_front_page_leaves_out_what_has_no_threshold(site: ARuler) -> None:
    views = rule_views(site.rooms, site.clock.at_ms, thresholds_only=True)
    assert [view.rule.name for view in views] == ["CPU High", "Low Flow"]


QUERIES: dict[str, tuple[str, list[str]]] = {
    "a vector": ("cpu_ratio", ["0.9", "0.4", "<h2>Graph</h2>", "90 %"]),
    "a scalar": ("1 + 1", ["scalar", "2"]),
    "a string": ('"text"', ["string", "text"]),
    "raw samples": ("cpu_ratio[5m]", ["0.9"]),
    "nothing": ("none_such", ["has no result now"]),
    "a fault": ("sum(\nfoo{)", ["parse error", '<pre class="pointer">foo{)', "    ^</pre>"]),
    "a fault of types": ("rate(foo)", ["expected type range vector"]),
}


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_is_answered_or_its_fault_shown_where_it_is(site: ARuler, name: str) -> None:
    expr, shown = QUERIES[name]
    answer = site.get("/query", expr=expr)
    assert answer.status == 200
    for text in shown:
        assert text in answer.text


@pytest.mark.parametrize("range_", ["soon", "0s", "-5m"])
def test_a_range_that_is_none_is_refused(site: ARuler, range_: str) -> None:
    assert site.get("/query", expr="up", range=range_).status == 400


FITTING = {
    "nothing there": (None, 3_600_000),
    "seconds": (10_000, 300_000),
    "ten minutes": (600_000, 900_000),
    "twenty": (1_200_000, 1_800_000),
    "three quarters": (2_700_000, 3_600_000),
    "days": (864_000_000, 3_600_000),
}


@pytest.mark.parametrize("name", FITTING)
def test_a_young_history_fills_the_width(name: str) -> None:
    age_ms, expected = FITTING[name]
    now_ms = 1_700_000_000_000
    span = None if age_ms is None else (now_ms - age_ms, now_ms)
    assert fitting_ms(3_600_000, span, now_ms) == expected


def test_a_refresh_moves_no_point_but_the_last(empty: ARuler) -> None:
    for n in range(10):
        empty.feed(("a", {}, n))
        empty.later(15_000)
    engine = empty.rooms.engine
    times, (before,) = lines_of(engine, "a", empty.clock.at_ms + 1_000, 300_000)
    later, (after,) = lines_of(engine, "a", empty.clock.at_ms + 4_000, 300_000)
    assert times[:-1].tolist() == later[:-1].tolist()
    assert before.values[:-1].tobytes() == after.values[:-1].tobytes()
    assert (times[-1], later[-1]) == (empty.clock.at_ms + 1_000, empty.clock.at_ms + 4_000)
    assert after.values[-1] == 9
