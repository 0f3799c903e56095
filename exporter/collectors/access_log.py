"""Requests of a component, out of its access log.

app_requests_total{component,code}                  counter
app_request_duration_seconds{component}             histogram  absent where the log has no durations
app_response_time_seconds{component}                gauge  mean over the window
app_throughput_requests_per_second{component}       gauge  over the window
app_error_ratio{component}                          gauge  0–1, share of 5xx over the window
app_apdex_ratio{component}                          gauge  0–1, satisfied and half of the tolerating
business_api_calls_total{endpoint}, business_api_calls_per_minute{endpoint}   for the endpoints that are named
exporter_log_lines_total{log,result}                counter  parsed, unparsed, left_out, oversized
exporter_log_behind_bytes{log}                      gauge  written and not read

A mean or share of no requests is absent. Totals and position outlive a restart where there is a data folder.
Fails where the file cannot be read, or where it has lines and none of them has the format.
"""

import dataclasses
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from exporter.collector import APP_EVERY_MS, Claim, Context
from exporter.collector import Settings as Common
from exporter.keep import keep, kept
from exporter.log_line import (
    DURATION_KEYS,
    LINE_BYTES_MAX,
    PATH_KEYS,
    STATUS_KEYS,
    Parser,
    combined,
    json_lines,
    regex,
)
from exporter.settings import DurationMs, Name, Option, Pattern, compiled
from exporter.tail import Position, Tail
from exporter.tally import Tally
from promkit.errors import Unavailable
from promkit.exposition import Family, counter, gauge
from promkit.log import get

__all__ = ["AccessLog", "Settings"]

BURST_BYTES_MAX = 32 * 1024 * 1024  # a run reads no more, the rest waits for the next one
ENDPOINTS_MAX = 100
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STATE_VERSION = 1
_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}

log = get("exporter.access_log")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Common):
    """One log, for one component."""

    name: Annotated[Name, Option("Name of the source.")]
    path: Annotated[Path, Option("The log file; rotation by rename and by copytruncate is followed.")]
    component: Annotated[Name | None, Option("Value of the label `component` (default: `name`).")] = None
    format: Annotated[
        Literal["combined", "json", "regex"],
        Option(
            "combined: nginx's and Apache's common or combined, with the request's duration after it;"
            " json: an object a line; regex: your `pattern`."
        ),
    ] = "combined"
    pattern: Annotated[
        Pattern | None, Option("For format regex: groups `status`, and if you like `duration` and `path`.")
    ] = None
    duration_unit: Annotated[
        Literal["s", "ms", "us", "ns"],
        Option("Unit of the logged duration: s for nginx' $request_time, us for Apache's %D."),
    ] = "s"
    status_key: Annotated[str | None, Option("For format json: key of the status, as `response.status`.")] = (
        None
    )
    duration_key: Annotated[str | None, Option("For format json: key of the duration.")] = None
    path_key: Annotated[str | None, Option("For format json: key of the path.")] = None
    paths: Annotated[Pattern | None, Option("Only requests whose path matches are counted.")] = None
    endpoints: Annotated[
        dict[Name, Pattern],
        Option(
            "Endpoint's name → pattern of its paths, for business_api_calls_per_minute.",
            max_length=ENDPOINTS_MAX,
        ),
    ] = dataclasses.field(default_factory=dict)
    window: Annotated[DurationMs, Option("Time over which means and shares are taken.", ge=1_000)] = 60_000
    buckets: Annotated[
        tuple[float, ...],
        Option("Upper bounds of the histogram.", unit="seconds", min_length=1, max_length=100),
    ] = BUCKETS
    apdex: Annotated[DurationMs, Option("A request faster than this satisfies.", ge=1)] = 500
    from_start: Annotated[bool, Option("Read a log that is new to us from its beginning.")] = False
    every: Annotated[DurationMs, Option("How often the log is read.", ge=100)] = APP_EVERY_MS
    timeout: Annotated[DurationMs, Option("After this long a run counts as failed.")] = 10_000

    @property
    def label(self) -> str:
        return self.component or self.name

    def claims(self) -> Sequence[Claim]:
        return (Claim("requests", self.label),)

    def gives(self) -> Iterable[tuple[str, Collection[str]]]:
        if self.endpoints:
            yield "business_api_calls_total", {"endpoint"}
            yield "business_api_calls_per_minute", {"endpoint"}

    def __post_init__(self) -> None:
        """ValueError: what does not fit."""
        if (self.format == "regex") != (self.pattern is not None):
            raise ValueError("`pattern` and `format: regex` need each other")
        if self.pattern is not None and "status" not in compiled(self.pattern).groupindex:
            raise ValueError("`pattern` needs a group (?P<status>…)")


