"""Escalations in a running delivery: who is told, what holds it up, and what a kill leaves."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from sqlalchemy import Connection

from promkit.errors import ConfigError, Conflict, NotFound
from promkit.matcher_text import parse_matchers
from ruler.alerts import Happening, Silence
from ruler.delivery import Delivery
from ruler.remediation import Outcome, Result
from ruler.rules import OnFailure
from tests.builders.delivery import HandClock, Hook, House, a_setup
from tests.builders.escalation import ANN_THEN_BOB, EscalationHouse, a_policy, a_step, an_escalation_house
from tests.builders.remediation import House as SickHouse
from tests.builders.remediation import a_remedy, a_sick_rule

FIRST = ("ann", "1/1", "firing")
SECOND = ("bob", "2/1", "firing")
AGAIN = ("bob", "2/2", "firing")


def test_step_by_step_then_the_end_to_everybody_who_was_told(hook: Hook) -> None:
    house = an_escalation_house(hook, ANN_THEN_BOB)
    house.evaluate()
    house.pass_time(9.8)
    assert house.told() == [FIRST]
    assert house.alert.escalation_level == 1
    house.pass_time(0.5)
    assert house.told() == [FIRST, SECOND]
    house.pass_time(30)
    assert house.told() == [FIRST, SECOND, AGAIN]
    assert house.steps() == ["1 ann", "2 bob", "2 bob"]
    house.evaluate(breached=False)
    house.pass_time(0.2)
    assert sorted(house.told()[3:]) == [("ann", "", "resolved"), ("bob", "", "resolved")]
    house.pass_time(120)
    assert len(house.told()) == 5
    assert not house.delivery.groups(house.clock.at_ms)


def test_the_message_says_policy_level_and_why(hook: Hook) -> None:
    house = an_escalation_house(hook, ANN_THEN_BOB)
    house.evaluate()
    house.pass_time(0.2)
    [body] = hook.taken("/ann")
    assert body["notification_reason"] == "escalated"
    assert body["lumina"]["escalation"] == {
        "policy": "on-call",
        "level": 1,
        "levels": 2,
        "number": 1,
        "reason": "",
        "by": "",
    }
    assert body["groupKey"].startswith("{}/escalation:{")


def test_an_acknowledgement_stops_it_and_taking_it_back_lets_it_go_on(hook: Hook) -> None:
    house = an_escalation_house(hook, ANN_THEN_BOB)
    house.evaluate()
    house.pass_time(5)
    house.book.acknowledge(house.fingerprint, "ann", "", house.clock.at_ms)
    house.pass_time(60, step_ms=500)
    assert house.told() == [FIRST]
    house.book.unacknowledge(house.fingerprint, "ann", house.clock.at_ms)
    house.pass_time(1.2)
    assert house.told() == [FIRST, SECOND]
    house.pass_time(11, step_ms=500)
    assert house.told() == [FIRST, SECOND, AGAIN]


def test_an_acknowledgement_that_expires_lets_it_go_on(hook: Hook) -> None:
    house = an_escalation_house(hook, ANN_THEN_BOB)
    house.evaluate()
    house.pass_time(1)
    house.book.acknowledge(house.fingerprint, "ann", "", house.clock.at_ms, house.clock.at_ms + 20_000)
    house.pass_time(20, step_ms=500)
    assert house.told() == [FIRST]
    house.book.expire(house.clock.at_ms)
    house.pass_time(1.2)
    assert house.told() == [FIRST, SECOND]


def a_silence(house: EscalationHouse) -> str:
    now_ms = house.clock.at_ms
    matchers = parse_matchers("alertname=Busy")
    return house.book.silence(Silence("", matchers, now_ms, now_ms + 10**9, now_ms, "ann", "why"), now_ms)


def test_a_silence_holds_the_steps_and_the_end(hook: Hook) -> None:
    house = an_escalation_house(hook, ANN_THEN_BOB)
    house.evaluate()
    house.pass_time(1)
    silence = a_silence(house)
    house.pass_time(30, step_ms=500)
    assert house.told() == [FIRST]
    house.book.expire_silence(silence, house.clock.at_ms)
    house.pass_time(1.2)
    assert house.told() == [FIRST, SECOND]


INHIBITED = """
inhibit_rules: [{source_matchers: [alertname=Source], target_matchers: [alertname=Busy]}]
"""


def test_an_inhibited_alert_does_not_climb(hook: Hook) -> None:
    house = an_escalation_house(hook, ANN_THEN_BOB, more=INHIBITED)
    house.fire({"alertname": "Source"})
    house.evaluate()
    house.pass_time(15, step_ms=500)
    assert house.told() == []
    house.resolve({"alertname": "Source"})
    house.pass_time(1.2)
    assert house.told() == [FIRST]


def test_an_alert_whose_routes_are_all_muted_does_not_climb(hook: Hook) -> None:
    text = f"""
