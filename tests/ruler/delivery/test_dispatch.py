"""What a target is owed at a flush."""

from dataclasses import replace
from typing import Any

import pytest

from promkit.labels import EMPTY
from ruler.alerts import Acknowledgement, Alert
from ruler.delivery.dispatch import (
    Due,
    Group,
    Member,
    Timing,
    after_flush,
    cooldown_ends_ms,
    due,
    joined,
    pruned,
)
from ruler.delivery.message import Fact, Message, Reason, Status, Target, Told
from ruler.rules import Severities
from tests.builders.delivery import START_MS, an_alert

NOW = START_MS + 100_000
TIMING = Timing(30_000, 300_000, 3_600_000)
HOOK = Target("hook", "webhook", 0, send_resolved=True)
MAIL = Target("hook", "email", 0, send_resolved=False)


def told(alert: Alert, *, status: str = "firing", ago_ms: int = 1_000, owes: bool = True) -> Told:
    firing = status == "firing"
    return Told(Status(status), NOW - ago_ms, Fact.of(alert), owes=owes and firing)


def decide(
    members: list[Alert | Member],
    knows: dict[str, Told] | None = None,
    target: Target = HOOK,
    waiting: Message | None = None,
) -> Due:
    seen = [one if isinstance(one, Member) else Member(one) for one in members]
    return due(target, TIMING, seen, knows or {}, waiting, NOW, Severities().rank, EMPTY)


def shown(found: Due) -> tuple[str, list[str]] | None:
    if found.message is None:
        return None
    facts = [f"{fact.labels['alertname']}:{fact.status.value}" for fact in found.message.facts]
    return found.message.reason.value, facts


def known(*entries: tuple[Alert, dict[str, Any]]) -> dict[str, Told]:
    return {alert.fingerprint: told(alert, **how) for alert, how in entries}


A, B = an_alert("A"), an_alert("B")
A_OVER, B_OVER = an_alert("A", firing=False), an_alert("B", firing=False)
COOL: dict[str, Any] = {"cooldown_ms": 60_000}
CA = an_alert("A", **COOL)
CA_OVER = an_alert("A", firing=False, **COOL)
ACK = Acknowledgement("ann", NOW)
HOUR = 3_600_000

