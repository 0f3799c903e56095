"""The last values of all sources, rendered and compressed ahead of the scrape.

    readings ──▶ merged: each name in one place, each series once ──▶ text, OpenMetrics, both also gzip

A scrape takes bytes that are ready; so it costs the same however slow a source is, and however many ask.
"""

import gzip
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from exporter.collector import Source
from exporter.declared import Declaration, admitted
from exporter.pools import consistent
from exporter.scheduler import Health, Reading
from promkit.exposition import Family, Sample, counter, gauge, render
from promkit.labels import Labels
from promkit.log import get
from promkit.process import Stop

__all__ = ["OWN", "Page", "Rendered", "Report", "merged"]

OWN = "exporter"  # the name under which collect[] and exclude[] know the process' own metrics
STOP_POLL_MS = 500
GATHER_MS = 20  # sources that finish together are rendered together
REFRESH_MS = 5_000  # so old the process' own figures get at most
GZIP_LEVEL = 1  # a page shrinks to 12 % instead of 10 %, in a third of the time

log = get("exporter.page")

Own = Callable[[], Iterable[Family]]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A page in one format."""

    plain: bytes
    gzip: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """A source as the landing page shows it."""

    reading: Reading
    stale: bool
    """Its values are too old and left out."""


@dataclass(slots=True)
class _Entry:
    reading: Reading
    families: Sequence[Family] = ()
    fresh: bool = True  # not rendered yet
    conflicts: dict[str, int] = field(default_factory=dict)  # reason → series left out by now


class Page:
    """Owns the last values. Sources put, one worker renders, everyone else reads bytes."""

    def __init__(self, own: Own, now_ms: Callable[[], int]) -> None:
        self._own = own
        self._now_ms = now_ms
        self._declarations: Mapping[str, Declaration] = {}
        self._entries: dict[str, _Entry] = {}
        self._lock = threading.Lock()
        self._dirty = threading.Event()
        self._rendered = {False: Rendered(b"", b""), True: Rendered(b"", b"")}
        self._texts: dict[tuple[str, bool], tuple[Family, bytes]] = {}
        self._told: set[tuple[str, str]] = set()
        self._render_seconds = 0.0

    def put(self, reading: Reading) -> None:
        """Take what a source gave; nothing of one that is not expected any more."""
        with self._lock:
            entry = self._entries.get(reading.source.name)
            if entry is None or entry.reading.source != reading.source:
                return
            entry.reading = reading
            if reading.families is not None:
                families = consistent(reading.families)
                entry.families, left_out = admitted(self._declarations, reading.source.name, families)
                entry.fresh = True
                for (family, reason), count in left_out.items():
                    self._leave_out(reading.source.name, family, reason, count)
        self._dirty.set()

    def expect(self, sources: Sequence[Source], declarations: Mapping[str, Declaration]) -> None:
        """These are the sources now: others are forgotten, new and changed ones have nothing yet."""
        with self._lock:
            self._declarations = declarations
            before = self._entries
            self._entries = {
                source.name: before[source.name]
                if source.name in before and before[source.name].reading.source == source
                else _Entry(Reading(source, Health(), None))
                for source in sources
            }
        self._dirty.set()

    def rendered(self, *, openmetrics: bool) -> Rendered:
        return self._rendered[openmetrics]

    def selected(self, wanted: set[str] | None, unwanted: set[str], *, openmetrics: bool) -> bytes:
        """The page of these sources alone (None: all), by name or kind, rendered when asked."""
        with self._lock:
            now_ms = self._now_ms()
            names = {
                name
                for name, entry in self._entries.items()
                if (wanted is None or wanted & {name, entry.reading.source.kind.name})
                and not unwanted & {name, entry.reading.source.kind.name}
            }
            parts = [part for part in self._parts(now_ms) if part[0] in names]
            health = self._health_families(now_ms, names)
        with_own = OWN not in unwanted and (wanted is None or OWN in wanted)
        own = list(self._own()) if with_own else []
        families, _ = merged([*parts, (OWN, [*health, *own])])
        return render(families, openmetrics)

    def reports(self) -> Sequence[Report]:
        """Each source, by name."""
        with self._lock:
            now_ms = self._now_ms()
            return [
                Report(entry.reading, _is_stale(entry, now_ms)) for _, entry in sorted(self._entries.items())
            ]

    def names(self) -> set[str]:
        """What collect[] and exclude[] may name: sources, kinds, and the exporter itself."""
        with self._lock:
            entries = list(self._entries.items())
        return (
            {OWN} | {name for name, _ in entries} | {entry.reading.source.kind.name for _, entry in entries}
        )

    def untried(self) -> Sequence[str]:
        """The sources that have neither finished nor failed yet."""
        with self._lock:
            return [name for name, entry in self._entries.items() if not entry.reading.health.tried]

    def work(self, stop: Stop) -> None:
        """Render whenever something came in, until stopped."""
        waited_ms = 0
        while not stop.is_set():
            waited_ms += STOP_POLL_MS
            if self._dirty.wait(STOP_POLL_MS / 1000) or waited_ms >= REFRESH_MS:
                stop.wait(GATHER_MS)
                self.render()
                waited_ms = 0

    def render(self) -> None:
        """Render all values that are not stale, with the exporter's own."""
        started = time.perf_counter()
        self._dirty.clear()
        with self._lock:
            now_ms = self._now_ms()
            parts = self._parts(now_ms)
            families, dropped = merged(parts)
            self._count(dropped)
            health = self._health_families(now_ms, set(self._entries))
        # Own families come first: no source can take a name of theirs away.
        families, _ = merged([(OWN, [*health, *self._page_families(), *self._own()]), ("", families)])
        self._rendered = {format_: self._in_format(families, format_) for format_ in (False, True)}
        self._texts = {key: kept for key, kept in self._texts.items() if key[0] in {f.name for f in families}}
        self._render_seconds = time.perf_counter() - started

    def _in_format(self, families: Sequence[Family], openmetrics: bool) -> Rendered:  # noqa: FBT001
        end = b"# EOF\n" if openmetrics else b""
        plain = b"".join([self._text(family, openmetrics, end) for family in families]) + end
        return Rendered(plain, gzip.compress(plain, GZIP_LEVEL, mtime=0))

    def _text(self, family: Family, openmetrics: bool, end: bytes) -> bytes:  # noqa: FBT001
        """A family's lines; those that did not change since the last time are not written again."""
        kept = self._texts.get((family.name, openmetrics))
        if kept is not None and kept[0] is family:
            return kept[1]
        text = render([family], openmetrics).removesuffix(end)
        self._texts[family.name, openmetrics] = (family, text)
        return text

    def _parts(self, now_ms: int) -> list[tuple[str, Sequence[Family]]]:
        return [
            (name, entry.families)
            for name, entry in sorted(self._entries.items())
            if not _is_stale(entry, now_ms)
        ]

    def _count(self, dropped: Mapping[tuple[str, str, str], int]) -> None:
        """Count conflicts once for each run of the source that lost, and tell of each once."""
        for (source, family, reason), count in dropped.items():
            self._leave_out(source, family, reason, count if self._entries[source].fresh else 0)
        for entry in self._entries.values():
            entry.fresh = False

    def _leave_out(self, source: str, family: str, reason: str, count: int) -> None:
        conflicts = self._entries[source].conflicts
        conflicts[reason] = conflicts.get(reason, 0) + count
        if (source, family) not in self._told and len(self._told) < 1_000:
            self._told.add((source, family))
            log.warning("series left out", collector=source, metric=family, reason=reason, series=count)

    def _page_families(self) -> list[Family]:
        return [
            gauge(
                "exporter_page_bytes",
                "Size of the page that was rendered before this one.",
                *(
                    ({"format": "openmetrics" if format_ else "text", "encoding": encoding}, len(body))
                    for format_, page in self._rendered.items()
                    for encoding, body in (("identity", page.plain), ("gzip", page.gzip))
                ),
            ),
            gauge(
                "exporter_page_render_seconds",
                "How long it took to render the page before this one.",
                ({}, self._render_seconds),
            ),
        ]

    def _health_families(self, now_ms: int, names: set[str]) -> list[Family]:
        shown = [
            (name, entry)
            for name, entry in sorted(self._entries.items())
            if name in names and entry.reading.health.tried
        ]
        health = [({"collector": name}, entry.reading.health) for name, entry in shown]
        return [
            gauge(
                "exporter_collector_success",
                "1 where the last run of the collector succeeded, 0 where it failed or timed out.",
                *((labels, float(h.success)) for labels, h in health),
            ),
            gauge(
                "exporter_collector_duration_seconds",
                "How long the last run of the collector took.",
                *((labels, h.duration_ms / 1000) for labels, h in health),
            ),
            gauge(
                "exporter_collector_last_success_timestamp_seconds",
                "Unix time of the collector's last success.",
                *((labels, h.last_success_ms / 1000) for labels, h in health if h.last_success_ms),
            ),
            counter(
                "exporter_collector_runs_total",
                "Runs of the collector.",
                *((labels, h.runs) for labels, h in health),
            ),
            counter(
                "exporter_collector_failures_total",
                "Runs that failed, those that timed out included.",
                *((labels, h.failures) for labels, h in health),
            ),
            counter(
                "exporter_collector_timeouts_total",
                "Runs that took longer than the collector's timeout.",
                *((labels, h.timeouts) for labels, h in health),
            ),
            gauge(
                "exporter_collector_stale",
                "1 where the collector's values are left out because they are too old.",
                *(({"collector": name}, float(_is_stale(entry, now_ms))) for name, entry in shown),
            ),
            gauge(
                "exporter_series",
                "Series that the collector gave.",
                *((labels, h.series) for labels, h in health),
            ),
            counter(
                "exporter_series_dropped_total",
                "Series left out: over the cap, given by another source already or of another type there,"
                " or against their declaration under `business`.",
                *(
                    ({"collector": name, "reason": reason}, count)
                    for name, entry in shown
                    for reason, count in (
                        {"cap": entry.reading.health.dropped_total, "duplicate": 0, "type": 0}
                        | (dict.fromkeys(("label", "source"), 0) if self._declarations else {})
                        | entry.conflicts
                    ).items()
                ),
            ),
        ]


