"""What a collector is.

A collector reads one source and says what it found as metric families. It may keep what it needs from one run
to the next (the last CPU times, a position in a log), knows no thread and no clock, and raises when its
source fails: the scheduler decides what becomes of that.
"""

import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

from exporter.settings import DurationMs, Option
from promkit.exposition import Family

__all__ = ["SUBJECTS", "Claim", "Collector", "Context", "Kind", "Needs", "Settings", "Source"]

SYSTEM_EVERY_MS = 10_000
APP_EVERY_MS = 15_000
BUSINESS_EVERY_MS = 30_000
STALE_CADENCES = 3
# Families by what a claim is about: only the component's one source may give them.
SUBJECTS = {
    "app_requests": "requests",
    "app_request_duration_seconds": "requests",
    "app_response_time_seconds": "requests",
    "app_throughput_requests_per_second": "requests",
    "app_error_ratio": "requests",
    "app_apdex_ratio": "requests",
    "app_cpu_usage_ratio": "usage",
    "app_memory_usage_ratio": "usage",
}


class Collector(Protocol):
    """Reads one source."""

    def collect(self, now_ms: int) -> list[Family]:
        """Read the source once. LuminaError: why it could not be read; any other exception is a bug."""


@dataclass(frozen=True, slots=True)
class Claim:
    """That a source measures this of a component, so that no second one may: `requests` or `usage`."""

    subject: str
    component: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What every collector can be told; a kind's own settings stand beside these."""

    every: Annotated[DurationMs, Option("How often the source is read.", ge=100)] = SYSTEM_EVERY_MS
    timeout: Annotated[DurationMs, Option("After this long a run counts as failed.")] = 5_000
    stale_after: Annotated[
        DurationMs | None,
        Option("The values of a failing source are dropped at this age (default: three times `every`)."),
    ] = None
    series_max: Annotated[
        int, Option("Series past this many are dropped, counted and named.", unit="series", ge=1)
    ] = 10_000

    @property
    def stale_after_ms(self) -> int:
        """The age at which values are dropped."""
        return STALE_CADENCES * self.every if self.stale_after is None else self.stale_after

    def claims(self) -> Sequence[Claim]:
        """What this source measures that no other may measure too."""
        return ()

    def gives(self) -> Iterable[tuple[str, Collection[str]]]:
        """The metrics that this source is told to give, each with its labels; of others nothing is known."""
        return ()


@dataclass(frozen=True, slots=True)
class Context:
    """What a collector gets beside its settings."""

    data: Path | None = None
    """A folder for what must outlive a restart; None: nothing does."""
    root: Path | None = None
    """Where the host's file system is mounted, when we run in a container; None: we run on the host."""


@dataclass(frozen=True, slots=True)
class Needs:
    """A package that the base install lacks, and the extra that brings it."""

    module: str
    extra: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of the list of collectors."""

    name: str
    settings: type[Settings]
    build: Callable[[Any, Context, str], Collector]  # Any: the kind's own Settings; then context, source name
    many: bool = False
    """Its YAML is a list, each item a source of its own with `name`, worker and timeout."""
    on: bool = False
    """Runs unless the configuration says false."""
    warm_up_ms: int = 0
    """The second run comes this soon, where a ratio needs two readings."""
    needs: Needs | None = None
    """What must be installed beside us; without it a source of this kind is refused at load."""

    @property
    def summary(self) -> str:
        """The first line of what its module says of itself."""
        return (sys.modules[self.build.__module__].__doc__ or "").partition("\n")[0]


@dataclass(frozen=True, slots=True)
class Source:
    """A configured collector: `cpu`, or `http/shop` where a kind has many."""

    name: str
    kind: Kind
    settings: Settings
