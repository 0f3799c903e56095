"""Long random runs of the book: rules that share alerts, posts, people, reloads, clock steps and restarts.

Whatever happens: what is told of an alert alternates between firing and resolved; what fires is what was told
to fire; and a restart is not seen.
"""

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from promkit.errors import LuminaError
from promkit.labels import Labels
from ruler.alerts import Alert, Book, Happening, PostedAlert, Transition
from ruler.database import Database
from ruler.rules import NoData, NoDataState, Rule, Timing
from tests.builders.rules import NOW_MS, STEP_MS, a_rule, alert_labels, an_evaluation

MINUTE = 60_000
HOUR = 60 * MINUTE
TIMINGS = (
    Timing(),
    Timing(for_ms=MINUTE),
    Timing(keep_firing_ms=MINUTE),
    Timing(recover_ms=MINUTE),
    Timing(breaches=(2, 3)),
)
SILENCES = (NoData(NoDataState.KEEP, MINUTE), NoData(), NoData(NoDataState.ALERT))


class Run:
    def __init__(self, seed: int, folder: Path) -> None:
        self.random = random.Random(seed)
        self.url = f"sqlite:///{folder}/state.db"
        self.now_ms = NOW_MS
        self.firing: set[Labels] = set()
        # Two names for four rules: each alert has two rules.
        self.rules = [self._rule(index) for index in range(4)]
        self._open()

    def _rule(self, index: int) -> Rule:
        return a_rule(
            f"r{index}",
            name=f"N{index % 2}",
            timing=self.random.choice(TIMINGS),
            no_data=self.random.choice(SILENCES),
            cooldown_ms=self.random.choice([None, 2 * MINUTE]),
            recover_expr=self.random.choice([None, "cpu < 3"]),
        )

    def _open(self) -> None:
        self.database = Database.open(self.url)
        self.book = Book(self.database)
        self.book.listen(self._hear)
        self.book.adopt(self.rules, self.now_ms)

    def _hear(self, transitions: Sequence[Transition]) -> None:
        for transition in transitions:
            labels = transition.alert.labels
            if transition.happening is Happening.FIRING:
                assert labels not in self.firing
                self.firing.add(labels)
            elif transition.happening is Happening.RESOLVED:
                self.firing.remove(labels)

    def step(self) -> None:
        self.now_ms += STEP_MS
        for rule in self.rules:
            self._evaluate(rule)
            self.check()
        with suppress(LuminaError):  # there may be no such alert now
            self._deed()
        self.book.expire(self.now_ms)
        self.check()

    def check(self) -> None:
        assert {alert.labels for alert in self.book.alerts() if alert.firing} == self.firing

    def _evaluate(self, rule: Rule) -> None:
        chance = self.random.random
        alerts = [alert_labels(rule, instance=instance) for instance in "ab"]
        breaching = [labels for labels in alerts if chance() < 0.5]
        others = [labels for labels in alerts if labels not in breaching]
        present = [labels for labels in others if chance() < 0.7]
        evaluation = an_evaluation(
            rule,
            self.now_ms,
            breaching,
            present=present,
            recovered=frozenset(labels for labels in present if chance() < 0.5),
            failing=frozenset(labels for labels in others if labels not in present and chance() < 0.5),
            blind=chance() < 0.1,
            error="too slow" if chance() < 0.05 else None,
        )
        self.book.advance(evaluation, self.now_ms)

    def _deed(self) -> None:
        choice, now_ms = self.random.choice, self.now_ms
        alert = choice(self.book.alerts() or [None])
        rule = choice(self.rules)
        match self.random.randrange(16):
            case 0 if alert is not None:
                self.book.resolve(alert.fingerprint, "ann", now_ms)
            case 1 | 2 if alert is not None:
                self.book.acknowledge(alert.fingerprint, "ann", "", now_ms, now_ms + choice([MINUTE, HOUR]))
            case 3 | 4:
                ends_ms = choice([None, now_ms - 1, now_ms + MINUTE])
                labels = alert_labels(rule, instance=choice("ab"))
                self.book.post([PostedAlert(dict(labels), ends_ms=ends_ms)], now_ms)
            case 5:
                self.book.override(rule.id, choice([True, False]), "ann", now_ms, now_ms + 2 * MINUTE)
            case 6:
                self.rules = [replace(one, enabled=self.random.random() < 0.8) for one in self.rules]
                self.book.adopt(self.rules, now_ms)
            case 7:
                step_ms = choice([-HOUR, HOUR])
                self.now_ms += step_ms
                self.book.clock_stepped(step_ms, self.now_ms)
            case 8:
                self._restart()
            case _:
                pass

    def _restart(self) -> None:
        before = self._seen()
        self.database.close()
        self._open()
        assert self._seen() == before

    def _seen(self) -> object:
        def lasting(alert: Alert) -> object:
            return replace(alert, value=None, updated_ms=0)

        alerts = {alert.fingerprint: lasting(alert) for alert in self.book.alerts()}
        return alerts, {rule.id: set(self.book.states(rule.id)) for rule in self.rules}


@pytest.mark.parametrize("seed", range(3))
def test_firing_and_resolved_alternate_whatever_happens(seed: int, tmp_path: Path) -> None:
    run = Run(seed, tmp_path)
    for _ in range(60):
        run.step()
    assert len(run.book.transitions(0, 10_000)) > 50
    run.book.adopt([], run.now_ms)
    run.book.expire(run.now_ms + 24 * HOUR)
    assert run.firing == set()
    assert run.book.alerts() == []
    run.database.close()
