"""`lumina exporter`: builds, joins and starts the rooms. Imports nothing heavy."""

import argparse
import os
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from exporter.collector import Collector, Context, Source
from exporter.collectors.push import Push
from exporter.config import Config, owners, sources
from exporter.gate import Access, Gate
from exporter.intake import Intake
from exporter.page import Page, Report
from exporter.reader import DEFAULTS, Reading, read
from exporter.routes import Site
from exporter.scheduler import Scheduler
from exporter.server import Server, listening, systemd_sockets
from promkit.exposition import Family
from promkit.log import LEVELS, LogFormat, get, setup
from promkit.own import Registry, process_families
from promkit.process import SYSTEM_CLOCK, Clock, Supervisor, guarded, parse_listen, run_until_signal

__all__ = ["Exporter", "run"]

LISTEN = "127.0.0.1:19100"
FIRST_ROUND_MS = 1_000  # the first answer waits so long for sources that are still being read
PRINT_ROUND_MS = 30_000

log = get("exporter")


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    config: Path | None
    listen: Sequence[str]
    systemd: bool
    web_config: Path | None
    metrics_path: str
    log_level: str
    log_format: LogFormat
    check_config: bool
    print_page: bool


def run(argv: Sequence[str]) -> int:
    """Run the command → exit code: 0 fine, 1 failed, 2 wrong usage or configuration."""
    options = _options(argv)
    setup(options.log_level, options.log_format)
    return guarded(lambda: _run(options))


def _run(options: Options) -> int:
    if options.check_config:
        config = read(options.config or DEFAULTS, os.environ)
        Access.load(options.web_config, dict(os.environ))
        names = [source.name for source in sources(config)]
        sys.stdout.write(f"{options.config or 'defaults'}: fine, {len(names)} sources: {', '.join(names)}\n")
        return 0
    # In a process of its own: what reads YAML would take half of our memory for good.
    reading = Reading(options.config, os.environ) if options.config else None
    exporter = Exporter(options, reading.result() if reading else Config())
    return exporter.print() if options.print_page else exporter.serve()


