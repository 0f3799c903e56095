"""Scrapes one target, again and again: page → row.

A row begins with what is said about the scrape itself, then come the page's series:

    up  scrape_duration_seconds  …_samples_scraped  …_post_metric_relabeling  scrape_series_added | series …
"""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Lock

import numpy as np

from promkit import log
from promkit.exposition import ExpositionError
from promkit.labels import METRIC_NAME, Labels
from ruler.ingest.config import Scrape
from ruler.ingest.errors import FailureKind, ScrapeError
from ruler.ingest.fetch import Fetch
from ruler.ingest.layout import Layout, Page, learn, metadata
from ruler.ingest.series import Naming
from ruler.ingest.target import Target, TargetView
from ruler.store import STALE, Lane, Mask, Sids, Slots, Store, Values

__all__ = ["Runner"]

_LOG = log.get(__name__)
_REPORTS = (
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
)
_DROPPED = -1
_NO_SLOTS: Slots = np.empty(0, np.intp)


@dataclass(frozen=True, slots=True)
class _Known:
    """The layout of the last page, and where its samples go."""

    layout: Layout
    slots: Slots  # [N], −1: the sample is dropped
    kept: int  # samples that relabelling left
    whole: bool  # every sample has a slot and goes into the row
    sids: Sids  # [N], whose the slots are


