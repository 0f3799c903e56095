"""What all tests share."""

import os

import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Where skips are forbidden (`.ci/run`), a skip is a failure that says why."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("LUMINA_NO_SKIP") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skips are forbidden here: {report.longrepr}"
