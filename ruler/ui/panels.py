"""The front page's graphs: a written list, drawn from the store."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promkit.labels import Labels
from ruler.promql import Engine, Matrix
from ruler.ui.chart import Line, line_chart

__all__ = ["HOST", "Panel", "draw", "named", "steps_ms"]

POINTS = 240


@dataclass(frozen=True, slots=True)
class Panel:
    """A graph: its queries with what their lines are called (`{label}` stands for a label's value)."""

    title: str
    queries: Sequence[tuple[str, str]]
    unit: str
    top: float | None = None


HOST = (
    Panel("CPU", (("system_cpu_usage_ratio", "used"),), "ratio", top=1),
    Panel(
        "Memory",
        (("system_memory_usage_ratio", "memory"), ("system_swap_usage_ratio", "swap")),
        "ratio",
        top=1,
    ),
    Panel("Disks", (("max by (mount) (system_disk_usage_ratio)", "{mount}"),), "ratio", top=1),
    Panel(
        "Network",
        (
            ("sum by (device) (rate(system_network_receive_bytes_total[1m]))", "{device} in"),
            ("sum by (device) (rate(system_network_transmit_bytes_total[1m]))", "{device} out"),
        ),
        "bytes/s",
    ),
    Panel(
        "Load",
        (("system_load1", "1 min"), ("system_load5", "5 min"), ("system_load15", "15 min")),
        "",
    ),
    Panel(
        "Disk traffic",
        (
            ("sum(rate(system_disk_io_read_bytes_total[1m]))", "read"),
            ("sum(rate(system_disk_io_written_bytes_total[1m]))", "written"),
        ),
        "bytes/s",
    ),
)


def steps_ms(range_ms: int) -> int:
    """A step that gives about POINTS points, in whole seconds."""
    return max(range_ms // POINTS // 1000, 1) * 1000


def draw(panel: Panel, engine: Engine, now_ms: int, range_ms: int) -> str:
    """The panel over the last `range_ms`, as markup."""
    step_ms = steps_ms(range_ms)
    end_ms = now_ms // step_ms * step_ms
    lines: list[Line] = []
    times = None
    for query, legend in panel.queries:
        value = engine.range(query, end_ms - range_ms, end_ms, step_ms).value
        if isinstance(value, Matrix):
            times = value.times
            lines += [
                Line(named(legend, labels), value.values[:, column])
                for column, labels in enumerate(value.labels)
            ]
    if times is None or not lines:
        return line_chart(panel.title, np.empty(0, np.int64), [], panel.unit)
    return line_chart(panel.title, times, lines, panel.unit, top=panel.top)


def named(legend: str, labels: Labels) -> str:
    """Fill a legend in."""
    for name, value in labels.items():
        legend = legend.replace(f"{{{name}}}", value)
    return legend