class Runner:
    """A target's state between scrapes. Its lock makes one scrape, or its end, happen at a time."""

    def __init__(
        self, target: Target, job: Scrape, store: Store, learning: AbstractContextManager[object]
    ) -> None:
        """`learning` is held while a layout is learnt: it takes memory, so not all targets do it at once."""
        self.target = target
        self.job = job
        self._store = store
        self._lock = Lock()
        self._learning = learning
        self._lane: Lane = store.lane(target.job, target.key, target.interval_ms)
        self._reports = self._lane.slots([target.labels.merged({METRIC_NAME: name}) for name in _REPORTS])
        self._fetch = Fetch(job, target.url, target.timeout_ms)
        self._naming = Naming(target.labels, job)
        self._known: _Known | None = None
        self._live = _NO_SLOTS  # slots of the series that the last good page had
        self._down = False
        self._ended = False
        self.view = TargetView(
            target.job, target.url, target.labels, target.discovered_labels,
            interval_ms=target.interval_ms, timeout_ms=target.timeout_ms,
        )  # fmt: skip

    def scrape(self, at_ms: int) -> bool:
        """Scrape once and store the row; whether it was written (not after `end`)."""
        with self._lock:
            if self._ended:
                return False
            started = time.perf_counter()
            try:
                fetched = self._fetch.fetch()
                row, reports = self._row(fetched.body, at_ms, openmetrics=fetched.openmetrics)
                error = None
            except ScrapeError as failed:
                error = failed
                row, reports = self._failed_row(at_ms), (0, 0, 0)
            seconds = time.perf_counter() - started
            row[self._reports] = (float(error is None), seconds, *reports)
            self._lane.write(at_ms, row)
            self._tell(error, at_ms, seconds, reports[0])
            return True

    def reconfigure(self, target: Target, job: Scrape) -> None:
        """Go on under another configuration of the same target."""
        with self._lock:
            self.target, self.job = target, job
            self._fetch.close()
            self._fetch = Fetch(job, target.url, target.timeout_ms)
            self._naming = Naming(target.labels, job)
            self._known = None

    def end(self, at_ms: int) -> None:
        """The target is gone: its series end."""
        with self._lock:
            self._ended = True
            self._fetch.close()
            self._lane.end(at_ms)

    def close(self) -> None:
        """Stop without a word: the process ends, the target does not."""
        with self._lock:
            self._ended = True
            self._fetch.close()

    def _row(self, body: bytes, at_ms: int, *, openmetrics: bool) -> tuple[Values, tuple[int, int, int]]:
        known = self._known
        if known is not None and self._down and not self._still(known):
            self._known = known = None
            self._live = _NO_SLOTS
        if known is not None:
            page = known.layout.read(body) if known.layout.openmetrics is openmetrics else None
            if page is not None:
                if self._down:
                    self._lane.revive(self._live)
                return self._filled(known, page), (len(page.values), known.kept, 0)
        with self._learning:
            return self._learned_row(body, at_ms, openmetrics=openmetrics)

    def _filled(self, known: _Known, page: Page) -> Values:
        row = self._lane.blank()
        if known.whole:
            row[known.slots] = page.values
            return row
        own_time = page.layout.timed & (known.slots >= 0) if self.job.honor_timestamps else None
        rest = known.slots >= 0
        if own_time is not None and page.times is not None and own_time.any():
            rest &= ~own_time
            self._lane.stray(known.slots[own_time], page.times[own_time], page.values[own_time])
        row[known.slots[rest]] = page.values[rest]
        return row

    def _learned_row(
        self, body: bytes, at_ms: int, *, openmetrics: bool
    ) -> tuple[Values, tuple[int, int, int]]:
        """Read a page of another layout than the last one's: series came or went."""
        before = self._known
        slot_of: dict[bytes, int] = {}
        if before is not None:
            slot_of = dict(zip(before.layout.prefixes, before.slots.tolist(), strict=True))
        try:
            page, new = learn(body, slot_of, openmetrics=openmetrics)
        except ExpositionError as error:
            raise ScrapeError(FailureKind.MALFORMED, str(error)) from None
        self._enlist(new, slot_of)
        known = self._settled(page, slot_of)
        was_live = self._mask(self._live)
        added = int((~was_live[known.slots[known.slots >= 0]]).sum()) if new else 0
        if before is None or before.layout.comments != page.layout.comments:
            self._store.describe(metadata(page.layout.comments))
        live = known.slots[(known.slots >= 0) & ~self._timed(page)]
        gone = np.flatnonzero(was_live & ~self._mask(live))
        self._known, self._live = known, live
        row = self._filled(known, page)
        if self._down:
            self._lane.revive(live)
        elif len(gone):
            row[gone] = STALE
            self._lane.retire(gone, at_ms)
        return row, (len(page.values), known.kept, added)

    def _enlist(self, new: Mapping[bytes, Labels], slot_of: dict[bytes, int]) -> None:
        """Give the new series slots; `slot_of` learns them."""
        names: list[bytes] = []
        series: list[Labels] = []
        for prefix, labels in new.items():
            full = self._naming.series(labels)
            if full is None:
                slot_of[prefix] = _DROPPED
            else:
                names.append(prefix)
                series.append(full)
        limit = self.job.sample_limit
        kept = sum(slot >= 0 for slot in slot_of.values()) + len(series) if limit else 0
        if kept > limit:
            raise ScrapeError(FailureKind.LIMIT, f"sample_limit exceeded: more than {limit} samples")
        slot_of.update(zip(names, self._lane.slots(series).tolist(), strict=True))

    def _settled(self, page: Page, slot_of: Mapping[bytes, int]) -> _Known:
        slots = np.fromiter(map(slot_of.__getitem__, page.layout.prefixes), np.intp, len(page.values))
        stored = slots >= 0
        kept = int(stored.sum())
        if kept and np.bincount(slots[stored]).max() > 1:
            _, first = np.unique(slots, return_index=True)
            again = np.ones(len(slots), np.bool_)
            again[first] = False
            slots[again] = _DROPPED  # of samples of one series the first is stored
        whole = bool((slots >= 0).all()) and not self._timed(page).any()
        return _Known(page.layout, slots, kept, whole, self._lane.sids[slots])

    def _still(self, known: _Known) -> bool:
        """Whether all slots are still those of their series, after a time in which they might be freed."""
        now = self._lane.sids[known.slots]
        return bool((now == known.sids)[known.slots >= 0].all())

    def _mask(self, slots: Slots) -> Mask:
        """Which slots of the lane these are. [W]."""
        mask = np.zeros(self._lane.width, np.bool_)
        mask[slots] = True
        return mask

    def _timed(self, page: Page) -> Mask:
        return page.layout.timed if self.job.honor_timestamps else np.zeros(len(page.values), np.bool_)

    def _failed_row(self, at_ms: int) -> Values:
        row = self._lane.blank()
        if len(self._live) and not self._down:
            row[self._live] = STALE
            self._lane.retire(self._live, at_ms)
        return row

    def _tell(self, error: ScrapeError | None, at_ms: int, seconds: float, samples: int) -> None:
        """Keep how it went; a failure is logged when it begins and when it ends."""
        target = self.target
        if error is not None and not self._down:
            _LOG.warning("scrape failed", job=target.job, target=target.url, kind=error.kind, error=error)
        elif error is None and self._down:
            _LOG.info("scrape works again", job=target.job, target=target.url)
        self._down = error is not None
        self.view = TargetView(
            job=target.job,
            url=target.url,
            labels=target.labels,
            discovered_labels=target.discovered_labels,
            health="down" if error else "up",
            last_error=str(error) if error else "",
            error_class=error.kind if error else "",
            last_scrape_ms=at_ms,
            duration_ms=seconds * 1000,
            samples=samples,
            interval_ms=target.interval_ms,
            timeout_ms=target.timeout_ms,
        )
