"""What API and UI see of the running ruler: main fills it, and a reload hands over new parts whole."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from promkit.exposition import Family, counter, gauge
from promkit.process import Clock
from ruler.alerts import Book, Phase
from ruler.dashboards import Dashboards
from ruler.delivery import Delivery
from ruler.events import Events, EventType, RuleWatch
from ruler.ingest import Scraper
from ruler.loop import Loop
from ruler.promql import Engine
from ruler.remediation import Remediation
from ruler.settings import Settings
from ruler.store import Store

__all__ = ["ALERTMANAGER_VERSION", "NowMs", "Ruler", "TheRuler"]

ALERTMANAGER_VERSION = "0.33.1"
DASHBOARDS_EVERY_MS = 60_000


@dataclass(slots=True)
class Ruler:
    """The rooms of a running ruler, joined."""

    clock: Clock
    store: Store
    engine: Engine
    scraper: Scraper
    loop: Loop
    book: Book
    delivery: Delivery
    remediation: Remediation
    dashboards: Dashboards
    settings: Settings  # in force; a reload puts another here
    started_ms: int
    events: Events
    rule_watch: RuleWatch
    reload: Callable[[str], None]  # reads all files anew; the name is of who changed one
    receives_samples: bool = False
    clock_steps: int = 0
    dashboards_told_ms: int = 0  # when it was last told that there are new values to look at
    editing: threading.Lock = field(default_factory=threading.Lock)  # whoever writes rules/api.yml

    def look_at_rules(self, by: str = "") -> None:
        """Tell of rules that changed since the last look."""
        self.rule_watch.look(self.loop.groups(), self.book.overrides(), self.clock.now_ms(), by)

    def look_at_dashboards(self) -> None:
        """Tell once a minute that dashboards have new values (S16): those who draw them draw anew."""
        now_ms = self.clock.now_ms()
        count = len(self.dashboards.all())
        if count and not 0 <= now_ms - self.dashboards_told_ms < DASHBOARDS_EVERY_MS:
            self.dashboards_told_ms = now_ms
            self.events.publish(EventType.DASHBOARDS_UPDATED, {"dashboards": count}, now_ms)

    def families(self) -> list[Family]:
        """What the ruler tells of itself beside what its rooms tell."""
        stats = self.store.stats()
        phases = [alert.phase.value for alert in self.book.alerts()]
        states = {phase.value: phases.count(phase.value) for phase in Phase if phase is not Phase.INACTIVE}
        return [
            gauge("ruler_alerts", "Alerts by phase.", *(({"phase": p}, n) for p, n in states.items())),
            gauge("ruler_series", "Series in memory.", ({}, stats.series)),
            counter("ruler_clock_steps_total", "Times that the wall clock was set.", ({}, self.clock_steps)),
            gauge(
                "ruler_config_last_reload_successful",
                "1 where the last reload was taken up.",
                ({}, int(self.loop.reload_succeeded)),
            ),
            # karma and Grafana ask for this one of any Alertmanager.
            gauge(
                "alertmanager_build_info",
                "The Alertmanager whose API this is.",
                ({"version": ALERTMANAGER_VERSION}, 1),
            ),
        ]


def _ruler(request: Request) -> Ruler:
    ruler: Ruler = request.app.state.ruler
    return ruler


def _now_ms(request: Request) -> int:
    return _ruler(request).clock.now_ms()


TheRuler = Annotated[Ruler, Depends(_ruler)]
NowMs = Annotated[int, Depends(_now_ms)]
