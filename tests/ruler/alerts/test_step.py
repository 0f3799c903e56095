"""The state machine, as time lines: a character an evaluation, 30 s apart.

in   # breached   . not breached   ~ not breached, and the recovery condition holds
     x no data: target fails its scrapes   ? no data: nothing known of any target   - no data: target answered
out  i nothing   p pending   f firing   R recovering   r resolved (this evaluation or held since)
     N firing, told as without data
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promkit.labels import Labels
from ruler.alerts import Happening, Phase, State, Transition
from ruler.alerts.step import moved_by, step
from ruler.rules import Evaluation, NoData, NoDataState, Rule, Timing
from tests.builders.rules import NOW_MS, STEP_MS, a_rule, alert_labels, an_evaluation

LETTERS = {
    Phase.INACTIVE: "i",
    Phase.PENDING: "p",
    Phase.FIRING: "f",
    Phase.RECOVERING: "R",
    Phase.RESOLVED: "r",
}
MINUTE = 60_000


def evaluation(rule: Rule, sign: str, at_ms: int, labels: Labels) -> Evaluation:
    if sign == "#":
        return an_evaluation(rule, at_ms, [labels], recovered=frozenset())
    recovered = frozenset([labels] if sign == "~" else [])
    if sign in ".~":
        return an_evaluation(rule, at_ms, present=[labels], recovered=recovered)
    failing = frozenset([labels] if sign == "x" else [])
    return an_evaluation(rule, at_ms, failing=failing, blind=sign == "?", recovered=recovered)


def play(
    rule: Rule, signs: str, start_ms: int = NOW_MS
) -> tuple[str, list[Transition], Mapping[Labels, State]]:
    labels = alert_labels(rule, instance="a")
    states: Mapping[Labels, State] = {}
    letters, transitions = "", []
    for index, sign in enumerate(signs):
        now_ms = start_ms + index * STEP_MS
        states, happened = step(rule, evaluation(rule, sign, now_ms, labels), states, now_ms)
        transitions += happened
        letters += letter(states.get(labels), happened)
    return letters, transitions, states


def letter(state: State | None, happened: list[Transition]) -> str:
    if state is None or state.phase is Phase.INACTIVE:
        return "r" if any(t.happening is Happening.RESOLVED for t in happened) else "i"
    return "N" if state.no_data_told and state.phase is Phase.FIRING else LETTERS[state.phase]


def keep(after_ms: int = 0) -> dict[str, Any]:
    return {"no_data": NoData(NoDataState.KEEP, after_ms)}


def alert(after_ms: int = 0) -> dict[str, Any]:
    return {"no_data": NoData(NoDataState.ALERT, after_ms)}


def resolve(after_ms: int) -> dict[str, Any]:
    return {"no_data": NoData(NoDataState.RESOLVE, after_ms)}


HYSTERESIS = {"recover_expr": "cpu < 3"}
TIMELINES: dict[str, tuple[Timing, dict[str, Any], str, str]] = {
    # for
    "fires at once without for": (Timing(), {}, "##.", "ffr"),
    "waits the whole duration": (Timing(for_ms=MINUTE), {}, "####", "ppff"),
    "a gap restarts the clock": (Timing(for_ms=MINUTE), {}, "##.###", "ppippf"),
    "fires again after it resolved": (Timing(for_ms=MINUTE), {}, "###.###", "ppfrppf"),
    # keep_firing_for
    "keeps firing over a gap": (Timing(keep_firing_ms=MINUTE), {}, "#.#...", "fffffr"),
    "keep firing does not help a pending one": (Timing(MINUTE, MINUTE), {}, "##.#", "ppip"),
    # recover
    "fires on between the thresholds": (Timing(), HYSTERESIS, "#..#.~", "fffffr"),
    "recovers for a while first": (Timing(recover_ms=MINUTE), HYSTERESIS, "#.~~~.", "ffRRri"),
    "relapses between the thresholds": (Timing(recover_ms=MINUTE), HYSTERESIS, "#~.~~~", "fRfRRr"),
    "relapses over the threshold": (Timing(recover_ms=MINUTE), HYSTERESIS, "#~#~~~", "fRfRRr"),
    "recovery without a threshold of its own": (Timing(recover_ms=MINUTE), {}, "#..#...", "fRRfRRr"),
    "keep firing outlasts recovery": (Timing(keep_firing_ms=90_000), HYSTERESIS, "#~~~~", "ffffr"),
    "recovery outlasts keep firing": (Timing(0, 30_000, MINUTE), HYSTERESIS, "#~~~", "fRRr"),
    # n of m
    "three of five": (Timing(breaches=(3, 5)), {}, "#.#.#", "ppppf"),
    "two of five are not enough": (Timing(breaches=(3, 5)), {}, "#.#......", "pppppppii"),
    "resolves under n": (Timing(breaches=(2, 3)), {}, "##..#.", "pffrpp"),
    "remembers breaches over a resolve": (Timing(breaches=(2, 3)), {}, "#.#.#", "ppfrf"),
    # no data
    "no sample, no alert": (Timing(MINUTE), keep(), "##x##", "ppipp"),
    "kept while the target fails": (Timing(), keep(MINUTE), "#xxxx#.", "fffNNfr"),
    "kept, and clear when data comes": (Timing(), keep(MINUTE), "#xxx.", "fffNr"),
    "gone after two evaluations": (Timing(), keep(MINUTE), "#-#--", "ffffr"),
    "nothing known of targets: kept for a while": (Timing(), keep(MINUTE), "#???", "fffr"),
    "resolved at once": (Timing(), resolve(0), "#x", "fr"),
    "resolved after a while": (Timing(), resolve(MINUTE), "#xx#xxx", "ffffffr"),
    "resolving keeps firing first": (Timing(keep_firing_ms=MINUTE), resolve(0), "#xxx", "fffr"),
    "silence alone alerts": (Timing(), alert(MINUTE), "..xxx.", "iiiiNr"),
    "silence of a firing one is told": (Timing(), alert(MINUTE), "#xxx#", "fffNf"),
    "a series that went away alerts too": (Timing(), alert(), ".-", "iN"),
    "never seen, never told": (Timing(), alert(), "xx", "ii"),
}  # fmt: skip


@pytest.mark.parametrize("case", TIMELINES)
def test_timeline(case: str) -> None:
    timing, fields, signs, expected = TIMELINES[case]
    assert play(a_rule(timing=timing, **fields), signs)[0] == expected


REASONS = {
    "clear": ("#.", {}, ""),
    "gone": ("#--", keep(), "gone"),
    "no data": ("#?", keep(), "no data"),
    "no data, resolve": ("#x", resolve(0), "no data"),
}


@pytest.mark.parametrize("case", REASONS)
def test_says_why_it_ended(case: str) -> None:
    signs, fields, reason = REASONS[case]
    *_, last = play(a_rule(**fields), signs)[1]
    assert last.happening is Happening.RESOLVED
    assert last.alert.reason == reason
    assert last.alert.ends_ms == NOW_MS + (len(signs) - 1) * STEP_MS


HAPPENINGS = {
    "a life": (Timing(for_ms=30_000), {}, "##.", "pending firing resolved"),
    "no pending without for": (Timing(), {}, "#.", "firing resolved"),
    "pending in vain": (Timing(for_ms=MINUTE), {}, "#.", "pending inactive"),
    "relapse": (Timing(recover_ms=MINUTE), HYSTERESIS, "#~#", "firing recovering relapsed"),
    "no data is told once": (Timing(), keep(), "#xxx#", "firing|no data|data again"),
    "data again, and clear": (Timing(), keep(), "#x.", "firing|no data|data again|resolved"),
    "silence": (Timing(), alert(), ".x.", "firing|no data|data again|resolved"),
}


@pytest.mark.parametrize("case", HAPPENINGS)
def test_tells_each_change_once(case: str) -> None:
    timing, fields, signs, expected = HAPPENINGS[case]
    happened = [t.happening.value for t in play(a_rule(timing=timing, **fields), signs)[1]]
    assert happened == expected.split("|" if "|" in expected else " ")


def test_firing_since_and_breached_since_are_told_apart() -> None:
    rule = a_rule(timing=Timing(for_ms=MINUTE))
    _, transitions, states = play(rule, "###")
    (state,) = states.values()
    assert (state.active_ms, state.fired_ms) == (NOW_MS, NOW_MS + MINUTE)
    assert [t.alert.starts_ms for t in transitions] == [NOW_MS, NOW_MS + MINUTE]


def test_follows_the_value_while_it_fires() -> None:
    rule, now = a_rule(), NOW_MS
    labels = alert_labels(rule)
    states, _ = step(rule, an_evaluation(rule, now, {labels: 6.0}, annotations={"a": "6"}), {}, now)
    states, told = step(
        rule, an_evaluation(rule, now, {labels: 7.0}, annotations={"a": "7"}), states, now + 1
    )
    assert not told
    assert (states[labels].value, states[labels].annotations) == (7.0, {"a": "7"})
    states, told = step(rule, an_evaluation(rule, now, present=[labels]), states, now + 2)
    assert (told[0].alert.value, told[0].alert.annotations) == (7.0, {"a": "7"})


class TestResolvedByHand:
    def held(self, rule: Rule) -> tuple[Labels, dict[Labels, State]]:
        labels = alert_labels(rule, instance="a")
        state = State(
            Phase.RESOLVED, 9.0, NOW_MS, NOW_MS - MINUTE, NOW_MS - MINUTE, resolved_ms=NOW_MS, held=True
        )
        return labels, {labels: state}

    def play(self, rule: Rule, signs: str) -> str:
        labels, held = self.held(rule)
        states: Mapping[Labels, State] = held
        letters = ""
        for index, sign in enumerate(signs, start=1):
            now_ms = NOW_MS + index * STEP_MS
            states, happened = step(rule, evaluation(rule, sign, now_ms, labels), states, now_ms)
            letters += letter(states.get(labels), happened)
        return letters

    def test_stays_closed_until_the_condition_was_false_once(self) -> None:
        assert self.play(a_rule(), "###.#") == "rrrif"

    def test_stays_closed_while_the_target_fails(self) -> None:
        assert self.play(a_rule(**keep()), "#x#") == "rrr"

    def test_fires_again_when_the_cooldown_is_over(self) -> None:
        assert self.play(a_rule(cooldown_ms=MINUTE), "###") == "rff"

    def test_has_waited_its_duration_meanwhile(self) -> None:
        assert self.play(a_rule(cooldown_ms=MINUTE, timing=Timing(for_ms=MINUTE)), "###") == "rff"
        assert self.play(a_rule(cooldown_ms=MINUTE, timing=Timing(for_ms=90_000)), "###") == "rpf"


class TestSeverity:
    def moved(self, rule: Rule, before: str, after: str) -> tuple[Mapping[Labels, State], list[Transition]]:
        old = alert_labels(rule, instance="a").merged({"severity": before})
        new = alert_labels(rule, instance="a").merged({"severity": after})
        states, _ = step(rule, an_evaluation(rule, NOW_MS, [old]), {}, NOW_MS)
        states, _ = step(rule, an_evaluation(rule, NOW_MS + MINUTE, [old]), states, NOW_MS + MINUTE)
        return step(rule, an_evaluation(rule, NOW_MS + 2 * MINUTE, [new]), states, NOW_MS + 2 * MINUTE)

    def test_fires_on_under_the_new_labels(self) -> None:
        states, told = self.moved(a_rule(timing=Timing(for_ms=MINUTE)), "high", "critical")
        assert [t.happening for t in told] == [Happening.RESOLVED, Happening.SEVERITY]
        assert told[0].alert.reason == "severity changed"
        assert told[1].detail == {"from": "high", "to": "critical"}
        ((labels, state),) = states.items()
        assert (labels["severity"], state.phase, state.fired_ms) == (
            "critical",
            Phase.FIRING,
            NOW_MS + MINUTE,
        )

    def test_a_pending_one_goes_on_waiting(self) -> None:
        states, told = self.moved(a_rule(timing=Timing(for_ms=10 * MINUTE)), "high", "low")
        assert [t.happening for t in told] == [Happening.INACTIVE]
        assert next(iter(states.values())).active_ms == NOW_MS

    def test_in_the_prometheus_form_it_is_another_alert(self) -> None:
        states, told = self.moved(a_rule(timing=Timing(for_ms=MINUTE), short=False), "high", "critical")
        assert [t.happening for t in told] == [Happening.RESOLVED, Happening.PENDING]
        assert [s.active_ms for s in states.values()] == [NOW_MS + 2 * MINUTE]


def test_a_failed_evaluation_changes_nothing() -> None:
    rule = a_rule(short=False)
    _, _, states = play(rule, "##")
    assert step(rule, an_evaluation(rule, error="query timed out"), states, NOW_MS + 90_000) == (states, [])


def test_more_alerts_than_the_limit_end_all() -> None:
    rule = a_rule()
    _, _, states = play(rule, "##")
    over = an_evaluation(rule, error="limit of 1 alerts exceeded: 2", cleared=True)
    after, told = step(rule, over, states, NOW_MS + 90_000)
    assert not after
    assert [(t.happening, t.alert.reason) for t in told] == [
        (Happening.RESOLVED, "limit of 1 alerts exceeded: 2")
    ]


class TestClock:
    def test_put_back_does_not_hold_up_the_duration(self) -> None:
        rule, hour = a_rule(timing=Timing(for_ms=MINUTE)), 3_600_000
        labels = alert_labels(rule)
        states: Mapping[Labels, State] = {}
        phases = []
        for now_ms in (NOW_MS, NOW_MS + STEP_MS, NOW_MS - hour, NOW_MS - hour + STEP_MS):
            states, _ = step(rule, an_evaluation(rule, now_ms, [labels]), states, now_ms)
            phases.append(states[labels].phase)
        assert phases == [Phase.PENDING, Phase.PENDING, Phase.PENDING, Phase.FIRING]

    def test_put_forward_by_a_known_time_does_not_fire_early(self) -> None:
        rule, hour = a_rule(timing=Timing(for_ms=MINUTE)), 3_600_000
        labels = alert_labels(rule)
        states, _ = step(rule, an_evaluation(rule, NOW_MS, [labels]), {}, NOW_MS)
        states = {labels: moved_by(states[labels], hour)}
        now_ms = NOW_MS + hour + STEP_MS
        states, _ = step(rule, an_evaluation(rule, now_ms, [labels]), states, now_ms)
        assert states[labels].phase is Phase.PENDING


SIGNS = st.text("#.~x?-", max_size=30)
RULES = st.builds(
    lambda timing, no_data, recover: a_rule(timing=timing, no_data=no_data, recover_expr=recover),
    st.builds(
        Timing,
        st.sampled_from([0, 30_000, 60_000]),
        st.sampled_from([0, 45_000, 90_000]),
        st.sampled_from([0, 30_000]),
        st.sampled_from([None, (1, 1), (2, 3)]),
    ),
    st.builds(NoData, st.sampled_from(list(NoDataState)), st.sampled_from([0, 45_000])),
    st.sampled_from([None, "cpu < 3"]),
)


@settings(deadline=None)
@given(RULES, st.integers(0, 10))
def test_where_nothing_is_breached_and_nothing_held_nothing_changes(rule: Rule, later: int) -> None:
    now_ms = NOW_MS + later * STEP_MS
    after, told = step(rule, an_evaluation(rule, now_ms), {}, now_ms)
    assert (after, told) == ({}, [])


@settings(deadline=None)
@given(RULES, SIGNS)
def test_every_firing_is_ended_at_most_once_and_only_then(rule: Rule, signs: str) -> None:
    firing = False
    for transition in play(rule, signs)[1]:
        if transition.happening is Happening.FIRING:
            assert not firing
            firing = True
        if transition.happening is Happening.RESOLVED:
            assert firing
            firing = False
    assert firing == any(s.phase in {Phase.FIRING, Phase.RECOVERING} for s in play(rule, signs)[2].values())


@settings(deadline=None)
@given(RULES, SIGNS)
def test_label_sets_do_not_touch_each_other(rule: Rule, signs: str) -> None:
    other = alert_labels(rule, instance="b")
    alone, _, _ = play(rule, signs)
    labels = alert_labels(rule, instance="a")
    states: Mapping[Labels, State] = {}
    letters = ""
    for index, sign in enumerate(signs):
        now_ms = NOW_MS + index * STEP_MS
        one = evaluation(rule, sign, now_ms, labels)
        both = replace(one, breaching=[*one.breaching, *an_evaluation(rule, now_ms, [other]).breaching])
        states, told = step(rule, both, states, now_ms)
        letters += letter(states.get(labels), [t for t in told if t.alert.labels == labels])
    assert letters == alone
