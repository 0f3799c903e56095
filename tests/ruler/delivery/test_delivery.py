"""The door: what API and pages ask, and what waits after a start."""

import json
from dataclasses import replace
from typing import Any

import pytest

from promkit.errors import ConfigError, NotFound
from ruler.alerts import Alert
from ruler.delivery.gate import Gate
from ruler.delivery.mute import Inhibitor
from tests.builders.delivery import START_MS, Hook, House, a_hook, a_setup, an_alert

A = {"alertname": "A"}
FINGERPRINT = an_alert("A").fingerprint


def whys(house: House) -> list[tuple[str, int | None]]:
    explained = house.delivery.explain(FINGERPRINT, house.clock.at_ms)
    json.dumps(explained)
    return [(one["why"], one.get("next_ms")) for one in explained["receivers"]]


def test_explain_follows_an_alert_through_its_life(hook: Hook) -> None:
    house = House(a_hook(hook.url, wait="5s", interval="10s", repeat="25s"))
    house.fire(A)
    house.delivery.turn()
    assert whys(house) == [("new; its group is told after group_wait", START_MS + 5_000)]
    hook.answer(status=503, headers={"Retry-After": "4"})
    house.pass_time(5.2)
    [(why, next_ms)] = whys(house)
    assert why == "a message waits, tried 1 times: 503 Service Unavailable: ok"
    assert next_ms is not None
    assert next_ms > house.clock.at_ms
    hook.answer(status=200)
    house.pass_time(5)
    [(why, next_ms)] = whys(house)
    assert why == "told; again after 25s"
    assert next_ms == START_MS + 35_000  # the group's turn after that
    house.pass_time(24.5)
    assert len(hook.taken()) == 1
    house.pass_time(1.5)
    assert len(hook.taken()) == 2
    house.resolve(A)
    house.delivery.turn()
    [(why, _)] = whys(house)
    assert why == "its end is owed, and told at the group's next turn"
    house.pass_time(10)
    assert whys(house) == [("it is over, and nothing is owed", None)]


def test_explain_says_who_keeps_it_back(hook: Hook) -> None:
    text = """
inhibit_rules: [{source_matchers: [alertname=Source], target_matchers: [alertname=A]}]
"""
    house = House(a_hook(hook.url, more=text))
    house.fire(A, {"alertname": "Source"})
    house.pass_time(1.5)
    [(why, next_ms)] = whys(house)
    assert why == f"inhibited by {an_alert('Source').fingerprint}"
    assert next_ms is None
    assert hook.told() == [("firing", ["Source:firing"])]


def test_explain_of_nobody_and_of_nothing() -> None:
    house = House(a_setup("route: {receiver: r}\nreceivers: [{name: r}]"))
    with pytest.raises(NotFound):
        house.delivery.explain("0" * 16, START_MS)
    house.fire(A)
    house.delivery.turn()
    assert whys(house) == [("it reaches nobody: shown and logged", None)]


def test_groups_are_sorted_and_say_who_mutes_them(hook: Hook) -> None:
    text = f"""
time_intervals: [{{name: always, time_intervals: [{{}}]}}]
route:
  receiver: hook
  group_by: [alertname]
  routes: [{{matchers: [alertname=B], mute_time_intervals: [always]}}]
receivers: [{{name: hook, webhook_configs: [{{url: '{hook.url}'}}]}}]
"""
    house = House(a_setup(text))
    house.fire({"alertname": "B"}, A)
    house.delivery.turn()
    groups = house.delivery.groups(house.clock.at_ms)
    assert [(group.labels["alertname"], group.muted_by) for group in groups] == [
        ("A", ()),
        ("B", ("always",)),
    ]
    house.pass_time(40, step_ms=1_000)
    assert hook.told() == [("firing", ["A:firing"])]


def test_messages_to_nobody_are_refused(hook: Hook) -> None:
    house = House(a_hook(hook.url))
    with pytest.raises(NotFound, match="no receiver 'x': there are email, hook"):
        house.delivery.send_message("x", "s", "t", "", START_MS)
    with pytest.raises(ConfigError, match=r"add channels\.sms to ruler\.yml"):
        house.delivery.send_message("sms", "s", "t", "", START_MS)


def test_the_records_say_channel_time_and_outcome(hook: Hook) -> None:
    house = House(a_hook(hook.url))
    house.fire(A, {"alertname": "B"})
    house.pass_time(1.5)
    [record] = house.delivery.notifications(fingerprint=FINGERPRINT)
    told = record.json()
    assert (told["channel"], told["integration"], told["status"]) == ("hook", "webhook[0]", "sent")
    assert told["fingerprints"] == [FINGERPRINT]
    assert [row.happening.value for row in house.book.timeline(FINGERPRINT)] == ["firing", "notified"]


def test_a_clock_that_is_set_back_delays_nothing(hook: Hook) -> None:
    house = House(a_hook(hook.url, interval="10s"))

    class Stepped:
        """The wall clock alone is an hour back."""

        by_ms = 0

        def now_ms(self) -> int:
            return house.clock.at_ms + self.by_ms

        def monotonic_ms(self) -> int:
            return house.clock.at_ms

    clock = Stepped()
    for owner in (house.delivery, house.delivery._sender, house.delivery._watch):
        setattr(owner, "_clock", clock)  # noqa: B010 - the true one never steps
    house.fire(A)
    house.pass_time(1.5)
    house.fire({"alertname": "A", "n": "2"})
    clock.by_ms = -3_600_000
    house.pass_time(11)
    assert len(hook.taken()) == 2


# After a start.


def a_rules(name: str, **more: Any) -> Alert:
    return replace(an_alert(name, **more), rule=f"rule-{name}")


NOBODY = Inhibitor([])


def test_alerts_of_rules_wait_for_their_first_evaluation() -> None:
    gate = Gate(START_MS)
    gate.expect(["rule-A", "rule-B"])
    assert gate.is_open(an_alert("posted"), NOBODY, START_MS)
    assert not gate.is_open(a_rules("A"), NOBODY, START_MS)
    assert gate.evaluated(["rule-A"]) == {"rule-A"}
    assert gate.evaluated(["rule-A"]) == set()
    assert gate.is_open(a_rules("A"), NOBODY, START_MS)
    assert gate.is_open(a_rules("B"), NOBODY, START_MS + 60_000)


def test_what_could_be_inhibited_waits_for_all() -> None:
    setup = a_setup("""
route: {receiver: r}
receivers: [{name: r}]
inhibit_rules: [{source_matchers: [alertname=B], target_matchers: [alertname=A]}]
""")
    inhibitor = Inhibitor(setup.inhibit_rules)
    gate = Gate(START_MS)
    gate.expect(["rule-A", "rule-B"])
    gate.evaluated(["rule-A"])
    assert not gate.is_open(a_rules("A"), inhibitor, START_MS)
    gate.evaluated(["rule-B"])
    assert gate.is_open(a_rules("A"), inhibitor, START_MS)
