from pathlib import Path

import pytest

from analytics.config import load_config, models_of
from analytics.models import MODELS
from analytics.spec import ModelSpec, horizons, load_models
from promkit.errors import ConfigError

# The specification's four models (row S21), by the names that the design gives their metrics.
DEFAULTS = {
    "cpu-usage-predictor": (
        "time_series",
        "system_cpu_usage_ratio",
        ("system_memory_used_bytes", "app_response_time_seconds", "business_api_calls_per_minute"),
    ),
    "memory-usage-predictor": (
        "time_series",
        "system_memory_usage_ratio",
        (
            "system_cpu_usage_ratio",
            "app_throughput_requests_per_second",
            "resource_pool_utilization_ratio",
        ),
    ),
    "response-time-predictor": (
        "regression",
        "app_response_time_seconds",
        ("system_cpu_usage_ratio", "system_memory_usage_ratio", "business_api_calls_per_minute"),
    ),
    "anomaly-detector": (
        "anomaly_detection",
        '{__name__=~"system_.+",__name__!~".+_total|.+_info|system_boot_time_seconds"}',
        ("system_cpu_usage_ratio", "system_memory_usage_ratio", "app_error_ratio"),
    ),
}


def test_the_four_default_models() -> None:
    """Row S21; beside them one that finds degradation (S34)."""
    found = models_of(load_config(None, {}), {})
    said = {spec.id: (spec.type, spec.target, spec.features) for spec in found}
    assert said.pop("service-degradation")[0] == "anomaly_detection"
    assert said == DEFAULTS
    assert all(spec.title and spec.description and spec.enabled for spec in found)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_every_type_has_a_model(tmp_path: Path) -> None:
    for type_ in MODELS:
        path = write(tmp_path, "m.yml", f"id: m\ntype: {type_}\ntarget: x\n")
        assert load_models([path], {})[0].type == type_


def test_camel_case_is_read(tmp_path: Path) -> None:
    config = write(tmp_path, "analytics.yml", "breachHorizon: 2d\nhistoryMin: 12h\n")
    found = load_config(config, {})
    assert (found.breach_horizon, found.history_min) == (2 * 86_400_000, 12 * 3_600_000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id: m\ntype: time_series\ntraget: x\n", "did you mean 'target'"),
        ("id: M M\ntype: time_series\ntarget: x\n", "small letters"),
        ("id: m\ntype: prophet\ntarget: x\n", "type"),
        ("id: m\ntype: time_series\ntarget: x\nhorizon: 5\n", "needs a unit"),
        ("id: m\ntype: time_series\n", "target"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, "m.yml", text)
    with pytest.raises(ConfigError) as caught:
        load_models([path], {})
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_two_models_of_one_id_are_refused(tmp_path: Path) -> None:
    text = "id: m\ntype: time_series\ntarget: x\n"
    files = [write(tmp_path, "a.yml", text), write(tmp_path, "b.yml", text)]
    with pytest.raises(ConfigError, match="is also in"):
        load_models(files, {})


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    config = write(tmp_path, "analytics.yml", "models: [mine.yml]\n")
    with pytest.raises(ConfigError, match=r"mine\.yml"):
        models_of(load_config(config, {}), {})


@pytest.mark.parametrize(
    ("horizon_ms", "published"),
    [
        (86_400_000, ["1h", "6h", "24h"]),
        (7_200_000, ["1h"]),
        (600_000, ["10m"]),
        (604_800_000, ["1h", "6h", "24h", "7d"]),
    ],
)
def test_horizons_go_as_far_as_the_models_own(horizon_ms: int, published: list[str]) -> None:
    spec = ModelSpec(id="m", type="time_series", target="x", horizon=horizon_ms)
    assert list(horizons(spec)) == published
