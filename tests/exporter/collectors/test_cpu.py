"""Processors, on recorded readings."""

from collections.abc import Mapping, Sequence

import pytest

from exporter.collector import Context
from exporter.collectors.cpu import Cpu, Settings, families, usage_ratio
from tests.builders.sources import values

Reading = Sequence[Mapping[str, float]]

RATIOS: dict[str, tuple[Reading, Reading, float | None]] = {
    "half": ([{"user": 15, "idle": 25}], [{"user": 10, "idle": 20}], 0.5),
    "waiting for I/O is idle": ([{"user": 10, "iowait": 30}], [{"user": 10, "iowait": 20}], 0.0),
    "over all processors": (
        [{"user": 20, "idle": 0}, {"user": 0, "idle": 10}],
        [{"user": 10, "idle": 0}, {"user": 0, "idle": 0}],
        0.5,
    ),
    "a mode that ran backwards": ([{"user": 20, "iowait": 5}], [{"user": 10, "iowait": 6}], 1.0),
    "a processor that was put in": (
        [{"user": 1, "idle": 1}, {"user": 99, "idle": 1}],
        [{"user": 0, "idle": 0}],
        0.5,
    ),
    "no time passed": ([{"user": 1, "idle": 1}], [{"user": 1, "idle": 1}], None),
}


@pytest.mark.parametrize(("now", "before", "expected"), RATIOS.values(), ids=RATIOS)
def test_usage(now: Reading, before: Reading, expected: float | None) -> None:
    assert usage_ratio(now, before) == (None if expected is None else pytest.approx(expected))


def test_families() -> None:
    found = values(families([{"user": 1.5, "idle": 2.0}], None, (0.1, 0.2, 0.3)))
    assert found == {
        'system_cpu_seconds_total{cpu="0", mode="user"}': 1.5,
        'system_cpu_seconds_total{cpu="0", mode="idle"}': 2.0,
        "system_cpus": 1,
        "system_load1": 0.1,
        "system_load5": 0.2,
        "system_load15": 0.3,
    }


def test_this_host_has_a_ratio_from_the_second_run_on() -> None:
    cpu = Cpu(Settings(), Context(), "cpu")
    assert "system_cpu_usage_ratio" not in values(cpu.collect(0))
    for _ in range(1_000):
        found = values(cpu.collect(1_000)).get("system_cpu_usage_ratio")
        if found is not None:
            assert 0 <= found <= 1
            return
    pytest.fail("no tick of the clock in a thousand readings")
