"""The five default rules where nothing is set up: each fires, and what is missing is recorded."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from lumina.home import DEFAULT_ADDRESSES, prepare
from tests.builders.e2e import Ruler, a_ruler, ask, until
from tests.builders.pages import serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

BREACHING = """\
system_cpu_usage_ratio 0.97
system_memory_usage_ratio 0.91
app_response_time_seconds{component="api"} 3.5
app_error_ratio{component="api"} 0.2
app_throughput_requests_per_second{component="api"} 2
"""
RULES = {
    "high-cpu-usage": ({"email", "slack"}, "scale_up"),
    "high-memory-usage": ({"email", "slack"}, "optimize_memory"),
    "high-response-time": ({"email"}, "optimize_database"),
    "high-error-rate": ({"email", "slack", "sms"}, "restart_service"),
    "low-throughput": ({"email"}, None),
}


@pytest.fixture(scope="module")
def ruler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ruler]:
    """The shipped configuration; only the durations are made short, and the target is ours."""
    folder = tmp_path_factory.mktemp("fresh")
    with serving(BREACHING) as page:
        prepare(folder, {**DEFAULT_ADDRESSES, "exporter": f"127.0.0.1:{page.port}"})
        config = (folder / "ruler.yml").read_text()
        config = config.replace("scrape_interval: 10s", "scrape_interval: 1s\n  scrape_timeout: 1s")
        (folder / "ruler.yml").write_text(
            config.replace("evaluation_interval: 30s", "evaluation_interval: 1s")
        )
        rules = folder / "rules" / "default.yml"
        rules.write_text(re.sub(r"(?m)^(\s+duration:) \S+", r"\1 2s", rules.read_text()))
        made = a_ruler(folder)
        with made.start():
            yield made


def rows(ruler: Ruler, path: str) -> list[Any]:
    found: list[Any] = ask(f"{ruler.url}/api/v1/lumina/{path}")
    return found


def by_rule(ruler: Ruler) -> dict[str, Any]:
    return {alert["rule"]: alert for alert in rows(ruler, "alerts") if alert["phase"] == "firing"}


def test_each_fires(ruler: Ruler) -> None:
    assert until(lambda: set(by_rule(ruler)) == set(RULES), within_s=60)
    message = by_rule(ruler)["high-error-rate"]["message"]
    assert "api" in message
    assert "20%" in message


def test_what_is_not_set_up_is_recorded_and_neither_retried_nor_given_up(ruler: Ruler) -> None:
    until(lambda: set(by_rule(ruler)) == set(RULES), within_s=60)
    by_alert = {alert["id"]: rule for rule, alert in by_rule(ruler).items()}

    def recorded() -> list[dict[str, Any]]:
        records = rows(ruler, "notifications")
        found: dict[str, set[str]] = {}
        for record in records:
            for fingerprint in record["fingerprints"]:
                found.setdefault(by_alert.get(fingerprint, ""), set()).add(record["channel"])
        is_whole = all(channels <= found.get(rule, set()) for rule, (channels, _) in RULES.items())
        return records if is_whole and all(record["status"] != "pending" for record in records) else []

    for record in until(recorded, within_s=60):
        assert record["status"] == "failed"
        assert (
            record["error"]
            == f"{record['channel']} is not set up: add channels.{record['channel']} to ruler.yml"
        )
    assert rows(ruler, "dead-letters") == []
    alert: Any = ask(f"{ruler.url}/api/v1/lumina/alerts/{next(iter(by_alert))}")
    assert {record["status"] for record in alert["notifications"]} - {"pending"} == {"failed"}


def test_remedies_that_are_not_bound_say_what_to_add_where(ruler: Ruler) -> None:
    wanted = {action for _, action in RULES.values() if action}

    def decided() -> dict[str, Any] | None:
        found = {row["action"]: row for row in rows(ruler, "remediations/audit")}
        return found if wanted <= set(found) else None

    for action, row in until(decided, within_s=60).items():
        assert row["decision"] == "not bound"
        assert f"remediation.actions.{action}" in row["reason"]


def test_the_front_page_names_file_and_key(ruler: Ruler) -> None:
    keys = {row["key"] for row in rows(ruler, "setup")}
    assert keys == {
        "channels.email",
        "channels.slack",
        "channels.sms",
        *(f"remediation.actions.{action}" for _, action in RULES.values() if action),
    }
