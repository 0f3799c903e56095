"""Numbers for eyes."""

import math

import pytest

from promkit.quantity import quantity, unit_of_name

WRITTEN: dict[str, list[tuple[float, str]]] = {
    "ratio": [(0.5, "50 %"), (0.1234, "12.3 %"), (0, "0 %"), (12, "1 200 %"), (math.nan, "–")],
    "bytes": [(0, "0 B"), (1023, "1 023 B"), (1024, "1 KiB"), (1.5 * 2**30, "1.5 GiB"), (-2048, "-2 KiB")],
    "bytes/s": [(2**20, "1 MiB/s"), (math.inf, "–")],
    "seconds": [
        (0, "0 s"),
        (2e-6, "2 µs"),
        (0.0042, "4.2 ms"),
        (1.5, "1.5 s"),
        (600, "10 min"),
        (86_400, "24 h"),
        (864_000, "10 d"),
    ],
    "per second": [(19.94, "19.9/s"), (123_456, "123 456/s")],
    "per minute": [(3, "3/min")],
    "scans": [(2, "2 scans"), (1500, "1.5 k scans")],
    "": [(0, "0"), (999, "999"), (1500, "1.5 k"), (2e6, "2 M"), (0.25, "0.25"), (1e15, "1 000 T")],
}


@pytest.mark.parametrize("unit", WRITTEN)
def test_numbers_are_written_for_eyes(unit: str) -> None:
    for value, text in WRITTEN[unit]:
        assert quantity(unit)(value) == text


EXACT: dict[str, list[tuple[float, int, str]]] = {
    "ratio": [(0.12345, 1, "12.3 %"), (1, 2, "100.00 %")],
    "bytes": [(1536, 1, "1.5 KiB"), (1536, 0, "2 KiB")],
    "seconds": [(1.5, 2, "1.50 s")],
    "": [(1234567, 3, "1.235 M"), (12, 1, "12.0")],
    "per second": [(12345.678, 1, "12 345.7/s")],
}


@pytest.mark.parametrize("unit", EXACT)
def test_with_as_many_decimals_as_are_asked_for(unit: str) -> None:
    for value, decimals, text in EXACT[unit]:
        assert quantity(unit, decimals)(value) == text


UNITS = {
    "business_api_calls_per_minute": "per minute",
    "system_cpu_usage_ratio": "ratio",
    "node_filesystem_size_bytes": "bytes",
    "shop_received_bytes_total": "bytes",
    "app_request_duration_seconds_bucket": "seconds",
    "app_response_time_seconds": "seconds",
    "app_throughput_requests_per_second": "per second",
    "app_tls_cert_expiry_timestamp_seconds": "instant",
    "system_boot_time_seconds": "instant",
    "process_start_time_seconds": "instant",
    "system_load1": "",
    "": "",
}


@pytest.mark.parametrize("name", UNITS)
def test_the_unit_is_in_the_name(name: str) -> None:
    assert unit_of_name(name) == UNITS[name]
