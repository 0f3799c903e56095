"""Reports and health as text and HTML, with analytics' part and without it."""

import pytest

from analytics.config import load_config, models_of
from analytics.report import health, report
from analytics.service import Service
from lumina.report_html import report_html
from lumina.report_text import health_text, report_text
from tests.builders.analytics import FakeApi
from tests.builders.made_history import DAY, NOW_MS, STEP_MS, a_host, times_until

SILENT = {"error": "http://127.0.0.1:9: connection refused"}


@pytest.fixture(scope="module")
def service() -> Service:
    """After 14 windows, the last hour's predictions have met their truth; the CPU was stuck high."""
    times = times_until(NOW_MS + 14 * STEP_MS, 4 * DAY)
    api = FakeApi(times, a_host(times, fault=slice(-40, -30)))
    config = load_config(None, {})
    service = Service(api, config, models_of(config, {}), None)
    for step in range(14):
        service.cycle(NOW_MS + step * STEP_MS)
    return service


def test_a_report_has_all_that_analytics_found(service: Service) -> None:
    now_ms = NOW_MS + 14 * STEP_MS
    figures = report(service.specs, service.results, service.live, service.journal, 24, now_ms)
    document = {"range": "24h", "ruler": SILENT, "analytics": figures}
    text = report_text(document)
    page = report_html(document, [])
    for said in (
        "cpu-usage-predictor",
        "time_series",
        "% (backtest)",  # accuracy
        "2023-11-29 00:00",  # last trained
        f"{14 * 12} in 24 h, average confidence",
        "2 known, mean error 0.0",
        "critical",
        "system_cpu_usage_ratio",
        "usually",
        "increasing",
        "disk-full",
    ):
        assert said in text, said
        assert said in page, said
    by_model = figures["predictions"]["by_model"]["cpu-usage-predictor"]
    assert f"cpu-usage-predictor      14     {by_model['average_confidence']:.0%}" in text


def test_a_process_that_does_not_answer_is_said(service: Service) -> None:
    both = {"range": "24h", "ruler": SILENT, "analytics": SILENT}
    for said in (report_text(both), report_html(both, [])):
        assert said.count("did not answer: http://127.0.0.1:9: connection refused") == 2
    now_ms = NOW_MS + 14 * STEP_MS
    figures = health(service.specs, service.results, service.journal, service.status, now_ms)
    first, second = health_text({"ruler": SILENT, "analytics": figures}).splitlines()
    assert first == "ruler      did not answer: http://127.0.0.1:9: connection refused"
    assert second.startswith("analytics  healthy   5 models, ")
    assert "anomalies 24h" in second
