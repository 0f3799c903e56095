"""A whole ruler in memory under a manual clock, with its APIs and pages served on a free port of loopback."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from promkit.labels import METRIC_NAME, Labels
from promkit.own import Registry
from promkit.web import Hooks, create_app, serve
from ruler.alerts import Alert, Book
from ruler.api import ENVELOPES, FORM_READS, ROUTERS, Ruler
from ruler.dashboards import Dashboards
from ruler.database import Database
from ruler.delivery import Delivery
from ruler.events import Events, RuleWatch, told_of_dashboard
from ruler.ingest import Scraper
from ruler.loop import Loop
from ruler.options import parse_options, promql_options
from ruler.promql import Engine
from ruler.remediation import Remediation
from ruler.settings import Settings, read, renderer
from ruler.store import Store
from ruler.ui import router as ui_router
from ruler.ui import static_files
from tests.builders.delivery import START_MS, HandClock

__all__ = ["ARuler", "Answer", "a_ruler_in_memory", "settings_of"]


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def data(self) -> Any:
        """What an API of Prometheus' shape found."""
        assert self.status == 200, self.text
        return self.json["data"]


class ARuler:
    """The rooms, joined as main does; samples are given, groups evaluated and the clock turned by hand."""

    def __init__(self, settings: Settings) -> None:
        self._options = parse_options([f"--{name}={settings.flags[name]}" for name in ("config", "data")])
        self.clock = HandClock()
        self.store = Store.open(None, settings.storage, self.clock.at_ms)
        database = Database.open("sqlite://")
        engine = Engine(self.store, promql_options(()))
        self.book = Book(database, settings.severities, settings.external_url)
        self.delivery = Delivery(settings.delivery, self.book, database, self.clock)
        self.book.listen(self.delivery.hear)
        remediation = Remediation(settings.config.remediation, self.book, database, engine, self.clock)
        self.events = Events(self.clock.at_ms)
        self.dashboards = Dashboards(database, settings.base)
        self.dashboards.listen(lambda one: self.events.publish(*told_of_dashboard(one), one.at_ms))
        scraper = Scraper(self.store, self.clock)
        own = Registry("ruler")
        render = renderer(engine, {}, settings.external_url)
        self.loop = Loop(self.store, engine, self.book, render, self.clock, own)
        self.rooms = Ruler(
            clock=self.clock,
            store=self.store,
            engine=engine,
            scraper=scraper,
            loop=self.loop,
            book=self.book,
            delivery=self.delivery,
            remediation=remediation,
            dashboards=self.dashboards,
            settings=settings,
            started_ms=self.clock.at_ms,
            events=self.events,
            rule_watch=RuleWatch(self.events),
            reload=self.reload,
        )
        remediation.reload(settings.config.remediation, settings.rules.groups)
        self.book.adopt(settings.rules.rules, self.clock.at_ms)
        self.dashboards.adopt(settings.dashboards, self.clock.at_ms)
        self.loop.apply(settings.rules.groups, self.clock.at_ms)
        scraper.apply(settings.config.global_, settings.config.scrape_configs)
        self.app = create_app(
            "Lumina ruler",
            settings.access,
            own,
            routers=(*ROUTERS, ui_router),
            hooks=Hooks(ready=lambda: True, reload=lambda: None),
            envelopes=ENVELOPES,
            form_reads=FORM_READS,
        )
        self.app.state.ruler = self.rooms
        self.app.mount("/static", static_files())
        self.url = ""

    def reload(self, by: str = "") -> None:
        """Read the files anew, as main does."""
        settings = read(self._options, {})
        self.book.adopt(settings.rules.rules, self.clock.at_ms)
        self.loop.apply(settings.rules.groups, self.clock.at_ms)
        self.rooms.settings = settings
        self.rooms.look_at_rules(by)

    def feed(self, *samples: tuple[str, Mapping[str, str], float]) -> None:
        """Store samples of this instant: metric, labels, value."""
        labels = [Labels({METRIC_NAME: name, **given}) for name, given, _ in samples]
        self.store.append(labels, np.array([value for _, _, value in samples]), self.clock.at_ms)

    def evaluate(self) -> None:
        """Evaluate every group at this instant."""
        for schedule in self.loop._schedules:
            self.loop.evaluate(schedule.group, self.clock.at_ms, schedule)

    def later(self, ms: int) -> None:
        self.clock.at_ms += ms

    def alert(self, name: str) -> Alert:
        """The active alert of this name."""
        return next(alert for alert in self.book.alerts() if alert.name == name)

    def get(self, path: str, **parameters: Any) -> Answer:
        query = urllib.parse.urlencode(parameters, doseq=True)
        return self.ask("GET", f"{path}?{query}" if query else path)

    def post(self, path: str, body: Any = None) -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", path, data)

    def form(self, path: str, **parameters: Any) -> Answer:
        data = urllib.parse.urlencode(parameters, doseq=True).encode()
        return self.ask("POST", path, data, "application/x-www-form-urlencoded")

    def ask(
        self,
        method: str,
        path: str,
        data: bytes | None = None,
        kind: str = "application/json",
        **headers: str,
    ) -> Answer:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            headers["Content-Type"] = kind
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return Answer(answer.status, answer.read().decode(), dict(answer.headers))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read().decode(), dict(error.headers))


def settings_of(folder: Path, config: Any = None, rules: Any = None) -> Settings:
    """What ruler.yml and one rule file, given as data, come to."""
    (folder / "rules.yml").write_text(yaml.safe_dump(rules or {}))
    written = {"rule_files": ["rules.yml"] if rules else [], **(config or {})}
    (folder / "ruler.yml").write_text(yaml.safe_dump(written))
    return read(parse_options(["--config", str(folder / "ruler.yml"), "--data", str(folder / "data")]), {})


@contextmanager
def a_ruler_in_memory(folder: Path, config: Any = None, rules: Any = None) -> Iterator[ARuler]:
    """Serve one until the block ends; its clock stands at START_MS."""
    ruler = ARuler(settings_of(folder, config, rules))
    assert ruler.clock.at_ms == START_MS
    server = serve(ruler.app, "127.0.0.1:0", None)
    ruler.url = f"http://127.0.0.1:{server.port}"
    try:
        yield ruler
    finally:
        server.stop()
        ruler.store.close()
