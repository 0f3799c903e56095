"""Graphs drawn from the store: the front page's, a written list, and those of alerts and queries."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promkit.labels import Labels
from ruler.promql import Cancel, Engine, Matrix, Result, Scalar, Vector
from ruler.store import ABSENT, Times, Values
from ruler.ui.chart import Line, Style, line_chart

__all__ = ["HOST", "Panel", "draw", "fitting_ms", "lines_of", "matrix_of", "named", "steps_ms", "vector_of"]

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
    return line_chart(panel.title, times, lines, Style(panel.unit, reach=panel.top))


def lines_of(
    engine: Engine, query: str, now_ms: int, range_ms: int, legend: str = ""
) -> tuple[Times, list[Line]]:
    """A query's lines: at round instants, so that a refresh moves no point, and at this one."""
    times, labels, values = matrix_of(engine, query, now_ms, range_ms, steps_ms(range_ms))
    names = [named(legend, one) if legend else str(one) for one in labels[:LINES_MAX]]
    return times, [Line(name, values[:, column]) for column, name in enumerate(names)]


def matrix_of(
    engine: Engine, query: str, now_ms: int, range_ms: int, step_ms: int, cancel: Cancel | None = None
) -> tuple[Times, Sequence[Labels], Values]:
    """A query's series at round instants and at this one: times [K], labels [S], values [K, S]."""
    end_ms = now_ms // step_ms * step_ms
    times: Times = np.arange(end_ms - range_ms // step_ms * step_ms, end_ms + 1, step_ms, dtype=np.int64)
    value = engine.range(query, int(times[0]), int(times[-1]), step_ms, cancel=cancel).value
    labels, values = (value.labels, value.values) if isinstance(value, Matrix) else ([], _nothing(times))
    now_labels, now_values = vector_of(engine.instant(query, now_ms, cancel=cancel))
    known = {one: column for column, one in enumerate(labels)}
    new = [one for one in now_labels if one not in known]
    known |= {one: len(known) + column for column, one in enumerate(new)}
    whole = np.full((len(times) + 1, len(known)), ABSENT)
    whole[:-1, : len(labels)] = values
    whole[-1, [known[one] for one in now_labels]] = now_values
    return np.append(times, now_ms), list(known), whole


def vector_of(result: Result) -> tuple[Sequence[Labels], Values]:
    """What an instant query gave; a scalar is a series without labels."""
    match result.value:
        case Vector(_, labels, values):
            return labels, values
        case Scalar(_, value):
            return [Labels({})], np.array([value])
        case _:
            return [], np.empty(0)


def _nothing(times: Times) -> Values:
    return np.empty((len(times), 0))


def named(legend: str, labels: Labels) -> str:
    """Fill a legend in."""
    for name, value in labels.items():
        legend = legend.replace(f"{{{name}}}", value)
    return legend
