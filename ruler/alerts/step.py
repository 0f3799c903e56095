"""The alert state machine: one step of one rule. Pure, and the only one.

Live runs, rule tests, backtests and recovery after a crash all call `step`; nothing else moves a state.

                      breached                      not breached
    (none)            → pending, due at once: firing
    pending           due? → firing                 → (none)
    firing            stays                         keep_firing_for over and recovery condition true
                                                    (for as long as asked)? → resolved
    firing            stays                         recovery condition true, but not long enough → recovering
    recovering        → firing                      long enough → resolved; no longer true → firing
    firing, no data   data again                    as the rule's `no_data` says: kept, resolved or told

A rule without extras moves exactly as in Prometheus (rules/alerting.go: AlertingRule.Eval). A state that need
not be remembered is not in the answer; a resolved one stays only while it has to keep the alert from firing
again (resolved by hand) or remembers breaches (`n of m`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import Enum, auto

from promkit.labels import Labels
from ruler.alerts.alert import Alert, Happening, Phase, State, Transition
from ruler.rules import Breach, Evaluation, NoDataState, Rule

__all__ = ["alert_of", "closed_by_hand", "ended", "moved_by", "shifted", "step"]

GONE_AFTER = 2  # evaluations without the series, though its target answered (DESIGN 5.4)
States = Mapping[Labels, State]
Move = tuple[State | None, list[Happening]]


class _Seen(Enum):
    """What an evaluation says of a label set that has a state."""

    BREACHED = auto()
    CLEAR = auto()
    RECOVERED = auto()  # clear, and the recovery condition holds (or there is none)
    FAILING = auto()  # no data: its target fails its scrapes
    BLIND = auto()  # no data, and nothing known of any target
    GONE = auto()  # no data, though the target answered


def step(rule: Rule, evaluation: Evaluation, states: States, now_ms: int) -> tuple[States, list[Transition]]:
    """Move all label sets of one rule over one evaluation.

    The very mapping that came in goes out where nothing is breached and nothing was held (a rule that alerts
    on silence holds whatever it has seen).
    """
    if evaluation.cleared:
        return {}, ended(rule, states, now_ms, evaluation.error or "")
    if evaluation.error is not None:
        return states, []
    if not states and not evaluation.breaching and not _remembers(rule):
        return states, []
    breaches = {breach.labels: breach for breach in evaluation.breaching}
    earlier = {labels: shifted(state, now_ms) for labels, state in states.items()}
    moved, transitions = _carried(rule, earlier, breaches, now_ms)
    after: dict[Labels, State] = {}
    for labels, state in moved.items():
        breach = breaches.pop(labels, None)
        if breach is not None:
            now = replace(state, evaluated_ms=now_ms, value=breach.value, annotations=breach.annotations)
            moves = _breached(rule, now, now_ms)
        else:
            now = replace(state, evaluated_ms=now_ms)
            moves = _not_breached(rule, now, _seen(rule, evaluation, labels), now_ms)
        transitions += _told(rule, labels, moves, now)
        kept = _kept(rule, moves[0], now_ms)
        if kept is not None:
            after[labels] = kept
    for labels, breach in breaches.items():
        fresh = State(Phase.INACTIVE, breach.value, now_ms, annotations=breach.annotations)
        moves = _breached(rule, fresh, now_ms)
        transitions += _told(rule, labels, moves, fresh)
        if moves[0] is not None:  # breached, so there is a state
            after[labels] = moves[0]
    for labels in _newly_seen(rule, evaluation, after):
        after[labels] = State(Phase.INACTIVE, float("nan"), now_ms)
    return after, transitions


def shifted(state: State, now_ms: int) -> State:
    """The state on a clock that has been put back: waits that have been waited stay waited.

    What passed between the last evaluation and now is lost, for the wall clock cannot tell it.
    """
    back_ms = state.evaluated_ms - now_ms
    return state if back_ms <= 0 else moved_by(state, -back_ms)


def moved_by(state: State, delta_ms: int) -> State:
    """All instants of the state, later by `delta_ms`: the clock was put forward by it."""

    def moved(at_ms: int | None) -> int | None:
        return None if at_ms is None else at_ms + delta_ms

    return replace(
        state,
        evaluated_ms=state.evaluated_ms + delta_ms,
        active_ms=moved(state.active_ms),
        fired_ms=moved(state.fired_ms),
        keep_ms=moved(state.keep_ms),
        recovering_ms=moved(state.recovering_ms),
        resolved_ms=moved(state.resolved_ms),
        no_data_ms=moved(state.no_data_ms),
    )


def closed_by_hand(state: State, now_ms: int) -> State:
    """The state of an alert that a person resolves, whatever its condition says."""
    return replace(_over(state, now_ms, "by hand"), held=True)


def alert_of(rule: Rule, labels: Labels, state: State, generator_url: str = "") -> Alert:
    """The alert of one state, as its rule alone sees it: acknowledgement and the like are the book's."""
    starts_ms = state.active_ms if state.fired_ms is None else state.fired_ms
    return Alert(
        labels=labels,
        annotations=state.annotations,
        phase=state.phase,
        starts_ms=state.evaluated_ms if starts_ms is None else starts_ms,
        updated_ms=state.evaluated_ms,
        active_ms=state.evaluated_ms if state.active_ms is None else state.active_ms,
        ends_ms=state.resolved_ms,
        value=state.value,
        severity=labels["severity"] or rule.severity,
        rule=rule.id,
        generator_url=generator_url,
        reason=state.reason,
        no_data=state.no_data_told,
        optional=rule.optional,
        channels=rule.channels,
        channels_only=rule.channels_only,
        cooldown_ms=rule.cooldown_ms,
        repeat_ms=rule.repeat_ms,
        escalation=rule.escalation,
    )


