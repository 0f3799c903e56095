"""Joins the rooms: configuration → client → service → worker and server."""

import argparse
import contextlib
import ctypes
import fcntl
import json
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from analytics.catalog import Catalog
from analytics.config import Config, Datasource, load_config
from analytics.events import Event
from analytics.outbox import Count, Outbox
from analytics.page import summary
from analytics.report import health, report
from analytics.result import Results
from analytics.server import Control, build
from analytics.service import Service
from analytics.spec import ModelSpec
from promkit.config import load, resolve, reveal
from promkit.errors import ConfigError, Conflict, Unavailable
from promkit.fetch import Auth, Basic, Bearer, Fetcher, Tls
from promkit.log import get
from promkit.own import Registry
from promkit.process import Clock, Stop, Supervisor, parse_listen, run_until_signal
from promkit.query import Client
from promkit.web import Access, serve
from promkit.web_config import WebConfig

__all__ = ["Process", "check"]

_ANSWER_BYTES_MAX = 64 << 20
_EVENTS_TIMEOUT_MS = 5_000
_EVENTS_BYTES_MAX = 1 << 20
_LAG_MS = 10_000  # after a window's end, for samples that are on their way
_RETRY_MS = 2_000
_EARLY_MS = 30_000  # the first cycles come sooner: a person is looking
_EARLY_CYCLES = 4

log = get("analytics")


def check(options: argparse.Namespace) -> int:
    """Read all files. ConfigError: what is wrong in them."""
    config = load_config(options.config, os.environ)
    specs = Catalog(config, os.environ, options.data).load()
    if options.web_config is not None:
        load(options.web_config, WebConfig, os.environ)
    where = options.config or "what ships"
    sys.stdout.write(f"{where}: valid, {len(specs)} models: {', '.join(spec.id for spec in specs)}\n")
    return 0


