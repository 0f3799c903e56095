"""A real ruler climbs a policy of seconds: step by step, over a `kill -9`, until somebody acknowledges."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.builders.e2e import Catcher, Ruler, a_ruler, call, catching, until
from tests.builders.pages import serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

BAD = "shop_error_ratio 0.5\n"
GOOD = "shop_error_ratio 0\n"
AFTER_S = 4
RULES = {
    "rules": [
        {
            "id": "shop",
            "name": "Shop",
            "metric": "shop_error_ratio",
            "condition": "gt",
            "threshold": 0.05,
            "severity": "critical",
            "escalation": "on-call",
        }
    ]
}


@contextmanager
def staged(folder: Path) -> Iterator[tuple[Ruler, Catcher, Any]]:
    """A ruler that scrapes a page of ours; its policy tells a receiver of ours, twice."""
    with catching() as catcher, serving(BAD) as page:
        ruler = a_ruler(folder)
        steps = [{"notify": ["webhook"]}, {"after": f"{AFTER_S}s", "notify": ["webhook"]}]
        ruler.write(
            {
                "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
                "scrape_configs": [
                    {"job_name": "shop", "static_configs": [{"targets": [f"127.0.0.1:{page.port}"]}]}
                ],
                "rule_files": ["rules/*.yml"],
                "channels": {"webhook": {"url": catcher.url}},
                "escalations": {"on-call": {"until": "ack", "steps": steps}},
            },
            RULES,
        )
        yield ruler, catcher, page


def levels(catcher: Catcher) -> list[int]:
    """The levels that were told, in order; 0: the end."""
    bodies = list(catcher.bodies)
    return [body["lumina"].get("escalation", {}).get("level", 0) for body in bodies]


def test_it_climbs_over_a_kill_and_the_end_is_told(tmp_path: Path) -> None:
    with staged(tmp_path) as (ruler, catcher, page):
        with ruler.start() as process:
            until(lambda: "notified" in ruler.happenings("Shop"))  # so that no message is on its way
            process.kill()
        with ruler.start():
            until(lambda: levels(catcher) == [1, 2])
            assert ruler.alerts("Shop")[0]["escalation_level"] == 2
            page.text = GOOD
            until(lambda: levels(catcher) == [1, 2, 0])
            assert catcher.bodies[2]["status"] == "resolved"


def test_an_acknowledgement_in_between_stops_it(tmp_path: Path) -> None:
    with staged(tmp_path) as (ruler, catcher, _), ruler.start():
        until(lambda: levels(catcher) == [1])
        told_s = time.monotonic()
        path = f"{ruler.url}/api/v1/lumina/alerts/{ruler.alerts('Shop')[0]['id']}"
        assert call("POST", f"{path}/acknowledge", {"by": "ann"})[0] == 200
        until(lambda: time.monotonic() > told_s + AFTER_S + 2)
        assert levels(catcher) == [1]
        assert call("GET", path)[1]["data"]["escalation"]["held"] == "acknowledged by ann"
        assert call("POST", f"{path}/unacknowledge", {"by": "ann"})[0] == 200
        until(lambda: levels(catcher) == [1, 2])