class AccessLog:
    """Keeps the position, the totals and the window."""

    def __init__(self, settings: Settings, context: Context, name: str) -> None:
        self._name = name
        self._parse = _parser(settings)
        self._paths = compiled(settings.paths) if settings.paths else None
        self._endpoints = [(label, compiled(pattern)) for label, pattern in settings.endpoints.items()]
        self._tally = Tally(
            settings.label,
            settings.buckets,
            settings.window,
            settings.apdex / 1_000,
            list(settings.endpoints),
        )
        self._lines = dict.fromkeys(("parsed", "unparsed", "left_out", "oversized"), 0)
        self._oversized_before = 0
        self._last_ms: int | None = None
        self._state_path = _state_path(context, name)
        self._tail = Tail(settings.path, self._restore(settings.path), from_start=settings.from_start)

    def collect(self, now_ms: int) -> list[Family]:
        before = dict(self._lines)
        if self._last_ms is not None:
            self._tally.begin(self._last_ms, now_ms)
        for line in self._tail.read(BURST_BYTES_MAX):
            self._take(line)
        self._tally.end()
        self._last_ms = now_ms
        self._lines["oversized"] = self._oversized_before + self._tail.oversized
        if self._tail.lost:
            log.warning("log was rotated away while nobody read it", collector=self._name)
            self._tail.lost = False
        self._save(now_ms)
        unparsed = self._lines["unparsed"] - before["unparsed"]
        if unparsed and self._lines["parsed"] == before["parsed"]:
            raise Unavailable(
                f"none of {unparsed} new lines has the format", remedy="see `format` and `pattern`"
            )
        return [*self._tally.families(), *self._own()]

    def _take(self, line: bytes) -> None:
        request = self._parse(line[:LINE_BYTES_MAX])
        if request is None:
            self._lines["unparsed"] += 1
            return
        self._lines["parsed"] += 1
        if self._paths is not None and not self._paths.search(request.path):
            self._lines["left_out"] += 1
            return
        self._tally.add(request, _matching(self._endpoints, request.path))

    def _own(self) -> list[Family]:
        at = {"log": self._name}
        return [
            counter(
                "exporter_log_lines_total",
                "Lines of the log by what became of them; left_out: parsed, and not of these `paths`.",
                *(({**at, "result": result}, count) for result, count in self._lines.items()),
            ),
            gauge("exporter_log_behind_bytes", "Written and not yet read.", (at, self._tail.behind_bytes)),
        ]

    def _restore(self, path: Path) -> Sequence[Position]:
        """Take up where the last process stopped; a state that cannot be read is told and begun anew."""
        if self._state_path is None:
            return ()
        try:
            state = kept(self._state_path)
            if state is None:
                return ()
            if state["version"] != _STATE_VERSION or state["path"] != str(path):
                return ()
            positions = [Position(int(p["offset"]), bytes.fromhex(p["before"])) for p in state["positions"]]
            self._tally.restore(state["tally"])
            self._lines |= {key: int(state["lines"][key]) for key in self._lines}
            self._oversized_before = self._lines["oversized"]
            self._last_ms = int(state["at_ms"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("state of the log not readable, begun anew", collector=self._name, error=error)
            return ()
        return positions

    def _save(self, now_ms: int) -> None:
        """Position and totals in one file, replaced whole: after a crash both are of the same moment."""
        if self._state_path is None:
            return
        state: Mapping[str, Any] = {
            "version": _STATE_VERSION,
            "path": str(self._tail.path),
            "positions": [{"offset": p.offset, "before": p.before.hex()} for p in self._tail.positions],
            "tally": self._tally.state(),
            "lines": self._lines,
            "at_ms": now_ms,
        }
        keep(self._state_path, state)


def _state_path(context: Context, name: str) -> Path | None:
    return context.data / f"{name.replace('/', '-')}.json" if context.data is not None else None


def _parser(settings: Settings) -> Parser:
    unit = _UNITS[settings.duration_unit]
    if settings.format == "json":
        return json_lines(
            unit,
            (settings.status_key,) if settings.status_key else STATUS_KEYS,
            (settings.duration_key,) if settings.duration_key else DURATION_KEYS,
            (settings.path_key,) if settings.path_key else PATH_KEYS,
        )
    if settings.pattern is not None:
        return regex(settings.pattern, unit)
    return combined(unit)


def _matching(endpoints: Sequence[tuple[str, re.Pattern[str]]], path: str) -> Sequence[str]:
    return [label for label, pattern in endpoints if pattern.search(path)]
