"""A site on a real socket, in this process."""

import threading
from collections.abc import Iterator

import pytest

from exporter.collector import Claim, Context
from exporter.collectors.push import Push
from exporter.collectors.push import Settings as PushSettings
from exporter.gate import Access, Gate
from exporter.intake import Intake
from exporter.page import Page
from exporter.routes import Site
from exporter.scheduler import Health, Reading
from exporter.server import Server, listening
from promkit.exposition import gauge
from promkit.own import Registry
from promkit.process import Stop
from tests.builders.sites import WITHIN_S, House, Served
from tests.builders.sources import ManualClock, a_reading


@pytest.fixture
def house() -> House:
    clock = ManualClock()
    page = Page(lambda: [gauge("process_x", "X.", ({}, 7))], clock.now_ms)
    good = a_reading("cpu", gauge("a", "A.", ({"n": "1"}, 1)))
    bad = a_reading("http/shop", health=Health(error="<b>no</b> such file", runs=1, failures=1))
    push = Push(PushSettings(body_bytes_max=1_000), Context(), "push")
    pushed = a_reading("push")

    def arrived() -> None:
        page.put(Reading(pushed.source, pushed.health, push.collect(clock.now_ms())))
        page.render()

    page.expect([reading.source for reading in (good, bad, pushed)], {})
    for reading in (good, bad, pushed):
        page.put(reading)
    page.render()
    owners = {Claim("requests", "shop"): "access_log/shop"}
    return House(clock, page, push, Site(page, Intake(push, owners, arrived), "/metrics", clock.now_ms))


@pytest.fixture
def served(house: House) -> Iterator[Served]:
    one = listening("127.0.0.1", 0)
    gate = Gate(house.site, Access())
    server = Server([one], gate, Registry("t").counter("t_total", "T.", ("code",)), gate.tls)
    stop = Stop()
    thread = threading.Thread(target=server.run, args=(stop,))
    thread.start()
    assert server.is_up(WITHIN_S)
    yield Served(gate, server, one.getsockname()[1])
    stop.set()
    thread.join(WITHIN_S)
    assert not thread.is_alive()
    server.close()
