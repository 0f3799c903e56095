"""`lumina ruler`: the only file that knows all rooms. It builds them, joins them, starts every thread.

scrapes ──▶ store ◀── loop ──▶ book ──▶ delivery
▲        └────▶ remediation ──▶ book
rule files           (what it has to say are transitions, too)
"""

import argparse
import os
import threading
from collections.abc import Sequence
from contextlib import suppress

from promkit import log
from promkit.errors import LuminaError
from promkit.exposition import Family
from promkit.own import Registry
from promkit.process import SYSTEM_CLOCK, Clock, ClockWatch, Stop, Supervisor, guarded, run_until_signal
from promkit.web import Hooks, Server, create_app, serve
from ruler.alerts import Book, Transition
from ruler.api import ENVELOPES, FORM_READS, ROUTERS, Ruler
from ruler.dashboards import Dashboards
from ruler.database import Database
from ruler.delivery import Delivery
from ruler.events import Events, RuleWatch, Webhooks, told_of, told_of_dashboard, told_of_scrape
from ruler.files import fingerprint
from ruler.ingest import Scraper, TargetView
from ruler.loop import Loop
from ruler.options import parse_options, promql_options
from ruler.promql import Engine, parse, window_ms
from ruler.remediation import Remediation
from ruler.rules import RuleSet
from ruler.settings import Settings, read, renderer
from ruler.store import Store
from ruler.ui import router as ui_router
from ruler.ui import static_files

__all__ = ["Process", "run"]

_LOG = log.get(__name__)
MAINTENANCE_MS = 1_000
WATCH_MS = 2_000


def run(argv: Sequence[str]) -> int:
    """Start as the arguments say → exit code: 0, 1 failed, 2 usage or configuration."""
    options = parse_options(argv)
    log.setup(options.log_level, options.log_format)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    settings = read(options, os.environ)
    if options.check_config:
        for warning in settings.warnings:
            _LOG.warning("configuration", warning=warning)
        _LOG.info("configuration is right", rules=len(settings.rules.rules))
        return 0
    process = Process(options, settings)
    return run_until_signal(process.supervisor, process.reload)


