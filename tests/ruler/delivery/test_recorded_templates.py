"""Templates print what Alertmanager 0.33.1 printed when it was recorded."""

import json
from datetime import UTC, datetime

import pytest
import yaml

from promkit.labels import Labels
from ruler.delivery.message import Fact, Status
from ruler.delivery.notification import Notification
from ruler.delivery.texts import Texts, default_templates
from tests.builders.delivery import SHARED

NAME = "template_functions"


def test_every_function_prints_what_was_recorded() -> None:
    scenario = SHARED / "am_diff" / "scenarios" / "open" / f"{NAME}.yml"
    if not scenario.exists():
        pytest.skip("the recorded scenarios are not beside this checkout")
    config = yaml.safe_load(yaml.safe_load(scenario.read_text())["config"])
    details = config["receivers"][0]["pagerduty_configs"][0]["details"]
    recording = json.loads((SHARED / "am_diff" / "recordings" / "open" / f"{NAME}.json").read_text())
    wanted = recording["notifications"][0]["body"]["payload"]["custom_details"]
    labels = Labels({"alertname": "Fn", "job": "node", "instance": "h:1", "b": "2"})
    starts_ms = round(datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC).timestamp() * 1000)
    texts = Texts(default_templates())
    notification = Notification(
        receiver="pager",
        integration="pagerduty[0]",
        key="k",
        external_url="http://ruler.example",
        texts=texts,
        now_ms=starts_ms,
        created_ms=starts_ms,
        facts=(Fact(labels.fingerprint_hex(), Status.FIRING, labels, {"summary": "s"}, starts_ms),),
        group_labels=Labels({"alertname": "Fn"}),
    )
    for name, text in details.items():
        texts.check(text, name)
        printed = notification.expand(text)
        # The recorded receiver reads a detail as JSON where it is that.
        try:
            value = json.loads(printed)
        except ValueError:
            value = printed or None
        assert value == wanted[name], name
    assert not notification.failures
