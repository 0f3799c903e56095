"""A remedy never runs more than its limits, and never twice for one start, wherever the ruler is killed.

A crash point stands before and after every transaction, before and after every execution. The disk keeps
what was committed; the world keeps what was done.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from ruler.remediation import Outcome, Plan, Result, RunPhase
from ruler.rules import Limits, Remedy, Verify
from tests.builders.remediation import TICK_MS, Deeds, House, a_remedy, a_sick_rule

PER_MS = 20 * TICK_MS


class Killed(BaseException):
    """kill -9: nobody catches it but the test."""


class FragileDeeds(Deeds):
    """Notes each deed with its instant, between two crash points."""

    def __init__(self, house: "FragileHouse") -> None:
        super().__init__()
        self.house = house
        self.log: list[tuple[int, int, str]] = []

    def submit(self, run_id: int, plan: Plan, execute: Callable[[Plan, int, Event], Result]) -> None:
        self.house.point()
        self.log.append((self.house.now_ms, run_id, plan.text))
        super().submit(run_id, plan, execute)
        self.house.point()


class FragileHouse(House):
    """Can be killed at the n-th crash point from now."""

    def __init__(self, folder: Path, remedy: Remedy) -> None:
        self.points_left: int | None = None
        self._fragile = FragileDeeds(self)
        super().__init__(a_sick_rule(remedy, cooldown_ms=0), folder=folder)

    def start(self) -> None:
        self.deeds = self._fragile
        super().start()
        whole_write = self.database.write

        @contextmanager
        def write() -> Iterator[Connection]:
            self.point()
            with whole_write() as connection:
                yield connection
            self.point()

        self.database.write = write  # type: ignore[method-assign]

    def point(self) -> None:
        if self.points_left is None:
            return
        self.points_left -= 1
        if self.points_left < 0:
            self.points_left = None
            raise Killed


HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from(["breach", "breach", "heal", "wait", "wait", "wait", "fail", "hang", "end"]),
        st.none() | st.integers(0, 25),
    ),
    min_size=5,
    max_size=40,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HAPPENINGS, st.integers(1, 3), st.booleans())
def test_never_more_than_its_limits(happenings: list[tuple[str, int | None]], runs: int, own: bool) -> None:  # noqa: FBT001 - drawn
    limits = Limits(runs=runs, per_ms=PER_MS, cooldown_ms=0)
    verify = Verify("healed" if own else None, within_ms=2 * TICK_MS)
    with tempfile.TemporaryDirectory() as folder:
        house = FragileHouse(Path(folder), a_remedy(limits=limits, verify=verify))
        house.samples.answers["healed"] = [{}]
        for happening, kill_at in happenings:
            house.points_left = kill_at
            try:
                live(house, happening)
            except Killed:
                house.crash()
            house.points_left = None
            assert_within_limits(house, runs)
        house.pass_time(3 * TICK_MS)
        assert_within_limits(house, runs)
        house.database.close()


def live(house: FragileHouse, happening: str) -> None:
    match happening:
        case "breach":
            # Three alerts that want the same service restarted.
            house.breach(*({"instance": str(number)} for number in range(3)))
        case "heal":
            house.heal()
        case "fail":
            house.deeds.outcome = lambda plan: Result(Outcome.FAILED, "exit code 1")
        case "hang":
            house.deeds.outcome = lambda plan: None
        case "end":
            house.deeds.outcome = lambda plan: Result(Outcome.DONE)
            for run_id in list(house.deeds.running):
                house.deeds.finish(run_id, Result(Outcome.DONE))
    house.pass_time()


def assert_within_limits(house: FragileHouse, runs: int) -> None:
    log = house._fragile.log
    assert len({run_id for _, run_id, _ in log}) == len(log), "a started run was executed again"
    for index, (at_ms, _, _) in enumerate(log):
        in_window = [one for one, _, _ in log[index:] if one < at_ms + PER_MS]
        assert len(in_window) <= runs
    assert sum(run.phase is RunPhase.STARTED for run in house.runs()) <= 1


def test_what_was_executing_in_a_crash_counts_is_verified_and_never_repeated(tmp_path: Path) -> None:
    house = FragileHouse(tmp_path, a_remedy(limits=Limits(runs=1), verify=Verify(within_ms=6 * TICK_MS)))
    house.deeds.outcome = lambda plan: None
    house.breach()
    house.pass_time()
    house.crash()
    assert house.phases() == ["verifying"]
    house.heal()
    house.pass_time(2 * TICK_MS)
    assert house.phases() == ["recovered"]
    assert house.did == ["restart api"]
    assert [row.detail["success"] for row in house.told() if row.happening.value == "remedy finished"] == [
        "unknown"
    ]
    house.breach()
    house.pass_time(30 * TICK_MS)
    assert house.did == ["restart api"]
    house.database.close()


def test_verification_has_its_whole_time_again_after_a_restart(tmp_path: Path) -> None:
    house = FragileHouse(tmp_path, a_remedy(verify=Verify(within_ms=6 * TICK_MS)))
    house.breach()
    house.pass_time(2 * TICK_MS)
    assert house.phases() == ["verifying"]
    house.now_ms += 600_000
    house.crash()
    house.pass_time(2 * TICK_MS)
    assert house.phases() == ["verifying"]
    house.database.close()


def test_what_only_was_read_back_calls_for_nothing(tmp_path: Path) -> None:
    house = FragileHouse(tmp_path, a_remedy(after_ms=3 * TICK_MS))
    house.breach()
    house.pass_time()
    house.now_ms += 120_000
    house.samples.answers.update({"errors": [], "errors > 5": []})
    house.crash()
    house.remediation.tick(house.now_ms)
    assert house.did == []
    assert house.phases() == ["waiting"]
    house.breach()
    house.pass_time()
    assert house.did == ["restart api"]
    house.database.close()
