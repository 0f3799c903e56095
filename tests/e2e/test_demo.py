"""The closed loop, end to end: exactly what `lumina demo --once --json` promises."""

import json
import subprocess
import time
import urllib.request

import pytest

from lumina.demo.stage import Stage
from lumina.demo.story import STEPS
from promkit.exposition import parse
from tests.builders.e2e import LUMINA
from tests.builders.sources import values

pytestmark = pytest.mark.e2e


@pytest.mark.timeout(280)
def test_the_loop_closes_on_real_parts() -> None:
    done = subprocess.run(
        [*LUMINA, "demo", "--once", "--json"], capture_output=True, text=True, timeout=270, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["closed"]
    seen = {step["step"]: step["seconds"] for step in told["steps"]}
    assert set(seen) == {step.name for step in STEPS}
    assert seen["pending"] <= seen["firing"] <= seen["remediation"] <= seen["verified"]
    assert seen["firing"] <= seen["notified"] <= seen["told so"]
    assert max(seen.values()) < 180


# What dashboards are drawn from: an application, its resources and its business (S3, S4, S5, S37).
FIGURES = {
    'app_response_time_seconds{component="shop"}',
    'app_throughput_requests_per_second{component="shop"}',
    'app_error_ratio{component="shop"}',
    'app_apdex_ratio{component="shop"}',
    'app_cpu_usage_ratio{component="shop"}',
    'app_memory_usage_ratio{component="shop"}',
    'resource_pool_utilization_ratio{pool="shop-database", type="connections"}',
    'resource_pool_in_use{pool="shop-database", type="connections"}',
    'resource_pool_size{pool="shop-database", type="connections"}',
    'business_compliance_scans_per_minute{type="automated"}',
    'business_user_sessions{type="authenticated"}',
    'business_api_calls_per_minute{endpoint="compliance"}',
    "business_compliance_queue_depth",
    "business_compliance_oldest_age_seconds",
    "business_compliance_throughput_per_minute",
    "business_compliance_failures_ratio",
    "business_compliance_scan_duration_seconds",
}


def asked(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as answer:
        body: bytes = answer.read()
        return body


@pytest.mark.timeout(150)
def test_every_figure_of_the_shop_is_measured() -> None:
    told: list[str] = []
    with Stage(told.append) as stage:
        deadline = time.monotonic() + 45
        found: dict[str, float] = {}
        stored: list[object] = []
        while not (found.keys() >= FIGURES and stored) and time.monotonic() < deadline:
            stage.tend()
            found = values(parse(asked(f"{stage.urls['exporter']}/metrics")))
            query = f"{stage.urls['ruler']}/api/v1/query?query=business_compliance_queue_depth"
            stored = json.loads(asked(query))["data"]["result"]
            time.sleep(0.05)
        assert FIGURES - found.keys() == set(), stage.diagnosis()
        assert stored, stage.diagnosis()
    assert found['app_throughput_requests_per_second{component="shop"}'] > 1
    assert 0 < found['app_memory_usage_ratio{component="shop"}'] < 1
    assert 0 <= found['app_cpu_usage_ratio{component="shop"}'] < 1