def _is_stale(entry: _Entry, now_ms: int) -> bool:
    health = entry.reading.health
    if health.success or health.last_success_ms is None:
        return False
    return now_ms - health.last_success_ms > entry.reading.source.settings.stale_after_ms


def merged(
    parts: Sequence[tuple[str, Sequence[Family]]],
) -> tuple[list[Family], dict[tuple[str, str, str], int]]:
    """Each name once, sorted; and what was left out: (source, family, "type" or "duplicate") → series.

    Where two sources give the same series, or one name with two types, the first keeps it. A family without
    samples is left out.
    """
    by_name: dict[str, list[tuple[str, Family]]] = {}
    for source, families in parts:
        for family in families:
            if family.samples:
                by_name.setdefault(family.name, []).append((source, family))
    result: list[Family] = []
    dropped: dict[tuple[str, str, str], int] = {}
    for name in sorted(by_name):
        given = by_name[name]
        if len(given) == 1:
            result.append(given[0][1])
        else:
            result.append(_joined(given, dropped))
    return result, dropped


def _joined(given: Sequence[tuple[str, Family]], dropped: dict[tuple[str, str, str], int]) -> Family:
    first = given[0][1]
    seen: set[tuple[str, Labels]] = set()
    samples: list[Sample] = []
    for source, family in given:
        if family.type is not first.type:
            key = (source, family.name, "type")
            dropped[key] = dropped.get(key, 0) + len(family.samples)
            continue
        for sample in family.samples:
            if (sample.name, sample.labels) in seen:
                key = (source, family.name, "duplicate")
                dropped[key] = dropped.get(key, 0) + 1
            else:
                seen.add((sample.name, sample.labels))
                samples.append(sample)
    return replace(first, samples=tuple(samples))