class Process:
    """One running analytics."""

    def __init__(self, options: argparse.Namespace, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._wanted = threading.Event()
        self._claim = _claim(options.data)
        config, self._catalog, specs = self._read()
        self._own = Registry("analytics")
        told = self._own.counter("analytics_events_total", "Events for the ruler by result.", ("result",))
        self._events = _outbox(config, lambda result, count: told.inc(result, by=count))
        self._service = Service(
            Client(config.datasource.url, _fetcher(config.datasource)),
            config,
            specs,
            options.data,
            self._events.add if self._events else _tell_nobody,
        )
        self._cycles = self._own.counter("analytics_cycles_total", "Cycles by result.", ("result",))
        self._seconds = self._own.histogram("analytics_cycle_duration_seconds", "Duration of a cycle.")
        self._up = self._own.gauge("analytics_datasource_up", "Whether the history could be read, 1 or 0.")
        self._series = self._own.gauge("analytics_series", "Series that models and rules name.")
        self._left = self._own.gauge("analytics_series_left_out", "Series beyond series_max of their query.")
        self._last = self._own.gauge(
            "analytics_last_cycle_timestamp_seconds", "When the last whole cycle ran, Unix time."
        )
        self._own.collect_from(self._service.families)

    def once(self) -> int:
        """One cycle, a summary on stdout → 0, or 1 where the history cannot be read or a model failed."""
        now_ms = self._clock.now_ms()
        try:
            results = self._cycle(now_ms)
            service = self._service
            figures = report(service.specs, results, service.live, service.journal, 24, now_ms)
            state = health(service.specs, results, service.journal, service.status, now_ms)
            if self._events:
                self._events.flush()
        finally:
            self._service.close()
            self._claim.close()
        if self._options.output == "json":
            sys.stdout.write(json.dumps({"report": figures, "health": state}, indent=2) + "\n")
        else:
            sys.stdout.write(summary(figures, state))
        return 0 if state["status"] == "healthy" else 1

    def serve(self) -> int:
        """Serve and run cycles until a signal → exit code."""
        options = self._options
        web = load(options.web_config, WebConfig, os.environ) if options.web_config is not None else None
        host, _ = parse_listen(options.listen)
        access = Access(host, web or WebConfig())
        control = Control(self._catalog, self._wanted.set, self.reload)
        supervisor = Supervisor(self._clock)
        self._own.collect_from(supervisor.families)
        app = build(self._service, control, access, self._own, self._clock)
        supervisor.at_end("lock", self._claim.close)
        supervisor.at_end("service", self._service.close)
        server = serve(app, options.listen, web)
        supervisor.at_end("server", server.stop)
        supervisor.start("cycle", self._work)
        if self._events:
            supervisor.start("events", self._events.work)
        log.info("serving", address=f"{server.host}:{server.port}", models=len(self._service.specs))
        return run_until_signal(supervisor, self.reload)

    def reload(self) -> None:
        """Take up changed files. ConfigError: one is wrong, or asks for what only a restart can do."""
        config, catalog, specs = self._read()
        old = self._service.config
        for key in ("datasource", "events", "step", "history", "series_max"):
            if getattr(config, key) != getattr(old, key):
                raise ConfigError(f"a change of {key!r} needs a restart", str(self._options.config))
        self._service.use(config, specs, self._clock.now_ms())
        self._catalog = catalog
        self._wanted.set()
        log.info("reloaded", models=len(specs))

    def _read(self) -> tuple[Config, Catalog, Sequence[ModelSpec]]:
        config = load_config(self._options.config, os.environ)
        if self._options.datasource_url:
            source = config.datasource.model_copy(update={"url": self._options.datasource_url})
            config = config.model_copy(update={"datasource": source})
        catalog = Catalog(config, os.environ, self._options.data)
        return config, catalog, catalog.load()

    def _work(self, stop: Stop) -> None:
        """Run a cycle at the start, after each window's end, and when asked; sooner again where it failed."""
        failures = 0
        while not stop.is_set():
            now_ms = self._clock.now_ms()
            failures = 0 if self._cycle(now_ms) is not None else failures + 1
            interval = self._service.config.interval
            due_ms = (now_ms // interval + 1) * interval + min(_LAG_MS, interval // 10)
            if failures:
                due_ms = min(due_ms, now_ms + (_RETRY_MS << min(failures, 10)))
            elif self._service.status.cycles <= _EARLY_CYCLES:  # beside a ruler that has just started, too
                due_ms = min(due_ms, now_ms + _EARLY_MS)
            self._service.next_at(due_ms)
            self._wait(stop, due_ms)

    def _wait(self, stop: Stop, due_ms: int) -> None:
        left_ms = due_ms - self._clock.now_ms()
        until_ms = self._clock.monotonic_ms() + left_ms
        while not self._wanted.is_set() and (left_ms := until_ms - self._clock.monotonic_ms()) > 0:
            if stop.wait(min(left_ms, 500)):
                return
        self._wanted.clear()

    def _cycle(self, now_ms: int) -> Results | None:
        with self._seconds.time():
            results = self._service.cycle(now_ms)
        _give_back()
        self._cycles.inc("done" if results is not None else "failed")
        self._up.set(float(self._service.status.is_up))
        if results is not None:
            self._last.set(now_ms / 1000)
            self._series.set(self._service.status.series)
            self._left.set(self._service.left_out)
        return results


def _give_back() -> None:
    """Return freed memory to the system: after a cycle glibc keeps some 30 MiB that wait for the next one."""
    with contextlib.suppress(OSError, AttributeError):  # another libc
        ctypes.CDLL(None).malloc_trim(0)


def _fetcher(source: Datasource) -> Fetcher:
    auth: Auth | None = None
    if source.bearer_token is not None or source.bearer_token_file is not None:
        auth = Bearer(lambda: reveal(source, "bearer_token") or "")
    elif source.username:
        auth = Basic(source.username, lambda: reveal(source, "password") or "")
    tls = Tls(ca_file=resolve(source, source.ca_file)) if source.ca_file is not None else None
    return Fetcher(source.timeout, _ANSWER_BYTES_MAX, tls=tls, auth=auth)


def _outbox(config: Config, count: Count) -> Outbox | None:
    """What sends events; None where none are wanted."""
    given = config.events
    if not given.enabled:
        return None
    if not given.url:
        fetcher = _fetcher(config.datasource.model_copy(update={"timeout": _EVENTS_TIMEOUT_MS}))
        return Outbox(config.datasource.url, fetcher, count)
    has_token = given.bearer_token is not None or given.bearer_token_file is not None
    auth = Bearer(lambda: reveal(given, "bearer_token") or "") if has_token else None
    tls = Tls(ca_file=resolve(given, given.ca_file)) if given.ca_file is not None else None
    return Outbox(given.url, Fetcher(_EVENTS_TIMEOUT_MS, _EVENTS_BYTES_MAX, tls=tls, auth=auth), count)


def _tell_nobody(_events: Sequence[Event], _left_out: int) -> None:
    """Events are turned off."""


def _claim(data: Path) -> IO[str]:
    """Hold the data directory until the file is closed. Conflict: another process has it."""
    path = data / "lock"
    try:
        data.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")  # the lock lasts as long as it is open
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip()
            file.close()
            raise Conflict(
                f"used by process {holder}", str(data), "stop it, or name another --data"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
    except OSError as error:
        raise Unavailable(f"cannot be written: {error.strerror}", str(data), "name another --data") from None
    return file
