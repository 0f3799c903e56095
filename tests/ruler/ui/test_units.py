import math

import pytest

from ruler.ui.units import quantity, ticks, unit_of

WRITTEN = {
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
    "": [(0, "0"), (999, "999"), (1500, "1.5 k"), (2e6, "2 M"), (0.25, "0.25"), (1e15, "1 000 T")],
}


@pytest.mark.parametrize("unit", WRITTEN)
def test_numbers_are_written_for_eyes(unit: str) -> None:
    for value, text in WRITTEN[unit]:
        assert quantity(unit)(value) == text


TICKS = {
    "a share": (0, 1, "ratio", [0, 0.25, 0.5, 0.75, 1]),
    "a load": (0, 7.3, "", [0, 2, 4, 6, 8]),
    "below nought": (-3, 3, "", [-4, -2, 0, 2, 4]),
    "small": (0, 0.0007, "seconds", [0, 0.0002, 0.0004, 0.0006, 0.0008]),
    "mebibytes": (0, 5 * 2**20, "bytes", [0, 2 * 2**20, 4 * 2**20, 6 * 2**20]),
    "nearly a mebibyte a tick": (0, 3.9 * 2**20, "bytes/s", [n * 2**20 for n in range(5)]),
    "a little over a mebibyte": (0, 1.4 * 2**20, "bytes", [0, 2**19, 2**20, 1.5 * 2**20]),
    "kibibytes": (0, 400 * 2**10, "bytes", [n * 100 * 2**10 for n in range(5)]),
}


@pytest.mark.parametrize("name", TICKS)
def test_ticks_are_round_in_the_unit_that_is_read(name: str) -> None:
    low, high, unit, expected = TICKS[name]
    assert ticks(low, high, unit) == pytest.approx(expected)


UNITS = {
    "system_cpu_usage_ratio": "ratio",
    'system_disk_used_bytes{mount="/"}': "bytes",
    "app_response_time_seconds": "seconds",
    "app_throughput_requests_per_second": "per second",
    "system_load1": "",
    "rate(x_bytes_total[1m])": "bytes/s",
    "sum by (device) (rate(x_bytes_total[1m]))": "bytes/s",
    "rate(x_requests_total[1m])": "per second",
    "rate(cpu_seconds_total[1m])": "",
    "max by (mount) (x_ratio)": "ratio",
    "avg_over_time(x_seconds[5m])": "seconds",
    "histogram_quantile(0.9, x_seconds_bucket)": "seconds",
    "x_bytes / y_bytes": "",
    "x_bytes - y_bytes": "bytes",
    "x_bytes - y_seconds": "",
    "count_over_time(x_bytes[5m])": "",
    "boot_timestamp_seconds": "",
    "1 + 1": "",
    "sum(": "",
    "": "",
}


@pytest.mark.parametrize("expr", UNITS)
def test_the_unit_is_in_the_names(expr: str) -> None:
    assert unit_of(expr) == UNITS[expr]
