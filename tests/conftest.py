"""What all tests share."""

import logging
import os
from collections.abc import Generator

import pytest

from tests.subjects import SUBJECTS, subjects_of


def pytest_configure(config: pytest.Config) -> None:
    """A marker for each subject: `-m alert_triggering`."""
    for subject in SUBJECTS:
        config.addinivalue_line("markers", f"{subject}: see tests/subjects.py")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its subjects, before -m chooses."""
    for item in items:
        for subject in subjects_of(item.nodeid):
            item.add_marker(subject)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where skips are forbidden (`.ci/run`), a skip is a failure that says why."""
    report = yield
    if report.skipped and os.environ.get("LUMINA_NO_SKIP") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skips are forbidden here: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Generator[None]:
    """A command that a test runs in this process sets logging up on a stream that is gone afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
