import pytest

from ruler.promql import unit_of

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
    "(x_seconds > 0) and on (job) (y_ratio >= 0.8)": "seconds",
    "x_bytes > bool 5": "",
    "analytics_seconds_to_breach": "seconds",
    "boot_timestamp_seconds": "",
    "1 + 1": "",
    "sum(": "",
    "": "",
}


@pytest.mark.parametrize("expr", UNITS)
def test_the_unit_is_in_the_names(expr: str) -> None:
    assert unit_of(expr) == UNITS[expr]
