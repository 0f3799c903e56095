"""Every event of S29, from a real ruler, on the stream and by webhook."""

import json
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from ruler.events import POSTED, EventType
from tests.builders.e2e import Ruler, a_ruler, ask, call, catching, until
from tests.builders.pages import serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

S29 = {kind.value for kind in EventType} - {"alert_escalated", "alert_pending"}
RULE = {"id": "file", "metric": "shop_value", "condition": "gt", "threshold": 0, "severity": "high"}
HOT = {"id": "hot", "name": "Hot", "metric": "shop_value", "condition": "gt", "threshold": 100}


def config(page: int, hook: str, folder: Path) -> Any:
    return {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
        "scrape_configs": [{"job_name": "shop", "static_configs": [{"targets": [f"127.0.0.1:{page}"]}]}],
        "rule_files": ["rules/*.yml"],
        "events": {"webhooks": [{"url": hook, "types": [kind.value for kind in EventType]}]},
        "remediation": {
            "enabled": True,
            "actions": {"touch": {"kind": "command", "argv": ["touch", str(folder / "done")]}},
        },
    }


class Follower:
    """Reads the stream in a thread of its own."""

    def __init__(self, url: str) -> None:
        self.events: list[Any] = []
        self.ended = ""
        self._answer = urllib.request.urlopen(f"{url}/api/v1/lumina/events?after=1", timeout=60)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        kind = ""
        for line in self._answer:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "event":
                kind = value
            elif name == "data" and kind == "end":
                self.ended = value
            elif name == "data" and kind != "gap":
                self.events.append(json.loads(value))

    def types(self) -> set[str]:
        return {event["type"] for event in self.events}


def live(ruler: Ruler, page: Any) -> None:
    """Have everything happen that the row names."""
    base = f"{ruler.url}/api/v1/lumina"
    assert call("POST", f"{base}/rules", HOT)[0] == 201
    changed = {**HOT, "threshold": 50, "auto_remediation": {"action": "touch"}}
    assert call("PUT", f"{base}/rules/hot", changed)[0] == 200
    page.text = "shop_value 60\n"
    alert = until(lambda: [one for one in ruler.alerts("Hot") if one["phase"] == "firing"])[0]["id"]
    assert call("POST", f"{base}/alerts/{alert}/acknowledge", {"by": "ann"})[0] == 200
    until((ruler.folder / "done").exists)
    page.text = "shop_value 1\n"
    until(lambda: not ruler.alerts("Hot"))
    assert call("POST", f"{base}/rules/file/switch", {"enabled": False})[0] == 200
    assert call("POST", f"{base}/rules/file/switch", {"enabled": True})[0] == 200
    assert call("DELETE", f"{base}/rules/hot")[0] == 200
    board = {
        "id": "shop",
        "name": "Shop",
        "widgets": [{"type": "line", "title": "V", "metric": "shop_value"}],
    }
    assert call("POST", f"{base}/dashboards", board)[0] == 201
    assert call("PUT", f"{base}/dashboards/shop", {**board, "name": "The shop"})[0] == 200
    posted = [{"type": kind.value, "data": {"model": "cpu"}} for kind in POSTED]
    assert call("POST", f"{base}/events", posted)[0] == 200


def test_all_that_happens_is_on_the_stream_and_comes_by_webhook(tmp_path: Path) -> None:
    ruler = a_ruler(tmp_path)
    with serving("shop_value 1\n") as page, catching() as hook:
        ruler.write(config(page.port, hook.url, tmp_path), {"rules": [RULE]})
        with ruler.start() as process:
            stream = Follower(ruler.url)
            live(ruler, page)
            until(lambda: S29 - {"dashboard_deleted"} <= stream.types(), 90)
            assert call("DELETE", f"{ruler.url}/api/v1/lumina/dashboards/shop")[0] == 200
            until(lambda: "dashboard_deleted" in stream.types())
            until(lambda: {event["id"] for event in stream.events} <= {body["id"] for body in hook.bodies})
            process.terminate()
            until(lambda: stream.ended)
        assert "the ruler is stopping" in stream.ended
    by_id = {body["id"]: body for body in hook.bodies}
    assert [by_id[event["id"]] for event in stream.events] == stream.events
    ids = [body["id"] for body in hook.bodies]
    assert ids == sorted(ids)
    ran = next(event["data"] for event in stream.events if event["type"] == "remediation_executed")
    assert (ran["action"], ran["success"]) == ("touch", True)


def test_a_file_that_changes_is_told_of(tmp_path: Path) -> None:
    ruler = a_ruler(tmp_path)
    ruler.write({"rule_files": ["rules/*.yml"]}, {"rules": [RULE]})
    with ruler.start():
        ruler.write({"rule_files": ["rules/*.yml"]}, {"rules": [{**RULE, "threshold": 5}, HOT]})
        events = until(lambda: ask(f"{ruler.url}/api/v1/lumina/events", format="json")["events"])
        told = {(event["type"], event["data"]["rule"], event["data"]["file"]) for event in events}
        assert told == {("rule_updated", "file", "rules/all.yml"), ("rule_added", "hot", "rules/all.yml")}
