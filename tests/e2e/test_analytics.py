"""Fourteen days of made history, imported, and one run of analytics: it forecasts, and finds the fault."""

import json
import math
import random
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lumina.report_html import report_html
from lumina.report_text import report_text
from tests.builders.e2e import LUMINA, a_ruler, ask

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

DAYS, STEP_S = 14, 60
FAULT_S = 1_800  # how long ago the fault begins
MODELS = {
    "cpu-usage-predictor",
    "memory-usage-predictor",
    "response-time-predictor",
    "anomaly-detector",
    "service-degradation",
}


def history(now_s: int) -> Iterator[str]:
    """A host and an app with a working day, noise, and in the last half hour a fault of the memory."""
    noise = random.Random(7)
    start = now_s - DAYS * 86_400
    rows: dict[str, list[str]] = {}
    for at in range(start, now_s, STEP_S):
        day = 0.5 - 0.5 * math.cos(2 * math.pi * (at % 86_400) / 86_400)
        cpu = 0.15 + 0.5 * day + noise.gauss(0, 0.01)
        memory = 0.40 + 0.15 * day + noise.gauss(0, 0.004)
        if at >= now_s - FAULT_S:
            memory += 0.3
        calls = 60 + 400 * day + noise.gauss(0, 8)
        values = {
            "system_cpu_usage_ratio": cpu,
            "system_memory_usage_ratio": memory,
            "system_memory_used_bytes": memory * 16e9,
            'app_response_time_seconds{component="api"}': 0.08 + 0.25 * cpu + noise.gauss(0, 0.004),
            'app_throughput_requests_per_second{component="api"}': calls / 10,
            'app_error_ratio{component="api"}': abs(noise.gauss(0, 0.001)),
            'business_api_calls_per_minute{endpoint="compliance"}': calls,
            'resource_pool_utilization_ratio{pool="db",type="connections"}': 0.2 + 0.4 * day,
        }
        for name, value in values.items():
            rows.setdefault(name, []).append(f"{name} {value:.6g} {at}\n")
    for name, lines in rows.items():
        yield f"# TYPE {name.split('{')[0]} gauge\n"
        yield from lines
    yield "# EOF\n"


def run(*argv: object) -> str:
    done = subprocess.run(
        [*LUMINA, *map(str, argv)], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("analytics")
    file = folder / "history.om"
    file.write_text("".join(history(int(time.time()) // STEP_S * STEP_S)))
    ruler = a_ruler(folder)
    rule = {
        "id": "memory",
        "name": "Memory",
        "metric": "system_memory_usage_ratio",
        "condition": "gt",
        "threshold": 0.95,
        "duration": "5m",
        "severity": "high",
    }
    ruler.write({"rule_files": ["rules/*.yml"]}, {"rules": [rule]})
    told = json.loads(run("history", "import", "--data", folder / "data", file, "--output", "json"))
    assert told["samples"] == 8 * DAYS * 86_400 / STEP_S
    with ruler.start():
        flags = ("--datasource-url", ruler.url, "--data", folder / "analytics", "--output", "json")
        found = json.loads(run("analytics", "run", "--once", *flags))["report"]
        stream: Any = ask(f"{ruler.url}/api/v1/lumina/events?format=json&limit=10000")
        yield found | {"events": stream["events"]}


def test_all_models_publish(report: dict[str, Any]) -> None:
    assert {model["id"]: model["state"] for model in report["models"]} == dict.fromkeys(MODELS, "ready")
    predicted = report["predictions"]["by_model"]
    assert set(predicted) == MODELS
    assert all(0.1 <= one["average_confidence"] <= 0.95 for one in predicted.values())


@pytest.mark.parametrize("model", sorted(MODELS))
def test_each_beats_the_last_value_in_its_backtest(report: dict[str, Any], model: str) -> None:
    found = next(one for one in report["models"] if one["id"] == model)
    assert found["error_ratio"]["last_value"] < 0.9
    assert 0.5 <= found["coverage"] <= 1.0


def test_the_fault_that_was_put_in_is_found(report: dict[str, Any]) -> None:
    last = report["anomalies"]["last"]
    found = [one for one in last if one["metric"] == "system_memory_usage_ratio"]
    # Where its beginning falls into a window of its own, what came after is news once more.
    assert {one["severity"] for one in found} == {"critical"}
    assert len(found) <= 2
    assert "usually" in found[0]["description"]
    assert not [one for one in last if one["metric"] == "system_cpu_usage_ratio"]


def test_the_rulers_stream_has_heard_of_it(report: dict[str, Any]) -> None:
    events = [(event["type"], event["data"].get("model")) for event in report["events"]]
    assert {model for kind, model in events if kind == "model_trained"} == MODELS
    assert sorted(model for kind, model in events if kind == "prediction_made") == sorted(MODELS)
    said = {event["data"].get("description") for event in report["events"]}
    assert report["anomalies"]["last"][0]["description"] in said


def test_a_report_for_people_says_the_same(report: dict[str, Any]) -> None:
    text = report_text({"range": "24h", "ruler": {"error": "not asked"}, "analytics": report})
    assert "cpu-usage-predictor" in text
    assert report["anomalies"]["last"][0]["description"] in text
    assert report_html({"range": "24h", "ruler": {"error": "not asked"}, "analytics": report}, [])


def test_time_to_breach_of_the_rules_threshold_is_told(report: dict[str, Any]) -> None:
    rows = [one for one in report["breaches"] if one["rule"] == "memory"]
    assert rows
    assert all(one["threshold"] == 0.95 and 0 <= one["probability"] <= 1 for one in rows)
