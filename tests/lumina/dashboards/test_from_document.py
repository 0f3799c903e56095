"""The specification's own dashboards (S16), in our form."""

from typing import Any

import pytest
import yaml

from lumina.dashboards import imported
from promkit.errors import ConfigError, ConfigErrors

# A dashboard as the specification writes it, with every type of widget.
WRITTEN: dict[str, Any] = {
    "id": "System Overview",
    "name": "System overview",
    "description": "How the system fares",
    "metrics": ["system.cpu.usage", "app.response_time"],
    "timeRange": "6h",
    "refreshInterval": 60000,
    "createdBy": "alice",
    "createdAt": "2024-01-01T00:00:00Z",
    "lastViewed": "2024-01-02T00:00:00Z",
    "widgets": [
        {
            "type": "line",
            "title": "CPU",
            "metric": "system.cpu.usage",
            "position": {"x": 0, "y": 0, "width": 6, "height": 4},
            "config": {"min": 0, "max": 100, "unit": "%", "thresholds": [{"value": 80, "severity": "high"}]},
        },
        {
            "type": "bar",
            "title": "Response time",
            "metric": "app.response_time",
            "position": {"x": 6, "y": 0, "width": 6, "height": 4},
            "config": {"thresholds": [2000], "color": "#f00"},
        },
        {"type": "gauge", "title": "Memory", "metric": "system.memory.used", "config": {"max": 85}},
        {"type": "table", "title": "Calls", "metric": "business.api_calls"},
        {"type": "heatmap", "title": "Pools", "metric": "resource_pool.utilization"},
    ],
}


def test_keys_names_and_units_are_converted() -> None:
    made = yaml.safe_load(imported(WRITTEN, "theirs.json").text)
    assert (made["id"], made["name"], made["created_by"]) == ("system-overview", "System overview", "alice")
    assert (made["time_range"], made["refresh"]) == ("6h", "1m")
    assert made["metrics"] == ["system_cpu_usage_ratio", "app_response_time_seconds"]
    cpu, response, *_ = made["widgets"]
    assert cpu["metric"] == "system_cpu_usage_ratio"
    assert cpu["position"] == {"x": 0, "y": 0, "width": 12, "height": 8}
    assert cpu["config"] == {"min": 0, "max": 1, "thresholds": [{"above": 0.8, "severity": "high"}]}
    assert response["config"] == {"thresholds": [{"above": 2}]}
    assert [widget["type"] for widget in made["widgets"]] == ["line", "bar", "gauge", "table", "heatmap"]


def test_what_was_changed_or_left_out_is_told() -> None:
    told = imported(WRITTEN, "theirs.json").told
    for line in (
        "system.cpu.usage is read as system_cpu_usage_ratio",
        "refreshInterval 60000 is read as 60000 ms: 1m",
        "lastViewed is left out: the ruler keeps it, not the file",
        "positions are doubled: from 12 columns to 24",
        "color of 'Response time' is left out",
        "the unit of 'CPU' is left out: the metric's name tells it",
    ):
        assert line in told
    assert len(told) == len(set(told))


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "metric": (
        {"metrics": ["system.cpu.usag"]},
        "theirs.json: unknown metric 'system.cpu.usag'",
    ),
    "a widget's metric": ({"widgets": [{"type": "line", "metric": "cpu"}]}, "unknown metric 'cpu'"),
    "type": (
        {"widgets": [{"type": "pie", "title": "P", "metric": "app.error_rate"}]},
        "'P' is of an unknown type 'pie': known are line, bar, gauge, table, heatmap",
    ),
    "nothing": ({"widgets": []}, "it shows nothing"),
}


@pytest.mark.parametrize(("change", "said"), FAULTS.values(), ids=FAULTS)
def test_faults(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as fault:
        imported({**WRITTEN, **change}, "theirs.json")
    assert said in str(fault.value)


def test_all_faults_come_at_once() -> None:
    with pytest.raises(ConfigErrors) as faults:
        imported({**WRITTEN, "metrics": ["a.b", "c.d"]}, "theirs.json")
    assert len(faults.value.faults) == 2


SECONDS = {30: "30s", 60: "1m", 60_000: "1m"}


@pytest.mark.parametrize(("written", "refresh"), SECONDS.items())
def test_refresh_in_seconds_or_milliseconds(written: int, refresh: str) -> None:
    made = yaml.safe_load(imported({**WRITTEN, "refreshInterval": written}, "").text)
    assert made["refresh"] == refresh


def test_a_grid_of_24_stays() -> None:
    place = {"x": 12, "y": 0, "width": 12, "height": 8}
    widget = {"type": "line", "title": "CPU", "metric": "system.cpu.usage", "position": place}
    made = yaml.safe_load(imported({**WRITTEN, "widgets": [widget]}, "").text)
    assert made["widgets"][0]["position"] == place
