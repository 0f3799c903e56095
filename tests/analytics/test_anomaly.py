import numpy as np
import pytest

from analytics.anomaly import QUIET, Alarms, confidence, quiet, sentence, severity, written


@pytest.mark.parametrize(
    ("deviation", "expected"),
    [
        (2.9, None),
        (3.0, None),
        (3.1, "low"),
        (3.7, "medium"),
        (4.6, "high"),
        (6.0, "high"),
        (6.1, "critical"),
    ],
)
def test_severity_is_the_deviation_in_thresholds(deviation: float, expected: str | None) -> None:
    assert severity(deviation, 3.0) == expected


@pytest.mark.parametrize(("deviation", "expected"), [(3.0, 0.5), (4.5, 0.75), (5.7, 0.95), (60.0, 0.95)])
def test_confidence(deviation: float, expected: float) -> None:
    assert confidence(deviation, 3.0) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        ([0.8, 0.8, 0.7], [0.8, 0.08, 0.07]),  # one alarm, not a row of them
        ([0.6, 0.8, 0.7], [0.6, 0.8, 0.07]),  # until something stranger comes
        ([0.8, *[0.0] * QUIET, 0.7], [0.8, *[0.0] * QUIET, 0.7]),  # or it is long ago
        ([0.8, *[0.0] * (QUIET - 1), 0.7], [0.8, *[0.0] * (QUIET - 1), 0.07]),
    ],
)
def test_an_alarm_is_raised_once(scores: list[float], told: list[float]) -> None:
    found, _ = quiet(np.array([scores]), Alarms.none(1))
    assert found[0].tolist() == pytest.approx(told)


def test_quiet_goes_on_where_it_stopped() -> None:
    scores = np.random.default_rng(5).random((3, 900))
    whole, _ = quiet(scores, Alarms.none(3))
    first, alarms = quiet(scores[:, :500], Alarms.none(3))
    second, _ = quiet(scores[:, 500:], alarms)
    assert np.array_equal(np.concatenate([first, second], axis=1), whole)


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("system_cpu_usage_ratio", 0.973, "97.3 %"),
        ("system_memory_used_bytes", 3.5 * 2**30, "3.5 GiB"),
        ("app_response_time_seconds", 0.25, "250 ms"),
        ("app_response_time_seconds", 12.5, "12.5 s"),
        ("app_throughput_requests_per_second", 1234.56, "1235"),
    ],
)
def test_values_are_written_in_their_unit(metric: str, value: float, text: str) -> None:
    assert written(metric, value) == text


def test_the_sentence_says_what_is_and_what_should_be() -> None:
    text = sentence('cpu_ratio{instance="a"}', "cpu_ratio", 0.97, 0.42, 5.1, 2)
    assert 'cpu_ratio{instance="a"} is 97 %' in text
    assert "usually 42 %" in text
    assert "5.1 deviations" in text
