"""A deed whose way back depends on what it found: a workload that is scaled by steps."""

from pathlib import Path

import pytest

from ruler.alerts import Happening
from ruler.remediation import Outcome, Result, RunPhase
from ruler.rules import Verify
from tests.builders.remediation import House, a_config, a_remedy, a_sick_rule

MINUTE_MS = 60_000
KUBERNETES = {
    "kind": "kubernetes",
    "verb": "scale",
    "namespace": "shop",
    "by": "{instances}",
    "min": 1,
    "max": 9,
    "parameters": {
        "instances": {"type": "int", "min": 1, "max": 3},
        "service": {"enum": ["api", "web", "worker", "db"], "target": True},
    },
}


@pytest.mark.parametrize("crash", [False, True])
def test_the_way_back_knows_what_was_found_even_after_a_crash(*, crash: bool, tmp_path: Path) -> None:
    remedy = a_remedy(parameters={"instances": 1, "service": "web"}, verify=Verify(within_ms=MINUTE_MS))
    house = House(a_sick_rule(remedy), a_config(actions={"restart_service": KUBERNETES}), tmp_path)
    house.deeds.outcome = lambda plan: Result(Outcome.DONE, before={"replicas": 4, "asked": 5})
    house.breach()
    house.pass_time(20_000)  # done, and its result stored
    if crash:
        house.crash()
    house.deeds.outcome = lambda plan: Result(Outcome.DONE)
    house.pass_time(3 * MINUTE_MS)
    assert house.did == ["scale deployment shop/web by +1, from 1 to 9", "scale deployment shop/web to 4"]
    assert house.runs()[0].undone == Result(Outcome.DONE)
    house.database.close()


def test_cut_off_by_a_crash_nothing_is_guessed_and_taken_back(tmp_path: Path) -> None:
    remedy = a_remedy(parameters={"instances": 1, "service": "web"}, verify=Verify(within_ms=MINUTE_MS))
    house = House(a_sick_rule(remedy), a_config(actions={"restart_service": KUBERNETES}), tmp_path)
    house.deeds.outcome = lambda plan: None  # it runs
    house.breach()
    house.pass_time()
    house.crash()
    house.pass_time(3 * MINUTE_MS)
    (run, *_) = house.runs()
    assert run.result is not None
    assert run.result.outcome is Outcome.UNKNOWN
    assert (run.phase, run.undone) == (RunPhase.FAILED, None)
    house.database.close()


def test_a_share_of_the_targets_holds_for_any_kind() -> None:
    remedy = a_remedy(parameters={"instances": 1, "service": "{{ $labels.app }}"})
    house = House(a_sick_rule(remedy), a_config(actions={"restart_service": KUBERNETES}))
    house.breach({"app": "api"}, {"app": "web"}, {"app": "db"})
    house.pass_time(2 * MINUTE_MS)
    assert house.did == ["scale deployment shop/api by +1, from 1 to 9"]  # 25 % of four
    held = house.told(Happening.REMEDY_REFUSED)
    assert {row.detail["guard"] for row in held} <= {"targets", "concurrent"}
    house.database.close()