def _breached(rule: Rule, state: State, now_ms: int) -> Move:
    """A state whose condition is breached; `state` already has the new value."""
    happened = [Happening.DATA] if state.no_data_told else []
    breaches = _counted(rule, state, breached=True)
    if breaches != state.breaches or _waits(state):
        state = replace(
            state,
            keep_ms=None,
            recovering_ms=None,
            no_data_ms=None,
            no_data_told=False,
            missed=0,
            breaches=breaches,
        )
    match state.phase:
        case Phase.FIRING:
            return state, happened
        case Phase.RECOVERING:
            return replace(state, phase=Phase.FIRING), [*happened, Happening.RELAPSED]
        case Phase.RESOLVED if state.held and not _cooled(rule, state, now_ms):
            return state, []
        case Phase.RESOLVED | Phase.INACTIVE:
            # Resolved by hand and breached ever since: its wait counts from there.
            since_ms = state.resolved_ms if state.held else now_ms
            pending = replace(
                state,
                phase=Phase.PENDING,
                active_ms=since_ms,
                resolved_ms=None,
                fired_ms=None,
                reason="",
                held=False,
            )
            return _fired(pending, now_ms) if _due(rule, pending, now_ms) else (pending, [Happening.PENDING])
        case Phase.PENDING:
            return _fired(state, now_ms) if _due(rule, state, now_ms) else (state, [])


def _not_breached(rule: Rule, state: State, seen: _Seen, now_ms: int) -> Move:  # noqa: PLR0911 - a case a phase
    """A state whose condition is not breached, for one of several reasons."""
    breaches = _counted(rule, state, breached=False)
    if breaches != state.breaches:
        state = replace(state, breaches=breaches)
    match state.phase:
        case Phase.PENDING:
            return (state, []) if state.breaches else (None, [Happening.INACTIVE])
        case Phase.RESOLVED:
            silent = seen in {_Seen.FAILING, _Seen.BLIND} and rule.no_data.state is NoDataState.KEEP
            return replace(state, held=state.held and silent), []
        case Phase.INACTIVE if seen in {_Seen.CLEAR, _Seen.RECOVERED}:
            return replace(state, no_data_ms=None), []
        case Phase.INACTIVE:
            return _silent(rule, state, now_ms)
        case Phase.FIRING | Phase.RECOVERING:
            if rule.timing.breaches and state.breaches.bit_count() >= rule.timing.breaches[0]:
                return state, []
            if seen in {_Seen.CLEAR, _Seen.RECOVERED}:
                return _clear(rule, state, now_ms, recovered=seen is _Seen.RECOVERED)
            return _without_data(rule, state, seen, now_ms)


