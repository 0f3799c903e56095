"""The joined ruler under a clock that is set while it runs."""

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from ruler.main import Process
from ruler.options import parse_options
from ruler.settings import read
from tests.builders.pages import serving
from tests.builders.processes import free_port

HOUR_MS = 3_600_000
RULES = {
    "groups": [
        {
            "name": "g",
            "rules": [
                {"alert": "Always", "expr": "shop_value > 0"},
                {"alert": "Slow", "expr": "shop_value > 0", "for": "30m"},
            ],
        }
    ]
}


class SetClock:
    """The system's clocks; the wall clock can be set."""

    def __init__(self) -> None:
        self.set_by_ms = 0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.set_by_ms

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000


class Running:
    """A ruler in this process."""

    def __init__(self, folder: Path, page: int, clock: SetClock) -> None:
        job = {"job_name": "shop", "static_configs": [{"targets": [f"127.0.0.1:{page}"]}]}
        every = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config = {"global": every, "rule_files": ["rules.yml"], "scrape_configs": [job]}
        (folder / "ruler.yml").write_text(yaml.safe_dump(config))
        (folder / "rules.yml").write_text(yaml.safe_dump(RULES))
        self.url = f"http://127.0.0.1:{free_port()}"
        words = ["--config", folder / "ruler.yml", "--data", folder / "data", "--listen", self.url[7:]]
        options = parse_options([str(word) for word in words])
        self.process = Process(options, read(options, {}), clock)

    def get(self, path: str, **parameters: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(parameters)}") as answer:
            return json.load(answer)["data"]

    def alerts(self) -> dict[str, Any]:
        return {alert["name"]: alert for alert in self.get("/api/v1/lumina/alerts")}

    def value(self, query: str) -> float | None:
        result = self.get("/api/v1/query", query=query)["result"]
        return float(result[0]["value"][1]) if result else None


@contextmanager
def running(folder: Path, clock: SetClock, text: str) -> Iterator[tuple[Running, Any]]:
    with serving(text) as page:
        ruler = Running(folder, page.port, clock)
        try:
            yield ruler, page
        finally:
            ruler.process.supervisor.stop()


def until(look: Callable[[], object], within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not look():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)


@pytest.mark.parametrize("step_ms", [-HOUR_MS, HOUR_MS], ids=["back", "forward"])
def test_a_clock_that_is_set_is_said_and_neither_stops_nor_ends_nor_hurries_anything(
    step_ms: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = SetClock()
    with running(tmp_path, clock, "shop_value 1\n") as (ruler, page):
        until(lambda: "firing" in str(ruler.alerts().get("Always")) and "Slow" in ruler.alerts())
        clock.set_by_ms = step_ms
        page.text = "shop_value 2\n"
        until(lambda: ruler.value("shop_value") == 2)
        until(lambda: ruler.value("ALERTS{alertname='Always',alertstate='firing'}") == 1)
        alerts = ruler.alerts()
        assert alerts["Always"]["phase"] == "firing"
        assert alerts["Slow"]["phase"] == "pending"
        with urllib.request.urlopen(f"{ruler.url}/metrics") as answer:
            assert "\nruler_clock_steps_total 1\n" in answer.read().decode()
        timeline = [
            row["happening"] for row in ruler.get("/api/v1/lumina/timeline") if row["name"] == "Always"
        ]
        assert timeline.count("firing") == 1
        assert "resolved" not in timeline
    said = [record for record in caplog.records if record.getMessage() == "the clock was set"]
    assert len(said) == 1
    assert not [record for record in caplog.records if record.exc_info]