route: {{receiver: ann, routes: [{{matchers: [alertname=Busy], mute_time_intervals: [always]}}]}}
time_intervals: [{{name: always, time_intervals: [{{}}]}}]
receivers: [{{name: ann, webhook_configs: [{{url: '{hook.url}/ann'}}]}}]
"""
    house = an_escalation_house(hook, ANN_THEN_BOB)
    house.delivery.reload(a_setup(text), house.clock.at_ms)
    house.evaluate()
    house.pass_time(15, step_ms=500)
    assert house.told() == []
    explained = house.delivery.escalation(house.alert, house.clock.at_ms)
    assert explained is not None
    assert explained["held"] == "muted by always"


def test_it_fires_again_and_starts_anew(hook: Hook) -> None:
    house = an_escalation_house(hook, ANN_THEN_BOB)
    house.evaluate()
    house.pass_time(11)
    house.evaluate(breached=False)
    house.pass_time(1)
    house.evaluate()
    assert house.alert.escalation_level == 0
    house.pass_time(1)
    assert house.told()[-1] == FIRST
    assert house.alert.escalation_level == 1


def test_who_is_told_by_route_when_it_fires_is_told_once(hook: Hook) -> None:
    house = an_escalation_house(hook, ANN_THEN_BOB, route="ann")
    house.evaluate()
    house.pass_time(11)
    assert house.told() == [("ann", "", "firing"), SECOND]
    assert house.steps() == ["1", "2 bob"]


def test_a_cooldown_keeps_what_fires_again_within_it(hook: Hook) -> None:
    house = an_escalation_house(hook, a_policy(a_step(0, "ann")), cooldown_ms=30_000)
    house.evaluate()
    house.pass_time(1)
    house.evaluate(breached=False)
    house.pass_time(1)
    house.evaluate()
    house.pass_time(20)
    assert house.told() == [FIRST, ("ann", "", "resolved")]
    house.pass_time(10)
    assert house.told()[2:] == [FIRST]


def test_a_receiver_that_is_down_gets_the_latest_step_and_then_the_end(hook: Hook) -> None:
    hook.answer(status=503)
    house = an_escalation_house(hook, a_policy(a_step(0, "ann"), a_step(5, "ann")))
    house.evaluate()
    house.pass_time(20, step_ms=500)
    house.evaluate(breached=False)
    house.pass_time(1)
    hook.answer(status=200)
    house.pass_time(120, step_ms=500)
    assert house.told() == [("ann", "2/1", "firing"), ("ann", "", "resolved")]


def test_a_receiver_that_refuses_is_asked_again_within_a_minute_and_steps_go_on(hook: Hook) -> None:
    hook.answer(status=400)
    house = an_escalation_house(hook, a_policy(a_step(0, "ann"), a_step(30, "bob")))
    house.evaluate()
    house.pass_time(29, step_ms=500)
    assert [got.path for got in hook.got] == ["/ann"]
    house.pass_time(30, step_ms=500)
    assert sorted(got.path for got in hook.got) == ["/ann", "/ann", "/bob"]
    hook.answer(status=200)
    house.pass_time(62, step_ms=500)
    assert sorted(house.told()) == [FIRST, SECOND]


def test_after_a_start_no_step_is_taken_before_the_rule_was_evaluated(hook: Hook) -> None:
    house = an_escalation_house(hook, ANN_THEN_BOB)
    house.evaluate()
    house.pass_time(1)
    House.open(house)
    house.book.adopt([house.rule], house.clock.at_ms)
    house.pass_time(20, step_ms=500)
    assert house.told() == [FIRST]
    house.delivery.settled([house.rule.id])
    house.pass_time(1.2)
    assert house.told() == [FIRST, SECOND]


# Remedies.


def test_a_remedy_that_failed_climbs_at_once(hook: Hook) -> None:
    house = an_escalation_house(hook, ANN_THEN_BOB)
    house.evaluate()
    house.pass_time(1)
    house.say(Happening.REMEDY_FAILED, action="restart", escalate="true")
    house.pass_time(0.2)
    assert house.told() == [FIRST, SECOND]
    [body] = hook.taken("/bob")
    assert body["lumina"]["escalation"]["reason"] == "restart did not help"


def test_a_remedy_that_failed_without_asking_changes_nothing(hook: Hook) -> None:
    house = an_escalation_house(hook, ANN_THEN_BOB)
    house.evaluate()
    house.pass_time(1)
    house.say(Happening.REMEDY_FAILED, action="restart")
    house.pass_time(0.2)
    assert house.told() == [FIRST]


def test_a_breaker_that_opens_is_told_without_a_policy_too(hook: Hook) -> None:
    house = an_escalation_house(hook, None, channels=("bob",), route="nobody")
    house.evaluate()
    house.pass_time(1)
    assert house.told() == [("bob", "", "firing")]
    house.say(Happening.BREAKER_OPENED, action="restart")
    house.pass_time(0.2)
    assert house.told()[1:] == [("bob", "1/1", "firing")]
    [_, body] = hook.taken("/bob")
    assert body["lumina"]["escalation"]["reason"] == "restart failed too often: a person is needed"
    house.say(Happening.BREAKER_OPENED, action="restart")
    house.pass_time(0.2)
    assert house.told()[2:] == [("bob", "1/2", "firing")]


def test_without_a_policy_the_routes_receivers_are_told(hook: Hook) -> None:
    house = an_escalation_house(hook, None, route="ann")
    house.evaluate()
    house.pass_time(1)
    house.say(Happening.REMEDY_FAILED, action="restart", escalate="true")
    house.pass_time(0.2)
    assert house.told() == [("ann", "", "firing"), FIRST]


def test_what_remediation_says_is_told(hook: Hook) -> None:
    """The two rooms together: a restart that fails, and the breaker that opens at the third."""
    policy = a_policy(a_step(3_600, "ann"), a_step(3_600, "bob"))
    sick = SickHouse(a_sick_rule(a_remedy(on_failure=OnFailure(escalate=True)), escalation=policy))
    sick.deeds.outcome = lambda plan: Result(Outcome.FAILED, "exit code 5")
    clock = HandClock(sick.now_ms)
    setup = an_escalation_house(hook, policy).setup
    delivery = Delivery(setup, sick.book, sick.database, clock)
    sick.book.listen(delivery.hear)
    delivery.settled([sick.rule.id])
    sick.breach()
    for _ in range(120):
        sick.pass_time()
        clock.at_ms = sick.now_ms
        delivery.turn()
        delivery.send_due()
    told = [got.json()["lumina"]["escalation"]["reason"] for got in hook.got]
    assert told[0] == "restart_service did not help"
    assert "restart_service failed too often: a person is needed" in told
    assert {got.path for got in hook.got} == {"/ann", "/bob"}


# By hand.


def test_a_person_climbs_whatever_holds_it(hook: Hook) -> None:
    house = an_escalation_house(hook, ANN_THEN_BOB)
    house.evaluate()
    house.pass_time(1)
    house.book.acknowledge(house.fingerprint, "ann", "", house.clock.at_ms)
    a_silence(house)
    alert = house.delivery.escalate(house.fingerprint, None, "eve", house.clock.at_ms)
    assert alert.escalation_level == 2
    house.pass_time(0.2)
    assert house.told() == [FIRST, SECOND]
    [body] = hook.taken("/bob")
    assert body["lumina"]["escalation"]["by"] == "eve"


def test_a_person_may_skip_a_level(hook: Hook) -> None:
    house = an_escalation_house(hook, a_policy(a_step(0, "ann"), a_step(5, "bob"), a_step(5, "eve")))
    house.evaluate()
    house.pass_time(1)
    house.delivery.escalate(house.fingerprint, 3, "ann", house.clock.at_ms)
    house.pass_time(20)
    assert house.told() == [FIRST, ("eve", "3/1", "firing")]


def test_what_a_person_cannot_climb(hook: Hook) -> None:
    house = an_escalation_house(hook, ANN_THEN_BOB)
    with pytest.raises(NotFound):
        house.delivery.escalate("0" * 16, None, "ann", house.clock.at_ms)
    house.evaluate()
    house.pass_time(1)
    with pytest.raises(ConfigError, match="no level 3"):
        house.delivery.escalate(house.fingerprint, 3, "ann", house.clock.at_ms)
    with pytest.raises(Conflict, match="there already: level 1 of 2"):
        house.delivery.escalate(house.fingerprint, 1, "ann", house.clock.at_ms)
    house.delivery.escalate(house.fingerprint, 2, "ann", house.clock.at_ms)
    with pytest.raises(Conflict, match="at the top of its escalation: level 2 of 2"):
        house.delivery.escalate(house.fingerprint, None, "ann", house.clock.at_ms)
    house.adopt(escalation=None)
    with pytest.raises(Conflict, match="has no escalation"):
        house.delivery.escalate(house.fingerprint, None, "ann", house.clock.at_ms)
    house.evaluate(breached=False)
    with pytest.raises(Conflict, match="not firing"):
        house.delivery.escalate(house.fingerprint, None, "ann", house.clock.at_ms)


# What is explained.


def test_explain_says_the_next_step_when_and_to_whom(hook: Hook) -> None:
    house = an_escalation_house(hook, ANN_THEN_BOB)
    house.evaluate()
    house.pass_time(1)
    explained = house.delivery.explain(house.fingerprint, house.clock.at_ms)
    started_ms = house.alert.starts_ms
    coming = explained["escalation"]["next"]
    assert (coming["level"], coming["number"], coming["to"]) == (2, 1, ["bob"])
    assert 10_000 <= coming["at_ms"] - started_ms <= 10_200
    assert (explained["escalation"]["level"], explained["escalation"]["levels"]) == (1, 2)
    whys = {one["receiver"]: one["why"] for one in explained["receivers"]}
    assert whys["ann"] == "told: escalated to level 1 of 2 of on-call"
    house.book.acknowledge(house.fingerprint, "ann", "", house.clock.at_ms)
    explained = house.delivery.explain(house.fingerprint, house.clock.at_ms)
    assert explained["escalation"]["held"] == "acknowledged by ann"


def test_a_policy_that_changes_counts_for_alerts_that_fire_already(hook: Hook) -> None:
    house = an_escalation_house(hook, None)
    house.evaluate()
    house.pass_time(1)
    house.adopt(escalation=a_policy(a_step(2, "eve")))
    house.pass_time(6)
    assert house.told() == [("eve", "1/1", "firing")]


def test_a_clock_that_is_set_moves_no_step(hook: Hook) -> None:
    house = an_escalation_house(hook, ANN_THEN_BOB)
    house.evaluate()
    house.pass_time(1)
    house.delivery._dispatcher.shift(3_600_000)
    house.book.clock_stepped(3_600_000, house.clock.at_ms)
    house.clock.at_ms += 3_600_000
    house.pass_time(8)
    assert house.told() == [FIRST]
    house.pass_time(1.2)
    assert house.told() == [FIRST, SECOND]


# kill -9.


class Killed(BaseException):
    """Nobody catches it but the test."""


class Fragile:
    """Ends the process at the n-th point from now: before and after every transaction."""

    def __init__(self, house: EscalationHouse, points: int) -> None:
        self.points_left: int | None = points
        self.dead = False
        whole_write = house.database.write

        @contextmanager
        def write() -> Iterator[Connection]:
            self.point()
            with whole_write() as connection:
                yield connection
            if not house.database._open:
                self.point()

        house.database.write = write  # type: ignore[method-assign]

    def point(self) -> None:
        if self.dead:
            raise Killed  # the threads of one that is dead do nothing more
        if self.points_left is None:
            return
        self.points_left -= 1
        if self.points_left < 0:
            self.dead = True
            raise Killed


def live(house: EscalationHouse, fragile: Fragile) -> None:
    """Fire, climb to the top, end; whenever it is killed it is started again at once."""
    for second in range(1, 9):
        house.clock.at_ms += 1_000
        for _ in range(2):
            with suppress(Killed):
                house.evaluate(breached=second < 6)
                house.delivery.turn()
                house.delivery.send_due()
                house.delivery.turn()
            if not fragile.dead:  # which it may be in a sender's thread
                break
            fragile.dead, fragile.points_left = False, None
            house.restart()


def test_a_kill_anywhere_neither_loses_a_step_nor_tells_it_twice(hook: Hook) -> None:
    policy = a_policy(a_step(0, "ann"), a_step(2, "bob", repeat=2))
    point, killed = 0, True
    while killed:
        hook.got.clear()
        house = an_escalation_house(hook, policy)
        fragile = Fragile(house, point)
        live(house, fragile)
        killed = fragile.points_left is None
        assert house.steps() == ["1 ann", "2 bob", "2 bob"], point
        keys = {
            (*one, got.headers["Idempotency-Key"]) for one, got in zip(house.told(), hook.got, strict=True)
        }
        told = Counter((who, level, status) for who, level, status, _ in keys)
        ends = {("ann", "", "resolved"): 1, ("bob", "", "resolved"): 1}
        assert told == {FIRST: 1, SECOND: 1, AGAIN: 1, **ends}, point
        for receiver in ("ann", "bob"):
            repeats = sum(who == receiver for who, _, _ in house.told()) - sum(k[0] == receiver for k in keys)
            assert repeats <= 1, point
        point += 1
    assert point > 20
