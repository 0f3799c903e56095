"""From samples to alerts, as a day goes: queries, state machine and book together."""

from collections.abc import Callable, Iterable

import pytest

from promkit.labels import METRIC_NAME, Labels
from ruler.alerts import Book, Transition
from ruler.promql import Engine
from ruler.rules import RuleContext, evaluate, parse_rules
from ruler.store import STALE
from tests.builders.rules import NOW_MS
from tests.builders.series import ListSource

MINUTE = 60_000
SCRAPE_MS = 10_000
GONE = "gone"  # of a value: the series ended
DOWN = "down"  # of a target: its scrapes fail


class Day:
    """One target that is scraped every 10 s, and one rule file that is evaluated every 30 s."""

    def __init__(self, book: Book, rules: str) -> None:
        self.book = book
        self.source = ListSource()
        self.engine = Engine(self.source)
        (self.group,) = parse_rules(rules, "rules.yml", RuleContext(any_name=True)).groups
        self.now_ms = NOW_MS
        self.told: list[Transition] = []
        self._has_ended = True
        self.since_ms: int | None = None
        book.adopt(self.group.rules, NOW_MS)

    def minutes(self, count: float, value: float | str, metric: str = "cpu_ratio") -> list[str]:
        """Let time pass with the target so; what was told meanwhile: `minute: happening (reason)`."""
        before = len(self.told)
        end_ms = self.now_ms + int(count * MINUTE)
        while self.now_ms < end_ms:
            self.now_ms += SCRAPE_MS
            self._scrape(value, metric)
            if (self.now_ms - NOW_MS) % 30_000 == 0:
                self._evaluate()
        return [_said(one) for one in self.told[before:]]

    def _scrape(self, value: float | str, metric: str) -> None:
        target = {"job": "j", "instance": "a"}
        series = Labels({**target, METRIC_NAME: metric})
        ended = isinstance(value, str)
        if not (ended and self._has_ended):  # a series is marked as ended once
            self.source.add(series, [(self.now_ms, float(STALE if ended else value))])
        self._has_ended = ended
        self.source.add(Labels({**target, METRIC_NAME: "up"}), [(self.now_ms, 0.0 if value == DOWN else 1.0)])

    def _evaluate(self) -> None:
        for rule in self.group.rules:
            evaluation = evaluate(
                rule,
                self.group,
                self.engine,
                self.now_ms,
                since_ms=self.since_ms,
                known=self.book.states(rule.id),
            )
            assert evaluation.error is None
            self.told += self.book.advance(evaluation, self.now_ms)
        self.since_ms = self.now_ms


def _said(transition: Transition) -> str:
    minute = (transition.at_ms - NOW_MS) / MINUTE
    reason = f" ({transition.alert.reason})" if transition.alert.reason else ""
    return f"{minute:g}: {transition.happening.value}{reason}"


def short(**keys: object) -> str:
    given = {
        "id": "busy",
        "metric": "cpu_ratio",
        "condition": "gt",
        "threshold": 0.8,
        "duration": "2m",
        **keys,
    }
    return "rules:\n  - " + "    ".join(f"{key}: {value}\n" for key, value in given.items())


PROMETHEUS = "groups: [{name: g, interval: 30s, rules: [{alert: Busy, expr: cpu_ratio > 0.8, for: 2m}]}]"
Start = Callable[[str], Day]


@pytest.fixture
def start(book: Book) -> Start:
    return lambda rules: Day(book, rules)


def play(day: Day, course: Iterable[tuple[float, float | str]]) -> list[str]:
    return [said for count, value in course for said in day.minutes(count, value)]


def test_a_breach_fires_after_its_duration_and_resolves(start: Start) -> None:
    course = [(2, 0.5), (5, 0.9), (1, 0.5)]
    assert play(start(short()), course) == ["2.5: pending", "4.5: firing", "7.5: resolved"]


def test_one_good_sample_between_two_evaluations_restarts_the_duration(start: Start) -> None:
    course = [(1, 0.9), (1 / 6, 0.5), (3, 0.9)]
    assert play(start(short()), course) == ["0.5: pending", "1.5: inactive", "2: pending", "4: firing"]


def test_the_prometheus_form_goes_by_the_value_of_the_instant_alone(start: Start) -> None:
    course = [(1, 0.9), (1 / 6, 0.5), (3, 0.9)]
    assert play(start(PROMETHEUS), course) == ["0.5: pending", "2.5: firing"]


def test_a_dead_target_keeps_its_alert(start: Start) -> None:
    day = start(short(no_data="{state: keep, after: 5m}"))
    assert play(day, [(3, 0.9), (12, DOWN)]) == ["0.5: pending", "2.5: firing", "8.5: no data"]
    assert [alert.no_data for alert in day.book.alerts()] == [True]
    assert day.minutes(1, 0.5) == ["15.5: data again", "15.5: resolved"]


def test_in_the_prometheus_form_a_dead_target_resolves_as_there(start: Start) -> None:
    assert play(start(PROMETHEUS), [(3, 0.9), (3, DOWN)]) == ["0.5: pending", "2.5: firing", "3.5: resolved"]


def test_a_series_that_went_away_is_gone_after_two_evaluations(start: Start) -> None:
    assert play(start(short()), [(3, 0.9), (3, GONE)])[-1] == "4: resolved (gone)"


def test_silence_alerts_where_that_is_asked_for(start: Start) -> None:
    day = start(short(no_data="alert"))
    said = play(day, [(2, 0.5), (5, DOWN), (1, 0.5)])
    assert said == ["4.5: firing", "4.5: no data", "7.5: data again", "7.5: resolved"]


def test_hysteresis(start: Start) -> None:
    day = start(short(duration="0s", recover="{threshold: 0.6, for: 1m}"))
    said = play(day, [(1, 0.9), (5, 0.7), (0.5, 0.5), (1, 0.7), (3, 0.5)])
    assert said == ["0.5: firing", "6.5: recovering", "7: relapsed", "8: recovering", "9: resolved"]


def test_n_of_m(start: Start) -> None:
    day = start(short(breaches="3 of 5").replace("    duration: 2m\n", ""))
    said = play(day, [(0.5, 0.9), (0.5, 0.5), (0.5, 0.9), (0.5, 0.5), (0.5, 0.9), (3, 0.5)])
    assert said == ["0.5: pending", "2.5: firing", "3: resolved"]


def test_slow_scrapes_hold_between_samples(start: Start) -> None:
    """Where no sample came since the last evaluation, the latest stands."""
    day = start(short())
    day.minutes(3, 0.9)
    for _ in range(8):
        day.now_ms += 30_000
        day._evaluate()
    assert [alert.firing for alert in day.book.alerts()] == [True]