def _clear(rule: Rule, state: State, now_ms: int, *, recovered: bool) -> Move:
    """Firing, with data that is not breached."""
    happened = [Happening.DATA] if state.no_data_told else []
    state = replace(state, no_data_ms=None, no_data_told=False, missed=0)
    keep_ms = now_ms if state.keep_ms is None else state.keep_ms
    timing = rule.timing
    kept = now_ms - keep_ms < timing.keep_firing_ms
    if not recovered:
        relapsed = [Happening.RELAPSED] if state.phase is Phase.RECOVERING else []
        waiting = replace(state, phase=Phase.FIRING, keep_ms=keep_ms, recovering_ms=None)
        return waiting, [*happened, *relapsed]
    since_ms = now_ms if state.recovering_ms is None else state.recovering_ms
    if now_ms - since_ms < timing.recover_ms:
        began = [] if state.phase is Phase.RECOVERING else [Happening.RECOVERING]
        waiting = replace(state, phase=Phase.RECOVERING, keep_ms=keep_ms, recovering_ms=since_ms)
        return waiting, [*happened, *began]
    if kept:
        recovering_ms = since_ms if timing.recover_ms else None
        return replace(state, keep_ms=keep_ms, recovering_ms=recovering_ms), happened
    resolved, ended = _resolved(state, now_ms, "")
    return resolved, [*happened, *ended]


def _without_data(rule: Rule, state: State, seen: _Seen, now_ms: int) -> Move:  # noqa: PLR0911 - a case a wish
    """Firing, and no data came: DESIGN 5.4, `no_data`."""
    since_ms = now_ms if state.no_data_ms is None else state.no_data_ms
    state = replace(state, no_data_ms=since_ms)
    waited = now_ms - since_ms >= rule.no_data.after_ms
    match rule.no_data.state:
        case NoDataState.RESOLVE:
            if not waited:
                return state, []
            keep_ms = now_ms if state.keep_ms is None else state.keep_ms
            if now_ms - keep_ms < rule.timing.keep_firing_ms:
                return replace(state, keep_ms=keep_ms), []
            return _resolved(state, now_ms, "no data")
        case NoDataState.KEEP if seen is _Seen.GONE:
            if state.missed + 1 >= GONE_AFTER:
                return _resolved(state, now_ms, "gone")
            return replace(state, missed=state.missed + 1), []
        case NoDataState.KEEP if seen is _Seen.BLIND and waited:
            return _resolved(state, now_ms, "no data")
        case NoDataState.KEEP | NoDataState.ALERT:
            if waited and not state.no_data_told:
                return replace(state, no_data_told=True), [Happening.NO_DATA]
            return state, []


def _silent(rule: Rule, state: State, now_ms: int) -> Move:
    """Not firing, and no data came; only rules that alert on that keep such a state."""
    since_ms = now_ms if state.no_data_ms is None else state.no_data_ms
    state = replace(state, no_data_ms=since_ms)
    if now_ms - since_ms < rule.no_data.after_ms:
        return state, []
    firing = replace(state, phase=Phase.FIRING, active_ms=since_ms, fired_ms=now_ms, no_data_told=True)
    return firing, [Happening.FIRING, Happening.NO_DATA]


def _fired(state: State, now_ms: int) -> Move:
    return replace(state, phase=Phase.FIRING, fired_ms=now_ms), [Happening.FIRING]


def _resolved(state: State, now_ms: int, reason: str) -> Move:
    return _over(state, now_ms, reason), [Happening.RESOLVED]


def _over(state: State, now_ms: int, reason: str) -> State:
    return replace(
        state,
        phase=Phase.RESOLVED,
        resolved_ms=now_ms,
        reason=reason,
        keep_ms=None,
        recovering_ms=None,
        no_data_ms=None,
        no_data_told=False,
        missed=0,
    )


def _waits(state: State) -> bool:
    """Whether the state is on its way out, or held without data."""
    return not (
        state.keep_ms is None
        and state.recovering_ms is None
        and state.no_data_ms is None
        and not state.no_data_told
        and state.missed == 0
    )


def _due(rule: Rule, state: State, now_ms: int) -> bool:
    """Whether a pending state, breached now, fires."""
    if rule.timing.breaches is not None:
        return state.breaches.bit_count() >= rule.timing.breaches[0]
    return state.active_ms is not None and now_ms - state.active_ms >= rule.timing.for_ms


def _cooled(rule: Rule, state: State, now_ms: int) -> bool:
    """Whether the cooldown of an alert that a person resolved is over."""
    if rule.cooldown_ms is None or state.resolved_ms is None:
        return False
    return now_ms - state.resolved_ms >= rule.cooldown_ms


