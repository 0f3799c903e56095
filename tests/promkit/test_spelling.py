"""The specification's names of metrics and its units, into ours."""

import pytest
import yaml

from promkit.errors import ConfigError
from promkit.quantity import unit_of_name
from promkit.spelling import SPELLINGS, Spelling, convert, spelling_of
from tests.builders.prose import ROOT

CONVERTED = [
    ("system.cpu.usage", 80, "system_cpu_usage_ratio", 0.8),
    ("system.memory.used", 85, "system_memory_usage_ratio", 0.85),
    ("system.memory.used", 100, "system_memory_usage_ratio", 1),
    ("system.memory.used", 8e9, "system_memory_used_bytes", 8e9),
    ("system.disk.used", 90, "system_disk_usage_ratio", 0.9),
    ("app.response_time", 2000, "app_response_time_seconds", 2),
    ("app.error_rate", 5, "app_error_ratio", 0.05),
    ("app.throughput", 10, "app_throughput_requests_per_second", 10),
    ("resource_pool.utilization", 70, "resource_pool_utilization_ratio", 0.7),
    ("business.api_calls", 600, "business_api_calls_per_minute", 600),
    ("system_cpu_usage_ratio", 0.8, "system_cpu_usage_ratio", 0.8),
]


@pytest.mark.parametrize(("written", "value", "metric", "ours"), CONVERTED)
def test_name_and_value(written: str, value: float, metric: str, ours: float) -> None:
    assert convert(written, value) == (metric, ours)


@pytest.mark.parametrize(
    ("written", "near"),
    [
        ("system.cpu.use", "system.cpu.usage"),
        ("App.Response_Time", "app.response_time"),
        ("business.api_call", "business.api_calls"),
        ("system_disk_usage_rati", "system_disk_usage_ratio"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(written: str, near: str) -> None:
    with pytest.raises(ConfigError) as error:
        spelling_of(written)
    assert str(error.value) == f"unknown metric {written!r}: did you mean {near!r}?"


@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda spelling: spelling.written)
def test_each_unit_is_the_one_that_our_name_ends_with(spelling: Spelling) -> None:
    units = {"percent": ("ratio", 100), "ms": ("seconds", 1000), "bytes": ("bytes", 1)}
    ours = {
        "per second": "per second",
        "per minute": "per minute",
        "ratio": "ratio",
        "seconds": "seconds",
        "bytes": "bytes",
    }
    unit, divisor = units.get(spelling.unit, (ours.get(spelling.unit, ""), 1))
    assert (unit_of_name(spelling.metric), spelling.divisor) == (unit, divisor)


def test_what_the_shipped_rules_watch_and_models_predict_has_a_name_there() -> None:
    ours = {name for spelling in SPELLINGS for name in (spelling.metric, spelling.as_ratio)}
    rules = yaml.safe_load((ROOT / "ruler/defaults/rules/default.yml").read_text("utf-8"))["rules"]
    models = [
        yaml.safe_load(path.read_text("utf-8")) for path in (ROOT / "analytics/defaults/models").iterdir()
    ]
    used = {rule["metric"] for rule in rules} | {name for model in models for name in model["features"]}
    assert used - ours == set()
