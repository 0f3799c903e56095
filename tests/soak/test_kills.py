"""`kill -9` at random moments of a real ruler that scrapes, takes alerts and tells a flaky receiver.

The ledger is the client's: what was answered with 200. In the end each accepted alert was told firing and
resolved, repeated at most once a kill, and samples older than a second before a kill are still there.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.builders.e2e import Ruler, a_ruler, call, until
from tests.builders.pages import Page, serving
from tests.builders.processes import Process
from tests.builders.soak import SEED, rounds

pytestmark = pytest.mark.soak

ALERTS_MAX = 40  # firing at one time
SETTLE_S = 120
SEEN_S = 6.0  # of a running ruler: by then an alert's first message was sent, or is owed


class Receiver:
    """Answers 200, 429, 500, nothing, or too late; counts what it accepted."""

    def __init__(self, random: Random) -> None:
        self.random, self.calm = random, False
        self.accepted: Counter[tuple[str, str]] = Counter()
        self.lock = threading.Lock()

    def answer(self) -> int:
        """A status; 0: close without one."""
        with self.lock:
            return 200 if self.calm else self.random.choices([200, 429, 500, 0], [6, 2, 2, 1])[0]

    def take(self, body: Any) -> None:
        with self.lock:
            self.accepted.update((alert["labels"]["alertname"], alert["status"]) for alert in body["alerts"])


@contextmanager
def receiving(receiver: Receiver) -> Iterator[int]:
    """Serve it on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = receiver.answer()
            if status == 0:
                self.close_connection = True
                return
            if status == 200:
                receiver.take(body)
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "1")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


class Client:
    """Posts alerts and keeps the ledger."""

    def __init__(self, ruler: Ruler, random: Random) -> None:
        self.ruler, self.random = ruler, random
        self.posted = 0
        self.firing: dict[str, float] = {}  # accepted with 200, and since when
        self.over: set[str] = set()

    def fire(self) -> None:
        """Post a new alert; it counts once it is answered with 200."""
        name = f"Soak{self.posted}"
        self.posted += 1
        if self._post(name, over=False):
            self.firing[name] = time.monotonic()

    def end(self, name: str) -> None:
        """Say that it is over, until that is accepted."""
        if self._post(name, over=True):
            del self.firing[name]
            self.over.add(name)

    def end_all(self) -> bool:
        """End what still fires; whether nothing does any more."""
        for name in list(self.firing):
            self.end(name)
        return not self.firing

    def keep(self) -> None:
        """Post all that fires again, as Prometheus does."""
        for name in list(self.firing):
            self._post(name, over=False)

    def _post(self, name: str, *, over: bool) -> bool:
        alert: dict[str, Any] = {"labels": {"alertname": name, "severity": "high"}}
        stamp = time.strftime(
            "%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1 if over else time.time() + 600)
        )
        alert["endsAt"] = stamp
        try:
            return call("POST", f"{self.ruler.url}/api/v2/alerts", [alert])[0] == 200
        except OSError:
            return False


def sampled(ruler: Ruler) -> set[float]:
    """Instants of all samples of the scraped series."""
    query = "/api/v1/query?query=soak_value[1h]"
    result = call("GET", ruler.url + query)[1]["data"]["result"]
    return {at for series in result for at, _ in series["values"]}


def write(ruler: Ruler, page: Page, port: int) -> None:
    """The configuration: one page, one receiver, a group an alert."""
    route = {"receiver": "hook", "group_by": ["alertname"], "group_wait": "1s", "group_interval": "2s"}
    ruler.write(
        {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "scrape_configs": [
                {"job_name": "page", "static_configs": [{"targets": [f"127.0.0.1:{page.port}"]}]}
            ],
            "delivery": {
                "route": route,
                "receivers": [
                    {
                        "name": "hook",
                        "webhook_configs": [{"url": f"http://127.0.0.1:{port}/", "timeout": "2s"}],
                    }
                ],
            },
        }
    )


def live(client: Client, random: Random, seconds: float) -> None:
    """Fire, keep and end alerts for a while; none ends before its group was looked at."""
    client.firing = dict.fromkeys(client.firing, time.monotonic())
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if len(client.firing) < ALERTS_MAX and random.random() < 0.5:
            client.fire()
        old = [name for name, since in client.firing.items() if time.monotonic() - since > SEEN_S]
        if old and random.random() < 0.4:
            client.end(random.choice(old))
        if random.random() < 0.1:
            client.keep()
        time.sleep(random.uniform(0.05, 0.15))


def killed(ruler: Ruler, process: Process) -> set[float]:
    """Kill it; the samples that must outlive that."""
    before = sampled(ruler)
    newest = max(before, default=0.0)
    process.kill()
    return {at for at in before if at < newest - 1.5}


def test_no_kill_loses_or_doubles_anything(tmp_path: Path) -> None:
    random = Random(SEED)
    receiver = Receiver(Random(SEED + 1))
    ruler = a_ruler(tmp_path)
    client = Client(ruler, random)
    kills = 0
    must: set[float] = set()
    with ExitStack() as stack:
        page = stack.enter_context(serving("soak_value 1\n"))
        write(ruler, page, stack.enter_context(receiving(receiver)))
        for _ in rounds():
            with ruler.start() as process:
                if must:
                    assert must <= sampled(ruler), f"after kill {kills} samples are gone"
                live(client, random, random.uniform(1.0, 12.0))
                must = killed(ruler, process)
                kills += 1
        receiver.calm = True
        with ruler.start():
            begun = {(name, "firing") for name in client.firing}
            until(lambda: begun <= set(receiver.accepted), within_s=SETTLE_S)
            until(client.end_all)
            wanted = {(name, status) for name in client.over for status in ("firing", "resolved")}
            with suppress(AssertionError):  # the story below says more
                until(lambda: wanted <= set(receiver.accepted), within_s=SETTLE_S)
            missing = wanted - set(receiver.accepted)
            stories = [(*one, ruler.happenings(one[0])) for one in sorted(missing)[:5]]
            assert not missing, f"{len(missing)} of {len(wanted)} never told: {stories}"
    most = max(receiver.accepted.values())
    print(
        f"\nkills: seed {SEED}, {kills} kills, {len(client.over)} alerts of {client.posted} posts accepted, "
        f"{sum(receiver.accepted.values())} messages, none more often than {most} times"
    )
    repeats = sum(count - 1 for (name, _), count in receiver.accepted.items() if name in client.over)
    assert repeats <= kills
