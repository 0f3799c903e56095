"""What tests are about: `make test-SUBJECT` runs those of one subject, by marker.

A subject names folders, files, or tests in files by how their names begin. What is added to a folder is in
its subjects by itself.
"""

from collections.abc import Iterator, Mapping

__all__ = ["SUBJECTS", "subjects_of"]

SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "monitoring": (
        "tests/exporter",
        "tests/promkit/test_exposition.py",
        "tests/ruler/ingest",
        "tests/ruler/store",
        "tests/contracts/test_collectors.py",
        "tests/e2e/test_up.py",
    ),
    "alerts": (
        "tests/ruler/rules",
        "tests/ruler/alerts",
        "tests/ruler/delivery",
        "tests/ruler/workbench",
        "tests/ruler/test_loop.py",
        "tests/contracts/test_receivers.py",
        "tests/e2e/test_defaults.py",
        "tests/e2e/test_kill.py",
    ),
    "alert_triggering": (
        "tests/ruler/rules/test_group.py",
        "tests/ruler/alerts/test_step.py",
        "tests/ruler/alerts/test_scenarios.py",
        "tests/ruler/alerts/test_simulation.py",
        "tests/e2e/test_defaults.py",
    ),
    "remediation": (
        "tests/ruler/remediation",
        "tests/contracts/test_actions.py",
        "tests/e2e/test_demo.py",
    ),
    "channels": (
        "tests/ruler/delivery/test_sender.py",
        "tests/ruler/delivery/test_setup.py",
        "tests/ruler/delivery/test_delivery.py",
        "tests/contracts/test_receivers.py",
        "tests/e2e/test_demo.py",
    ),
    "escalation": (
        "tests/ruler/delivery/test_escalate.py",
        "tests/ruler/delivery/test_climber.py",
        "tests/ruler/workbench/test_policies.py",
        "tests/lumina/test_escalations.py",
        "tests/e2e/test_escalation.py",
    ),
    "predictions": (
        "tests/analytics/models",
        "tests/analytics/test_backtest.py",
        "tests/analytics/test_breach.py",
        "tests/analytics/test_cycle.py",
        "tests/analytics/test_journal.py",
        "tests/analytics/test_service.py",
        "tests/analytics/test_spec.py",
        "tests/analytics/test_truth.py",
        "tests/contracts/test_models.py",
        "tests/e2e/test_analytics.py",
    ),
    "anomalies": (
        "tests/analytics/test_anomaly.py",
        "tests/contracts/test_models.py",
        "tests/e2e/test_analytics.py::test_the_fault",
    ),
    "trends": ("tests/analytics/test_trend.py",),
    "dashboards": (
        "tests/ruler/dashboards",
        "tests/ruler/api/test_dashboards.py",
        "tests/ruler/ui/test_dashboards.py",
        "tests/ruler/ui/widgets",
        "tests/lumina/test_dashboards.py",
        "tests/lumina/dashboards",
        "tests/e2e/test_dashboards.py",
    ),
    "dashboard_creation": (
        "tests/ruler/dashboards/test_dashboards.py",
        "tests/ruler/dashboards/test_load.py",
        "tests/ruler/dashboards/test_write.py",
        "tests/ruler/api/test_dashboards.py",
        "tests/lumina/test_dashboards.py",
    ),
    "realtime": (
        "tests/ruler/ui/test_dashboards.py::test_a_new_sample_is_there",
        "tests/ruler/ui/test_dashboards.py::test_it_draws_itself_anew",
        "tests/ruler/api/test_events.py",
        "tests/ruler/events",
    ),
    "widgets": (
        "tests/ruler/ui/widgets",
        "tests/ruler/ui/test_dashboards.py::test_each_widget",
        "tests/ruler/ui/test_dashboards.py::test_every_type",
        "tests/ruler/ui/test_dashboards.py::test_a_widget",
    ),
    "accuracy": (
        "tests/analytics/test_backtest.py",
        "tests/analytics/test_truth.py",
        "tests/e2e/test_analytics.py",
    ),
}


def subjects_of(test: str) -> Iterator[str]:
    """Subjects of a test, by its id (`tests/…/test_x.py::test_y[case]`)."""
    for subject, places in SUBJECTS.items():
        if any(_is_of(test, place) for place in places):
            yield subject


def _is_of(test: str, place: str) -> bool:
    if "::" in place:
        return test.startswith(place)
    return test.startswith((f"{place}/", f"{place}::"))
