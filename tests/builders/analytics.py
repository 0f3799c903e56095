"""Analytics over made history, with its API served on a free port of loopback."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analytics.catalog import Catalog
from analytics.config import Config
from analytics.server import Control, build
from analytics.service import Service
from promkit.errors import Unavailable
from promkit.own import Registry
from promkit.web import Access, serve
from tests.builders.made_history import NOW_MS, FakeSource

__all__ = ["FakeApi", "Site", "serving"]

RULES = {
    "groups": [
        {
            "rules": [
                {
                    "type": "alerting",
                    "name": "Disk",
                    "lumina": {
                        "id": "disk-full",
                        "metric": "system_disk_usage_ratio",
                        "condition": "gt",
                        "threshold": 0.72,
                        "for_ms": 0,
                        "labels": {"severity": "high"},
                    },
                }
            ]
        }
    ]
}


@dataclass
class FakeApi(FakeSource):
    """Rules beside the series."""

    rules: dict[str, Any] = field(default_factory=lambda: RULES)

    def get(self, path: str, _params: Any, /) -> Any:
        self._check("")
        if path == "/api/v1/rules":
            return self.rules
        raise Unavailable("status 404")


class StoodStill:
    def now_ms(self) -> int:
        return NOW_MS

    def monotonic_ms(self) -> int:
        return NOW_MS


@dataclass
class Site:
    url: str
    service: Service
    api: FakeApi
    asked: list[str] = field(default_factory=list)
    runs: Callable[[], object] = lambda: None

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                text = answer.read().decode()
                is_json = "json" in answer.headers["Content-Type"]
                return answer.status, json.loads(text)["data"] if is_json else text
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def get(self, path: str) -> Any:
        status, answer = self.call("GET", path)
        assert status == 200, answer
        return answer


@contextmanager
def serving(service: Service, api: FakeApi, config: Config, data: Path, access: Access) -> Iterator[Site]:
    """Serve one until the block ends; asked for a cycle or a reload it does as `asked` and `runs` say."""
    catalog = Catalog(config, {}, data)
    own = Registry("analytics")
    own.collect_from(service.families)
    site = Site("", service, api)

    def reload() -> None:
        service.use(config, catalog.load(), NOW_MS)
        site.asked.append("reload")

    def run() -> None:
        site.asked.append("run")
        site.runs()

    control = Control(catalog, run, reload)
    server = serve(build(service, control, access, own, StoodStill()), "127.0.0.1:0")
    site.url = f"http://127.0.0.1:{server.port}"
    try:
        yield site
    finally:
        server.stop()