class Process:
    """A running ruler."""

    def __init__(self, options: argparse.Namespace, settings: Settings, clock: Clock = SYSTEM_CLOCK) -> None:
        self._options = options
        self._settings = settings
        self.clock = clock
        self._reloading = threading.Lock()
        self._seen = self._files()
        self.supervisor = Supervisor(self.clock)
        try:
            self._build()
        except BaseException:
            self.supervisor.stop()
            raise

    def reload(self, by: str = "") -> None:
        """Read everything anew and swap it in. LuminaError: something is wrong; then nothing changed.

        `by`: who changed a file over the API.
        """
        with self._reloading:
            self._seen = self._files()  # who asks hears what is wrong: the watch need not say it again
            try:
                settings = read(self._options, os.environ)
                _say_what_waits(self._settings, settings)
                self._apply(settings, by)
            except LuminaError:
                self._loop.reload_succeeded = False
                raise
            self._loop.reload_succeeded = True
        _LOG.info("configuration reloaded", rules=len(settings.rules.rules))

    def _reload_and_say(self) -> None:
        """Reload for somebody who may not be the one that reads the log."""
        try:
            self.reload()
        except LuminaError as error:
            _LOG.error("reload refused, the old one stays", error=error)
            raise

    def _build(self) -> None:
        settings, now_ms = self._settings, self.clock.now_ms()
        own = Registry("ruler")
        self._store = Store.open(self._options.data, settings.storage, now_ms)
        self.supervisor.at_end("store", self._store.close)
        database = Database.open(settings.state_url)
        self.supervisor.at_end("state", database.close)
        engine = Engine(self._store, promql_options(self._options.features))
        self._book = Book(
            database,
            settings.severities,
            settings.external_url,
            resolve_timeout_ms=settings.delivery.resolve_timeout_ms,
        )
        self._delivery = Delivery(
            settings.delivery,
            self._book,
            database,
            self.clock,
            severities=settings.severities,
            external_url=settings.external_url,
        )
        self._delivery.expect(rule.id for rule in settings.rules.rules)
        self._remediation = Remediation(settings.config.remediation, self._book, database, engine, self.clock)
        self._events = Events(now_ms)
        self._webhooks = Webhooks(self._events, self.clock, own)
        self._scraper = Scraper(self._store, self.clock, self._scraped)
        self._dashboards = Dashboards(database, settings.base if self._options.config else None)
        self._dashboards.listen(lambda change: self._events.publish(*told_of_dashboard(change), change.at_ms))
        external = settings.config.global_.external_labels
        render = renderer(engine, external, settings.external_url)
        self._loop = Loop(self._store, engine, self._book, render, self.clock, own)
        self._ruler = Ruler(
            clock=self.clock,
            store=self._store,
            engine=engine,
            scraper=self._scraper,
            loop=self._loop,
            book=self._book,
            delivery=self._delivery,
            remediation=self._remediation,
            dashboards=self._dashboards,
            started_ms=now_ms,
            events=self._events,
            rule_watch=RuleWatch(self._events),
            reload=self.reload,
            settings=settings,
            receives_samples=self._options.remote_write,
        )
        self._apply(settings)
        own.collect_from(self.supervisor.families)
        own.collect_from(self._families)
        self._join()
        self._server = self._serve(own)
        _LOG.info("ruler is ready", listen=f"{self._server.host}:{self._server.port}")

    def _families(self, _namespace: str) -> list[Family]:
        """What the rooms tell of themselves."""
        rooms = (self._scraper, self._delivery, self._remediation, self._events, self._ruler)
        return [family for room in rooms for family in room.families()]

    def _join(self) -> None:
        """Have each room hear of what it acts on, and start the threads."""
        self._book.listen(self._delivery.hear)
        self._book.listen(self._remediation.hear)
        self._book.listen(self._happened)
        self._loop.on_evaluated(lambda group: self._delivery.settled([rule.id for rule in group.rules]))
        self._loop.begin_when(lambda: all(target.health != "unknown" for target in self._scraper.targets()))
        self._scraper.start(self.supervisor)
        self.supervisor.start("evaluation", self._loop.run)
        self._delivery.start(self.supervisor)
        self._remediation.start(self.supervisor)
        self._webhooks.start(self.supervisor)
        self.supervisor.start("maintenance", self._maintain)
        self.supervisor.start("watch", self._watch)

    def _happened(self, transitions: Sequence[Transition]) -> None:
        for transition in transitions:
            if (told := told_of(transition)) is not None:
                self._events.publish(*told, transition.at_ms)

    def _scraped(self, target: TargetView) -> None:
        self._events.publish(*told_of_scrape(target), target.last_scrape_ms or self.clock.now_ms())

    def _serve(self, own: Registry) -> Server:
        access = self._settings.access
        app = create_app(
            "Lumina ruler",
            access,
            own,
            routers=(*ROUTERS, ui_router),
            hooks=Hooks(ready=lambda: True, reload=self._reload_and_say),
            envelopes=ENVELOPES,
            form_reads=FORM_READS,
        )
        app.state.ruler = self._ruler
        app.mount("/static", static_files())
        server = serve(app, self._options.listen, access.config)
        self.supervisor.at_end("web", server.stop)
        self.supervisor.at_end("events", self._events.close)  # before: the server waits for its streams
        return server

    def _apply(self, settings: Settings, by: str = "") -> None:
        """Hand a configuration to all rooms. What may fail is tried before anything is swapped."""
        now_ms = self.clock.now_ms()
        self._dashboards.adopt(settings.dashboards, now_ms)
        self._delivery.reload(settings.delivery, now_ms)
        self._remediation.reload(settings.config.remediation, settings.rules.groups)
        self._book.adopt(settings.rules.rules, now_ms)
        self._store.require_window(_longest_window_ms(settings.rules))
        self._loop.apply(settings.rules.groups, now_ms)
        self._scraper.apply(settings.config.global_, settings.config.scrape_configs)
        self._webhooks.apply(settings.config.events.webhooks)
        self._ruler.settings = settings
        self._ruler.look_at_rules(by)
        for warning in settings.warnings:
            _LOG.warning("configuration", warning=warning)
        for unset in settings.unset:
            _LOG.warning("not set up", name=unset.name, add=unset.key, to=unset.file)
        self._settings = settings

    def _maintain(self, stop: Stop) -> None:
        watch = ClockWatch(self.clock)
        while not stop.wait(MAINTENANCE_MS):
            step_ms = watch.step_ms()
            if step_ms:
                _LOG.warning("the clock was set", by_ms=step_ms)
                self._ruler.clock_steps += 1
                self._book.clock_stepped(step_ms, self.clock.now_ms())
            self._ruler.look_at_rules()  # a switch may end by itself
            self._ruler.look_at_dashboards()
            self._store.maintain(self.clock.now_ms())

    def _watch(self, stop: Stop) -> None:
        """Reload when a file changed; one that is wrong is said once, and what was in force stays."""
        while not stop.wait(WATCH_MS):
            if self._files() == self._seen:
                continue
            with suppress(LuminaError):
                self._reload_and_say()

    def _files(self) -> frozenset[tuple[str, int, int, int]]:
        return fingerprint(self._settings.files, self._settings.base)


def _longest_window_ms(rules: RuleSet) -> int:
    """How far back the rules look: so much is kept in memory."""
    return max((window_ms(parse(rule.expr), 300_000) for rule in rules.rules), default=0)


def _say_what_waits(old: Settings, new: Settings) -> None:
    """Name what a running ruler cannot take up."""
    changed = {
        "storage": old.storage != new.storage,
        "state": old.state_url != new.state_url,
        "severities": old.config.severities != new.config.severities,
        "global.external_labels": old.config.global_.external_labels != new.config.global_.external_labels,
        "--web.config.file": old.access.config != new.access.config,
    }
    for key in (key for key, is_changed in changed.items() if is_changed):
        _LOG.warning("a change takes effect with the next start", key=key)
