"""Half an hour of series of all sorts: counters with resets, gauges with gaps, buckets, NaN, infinities."""

import math
from collections.abc import Iterator
from random import Random

from promkit.labels import METRIC_NAME, Labels

START_MS = 1_700_000_000_000
END_MS = START_MS + 1_800_000
Series = dict[Labels, list[tuple[int, float]]]


def samples(seed: int = 7) -> Series:
    """Series by labels, each with samples in the order of time."""
    random = Random(seed)
    series: Series = {}
    for labels, points in _all(random):
        series[Labels(labels)] = points
    return series


def _all(random: Random) -> Iterator[tuple[dict[str, str], list[tuple[int, float]]]]:
    for job in ("api", "web"):
        for instance in ("a", "b", "c"):
            first = random.randrange(0, 15_000)
            yield {METRIC_NAME: "up", "job": job, "instance": instance}, _up(random, first)
            for code in ("200", "500"):
                labels = {METRIC_NAME: "requests_total", "job": job, "instance": instance, "code": code}
                yield labels, _counter(random, first)
        yield from _buckets(random, job)
        for instance, version in (("a", "1.2"), ("b", "1.3")):
            labels = {METRIC_NAME: "target_info", "job": job, "instance": instance, "version": version}
            yield labels, [(t, 1.0) for t in _times(random, 15_000)]
    for room in ("kitchen", "hall", "attic"):
        yield {METRIC_NAME: "temperature", "room": room, "job": "house"}, _gauge(random)
    for kind, value in (
        ("inf", math.inf),
        ("-inf", -math.inf),
        ("nan", math.nan),
        ("zero", 0.0),
        ("big", 1e308),
    ):
        yield {METRIC_NAME: "odd", "kind": kind, "job": "odd"}, _constant(random, value)


def _times(random: Random, step: int, first: int = 0, missing: float = 0.05) -> Iterator[int]:
    for at in range(START_MS + first, END_MS, step):
        if random.random() >= missing:
            yield at + random.randrange(-3, 4)


def _up(random: Random, first: int) -> list[tuple[int, float]]:
    return [(t, float(random.random() > 0.1)) for t in _times(random, 15_000, first)]


def _counter(random: Random, first: int) -> list[tuple[int, float]]:
    value, points = float(random.randrange(0, 50)), []
    for t in _times(random, 15_000, first):
        value = 0.0 if random.random() < 0.03 else value + random.choice((0, 1, 3, 7.5))
        points.append((t, value))
    return points


def _gauge(random: Random) -> list[tuple[int, float]]:
    missing = range(START_MS + 600_000, START_MS + 1_000_000)
    times = [t for t in _times(random, 30_000) if t not in missing]
    return [(t, round(20 + 5 * random.gauss(0, 1), 3)) for t in times]


def _constant(random: Random, value: float) -> list[tuple[int, float]]:
    return [(t, value if random.random() < 0.7 else random.uniform(-3, 3)) for t in _times(random, 20_000)]


def _buckets(random: Random, job: str) -> Iterator[tuple[dict[str, str], list[tuple[int, float]]]]:
    bounds = ("0.05", "0.1", "0.5", "1", "+Inf")
    times = list(_times(random, 15_000))
    counts = [[0.0] * len(bounds)]
    for _ in times[1:]:
        grown = [random.randrange(0, 4) for _ in bounds]
        counts.append([counts[-1][i] + sum(grown[: i + 1]) for i in range(len(bounds))])
    for i, bound in enumerate(bounds):
        labels = {METRIC_NAME: "latency_seconds_bucket", "job": job, "le": bound}
        yield labels, [(t, count[i]) for t, count in zip(times, counts, strict=True)]
    labels = {METRIC_NAME: "latency_seconds_count", "job": job}
    yield labels, [(t, count[-1]) for t, count in zip(times, counts, strict=True)]


def openmetrics(series: Series) -> str:
    """The series as an OpenMetrics page with times, each family's samples together."""
    families: dict[str, list[str]] = {}
    for labels, points in series.items():
        pairs = ",".join(f'{name}="{value}"' for name, value in labels.items() if name != METRIC_NAME)
        lines = families.setdefault(labels.metric, [])
        lines += [f"{labels.metric}{{{pairs}}} {_value(v)} {t / 1000:.3f}" for t, v in points]
    blocks = [f"# TYPE {name} unknown\n" + "\n".join(lines) + "\n" for name, lines in families.items()]
    return "".join(blocks) + "# EOF\n"


def _value(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)
