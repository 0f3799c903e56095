"""Events on their way to a server, over real sockets."""

import json
import logging
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from analytics.events import Event
from analytics.outbox import BATCH_MAX, PATH, QUEUE_MAX, Outbox
from promkit.fetch import Fetcher
from promkit.process import Stop
from tests.builders.processes import free_port
from tests.builders.raw_server import RawServer


class Now(Stop):
    """Never waits."""

    __slots__ = ("waited",)

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    def wait(self, wait_ms: float) -> bool:
        self.waited.append(wait_ms)
        if len(self.waited) > 20:
            self.set()
        return self.is_set()


@dataclass
class Site:
    """A server that answers with these statuses, then 200."""

    statuses: list[int] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.server = RawServer(self._answer)
        self.outbox = Outbox(self.server.url + "/", Fetcher(2_000, 1 << 20), self._count)

    def bodies(self) -> list[Any]:
        return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in self.server.requests]

    def _count(self, result: str, count: int) -> None:
        self.counts[result] += count

    def _answer(self, client: socket.socket, _request: bytes) -> None:
        status = self.statuses.pop(0) if self.statuses else 200
        client.sendall(f"HTTP/1.1 {status} So\r\nContent-Length: 2\r\n\r\n{{}}".encode())


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.server.close()


def events(count: int, first: int = 0) -> list[Event]:
    return [Event("prediction_made", number, {"model": "m"}) for number in range(first, first + count)]


def test_events_go_in_batches_and_in_order(site: Site) -> None:
    site.outbox.add(events(BATCH_MAX + 3))
    site.outbox.work(Now())
    assert site.server.requests[0].startswith(f"POST {PATH} ".encode())
    assert [len(body) for body in site.bodies()] == [BATCH_MAX, 3]
    assert [event["at_ms"] for body in site.bodies() for event in body] == list(range(BATCH_MAX + 3))
    assert site.bodies()[0][0] == {"type": "prediction_made", "at_ms": 0, "data": {"model": "m"}}
    assert site.counts == {"sent": BATCH_MAX + 3}


def test_a_failure_is_tried_again_a_little_and_said_once(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    site.statuses = [503, 503, 503, 503]
    site.outbox.add(events(1))
    stop = Now()
    site.outbox.work(stop)
    assert site.counts == {"failed": 1}
    assert stop.waited[1:3] == [2_000, 4_000]
    site.outbox.add(events(1, 1))
    site.outbox.work(Now())
    assert site.counts == {"failed": 1, "sent": 1}
    said = [record.getMessage() for record in caplog.records]
    assert said == ["events are not taken", "events are taken again"]


def test_what_is_refused_is_not_tried_again(site: Site) -> None:
    site.statuses = [400]
    site.outbox.add(events(1))
    site.outbox.work(Now())
    assert site.counts == {"failed": 1}
    assert len(site.server.requests) == 1


def test_a_server_without_the_path_is_said_once_and_left_alone(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    site.statuses = [404]
    for _ in range(3):
        site.outbox.add(events(1))
        site.outbox.work(Now())
    assert len(site.server.requests) == 1
    assert [record.getMessage() for record in caplog.records] == ["no events are sent: the server takes none"]
    assert site.counts == {}


def test_the_oldest_give_way_beyond_the_limit(site: Site) -> None:
    site.outbox.add(events(QUEUE_MAX))
    site.outbox.add(events(5, QUEUE_MAX), left_out=2)
    site.outbox.flush()
    assert site.counts == {"dropped": 7, "sent": QUEUE_MAX}
    assert site.bodies()[0][0]["at_ms"] == 5


def test_no_server_at_all_is_tried_once_by_a_flush() -> None:
    counts: Counter[str] = Counter()

    def count(result: str, many: int) -> None:
        counts[result] += many

    outbox = Outbox(f"http://127.0.0.1:{free_port()}", Fetcher(2_000, 1 << 20), count)
    outbox.add(events(BATCH_MAX + 1))
    outbox.flush()
    assert counts == {"failed": BATCH_MAX + 1}
