"""What happens to an alert with a remedy, as a person on call would see it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from promkit.errors import ConfigError, Conflict, NotFound
from promkit.matchers import Matcher, MatchOp
from ruler.alerts import Happening
from ruler.alerts.silence import Silence
from ruler.remediation import Outcome, Result, RunPhase
from ruler.remediation.guard import BREAKER_QUIET_MS
from ruler.remediation.remediation import OPEN_MAX
from ruler.rules import Limits, Mode, NoData, NoDataState, OnFailure, Remedy, Rule, Verify
from tests.builders.remediation import House, a_config, a_remedy, a_sick_rule

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
HouseOf = Callable[..., House]
NO_DATA = {"no data": NoData(), "gone": NoData(NoDataState.KEEP)}


@pytest.fixture
def house_of() -> Iterator[HouseOf]:
    built: list[House] = []

    def build(
        remedy: Remedy | None = None,
        rule: Rule | None = None,
        no_data: NoData | None = None,
        **config: Any,
    ) -> House:
        wanted = rule or a_sick_rule(remedy, no_data=no_data or NoData())
        house = House(wanted, a_config(**config) if config else None)
        built.append(house)
        return house

    yield build
    for house in built:
        house.database.close()


def test_it_restarts_the_service_and_sees_that_it_helped(house_of: HouseOf) -> None:
    house = house_of()
    house.breach()
    house.pass_time()
    assert house.did == ["restart api"]
    house.pass_time(20_000)
    house.heal()
    house.pass_time()
    assert house.phases() == ["recovered"]
    assert house.happenings() == ["started", "finished", "verified"]
    assert house.decisions() == ["started", "finished", "verifying", "recovered"]
    finished = house.told(Happening.REMEDY_FINISHED)[0].detail
    assert finished == {
        "run": "1",
        "action": "restart_service",
        "target": "api",
        "plan": "restart api",
        "success": "true",
    }


def test_it_does_nothing_but_say_its_plan_until_the_operator_arms_it(house_of: HouseOf) -> None:
    house = house_of(enabled=False)
    house.breach()
    house.pass_time(2 * MINUTE_MS)
    assert house.did == []
    assert house.phases() == ["planned"]
    detail = house.told(Happening.REMEDY_PLANNED)[0].detail
    assert detail["plan"] == "restart api"
    assert detail["reason"] == "remediation.enabled is false in ruler.yml"


def test_an_unbound_name_says_what_to_add_where_once_a_firing(house_of: HouseOf) -> None:
    house = house_of(actions={})
    house.breach()
    house.pass_time(30 * MINUTE_MS)
    assert house.phases() == ["not bound"]
    reason = house.told(Happening.REMEDY_NOT_BOUND)[0].detail["reason"]
    assert reason == "add remediation.actions.restart_service to ruler.yml"
    house.config = a_config()
    house.reload()
    house.pass_time()
    assert house.did == ["restart api"]


def test_after_waits_and_an_alert_that_ends_meanwhile_owes_nothing(house_of: HouseOf) -> None:
    house = house_of(a_remedy(after_ms=MINUTE_MS))
    house.breach()
    house.pass_time(50_000)
    house.heal()
    house.pass_time(MINUTE_MS)
    house.breach()
    house.pass_time(MINUTE_MS)
    assert house.did == []
    house.pass_time(20_000)
    assert house.did == ["restart api"]


def test_still_breached_after_the_cooldown_it_is_considered_again(house_of: HouseOf) -> None:
    house = house_of(a_remedy(verify=Verify(within_ms=MINUTE_MS), limits=Limits(runs=9)))
    house.breach()
    house.pass_time(4 * MINUTE_MS)
    assert house.did == ["restart api"]
    house.pass_time(2 * MINUTE_MS)
    assert house.did == ["restart api", "restart api"]
    assert house.phases() == ["failed", "verifying"]


def test_repeat_never_means_once_a_firing(house_of: HouseOf) -> None:
    rule = a_sick_rule(a_remedy(verify=Verify(within_ms=MINUTE_MS)), repeat_ms=0)
    house = house_of(rule=rule)
    house.breach()
    house.pass_time(30 * MINUTE_MS)
    assert house.did == ["restart api"]


def test_three_runs_an_hour_and_no_more(house_of: HouseOf) -> None:
    house = house_of(a_remedy(limits=Limits(cooldown_ms=0), verify=Verify("healed", within_ms=20_000)))
    house.breach()
    house.samples.answers["healed"] = [{}]
    house.pass_time(50 * MINUTE_MS)
    assert len(house.did) == 3
    held = house.told(Happening.REMEDY_REFUSED)
    assert [row.detail["guard"] for row in held] == ["runs"]
    assert "3 runs in 1h on api: at most 3" in held[0].detail["reason"]
    house.pass_time(15 * MINUTE_MS)
    assert len(house.did) == 6


def test_what_did_not_help_is_taken_back_then_the_next_action_then_a_person(house_of: HouseOf) -> None:
    remedy = Remedy(
        "scale_up",
        {"instances": 2},
        verify=Verify(within_ms=MINUTE_MS),
        on_failure=OnFailure("restart_service", {"service": "web"}, escalate=True),
    )
    house = house_of(remedy)
    house.breach()
    house.pass_time(3 * MINUTE_MS)
    assert house.did == ["scale +2", "scale -2", "restart web"]
    assert house.phases() == ["failed", "failed"]
    first, last = (row.detail for row in house.told(Happening.REMEDY_FAILED))
    assert (first["undone"], first["next"]) == ("done", "restart_service")
    assert "escalate" not in first
    assert last["escalate"] == "true"
    assert "did not recover within 1m" in last["reason"]


def test_a_program_that_fails_has_failed_at_once(house_of: HouseOf) -> None:
    house = house_of(a_remedy(on_failure=OnFailure(escalate=True)))
    house.deeds.outcome = lambda plan: Result(Outcome.FAILED, "exit code 5", "Unit api.service not found.")
    house.breach()
    house.pass_time(20_000)
    assert house.phases() == ["failed"]
    finished, failed = house.told(Happening.REMEDY_FINISHED, Happening.REMEDY_FAILED)
    assert finished.detail["success"] == "false"
    assert finished.detail["error"] == "exit code 5"
    assert finished.detail["output"] == "Unit api.service not found."
    assert failed.detail["reason"] == "exit code 5"


def test_what_never_began_is_not_taken_back(house_of: HouseOf) -> None:
    house = house_of(Remedy("scale_up", {"instances": 1}))
    house.deeds.outcome = lambda plan: Result(Outcome.NOT_STARTED, "cannot run scale: No such file")
    house.breach()
    house.pass_time(20_000)
    assert house.did == ["scale +1"]
    assert house.phases() == ["failed"]


def test_the_breaker_opens_after_three_failures_and_pages(house_of: HouseOf) -> None:
    remedy = a_remedy(verify=Verify(within_ms=MINUTE_MS), limits=Limits(runs=99, cooldown_ms=2 * MINUTE_MS))
    house = house_of(remedy)
    house.breach()
    house.pass_time(HOUR_MS)
    assert len(house.did) == 3
    opened = house.told(Happening.BREAKER_OPENED)
    assert len(opened) == 1
    assert opened[0].detail["reason"] == "3 remedies in a row did not help: a person is needed"
    assert [row.breaker.failures for row in house.remediation.breakers()] == [3]

    house.remediation.reset_breaker("sick", "restart_service", "ann", house.now_ms)
    assert house.remediation.audit()[0].by == "ann"
    house.pass_time(MINUTE_MS)
    assert len(house.did) == 4
    with pytest.raises(NotFound):
        house.remediation.reset_breaker("sick", "scale_up", "ann", house.now_ms)


def test_the_breaker_lets_one_run_through_after_a_quiet_day(house_of: HouseOf) -> None:
    remedy = a_remedy(verify=Verify(within_ms=MINUTE_MS), limits=Limits(runs=99, cooldown_ms=2 * MINUTE_MS))
    house = house_of(remedy)
    house.breach()
    house.pass_time(20 * MINUTE_MS)
    assert len(house.did) == 3
    house.now_ms += BREAKER_QUIET_MS
    house.pass_time(20 * MINUTE_MS)
    assert len(house.did) == 4
    assert len(house.told(Happening.BREAKER_OPENED)) == 2


def test_a_success_closes_the_count(house_of: HouseOf) -> None:
    house = house_of(
        a_remedy(verify=Verify("healed", within_ms=MINUTE_MS), limits=Limits(runs=9, cooldown_ms=0))
    )
    house.breach()
    house.pass_time(80_000)
    assert [row.breaker.failures for row in house.remediation.breakers()] == [1]
    house.samples.answers["healed"] = [{}]
    house.pass_time(MINUTE_MS)
    assert house.remediation.breakers() == []


def test_approval_shows_the_plan_and_waits_for_a_person(house_of: HouseOf) -> None:
    house = house_of(a_remedy(mode=Mode.APPROVE))
    house.breach()
    house.pass_time(MINUTE_MS)
    assert house.did == []
    assert house.told(Happening.REMEDY_APPROVAL)[0].detail["plan"] == "restart api"
    house.book.acknowledge(house.fingerprint, "ann", "on it", house.now_ms)
    run = house.remediation.approve(1, "ann", house.now_ms)
    assert run.phase is RunPhase.STARTED
    assert house.did == ["restart api"]
    assert house.told(Happening.REMEDY_STARTED)[0].detail["by"] == "ann"
    with pytest.raises(Conflict, match="it awaits no approval"):
        house.remediation.approve(1, "ann", house.now_ms)
    with pytest.raises(NotFound, match="no remediation 7"):
        house.remediation.approve(7, "ann", house.now_ms)


def test_a_refused_approval_is_not_asked_again_before_the_cooldown_ends(house_of: HouseOf) -> None:
    house = house_of(a_remedy(mode=Mode.APPROVE))
    house.breach()
    house.pass_time()
    house.remediation.refuse(1, "ann", house.now_ms)
    house.pass_time(4 * MINUTE_MS)
    assert house.phases() == ["refused"]
    house.pass_time(2 * MINUTE_MS)
    assert house.phases() == ["refused", "approval"]


def test_nobody_can_approve_another_plan_than_the_one_shown(house_of: HouseOf) -> None:
    house = house_of(a_remedy(mode=Mode.APPROVE))
    house.breach()
    house.pass_time()
    house.config = a_config(
        actions={
            "restart_service": {
                "kind": "command",
                "argv": ["reboot"],
                "parameters": {"service": {"enum": ["api"], "target": True}},
            }
        }
    )
    house.reload()
    with pytest.raises(Conflict, match="would do something else by now"):
        house.remediation.approve(1, "ann", house.now_ms)
    assert house.did == []


def test_guards_still_hold_for_who_approves(house_of: HouseOf) -> None:
    house = house_of(a_remedy(mode=Mode.APPROVE, only_if="calm"))
    house.breach()
    house.samples.answers["calm"] = [{}]
    house.pass_time()
    house.samples.answers["calm"] = []
    with pytest.raises(Conflict, match="calm does not hold"):
        house.remediation.approve(1, "ann", house.now_ms)
    house.heal()
    house.pass_time()
    with pytest.raises(Conflict):
        house.remediation.approve(1, "ann", house.now_ms)
    assert house.phases() == ["cancelled"]


def test_only_if_that_cannot_be_asked_holds_it_back(house_of: HouseOf) -> None:
    house = house_of(a_remedy(only_if="calm"))
    house.breach()
    house.samples.answers["calm"] = None
    house.pass_time(30_000)
    assert house.did == []
    assert house.told(Happening.REMEDY_REFUSED)[0].detail["reason"] == "calm could not be evaluated"
    house.samples.answers["calm"] = [{}]
    house.pass_time(30_000)
    assert house.did == ["restart api"]


@pytest.mark.parametrize("how", ["acknowledged", "silenced"])
def test_who_has_it_in_hand_is_not_interfered_with(house_of: HouseOf, how: str) -> None:
    house = house_of(a_remedy(verify=Verify(within_ms=MINUTE_MS)))
    house.breach()
    house.pass_time(2 * MINUTE_MS)
    if how == "acknowledged":
        house.book.acknowledge(house.fingerprint, "ann", "", house.now_ms)
    else:
        sick = (Matcher("alertname", MatchOp.EQUAL, "Sick"),)
        until_ms = house.now_ms + HOUR_MS
        house.book.silence(
            Silence("", sick, house.now_ms, until_ms, house.now_ms, "ann", "deploy", {}), house.now_ms
        )
    house.pass_time(20 * MINUTE_MS)
    assert house.did == ["restart api"]
    assert house.told(Happening.REMEDY_REFUSED)[0].detail["guard"] == how


def test_a_run_stops_when_its_alert_resolves(house_of: HouseOf) -> None:
    house = house_of()
    house.deeds.outcome = lambda plan: None
    house.breach()
    house.pass_time(20_000)
    assert list(house.deeds.running) == [1]
    house.heal()
    house.pass_time(20_000)
    assert house.deeds.running == {}
    assert house.phases() == ["cancelled"]
    assert house.told(Happening.REMEDY_CANCELLED)[0].detail["reason"] == "the alert has ended"


def test_a_person_stops_a_run(house_of: HouseOf) -> None:
    house = house_of()
    house.deeds.outcome = lambda plan: None
    house.breach()
    house.pass_time(20_000)
    house.remediation.cancel(1, "ann", house.now_ms)
    house.pass_time()
    run = house.runs()[0]
    assert (run.phase, run.by, run.reason) == (RunPhase.CANCELLED, "ann", "cancelled by ann")
    with pytest.raises(Conflict, match="nothing to cancel"):
        house.remediation.cancel(1, "ann", house.now_ms)


def test_an_own_verification_outlives_the_alert(house_of: HouseOf) -> None:
    house = house_of(a_remedy(verify=Verify("healed", within_ms=MINUTE_MS)))
    house.breach()
    house.pass_time(20_000)
    house.heal()
    house.pass_time(20_000)
    assert house.phases() == ["verifying"]
    house.pass_time(MINUTE_MS)
    assert house.phases() == ["failed"]
    assert house.did == ["restart api"]


def test_a_series_that_vanished_has_not_recovered(house_of: HouseOf) -> None:
    house = house_of(a_remedy(verify=Verify(within_ms=MINUTE_MS)))
    house.breach()
    house.pass_time()
    house.samples.answers["errors"] = []
    house.samples.answers["errors > 5"] = []
    house.pass_time(MINUTE_MS + 10_000)
    assert house.phases() == ["failed"]
    assert "could not be told" in house.runs()[0].reason


@pytest.mark.parametrize("reason", ["no data", "gone"])
def test_a_restart_that_hides_the_series_for_a_while_goes_on(house_of: HouseOf, reason: str) -> None:
    house = house_of(a_remedy(verify=Verify(within_ms=3 * MINUTE_MS)), no_data=NO_DATA[reason])
    house.deeds.outcome = lambda plan: None
    house.breach()
    house.pass_time(20_000)
    house.vanish()
    house.pass_time(30_000)
    ended = house.told(Happening.RESOLVED)
    assert [row.alert.reason for row in ended] == [reason]
    assert list(house.deeds.running) == [1]
    house.deeds.finish(1, Result(Outcome.DONE))
    house.pass_time(30_000)
    assert house.phases() == ["verifying"]
    house.heal()
    house.samples.answers["errors"] = [{}]
    house.pass_time(20_000)
    assert house.phases() == ["recovered"]


def test_a_storm_of_alerts_opens_no_more_runs_than_there_is_room_for(house_of: HouseOf) -> None:
    house = house_of()
    house.breach(*({"instance": f"i{number}"} for number in range(250)))
    house.pass_time(30_000)
    assert len(house.runs()) == OPEN_MAX
    assert house.did == ["restart api"]
    crowded = next(f for f in house.remediation.families() if f.name.endswith("without_room"))
    assert crowded.samples[0].value == 150


def test_a_clock_that_is_set_changes_no_wait(house_of: HouseOf) -> None:
    house = house_of(a_remedy(only_if="calm", verify=Verify(within_ms=MINUTE_MS)))
    house.breach()
    house.pass_time()
    house.set_clock(-HOUR_MS)
    house.samples.answers["calm"] = [{}]
    house.pass_time(20_000)
    assert house.did == ["restart api"]
    house.set_clock(HOUR_MS)
    house.pass_time(20_000)
    assert house.phases() == ["verifying"]


def test_one_at_a_time_the_others_wait_their_turn(house_of: HouseOf) -> None:
    house = house_of(
        a_remedy(parameters={"service": "{{ $labels.service }}"}, limits=Limits(targets_ratio=1))
    )
    house.breach({"service": "api"}, {"service": "web"})
    house.pass_time()
    assert house.did == ["restart api"]
    house.breach({"service": "web"})
    house.samples.answers["errors"] = [{"service": "api"}, {"service": "web"}]
    house.pass_time(30_000)
    assert house.did == ["restart api", "restart web"]
    assert house.phases() == ["recovered", "verifying"]


def test_a_quarter_of_the_targets_and_no_more(house_of: HouseOf) -> None:
    house = house_of(a_remedy(parameters={"service": "{{ $labels.service }}"}, limits=Limits(concurrent=9)))
    house.breach({"service": "api"}, {"service": "web"}, {"service": "db"})
    house.pass_time(10 * MINUTE_MS)
    assert set(house.did) == {"restart api"}
    assert {row.detail["guard"] for row in house.told(Happening.REMEDY_REFUSED)} >= {"targets"}


def test_a_label_outside_what_the_operator_allows_is_refused(house_of: HouseOf) -> None:
    house = house_of(a_remedy(parameters={"service": "{{ $labels.service }}"}))
    house.breach({"service": "api; reboot"})
    house.pass_time(MINUTE_MS)
    assert house.did == []
    assert house.phases() == ["refused"]
    assert "'api; reboot' is not allowed" in house.told(Happening.REMEDY_REFUSED)[0].detail["reason"]


def test_a_rule_that_no_longer_asks_cancels_what_waits(house_of: HouseOf) -> None:
    house = house_of(a_remedy(mode=Mode.APPROVE))
    house.breach()
    house.pass_time()
    house.rule = replace(house.rule, remedy=None)
    house.reload()
    house.pass_time()
    assert house.phases() == ["cancelled"]


def test_rule_loading_refuses_what_the_operator_did_not_allow() -> None:
    config = a_config()
    config.check_action("restart_service", {"service": "api"})
    config.check_action("optimize_database", {"anything": 1})
    with pytest.raises(
        ConfigError, match=r"unknown action 'restart_servce': did you mean 'restart_service'\?"
    ):
        config.check_action("restart_servce", {})
    with pytest.raises(ConfigError, match="action 'scale_up': parameter 'instances': 9 is not allowed"):
        config.check_action("scale_up", {"instances": 9})
    assert config.unbound == ("optimize_database", "optimize_memory")


def test_a_plan_can_be_asked_for(house_of: HouseOf) -> None:
    failed = OnFailure("optimize_memory")
    house = house_of(a_remedy(parameters={"service": "{{ $labels.app }}"}, on_failure=failed))
    first, second = house.remediation.foresee("sick")
    assert first.plan is None
    assert "the alert has no label 'app'" in first.problem
    assert second.problem == "add remediation.actions.optimize_memory to ruler.yml"
    house.breach({"app": "web"})
    house.evaluate()
    first, _ = house.remediation.foresee("sick")
    assert first.plan is not None
    assert first.plan.text == "restart web"
    assert house.did == []
    with pytest.raises(NotFound, match="there is no rule 'other'"):
        house.remediation.foresee("other")
