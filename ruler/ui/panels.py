"""Graphs drawn from the store: the front page's, a written list, and those of alerts and queries."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promkit.labels import Labels
from ruler.promql import Engine, Matrix, Vector
from ruler.store import ABSENT, Times
from ruler.ui.chart import Line, line_chart

__all__ = ["HOST", "Panel", "draw", "fitting_ms", "lines_of", "named", "steps_ms"]

POINTS = 240
STEP_MS_MIN = 5_000  # targets are scraped about as often; more points would only draw stairs
LINES_MAX = 40
# A young history fills the width, too.
_SPANS_MS = tuple(minutes * 60_000 for minutes in (5, 15, 30))


@dataclass(frozen=True, slots=True)
class Panel:
    """A graph: its queries with what their lines are called (`{label}` stands for a label's value)."""

    title: str
    queries: Sequence[tuple[str, str]]
    unit: str
    top: float | None = None
    without_idle: bool = False  # lines that are zero throughout are left out, unless all are


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
        without_idle=True,
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
    return max(range_ms // POINTS // 1000 * 1000, STEP_MS_MIN)


def fitting_ms(range_ms: int, span: tuple[int, int] | None, now_ms: int) -> int:
    """The range, or a shorter one that holds all there is."""
    age_ms = range_ms if span is None else now_ms - span[0]
    return next((shorter for shorter in _SPANS_MS if age_ms <= shorter < range_ms), range_ms)


def draw(panel: Panel, engine: Engine, now_ms: int, range_ms: int) -> str:
    """The panel over the last `range_ms`, as markup."""
    times, lines = np.empty(0, np.int64), list[Line]()
    for query, legend in panel.queries:
        times, found = lines_of(engine, query, now_ms, range_ms, legend)
        lines += found
    if panel.without_idle:
        lines = [line for line in lines if np.nanmax(np.abs(line.values), initial=0) > 0] or lines
    return line_chart(panel.title, times, lines, panel.unit, top=panel.top)


def lines_of(
    engine: Engine, query: str, now_ms: int, range_ms: int, legend: str = ""
) -> tuple[Times, list[Line]]:
    """A query's lines: at round instants, so that a refresh moves no point, and at this one."""
    step_ms = steps_ms(range_ms)
    end_ms = now_ms // step_ms * step_ms
    times: Times = np.arange(end_ms - range_ms, end_ms + 1, step_ms, dtype=np.int64)
    found: dict[Labels, Line] = {}
    value = engine.range(query, int(times[0]), int(times[-1]), step_ms).value
    now = engine.instant(query, now_ms).value
    times = np.append(times, now_ms)
    if isinstance(value, Matrix):
        for column, labels in enumerate(value.labels[:LINES_MAX]):
            values = np.append(value.values[:, column], ABSENT)
            found[labels] = Line(named(legend, labels) if legend else str(labels), values)
    if isinstance(now, Vector):
        for labels, latest in zip(now.labels, now.values.tolist(), strict=True):
            if labels not in found and len(found) >= LINES_MAX:
                break
            name = named(legend, labels) if legend else str(labels)
            line = found.setdefault(labels, Line(name, np.full(len(times), ABSENT)))
            line.values[-1] = latest
    return times, list(found.values())


def named(legend: str, labels: Labels) -> str:
    """Fill a legend in."""
    for name, value in labels.items():
        legend = legend.replace(f"{{{name}}}", value)
    return legend