CASES = {
    "a new alert": ([A], {}, HOOK, ("first notification", ["A:firing"])),
    "nothing changed": ([A], known((A, {})), HOOK, None),
    "one more": ([A, B], known((A, {})), HOOK, ("new alerts added", ["A:firing", "B:firing"])),
    "one is over": (
        [A, B_OVER],
        known((A, {}), (B, {})),
        HOOK,
        ("some alerts resolved", ["A:firing", "B:resolved"]),
    ),
    "all are over": ([A_OVER], known((A, {})), HOOK, ("all alerts resolved", ["A:resolved"])),
    "over before it was told": ([A_OVER], {}, HOOK, None),
    "came and went beside another": (
        [A, B_OVER],
        known((A, {})),
        HOOK,
        ("some alerts resolved", ["A:firing", "B:resolved"]),
    ),
    "resolved is told once": ([A_OVER], known((A, {"status": "resolved"})), HOOK, None),
    "fires again": ([A], known((A, {"status": "resolved"})), HOOK, ("first notification", ["A:firing"])),
    "repeat": ([A], known((A, {"ago_ms": HOUR})), HOOK, ("repeat interval elapsed", ["A:firing"])),
    "repeat, not yet": ([A], known((A, {"ago_ms": HOUR - 1})), HOOK, None),
    "repeat, but somebody has it": (
        [replace(A, acknowledged=ACK)],
        known((A, {"ago_ms": HOUR})),
        HOOK,
        None,
    ),
    "repeat of its own": (
        [replace(A, repeat_ms=5_000)],
        known((A, {"ago_ms": 5_000})),
        HOOK,
        ("repeat interval elapsed", ["A:firing"]),
    ),
    "repeat: never": ([replace(A, repeat_ms=0)], known((A, {"ago_ms": 10 * HOUR})), HOOK, None),
    "acknowledged before it was told": (
        [replace(A, acknowledged=ACK)],
        {},
        HOOK,
        ("first notification", ["A:firing"]),
    ),
    "suppressed": ([Member(A, suppressed=True)], {}, HOOK, None),
    "suppressed when it ended: owed, later": ([Member(A_OVER, suppressed=True)], known((A, {})), HOOK, None),
    "its mute is over: the end is told": (
        [A_OVER],
        known((A, {"ago_ms": 50_000})),
        HOOK,
        ("all alerts resolved", ["A:resolved"]),
    ),
    "who wants no resolved gets none": ([A_OVER], known((A, {})), MAIL, None),
    "nor in a message about others": (
        [A_OVER, B],
        known((A, {})),
        MAIL,
        ("new alerts added", ["B:firing"]),
    ),
    "cooldown: first": ([CA], {}, HOOK, ("first notification", ["A:firing"])),
    "cooldown: inside": ([CA], known((CA, {"ago_ms": 59_999})), HOOK, None),
    "cooldown: over, still breached": (
        [CA],
        known((CA, {"ago_ms": 60_000})),
        HOOK,
        ("repeat interval elapsed", ["A:firing"]),
    ),
    "cooldown: over, but somebody has it": (
        [replace(CA, acknowledged=ACK)],
        known((CA, {"ago_ms": 60_000})),
        HOOK,
        None,
    ),
    "cooldown: fires again inside": ([CA], known((CA, {"status": "resolved", "ago_ms": 59_999})), HOOK, None),
    "cooldown: fires again, and it is over": (
        [CA],
        known((CA, {"status": "resolved", "ago_ms": 60_000})),
        HOOK,
        ("first notification", ["A:firing"]),
    ),
    "cooldown: the untold second time owes nothing": (
        [CA_OVER],
        known((CA, {"status": "resolved", "ago_ms": 5_000})),
        HOOK,
        None,
    ),
    "cooldown: its end is told at once": (
        [CA_OVER],
        known((CA, {"ago_ms": 5_000})),
        HOOK,
        ("all alerts resolved", ["A:resolved"]),
    ),
    "cooldown: others are told without it": (
        [CA, B],
        known((CA, {"ago_ms": 5_000})),
        HOOK,
        ("new alerts added", ["B:firing"]),
    ),
    "cooldown: broken by a rise in severity": (
        [replace(CA, severity="critical")],
        known((replace(CA, severity="high"), {"ago_ms": 5_000})),
        HOOK,
        ("repeat interval elapsed", ["A:firing"]),
    ),
    "cooldown: not by a fall": (
        [replace(CA, severity="low")],
        known((replace(CA, severity="high"), {"ago_ms": 5_000})),
        HOOK,
        None,
    ),
    "cooldown: broken by the loss of its data, once": (
        [replace(CA, no_data=True)],
        known((CA, {"ago_ms": 5_000})),
        HOOK,
        ("repeat interval elapsed", ["A:firing"]),
    ),
    "no data was told": (
        [replace(CA, no_data=True)],
        known((replace(CA, no_data=True), {"ago_ms": 5_000})),
        HOOK,
        None,
    ),
    "no data of an optional rule is never told": ([replace(CA, no_data=True, optional=True)], {}, HOOK, None),
    "an optional rule that breaches is told": (
        [replace(CA, optional=True)],
        {},
        HOOK,
        ("first notification", ["A:firing"]),
    ),
}


@pytest.mark.parametrize(("members", "knows", "target", "wanted"), CASES.values(), ids=CASES)
def test_what_is_owed(members: Any, knows: Any, target: Target, wanted: Any) -> None:
    assert shown(decide(members, knows, target)) == wanted


def test_a_cooldown_asks_to_be_woken_when_it_ends() -> None:
    def ends_ms(alert: Alert, **how: Any) -> int | None:
        rank = Severities().rank
        return cooldown_ends_ms(HOOK, TIMING, [Member(alert)], known((alert, how)), NOW, rank)

    assert ends_ms(CA, ago_ms=10_000) == NOW + 50_000
    assert ends_ms(CA, ago_ms=60_000) is None
    assert ends_ms(A, ago_ms=10_000) is None


