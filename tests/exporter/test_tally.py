"""Totals and windows."""

from collections.abc import Mapping, Sequence

import pytest

from exporter.log_line import Request
from exporter.tally import Tally
from promkit.exposition import render

FAST, SLOW, BAD, UNTIMED = (
    Request(200, 0.1, "/"),
    Request(200, 1.0, "/"),
    Request(503, 0.1, "/"),
    Request(200, None, "/"),
)


def a_tally(window_ms: int = 60_000, endpoints: Sequence[str] = ()) -> Tally:
    return Tally("shop", (0.5, 2.0), window_ms, 0.5, endpoints)


def values(tally: Tally) -> Mapping[str, float]:
    page = render(tally.families()).decode()
    pairs = [line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#")]
    return {name.replace('component="shop"', "").replace("{}", ""): float(value) for name, value in pairs}


def run(tally: Tally, from_ms: int, to_ms: int, *requests: Request) -> None:
    tally.begin(from_ms, to_ms)
    for request in requests:
        tally.add(request, ())
    tally.end()


WINDOWS = {
    "mean, share, rate": (
        [(0, 10_000, [FAST, SLOW, BAD, UNTIMED])],
        {
            "app_response_time_seconds": 0.4,
            "app_throughput_requests_per_second": 0.4,
            "app_error_ratio": 0.25,
            "app_apdex_ratio": 0.5,  # one satisfied, one tolerating, one failed
        },
    ),
    "nothing came in": (
        [(0, 10_000, [])],
        {"app_throughput_requests_per_second": 0.0},
    ),
    "what is older than the window is gone": (
        [(0, 10_000, [BAD] * 9), (10_000, 70_000, [FAST])],
        {
            "app_response_time_seconds": 0.1,
            "app_throughput_requests_per_second": 1 / 60,
            "app_error_ratio": 0.0,
            "app_apdex_ratio": 1.0,
        },
    ),
    "a pause is counted as the time it was": (
        [(0, 120_000, [FAST] * 12)],
        {
            "app_response_time_seconds": 0.1,
            "app_throughput_requests_per_second": 0.1,
            "app_error_ratio": 0.0,
            "app_apdex_ratio": 1.0,
        },
    ),
    "the clock was set back": ([(10_000, 5_000, [FAST])], {"app_response_time_seconds": 0.1}),
}


@pytest.mark.parametrize(("runs", "expected"), WINDOWS.values(), ids=WINDOWS)
def test_window(runs: list[tuple[int, int, list[Request]]], expected: Mapping[str, float]) -> None:
    tally = a_tally()
    for from_ms, to_ms, requests in runs:
        run(tally, from_ms, to_ms, *requests)
    found = values(tally)
    for name in ("app_throughput_requests_per_second", *expected):
        assert found.get(name) == pytest.approx(expected.get(name)), name


def test_means_of_nothing_are_absent() -> None:
    assert "app_error_ratio" not in values(a_tally())
    assert "app_response_time_seconds" not in values(a_tally())


def test_totals() -> None:
    tally = a_tally()
    for request in (FAST, SLOW, BAD, Request(200, 9.0, "/"), UNTIMED):
        tally.add(request, ())
    found = values(tally)
    assert found['app_requests_total{code="200",}'] == 4
    assert found['app_requests_total{code="503",}'] == 1
    assert found['app_request_duration_seconds_bucket{,le="0.5"}'] == 2
    assert found['app_request_duration_seconds_bucket{,le="2.0"}'] == 3
    assert found['app_request_duration_seconds_bucket{,le="+Inf"}'] == 4
    assert found["app_request_duration_seconds_count"] == 4
    assert found["app_request_duration_seconds_sum"] == pytest.approx(10.2)


def test_endpoints() -> None:
    tally = a_tally(endpoints=("compliance", "login"))
    tally.begin(0, 30_000)
    tally.add(FAST, ("compliance",))
    tally.end()
    found = values(tally)
    assert found['business_api_calls_per_minute{endpoint="compliance"}'] == 2
    assert found['business_api_calls_per_minute{endpoint="login"}'] == 0
    assert found['business_api_calls_total{endpoint="compliance"}'] == 1


def test_goes_on_from_kept_totals() -> None:
    first = a_tally()
    run(first, 0, 10_000, FAST, BAD)
    second = a_tally()
    second.restore(first.state())
    assert [family for family in second.families() if family.name == "app_requests"] == [
        family for family in first.families() if family.name == "app_requests"
    ]
    assert "app_error_ratio" not in values(second)


def test_other_buckets_begin_anew() -> None:
    first = a_tally()
    first.add(FAST, ())
    second = Tally("shop", (1.0,), 60_000, 0.5, ())
    second.restore(first.state())
    assert values(second)['app_requests_total{code="200",}'] == 1
    assert "app_request_duration_seconds_count" not in values(second)
