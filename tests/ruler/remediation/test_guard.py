"""Each guard says no when it must, says why, and when to ask again."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruler.remediation.guard import (
    BREAKER_FAILURES,
    BREAKER_QUIET_MS,
    COOLDOWN_MS,
    Breaker,
    Decision,
    Facts,
    Past,
    after_failure,
    allowed_targets,
    considered_ms,
    decide,
)
from ruler.rules import Limits, Mode, Remedy
from tests.builders.rules import a_rule

NOW_MS = 1_750_000_000_000
HOUR_MS = 3_600_000
MINUTE_MS = 60_000


def ago(minutes: float) -> int:
    return NOW_MS - round(minutes * MINUTE_MS)


def facts(**fields: Any) -> Facts:
    return replace(Facts(enabled=True, target="api", targets_declared=4, past=()), **fields)


def done(target: str, minutes: float) -> Past:
    return Past(target, ago(minutes), open=False)


# name: (limits or remedy fields, facts, guard that holds it, part of the reason, asked again in ms)
HELD: Mapping[str, tuple[dict[str, Any], dict[str, Any], str, str, int]] = {
    "somebody has it": ({}, {"acknowledged_by": "ann"}, "acknowledged", "ann has acknowledged it", 5_000),
    "silenced": ({}, {"silenced_by": ("s1",)}, "silenced", "silenced by s1", 5_000),
    "recovering": ({}, {"breached": False}, "condition", "not breached now", 5_000),
    "just started": ({}, {"breached": None, "settled": False}, "condition", "no values yet", 5_000),
    "only_if is false": ({"only_if": "a == 0"}, {"only_if": False}, "only_if", "a == 0 does not hold", 5_000),
    "only_if fails": ({"only_if": "a == 0"}, {"only_if": None}, "only_if", "could not be evaluated", 5_000),
    "breaker": ({}, {"breaker": Breaker(3, ago(30))}, "breaker", "a person must reset it", 5_000),
    "third run in an hour": (
        {},
        {"past": (done("api", 50), done("api", 30), done("api", 20))},
        "runs",
        "3 runs in 1h on api: at most 3",
        10 * MINUTE_MS,
    ),
    "runs of other rules count": (
        {"limits": Limits(runs=1)},
        {"past": (done("api", 59),)},
        "runs",
        "at most 1",
        MINUTE_MS,
    ),
    "no run allowed": ({"limits": Limits(runs=0)}, {}, "runs", "limits.runs is 0", HOUR_MS),
    "share of targets": (
        {},
        {"past": (done("web", 15),)},
        "targets",
        "web touched in 1h: at most 1 of 4 targets (25%)",
        45 * MINUTE_MS,
    ),
    "one at a time": (
        {"limits": Limits(targets_ratio=1)},
        {"past": (Past("web", ago(1), open=True),)},
        "concurrent",
        "1 under way: at most 1",
        5_000,
    ),
    "never two on one target": (
        {"limits": Limits(concurrent=5)},
        {"past": (Past("api", ago(1), open=True),)},
        "concurrent",
        "another run is under way on api",
        5_000,
    ),
    "a run that is open for hours still counts": (
        {"limits": Limits(targets_ratio=1)},
        {"past": (Past("web", ago(300), open=True),)},
        "concurrent",
        "1 under way",
        5_000,
    ),
}


@pytest.mark.parametrize("case", HELD)
def test_held(case: str) -> None:
    fields, known, guard, reason, again_ms = HELD[case]
    verdict = decide(Remedy("restart_service", **fields), facts(**known), NOW_MS)
    assert (verdict.decision, verdict.guard) == (Decision.HOLD, guard)
    assert reason in verdict.reason
    assert verdict.again_ms == NOW_MS + again_ms


DECIDED: Mapping[str, tuple[dict[str, Any], dict[str, Any], Decision]] = {
    "nothing against it": ({}, {}, Decision.START),
    "dry run until the operator arms it": ({}, {"enabled": False}, Decision.PLAN),
    "dry run of a rule": ({"mode": Mode.DRY_RUN}, {}, Decision.PLAN),
    "a dry run asks nobody": ({"mode": Mode.APPROVE}, {"enabled": False}, Decision.PLAN),
    "approval": ({"mode": Mode.APPROVE}, {}, Decision.ASK),
    "approved": ({"mode": Mode.APPROVE}, {"approved_by": "ann"}, Decision.START),
    "who approved may have acknowledged": (
        {"mode": Mode.APPROVE},
        {"approved_by": "ann", "acknowledged_by": "ann", "silenced_by": ("s1",)},
        Decision.START,
    ),
    "old runs are forgotten": ({"limits": Limits(runs=1)}, {"past": (done("api", 60),)}, Decision.START),
    "runs on others are not ours": (
        {"limits": Limits(runs=1, targets_ratio=1)},
        {"past": (done("web", 5),)},
        Decision.START,
    ),
    "a target may be touched again": ({}, {"past": (done("api", 5),)}, Decision.START),
    "two at a time": (
        {"limits": Limits(concurrent=2, targets_ratio=1)},
        {"past": (Past("web", ago(1), open=True),)},
        Decision.START,
    ),
    "the breaker lets one through after a day": (
        {},
        {"breaker": Breaker(3, NOW_MS - BREAKER_QUIET_MS)},
        Decision.START,
    ),
    "counted failures alone are no open breaker": ({}, {"breaker": Breaker(2)}, Decision.START),
    "absent data is a reason to act, once settled": ({}, {"breached": None}, Decision.START),
}


@pytest.mark.parametrize("case", DECIDED)
def test_decided(case: str) -> None:
    fields, known, decision = DECIDED[case]
    assert decide(Remedy("restart_service", **fields), facts(**known), NOW_MS).decision is decision


SHARES = {(1, 0.25): 1, (2, 0.25): 1, (4, 0.25): 1, (5, 0.25): 2, (8, 0.25): 2, (9, 0.25): 3, (100, 0.07): 7}


@pytest.mark.parametrize(("declared", "ratio"), SHARES)
def test_a_share_is_rounded_up_and_never_none(declared: int, ratio: float) -> None:
    assert allowed_targets(Limits(targets_ratio=ratio), declared) == SHARES[declared, ratio]


def test_the_breaker_opens_after_three_failures_in_a_row_and_again_after_one_more() -> None:
    breaker = Breaker()
    for count in range(1, BREAKER_FAILURES):
        breaker = after_failure(breaker, NOW_MS)
        assert breaker == Breaker(count, None)
    breaker = after_failure(breaker, NOW_MS)
    assert breaker.opened_ms == NOW_MS
    assert after_failure(breaker, NOW_MS + BREAKER_QUIET_MS).opened_ms == NOW_MS + BREAKER_QUIET_MS


CONSIDERED: Mapping[str, Any] = {
    # name: rule fields, remedy fields, last (firing, decided), due — minutes from the firing
    "at once": ({}, {}, None, 0),
    "after": ({}, {"after_ms": 2 * MINUTE_MS}, None, 2),
    "the rule's cooldown": ({"cooldown_ms": 5 * MINUTE_MS}, {}, (0, 1), 6),
    "the limits' cooldown": (
        {"cooldown_ms": 5 * MINUTE_MS},
        {"limits": Limits(cooldown_ms=60_000)},
        (0, 1),
        2,
    ),
    "no cooldown anywhere": ({}, {}, (0, 1), 1 + COOLDOWN_MS // MINUTE_MS),
    "a new firing inside the cooldown": ({"cooldown_ms": 5 * MINUTE_MS}, {}, (-3, -2), 3),
    "a new firing long after": ({"cooldown_ms": 5 * MINUTE_MS}, {}, (-30, -29), 0),
    "never again": ({"repeat_ms": 0}, {}, (0, 1), None),
    "never is about one firing": ({"repeat_ms": 0, "cooldown_ms": MINUTE_MS}, {}, (-9, -8), 0),
    "repeat overrides": ({"repeat_ms": 30 * MINUTE_MS, "cooldown_ms": MINUTE_MS}, {}, (0, 1), 31),
}


@pytest.mark.parametrize("case", CONSIDERED)
def test_when_a_remedy_is_considered(case: str) -> None:
    of_rule, of_remedy, last, due = CONSIDERED[case]
    at = None if last is None else (NOW_MS + last[0] * MINUTE_MS, NOW_MS + last[1] * MINUTE_MS)
    due_ms = considered_ms(a_rule(**of_rule), Remedy("scale_up", **of_remedy), NOW_MS, at)
    assert due_ms == (None if due is None else NOW_MS + due * MINUTE_MS)


PASTS = st.builds(
    Past,
    target=st.sampled_from(["api", "web", "db"]),
    started_ms=st.integers(NOW_MS - 2 * HOUR_MS, NOW_MS),
    open=st.booleans(),
)


@given(
    st.lists(PASTS, max_size=12),
    st.builds(
        Limits,
        runs=st.integers(0, 4),
        concurrent=st.integers(1, 3),
        targets_ratio=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    ),
)
def test_a_start_is_always_inside_every_limit(past: list[Past], limits: Limits) -> None:
    verdict = decide(Remedy("scale_up", limits=limits), facts(past=past, targets_declared=3), NOW_MS)
    in_window = [one for one in past if one.started_ms > NOW_MS - limits.per_ms]
    if verdict.decision is Decision.START:
        assert sum(one.target == "api" for one in in_window) < limits.runs
        assert sum(one.open for one in past) < limits.concurrent
        assert len({one.target for one in in_window} | {"api"}) <= allowed_targets(limits, 3)
    else:
        assert verdict.reason
        assert verdict.again_ms > NOW_MS