def test_who_wants_no_resolved_forgets_in_silence() -> None:
    assert decide([A_OVER], known((A, {})), MAIL).silent == (A.fingerprint,)
    beside = decide([A_OVER, B], known((A, {})), MAIL)
    assert beside.silent == ()
    assert beside.message is not None
    assert beside.message.forgets == (A.fingerprint,)


def test_what_was_never_taken_owes_nothing() -> None:
    knows = {A.fingerprint: told(A, owes=False)}
    found = decide([A_OVER], knows)
    assert found.message is None
    assert found.silent == (A.fingerprint,)


def waiting_for(*facts: Fact) -> Message:
    return Message(facts, Reason.FIRST)


FOLDS = {
    "nothing new": ([A], {}, [Fact.of(A)], ["A:firing"], False),
    "one more joins": ([A, B], {}, [Fact.of(A)], ["A:firing", "B:firing"], False),
    "what came and went is still told": ([A_OVER], {}, [Fact.of(A)], ["A:firing"], True),
    "beside what still fires": (
        [A_OVER, B],
        {},
        [Fact.of(A), Fact.of(B)],
        ["A:firing", "B:firing"],
        True,
    ),
    "an owed end stays, though it fires again": (
        [A],
        known((A, {})),
        [Fact.of(A_OVER)],
        ["A:resolved"],
        True,
    ),
    "a repeat turns into the end": ([A_OVER], known((A, {})), [Fact.of(A)], ["A:resolved"], False),
}


@pytest.mark.parametrize(("members", "knows", "facts", "wanted", "follows"), FOLDS.values(), ids=FOLDS)
def test_a_waiting_message_is_brought_up_to_date(
    members: Any, knows: Any, facts: list[Fact], wanted: list[str], follows: object
) -> None:
    found = decide(members, knows, waiting=waiting_for(*facts))
    assert found.message is not None
    assert [f"{f.labels['alertname']}:{f.status.value}" for f in found.message.facts] == wanted
    assert found.message.follow is follows
    assert found.message.late is follows


def test_a_waiting_message_that_nobody_wants_any_more_goes() -> None:
    assert decide([Member(A, suppressed=True)], {}, waiting=waiting_for(Fact.of(A))).message is None


# The group's clock.

EMPTY_GROUP = Group("hook", "{}:{}", EMPTY, "{}", 0)


def test_a_new_group_waits_and_then_turns() -> None:
    new = replace(A, starts_ms=NOW)
    group = joined(EMPTY_GROUP, TIMING, [new], NOW)
    assert group.next_flush_ms == NOW + 30_000
    assert not group.flushed
    later = joined(group, TIMING, [replace(B, starts_ms=NOW)], NOW + 10_000)
    assert later.next_flush_ms == NOW + 30_000
    flushed = after_flush(later, TIMING, NOW + 30_000)
    assert flushed.next_flush_ms == NOW + 330_000
    assert flushed.flushed


def test_what_has_fired_for_long_need_not_wait() -> None:
    assert joined(EMPTY_GROUP, TIMING, [A], NOW).next_flush_ms == NOW


def test_members_go_when_over_and_told() -> None:
    group = after_flush(joined(EMPTY_GROUP, TIMING, [A, B_OVER], NOW), TIMING, NOW)
    assert list(pruned(group, frozenset(), waiting=False).members) == [A.fingerprint]
    assert len(pruned(group, frozenset({B.fingerprint}), waiting=False).members) == 2
    assert len(pruned(group, frozenset(), waiting=True).members) == 2


def test_a_group_that_only_owes_begins_anew() -> None:
    group = after_flush(joined(EMPTY_GROUP, TIMING, [A_OVER], NOW), TIMING, NOW)
    dormant = pruned(group, frozenset({A.fingerprint}), waiting=False)
    assert dormant.dormant
    woken = joined(dormant, TIMING, [replace(B, starts_ms=NOW + 1)], NOW + 1)
    assert woken.next_flush_ms == NOW + 1 + 30_000
    assert not woken.flushed
