"""The API over HTTP, as a client sees it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from analytics.config import load_config
from analytics.service import Service
from promkit.web import Access
from promkit.web_config import WebConfig
from tests.builders.analytics import FakeApi, Site, serving
from tests.builders.made_history import NOW_MS, STEP_MS

Make = Callable[[Path | None], Service]


@pytest.fixture
def site(make_service: Make, api: FakeApi, tmp_path: Path) -> Iterator[Site]:
    service = make_service(None)
    service.cycle(NOW_MS)
    config = load_config(None, {})
    with serving(service, api, config, tmp_path, Access("127.0.0.1")) as site:
        yield site


def test_models_say_how_good_they_are(site: Site) -> None:
    models = {model["id"]: model for model in site.get("/api/v1/models")}
    cpu = models["cpu-usage-predictor"]
    assert cpu["type"] == "time_series"
    assert cpu["state"] == "ready"
    assert cpu["trained_ms"] == NOW_MS
    assert cpu["trained_on"]["series"] == 1
    assert 0.1 <= cpu["accuracy"] <= 0.95
    assert cpu["error_ratio"]["last_value"] < 0.5
    assert models["memory-usage-predictor"]["features"]["resource_pool_utilization_ratio"] == 0
    assert site.get("/api/v1/models/cpu-usage-predictor") == cpu
    assert site.call("GET", "/api/v1/models/none")[0] == 404


def test_predictions_and_anomalies_by_hours(site: Site) -> None:
    rows = site.get("/api/v1/predictions?hours=1&model=cpu-usage-predictor")
    assert [row["metric"] for row in rows] == ["system_cpu_usage_ratio"]
    assert rows[0]["features"].keys() == {
        "system_memory_used_bytes",
        "app_response_time_seconds",
        "business_api_calls_per_minute",
    }
    found = site.get("/api/v1/anomalies?hours=24")
    assert {row["severity"] for row in found} == {"critical"}
    assert site.get("/api/v1/anomalies?hours=1") == []
    assert site.call("GET", "/api/v1/anomalies?hours=0")[0] in {400, 422}


def test_trends_and_breaches(site: Site) -> None:
    rows = site.get("/api/v1/trends?range=24h")
    assert {row["range"] for row in rows} == {"24h"}
    disk = next(row for row in rows if row["metric"] == "system_disk_usage_ratio")
    assert disk["trend"] == "increasing"
    assert disk["lower"] <= disk["slope_per_hour"] <= disk["upper"]
    assert site.call("GET", "/api/v1/trends?range=2h")[0] in {400, 422}
    breach = site.get("/api/v1/breaches")[0]
    assert breach["rule"] == "disk-full"
    assert 0 < breach["seconds"] < 3 * 86_400


def test_report_has_the_figures(site: Site) -> None:
    report = site.get("/api/v1/report")
    assert len(report["models"]) == 5
    assert report["predictions"]["count"] == 12
    assert 0.1 <= report["predictions"]["average_confidence"] <= 0.95
    assert report["predictions"]["by_model"]["cpu-usage-predictor"]["count"] == 1
    assert report["anomalies"]["by_severity"] == {"critical": 2, "high": 0, "medium": 0, "low": 0}
    assert len(report["anomalies"]["last"]) == 2
    assert {row["range"] for row in report["trends"]} == {"1h", "24h", "7d"}
    assert report["breaches"]


def test_health(site: Site) -> None:
    health = site.get("/api/v1/health")
    assert health["status"] == "healthy"
    assert health["models_by_state"]["ready"] == 5
    assert health["predictions_24h"] == 12
    assert health["datasource"]["up"] is True


def test_without_models_health_is_a_warning(make_service: Make, api: FakeApi, tmp_path: Path) -> None:
    service = make_service(None)
    service.use(service.config, [], NOW_MS)
    service.cycle(NOW_MS)
    with serving(service, api, load_config(None, {}), tmp_path, Access("127.0.0.1")) as site:
        health = site.get("/api/v1/health")
        assert health["status"] == "warning"
        assert health["problems"] == ["there are no models"]


def test_a_page_for_people(site: Site) -> None:
    page = site.get("/")
    assert page.startswith("<!doctype html>")
    for text in ("CPU usage predictor", "disk-full", "critical", "increasing"):
        assert text in page
    assert "<script" not in page
    assert "color-scheme" in site.get("/style.css")


def test_a_cycle_can_be_asked_for(site: Site) -> None:
    assert site.call("POST", "/api/v1/run")[0] == 202
    assert site.asked == ["run"]


def test_what_was_learned_is_said(site: Site) -> None:
    data = site.get("/api/v1/models/cpu-usage-predictor")["model_data"]
    assert data["what"] == "weight of each simple forecast"
    assert sum(data["values"].values()) == pytest.approx(1)
    assert data["series"] == 1
    assert data["numbers"] * 8 == data["size_bytes"] > 1_000
    regression = site.get("/api/v1/models/response-time-predictor")["model_data"]["values"]
    assert regression["level"] == pytest.approx(0.12, abs=0.03)
    assert regression["system_cpu_usage_ratio"] > 0


def test_a_model_is_trained_on_request(site: Site) -> None:
    site.runs = lambda: site.service.cycle(NOW_MS + STEP_MS)
    status, model = site.call("POST", "/api/v1/models/cpu-usage-predictor/train")
    assert status == 200
    assert model["state"] == "ready"
    assert model["trained_ms"] == NOW_MS + STEP_MS
    assert 0.1 <= model["accuracy"] <= 0.95


def test_a_model_that_cannot_be_trained_says_why(site: Site) -> None:
    site.runs = lambda: site.service.cycle(NOW_MS)
    assert site.call("POST", "/api/v1/models/none/train")[0] == 404
    assert site.call("POST", "/api/v1/models", NEW)[0] == 201
    status, answer = site.call("POST", "/api/v1/models/queue/train")
    assert status == 409
    assert "no series match queue_depth" in answer["error"]
    assert site.call("PUT", "/api/v1/models/queue", NEW | {"enabled": False})[0] == 200
    status, answer = site.call("POST", "/api/v1/models/queue/train")
    assert (status, "disabled" in answer["error"]) == (409, True)
    site.api.down = True
    assert site.call("POST", "/api/v1/models/cpu-usage-predictor/train")[0] == 503


NEW = {"id": "queue", "type": "time_series", "target": "queue_depth", "horizon": "6h"}


def test_models_are_made_changed_and_deleted(site: Site, tmp_path: Path) -> None:
    assert site.call("POST", "/api/v1/models", NEW)[0] == 201
    assert (tmp_path / "models" / "queue.yml").read_text() == (
        "id: queue\ntype: time_series\ntarget: queue_depth\nhorizon: 6h\n"
    )
    assert site.call("POST", "/api/v1/models", NEW)[0] == 409
    assert site.call("PUT", "/api/v1/models/queue", NEW | {"target": "queue_age_seconds"})[0] == 200
    assert site.get("/api/v1/models/queue")["target"] == "queue_age_seconds"
    assert site.call("PUT", "/api/v1/models/other", NEW)[0] == 400
    assert site.call("DELETE", "/api/v1/models/queue")[0] == 200
    assert site.call("DELETE", "/api/v1/models/queue")[0] == 404
    assert len(site.get("/api/v1/models")) == 5


def test_models_of_files_are_not_touched(site: Site) -> None:
    for method, body in (("DELETE", None), ("PUT", NEW | {"id": "anomaly-detector"})):
        status, answer = site.call(method, "/api/v1/models/anomaly-detector", body)
        assert status == 409
        assert "anomaly-detector.yml" in answer["where"]


@pytest.mark.parametrize(
    "body",
    [
        NEW | {"id": "../x"},
        NEW | {"type": "guess"},
        {"id": "x"},
        NEW | {"horizon": "soon"},
        NEW | {"more": 1},
    ],
)
def test_a_wrong_model_is_refused(site: Site, body: dict[str, Any]) -> None:
    assert site.call("POST", "/api/v1/models", body)[0] in {400, 422}
    assert site.asked == []


def test_without_a_login_it_is_read_only_beyond_loopback(
    make_service: Make, api: FakeApi, tmp_path: Path
) -> None:
    service = make_service(None)
    access = Access("192.0.2.1", WebConfig())
    with serving(service, api, load_config(None, {}), tmp_path, access) as site:
        site.get("/api/v1/health")
        assert site.call("POST", "/api/v1/run")[0] in {401, 403}
        assert site.call("POST", "/api/v1/models/anomaly-detector/train")[0] in {401, 403}
        assert site.call("POST", "/api/v1/models", NEW)[0] in {401, 403}
