"""What metrics and labels may be called."""

import pytest

from exporter.naming import check_labels, check_metric, is_label, is_metric

METRICS = {
    "business_user_sessions": True,
    "a:b": True,
    "_x1": True,
    "": False,
    "1x": False,
    "business.sessions": False,
    "exporter_x": False,
    "process_x": False,
    "up": False,
    "ALERTS": False,
    "ALERTS_FOR_STATE": False,
    "upper": True,
    "a" * 1_001: False,
}
LABELS = {"type": True, "_a": True, "__name__": False, "a-b": False, "": False, "a" * 1_001: False}


@pytest.mark.parametrize(("name", "allowed"), METRICS.items())
def test_metrics(name: str, *, allowed: bool) -> None:
    assert is_metric(name) is allowed
    if not allowed:
        with pytest.raises(ValueError, match="metric name not allowed"):
            check_metric(name)


@pytest.mark.parametrize(("name", "allowed"), LABELS.items())
def test_labels(name: str, *, allowed: bool) -> None:
    assert is_label(name) is allowed
    if not allowed:
        with pytest.raises(ValueError, match="label name not allowed"):
            check_labels({name: "x"})