def _counted(rule: Rule, state: State, *, breached: bool) -> int:
    """The last m evaluations as bits, this one lowest; 0 for rules that do not count."""
    if rule.timing.breaches is None:
        return 0
    kept = (1 << rule.timing.breaches[1]) - 1
    return (state.breaches << 1 | breached) & kept


def _remembers(rule: Rule) -> bool:
    """Whether the rule must know which label sets it has seen, to alert when one falls silent."""
    return rule.no_data.state is NoDataState.ALERT


def _kept(rule: Rule, state: State | None, now_ms: int) -> State | None:
    """What has to be remembered of a state."""
    if state is None or (state.phase is Phase.RESOLVED and not state.held and not state.breaches):
        return State(Phase.INACTIVE, float("nan"), now_ms) if _remembers(rule) else None
    return state


def _newly_seen(rule: Rule, evaluation: Evaluation, after: States) -> Iterator[Labels]:
    if _remembers(rule) and evaluation.present is not None:
        yield from (labels for labels in evaluation.present if labels not in after)


def _seen(rule: Rule, evaluation: Evaluation, labels: Labels) -> _Seen:
    if evaluation.present is not None and labels not in evaluation.present:
        if evaluation.blind:
            return _Seen.BLIND
        return _Seen.FAILING if labels in evaluation.failing else _Seen.GONE
    if rule.recover_expr is None or (evaluation.recovered is not None and labels in evaluation.recovered):
        return _Seen.RECOVERED
    return _Seen.CLEAR


def _told(rule: Rule, labels: Labels, move: Move, before: State) -> list[Transition]:
    """The transitions of one move; a state that ends is told as it was."""
    state, happened = move
    if not happened:
        return []
    is_over = state is None or state.phase is Phase.INACTIVE
    alert = alert_of(
        rule, labels, replace(before, phase=Phase.INACTIVE) if is_over or state is None else state
    )
    return [Transition(before.evaluated_ms, happening, alert) for happening in happened]


def _carried(
    rule: Rule, states: States, breaches: Mapping[Labels, Breach], now_ms: int
) -> tuple[dict[Labels, State], list[Transition]]:
    """States whose alert now goes by another `severity` go on under the new labels (short form only).

    In the Prometheus form another label is another alert, as there.
    """
    moved = dict(states)
    transitions: list[Transition] = []
    if rule.condition is None:
        return moved, transitions
    orphans = {
        labels.without(("severity",)): labels
        for labels, state in states.items()
        if labels not in breaches and state.phase in {Phase.PENDING, Phase.FIRING, Phase.RECOVERING}
    }
    if not orphans:
        return moved, transitions
    for labels, breach in breaches.items():
        old = orphans.get(labels.without(("severity",)))
        if old is None or labels in moved:
            continue
        state = moved.pop(old)
        moved[labels] = state
        ended = replace(
            state, phase=Phase.RESOLVED, resolved_ms=now_ms, evaluated_ms=now_ms, reason="severity changed"
        )
        happening = Happening.INACTIVE if state.phase is Phase.PENDING else Happening.RESOLVED
        transitions.append(Transition(now_ms, happening, alert_of(rule, old, ended)))
        if state.phase is not Phase.PENDING:
            detail = {"from": old["severity"], "to": labels["severity"]}
            fires_on = replace(
                state,
                phase=Phase.FIRING,
                evaluated_ms=now_ms,
                value=breach.value,
                annotations=breach.annotations,
            )
            alert = alert_of(rule, labels, fires_on)
            transitions.append(Transition(now_ms, Happening.SEVERITY, alert, detail))
    return moved, transitions


def ended(rule: Rule, states: States, now_ms: int, reason: str) -> list[Transition]:
    """The transitions of all alerts of a rule that is watched no longer."""
    transitions: list[Transition] = []
    for labels, state in states.items():
        match state.phase:
            case Phase.FIRING | Phase.RECOVERING:
                now = replace(state, evaluated_ms=now_ms)
                transitions += _told(rule, labels, _resolved(now, now_ms, reason), now)
            case Phase.PENDING:
                now = replace(state, evaluated_ms=now_ms)
                transitions += _told(rule, labels, (None, [Happening.INACTIVE]), now)
            case Phase.INACTIVE | Phase.RESOLVED:
                pass
    return transitions