def _options(argv: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(
        prog="lumina exporter",
        description="Measures this host, its applications and what is pushed to it; serves that on /metrics.",
        epilog="Example: lumina exporter --config monitoring/exporter.yml --listen 127.0.0.1:19100",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--config", "--config.file", type=Path, metavar="FILE", help="exporter.yml (default: the host alone)")
    add(
        "--listen",
        "--web.listen-address",
        dest="listen",
        action="append",
        metavar="HOST:PORT",
        help=f"where to listen; may be given again (default: {LISTEN})",
    )
    add("--web.systemd-socket", dest="systemd", action="store_true", help="listen on systemd's sockets")
    add("--web.config.file", dest="web", type=Path, metavar="FILE", help="TLS, users, tokens and addresses")
    add("--web.telemetry-path", dest="path", default="/metrics", metavar="PATH", help="(default: /metrics)")
    add("--log.level", "--log-level", dest="level", choices=LEVELS, default="info", help="(default: info)")
    formats = get_args(LogFormat)
    add("--log.format", "--log-format", dest="format", choices=formats, default=formats[0])
    add("--check-config", action="store_true", help="check the files and exit")
    add("--print", action="store_true", help="read each source, print the page and exit")
    given = parser.parse_args(argv)
    if not given.path.startswith("/"):
        parser.error("--web.telemetry-path begins with /")
    return Options(
        given.config,
        given.listen or [LISTEN],
        given.systemd,
        given.web,
        given.path,
        given.level,
        given.format,
        given.check_config,
        given.print,
    )


class Exporter:
    """The process: owns the configuration, and all rooms."""

    def __init__(self, options: Options, config: Config, clock: Clock = SYSTEM_CLOCK) -> None:
        self._options = options
        self._config = config
        self._clock = clock
        self._supervisor = Supervisor(clock)
        self._own = Registry("exporter")
        self._own.collect_from(self._supervisor.families)
        self._requests = self._own.counter("exporter_http_requests_total", "Answers by status.", ("code",))
        self._reload_good = self._own.gauge(
            "exporter_config_last_reload_successful", "1 where the last reload was taken, 0 where refused."
        )
        self._reload_seconds = self._own.gauge(
            "exporter_config_last_reload_success_timestamp_seconds",
            "When the configuration was taken.",
        )
        self._page = Page(self._own_families, clock.now_ms)
        self._scheduler = Scheduler(self._page.put, clock)

    def serve(self) -> int:
        """Serve until a signal → exit code."""
        access = Access.load(self._options.web_config, dict(os.environ))
        sockets = self._sockets()
        gate = Gate(self._site(self._config), access)
        self._apply(self._config, self._config.data, gate)
        self._start_sources()
        server = Server(sockets, gate, self._requests, gate.tls)
        self._supervisor.at_end("server", server.close)
        self._supervisor.start("server", server.run)
        log.info("listening", addresses=",".join(server.addresses), sources=len(sources(self._config)))
        return run_until_signal(self._supervisor, lambda: self._reload(gate))

    def print(self) -> int:
        """Read each source, often enough for its ratios, and print the page → exit code: 1 if one failed."""
        # Without the data folder: looking must not move a position that a running exporter keeps there.
        self._apply(self._config, None, None)
        self._start_sources()
        deadline_ms = self._clock.monotonic_ms() + PRINT_ROUND_MS
        while self._clock.monotonic_ms() < deadline_ms and not all(map(_is_read, self._page.reports())):
            time.sleep(0.02)
        self._page.render()
        sys.stdout.write(self._page.rendered(openmetrics=False).plain.decode())
        sys.stdout.flush()
        self._supervisor.stop()
        return int(not all(report.reading.health.success for report in self._page.reports()))

    def _start_sources(self) -> None:
        """Read every source once before the first answer; one that is slow is not waited for."""
        self._supervisor.start("watch", self._scheduler.watch)
        deadline_ms = self._clock.monotonic_ms() + FIRST_ROUND_MS
        while self._page.untried() and self._clock.monotonic_ms() < deadline_ms:
            time.sleep(0.002)
        self._page.render()
        self._supervisor.start("page", self._page.work)

    def _apply(self, config: Config, data: Path | None, gate: Gate | None) -> None:
        """Put a configuration in force."""
        found = sources(config)
        context = Context(data, config.root)
        self._page.expect(found, config.business)
        running = self._scheduler.apply(found, lambda source, before: _built(source, context, before))
        if gate is not None:
            push = running.get("push")
            gate.site = self._site(config, push if isinstance(push, Push) else None)
        self._config = config
        self._reload_good.set(1)
        self._reload_seconds.set(self._clock.now_ms() / 1000)

    def _reload(self, gate: Gate) -> None:
        """Read all files anew. LuminaError: one is wrong; what was in force stays."""
        self._reload_good.set(0)
        config = Reading(self._options.config, os.environ).result() if self._options.config else Config()
        gate.access = Access.load(self._options.web_config, dict(os.environ))
        self._apply(config, config.data, gate)
        log.info("configuration reloaded", sources=len(sources(config)))

    def _site(self, config: Config, push: Push | None = None) -> Site:
        intake = Intake(push, owners(config), lambda: self._scheduler.poke("push"), config.business)
        return Site(self._page, intake, self._options.metrics_path, self._clock.now_ms)

    def _sockets(self) -> Sequence[socket.socket]:
        if self._options.systemd:
            return systemd_sockets(os.environ)
        return [listening(*parse_listen(address)) for address in self._options.listen]

    def _own_families(self) -> list[Family]:
        return [*self._own.collect(), *process_families()]


def _built(source: Source, context: Context, before: Collector | None) -> Collector:
    collector = source.kind.build(source.settings, context, source.name)
    if isinstance(collector, Push) and isinstance(before, Push):
        collector.inherit(before)
    return collector


def _is_read(report: Report) -> bool:
    """Whether a source gave all it can: a ratio needs two readings."""
    health = report.reading.health
    wanted = 2 if report.reading.source.kind.warm_up_ms else 1
    return health.runs >= wanted or (health.tried and not health.success)
