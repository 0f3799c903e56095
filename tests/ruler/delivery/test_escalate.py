"""Escalations as a pure machine: who is told when, and what holds that up."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from promkit.labels import EMPTY
from ruler.alerts import Happening, Transition
from ruler.delivery.dispatch import Member, Timing
from ruler.delivery.escalate import Climb, detail_of, heard, next_step, owed, receivers_of
from ruler.delivery.message import Escalated, Fact, Message, Reason, Status, Target, Told
from ruler.rules import Escalation, EscalationStep, Severities
from tests.builders.delivery import START_MS, an_alert

MINUTE = 60_000
A = an_alert("A")


def a_policy(*steps: tuple[int, int], until: str = "ack") -> Escalation:
    """Steps of (after how many minutes, how often); step n notifies `rn`."""
    made = [EscalationStep(after * MINUTE, (f"r{n}",), repeat) for n, (after, repeat) in enumerate(steps, 1)]
    return Escalation("on-call", until, tuple(made))


# A character a minute. in: # fires, a acknowledged, s silenced, h a remedy failed, . over
# out: the level that is told in that minute, - nothing
TIMELINES = {
    "step by step, to the top": (a_policy((0, 1), (2, 1), (3, 1)), "########", "1-2--3--"),
    "the first may wait": (a_policy((2, 1), (1, 1)), "######", "--12--"),
    "a repeat is as far away as the step was": (a_policy((0, 1), (2, 3), (1, 1)), "##########", "1-2-2-23--"),
    "an acknowledgement stops it": (a_policy((0, 1), (2, 1)), "#aaaaa", "1-----"),
    "it goes on when the acknowledgement ends": (a_policy((0, 1), (3, 1)), "#a####", "1--2--"),
    "what came due meanwhile is told at once, one step": (
        a_policy((0, 1), (2, 1), (2, 1)),
        "#aaaaa####",
        "1-----2-3-",
    ),
    "until resolved: nobody stops it": (a_policy((0, 1), (2, 1), until="resolved"), "#aaaa", "1-2--"),
    "a silence holds it too": (a_policy((1, 1), (1, 1), until="resolved"), "ssss###", "----12-"),
    "over is over": (a_policy((0, 1), (2, 1)), "##....", "1-----"),
    "it fires again: from the start": (a_policy((0, 1), (2, 1)), "###.####", "1-2-1-2-"),
    "a failed remedy climbs at once": (a_policy((0, 1), (9, 1)), "##h###", "1-2---"),
    "and the clock counts from there": (a_policy((0, 1), (9, 1), (2, 1)), "##h###", "1-2-3-"),
    "at the top it is told once more": (a_policy((0, 1)), "##hh##", "1-11--"),
    "while somebody has it, it waits": (a_policy((0, 1), (9, 1)), "#aah##", "1--2--"),
}


def told(policy: Escalation, minutes: str) -> Iterator[str]:
    climb, before, fired_ms = Climb(), ".", 0
    for minute, now in enumerate(minutes):
        now_ms = START_MS + minute * MINUTE
        if now == ".":
            before = now
            yield "-"
            continue
        if before == ".":
            fired_ms = now_ms
            climb = heard(climb, Transition(now_ms, Happening.FIRING, A))
        if now == "h":
            detail = {"action": "restart", "escalate": "true"}
            climb = heard(climb, Transition(now_ms, Happening.REMEDY_FAILED, A, detail))
        before = now
        held = now == "s" or (now == "a" and policy.until == "ack")
        step = next_step(policy, climb, fired_ms)
        if step is None or step.due_ms > now_ms or held:
            yield "-"
            continue
        row = Transition(now_ms, Happening.ESCALATED, A, detail_of(policy, step, step.notify))
        climb = heard(climb, row)
        assert climb.asked[f"r{step.level}"].number == step.number
        yield str(step.level)


@pytest.mark.parametrize(("policy", "minutes", "wanted"), TIMELINES.values(), ids=TIMELINES)
def test_timeline(policy: Escalation, minutes: str, wanted: str) -> None:
    assert "".join(told(policy, minutes)) == wanted


def test_a_policy_that_lost_steps_is_at_its_top() -> None:
    assert next_step(a_policy((0, 1)), Climb(level=3, number=1, told_ms=START_MS), START_MS) is None


def test_a_breaker_that_opens_calls_a_person_and_a_remedy_that_only_failed_does_not() -> None:
    failed = Transition(START_MS, Happening.REMEDY_FAILED, A, {"action": "restart"})
    assert heard(Climb(), failed) == Climb()
    opened = heard(Climb(), Transition(START_MS, Happening.BREAKER_OPENED, A, {"action": "restart"}))
    step = next_step(a_policy((5, 1)), opened, START_MS)
    assert step is not None
    assert (step.due_ms, step.why) == (START_MS, "restart failed too often: a person is needed")


ROUTED = {
    "told at once: its routes tell it": (a_policy((0, 1)), 0, ["r1"], ()),
    "nobody else does": (a_policy((0, 1)), 0, ["other"], ("r1",)),
    "told later: that is news": (a_policy((5, 1)), 0, ["r1"], ("r1",)),
    "a later step": (a_policy((0, 1), (5, 1)), 1, ["r2"], ("r2",)),
}


@pytest.mark.parametrize(("policy", "level", "routed", "wanted"), ROUTED.values(), ids=ROUTED)
def test_who_is_asked_for(policy: Escalation, level: int, routed: list[str], wanted: tuple[str, ...]) -> None:
    step = next_step(policy, Climb(level=level, number=level, told_ms=START_MS), START_MS)
    assert step is not None
    assert receivers_of(policy, step, routed) == wanted


# What a receiver is owed.

HOOK = Target("r1", "webhook", 0, send_resolved=True)
ONE = Escalated(START_MS, 1, 2, policy="on-call")
TWO = replace(ONE, at_ms=START_MS + MINUTE, level=2)
BY_ANN = replace(TWO, by="ann")
NOW = START_MS + 2 * MINUTE
OVER = an_alert("A", firing=False)
COOL = replace(A, cooldown_ms=10 * MINUTE)


def knows(asked: Escalated, status: Status = Status.FIRING) -> Told:
    firing = status is Status.FIRING
    return Told(status, NOW - MINUTE, replace(Fact.of(A), escalated=asked), owes=firing)


OWED = {
    "nobody has asked": (Member(A, suppressed=True), None, None, None),
    "a step": (Member(A), ONE, None, (Reason.ESCALATED, Status.FIRING, ONE)),
    "it is told once": (Member(A), ONE, knows(ONE), None),
    "the next step": (Member(A), TWO, knows(ONE), (Reason.ESCALATED, Status.FIRING, TWO)),
    "held back": (Member(A, suppressed=True), TWO, knows(ONE), None),
    "told, and over": (Member(OVER), ONE, knows(ONE), (Reason.ALL_RESOLVED, Status.RESOLVED, None)),
    "over before it was told": (Member(OVER), ONE, None, None),
    "over, but silenced: owed later": (Member(OVER, suppressed=True), ONE, knows(ONE), None),
    "fires again within its cooldown": (Member(COOL), TWO, knows(ONE, Status.RESOLVED), None),
    "but a person asks": (
        Member(COOL),
        BY_ANN,
        knows(ONE, Status.RESOLVED),
        (Reason.ESCALATED, Status.FIRING, BY_ANN),
    ),
    "lost data is no step": (Member(replace(A, no_data=True)), ONE, knows(ONE), None),
}


@pytest.mark.parametrize(("member", "asked", "known", "wanted"), OWED.values(), ids=OWED)
def test_what_is_owed(
    member: Member,
    asked: Escalated | None,
    known: Told | None,
    wanted: tuple[Reason, Status, Escalated | None] | None,
) -> None:
    entries = {} if known is None else {A.fingerprint: known}
    found = owed(HOOK, Timing(), [member], asked, entries, None, NOW, Severities().rank, EMPTY).message
    shown = None if found is None else (found.reason, found.status, found.facts[0].escalated)
    assert shown == wanted


def test_a_waiting_step_is_brought_up_to_the_latest() -> None:
    waiting = Message((replace(Fact.of(A), escalated=ONE),), Reason.ESCALATED)
    found = owed(HOOK, Timing(), [Member(A)], TWO, {}, waiting, NOW, Severities().rank, EMPTY, tried=True)
    assert found.message is not None
    assert [fact.escalated for fact in found.message.facts] == [TWO]


def test_a_step_that_could_not_be_sent_before_the_end_is_told_with_it() -> None:
    waiting = Message((replace(Fact.of(A), escalated=ONE),), Reason.ESCALATED)
    found = owed(HOOK, Timing(), [Member(OVER)], ONE, {}, waiting, NOW, Severities().rank, EMPTY)
    assert found.message is not None
    assert found.message.follow
    assert found.message.facts[0].escalated == ONE


def test_a_fact_survives_the_disk() -> None:
    fact = replace(Fact.of(A), escalated=BY_ANN)
    assert Fact.of_json(fact.to_json()) == fact
    old = {name: value for name, value in Fact.of(A).to_json().items() if name != "escalated"}
    assert Fact.of_json(old) == Fact.of(A)
