"""alertmanager.yml: what it means, and what is wrong with one."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from promkit.config import parse
from promkit.errors import LuminaError
from promkit.labels import Labels
from ruler.delivery import ChannelsConfig, load_setup, make_setup
from ruler.delivery.route import group_key
from tests.builders.delivery import SHARED, a_setup, an_alert

SMALLEST = "route: {receiver: r}\nreceivers: [{name: r}]\n"


def recorded(name: str) -> list[dict[str, Any]]:
    """The recorded configurations; [] where they are not beside the checkout."""
    folder = SHARED / "am_diff" / "configs"
    if not folder.exists():
        return []
    return [
        case
        for file in ("open", "beyond")
        for case in yaml.safe_load((folder / f"{file}.yml").read_text()).get(name, [])
    ]


COME_LATER = {"opsgenie with key", "sns and pushover"}
GOOD = [pytest.param(case["config"], id=case["name"]) for case in recorded("good")]
BAD = [pytest.param(case, id=case["name"]) for case in recorded("bad")]


@pytest.mark.skipif(not GOOD, reason="the recorded configurations are not beside this checkout")
@pytest.mark.parametrize("text", GOOD)
def test_good_ones_load(text: str, request: pytest.FixtureRequest) -> None:
    if any(name in request.node.name for name in COME_LATER):
        with pytest.raises(LuminaError, match="come later"):
            a_setup(text)
        return
    a_setup(text)


@pytest.mark.skipif(not BAD, reason="the recorded configurations are not beside this checkout")
@pytest.mark.parametrize("case", BAD)
def test_bad_ones_are_refused_and_the_fault_is_named(case: dict[str, Any]) -> None:
    with pytest.raises(LuminaError) as caught:
        a_setup(case["config"])
    text = str(caught.value)
    if "come later" not in text and "not YAML" not in text:
        assert all(word in text for word in case.get("says", ())), text
    assert all(line.startswith("alertmanager.yml") for line in text.splitlines())


FAULTS = {
    "all at once, in order": (
        "route: {receiver: x, routes: [{receiver: y}]}\nreceivers: [{name: r}, {name: r}]",
        [
            "alertmanager.yml:1:9: no receiver 'x': there are email, r, slack, sms",
            "alertmanager.yml:1:32: no receiver 'y': there are email, r, slack, sms",
            "alertmanager.yml:2:25: receiver 'r' is there twice",
        ],
    ),
    "a kind that comes later": (
        "route: {receiver: r}\nreceivers: [{name: r, discord_configs: [{}]}]",
        ["alertmanager.yml:2:23: key 'discord_configs' in 'r': discord receivers come later"],
    ),
    "a nearby key": (
        "route: {receiver: r, group_wiat: 3s}\nreceivers: [{name: r}]",
        ["alertmanager.yml:1:22: unknown key 'group_wiat' in route: did you mean 'group_wait'?"],
    ),
    "an unset interval": (
        SMALLEST.replace("r}", "r, routes: [{mute_time_intervals: [nights]}]}", 1),
        ["alertmanager.yml:1:54: no time interval 'nights'"],
    ),
}


@pytest.mark.parametrize(("text", "lines"), FAULTS.values(), ids=FAULTS)
def test_faults(text: str, lines: list[str]) -> None:
    with pytest.raises(LuminaError) as caught:
        a_setup(text)
    assert str(caught.value).splitlines() == lines


def test_templates_come_from_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "mine.tmpl").write_text('{{ define "mine" }}{{ .Status }}{{ end }}')
    config = tmp_path / "alertmanager.yml"
    hook = "slack_configs: [{api_url: 'http://s', text: '{{ template \"mine\" . }}'}]"
    config.write_text(f"templates: ['*.tmpl']\nroute: {{receiver: r}}\nreceivers: [{{name: r, {hook}}}]")
    load_setup(config)
    (tmp_path / "mine.tmpl").write_text('{{ define "mine" }}{{ .Status ')
    with pytest.raises(LuminaError, match=r"mine.tmpl:1:20: .* is missing"):
        load_setup(config)


ROUTES = """
route:
  receiver: root
  group_by: [alertname]
  group_wait: 1s
  routes:
  - {receiver: audit, matchers: [severity=~".+"], continue: true}
  - receiver: db
    match: {team: db}
    group_by: ['...']
    group_interval: 2m
    routes: [{receiver: db-night, matchers: ['env="prod"'], repeat_interval: 1h}]
receivers: [{name: root}, {name: audit}, {name: db}, {name: db-night}]
"""

PLACES = {
    "the root takes what no child does": ({"a": "b"}, [("root", '{}:{alertname="A"}')]),
    "the deepest wins": (
        {"team": "db", "env": "prod"},
        [("db-night", '{}/{team="db"}/{env="prod"}:{alertname="A", env="prod", team="db"}')],
    ),
    "continue": (
        {"team": "db", "severity": "high"},
        [
            ("audit", '{}/{severity=~".+"}:{alertname="A"}'),
            ("db", '{}/{team="db"}:{alertname="A", severity="high", team="db"}'),
        ],
    ),
}


@pytest.mark.parametrize(("labels", "wanted"), PLACES.values(), ids=PLACES)
def test_routes(labels: dict[str, str], wanted: list[tuple[str, str]]) -> None:
    router = a_setup(ROUTES).router
    assert [place.id for place in router.places(an_alert("A", labels=labels))] == wanted


def test_what_is_left_out_is_the_parents() -> None:
    root = a_setup(ROUTES).router.root
    night = root.routes[1].routes[0]
    assert (night.timing.wait_ms, night.timing.interval_ms, night.timing.repeat_ms) == (
        1_000,
        120_000,
        3_600_000,
    )
    assert night.group_by_all
    assert group_key(root, Labels()) == "{}:{}"


def test_channels_are_told_besides_routing_and_each_receiver_once() -> None:
    channels = parse(
        "{webhook: {url: 'http://h'}, slack: {api_url: 'http://s'}}", ChannelsConfig, "ruler.yml", {}
    )
    text = "route: {receiver: r, routes: [{receiver: webhook, matchers: [a=b]}]}\nreceivers: [{name: r}]"
    router = a_setup(text, channels).router

    def told(**more: Any) -> list[str]:
        return [place.route.receiver for place in router.places(an_alert("A", **more))]

    assert told() == ["r"]
    assert told(channels=("slack", "email")) == ["r", "slack", "email"]
    assert told(channels=("slack",), channels_only=True) == ["slack"]
    assert told(labels={"a": "b"}, channels=("webhook", "slack")) == ["webhook", "slack"]


def test_without_a_configuration_names_exist_and_nobody_is_told() -> None:
    setup = make_setup(None, None)
    assert {"email", "slack", "sms"} <= setup.channel_names()
    assert len(setup.warnings) == 3
    [place] = setup.router.places(an_alert("A"))
    assert setup.integrations[place.route.receiver] == ()


def test_a_channel_is_given_in_one_place() -> None:
    channels = parse("{email: {to: a@b.c, from: d@e.f, smarthost: 'm:25'}}", ChannelsConfig, "ruler.yml", {})
    text = "route: {receiver: email}\nreceivers: [{name: email}]"
    with pytest.raises(LuminaError, match=r"ruler.yml:1:2: receiver 'email' is there already"):
        a_setup(text, channels)
