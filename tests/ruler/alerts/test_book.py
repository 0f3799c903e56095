"""The book: stored before it returns, told after, and the same after a restart."""

import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from promkit.errors import ConfigErrors, Conflict, NotFound, Unavailable
from promkit.labels import Labels
from ruler.alerts import Alert, Book, Happening, Phase, PostedAlert, State, Transition
from ruler.database import Database
from ruler.rules import Escalation, EscalationStep, Rule, Timing
from tests.builders.rules import NOW_MS, STEP_MS, a_rule, alert_labels, an_evaluation

MINUTE = 60_000
OpenBook = Callable[[], Book]
WAITS = (Timing(breaches=(2, 4)), Timing(MINUTE, 30_000, 45_000))
RULE = a_rule(timing=Timing(for_ms=MINUTE), cooldown_ms=600_000, channels=("email",))
A = alert_labels(RULE, instance="a")
B = alert_labels(RULE, instance="b")


def play(book: Book, rule: Rule, signs: str, start_ms: int = NOW_MS, labels: Labels = A) -> list[Transition]:
    told: list[Transition] = []
    for index, sign in enumerate(signs):
        now_ms = start_ms + index * STEP_MS
        breaching = [labels] if sign == "#" else []
        told += book.advance(an_evaluation(rule, now_ms, breaching, present=[labels]), now_ms)
    return told


def happened(transitions: Sequence[Transition]) -> list[str]:
    return [transition.happening.value for transition in transitions]


class TestRules:
    def test_a_firing_alert_has_what_delivery_needs(self, book: Book) -> None:
        assert happened(play(book, RULE, "###")) == ["pending", "firing"]
        (alert,) = book.alerts()
        assert (alert.phase, alert.labels, alert.rule) == (Phase.FIRING, A, "busy")
        assert (alert.active_ms, alert.starts_ms) == (NOW_MS, NOW_MS + MINUTE)
        assert (alert.channels, alert.cooldown_ms, alert.severity) == (("email",), 600_000, "high")
        assert alert.generator_url == "http://ruler.example:19090/graph?g0.expr=cpu+%3E+5&g0.tab=1"
        assert book.alert(alert.fingerprint) == alert

    def test_a_resolved_alert_leaves_and_is_remembered(self, book: Book) -> None:
        play(book, RULE, "###.")
        assert book.alerts() == []
        (alert,) = book.resolved(NOW_MS)
        assert (alert.phase, alert.ends_ms) == (Phase.RESOLVED, NOW_MS + 3 * STEP_MS)
        assert book.alert(A.fingerprint_hex()) == alert
        assert book.resolved(NOW_MS + 4 * STEP_MS) == []
        assert happened(book.timeline(A.fingerprint_hex())) == ["pending", "firing", "resolved"]

    def test_numbers_of_the_timeline_rise(self, book: Book) -> None:
        play(book, RULE, "###.")
        assert [transition.seq for transition in book.transitions(0, 10)] == [1, 2, 3]
        assert [transition.seq for transition in book.transitions(1, 1)] == [2]

    def test_unknown_alert(self, book: Book) -> None:
        with pytest.raises(NotFound):
            book.alert("0" * 16)

    def test_alerts_of_removed_and_disabled_rules_end(self, book: Book) -> None:
        other = a_rule("idle", name="Idle")
        play(book, RULE, "###")
        play(book, other, "#", labels=alert_labels(other))
        told = book.adopt([replace(other, enabled=False)], NOW_MS + 90_000)
        assert [(t.alert.name, t.alert.reason) for t in told] == [
            ("Busy", "rule removed"),
            ("Idle", "rule disabled"),
        ]
        assert book.alerts() == []

    def test_a_rule_switched_off_ends_its_alerts_and_is_not_advanced(
        self, book: Book, open_book: OpenBook
    ) -> None:
        book.adopt([RULE], NOW_MS)
        play(book, RULE, "###")
        told = book.override("busy", False, "ann", NOW_MS + 90_000, NOW_MS + 10 * MINUTE)
        assert [t.alert.reason for t in told] == ["rule disabled"]
        assert play(book, RULE, "###", NOW_MS + 90_000) == []
        assert not open_book().enabled(RULE)
        book.expire(NOW_MS + 10 * MINUTE)
        assert book.enabled(RULE)
        assert open_book().enabled(RULE)

    def test_a_rule_that_was_switched_on_for_a_while_ends_its_alerts_with_it(self, book: Book) -> None:
        off = replace(RULE, enabled=False)
        book.adopt([off], NOW_MS)
        book.override("busy", True, "ann", NOW_MS, NOW_MS + 10 * MINUTE)
        play(book, off, "###")
        told = book.expire(NOW_MS + 10 * MINUTE)
        assert [(t.happening, t.alert.reason) for t in told] == [(Happening.RESOLVED, "rule disabled")]

    def test_a_reload_gives_present_alerts_the_new_channels(self, book: Book) -> None:
        play(book, RULE, "###")
        book.adopt([replace(RULE, channels=("sms",))], NOW_MS + 90_000)
        assert [alert.channels for alert in book.alerts()] == [("sms",)]

    def test_a_failed_write_moves_nothing(self, book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
        play(book, RULE, "##")
        before = book.states("busy")
        told: list[object] = []
        book.listen(told.append)

        def full(*_args: object) -> None:
            raise OperationalError("INSERT", {}, Exception("database or disk is full"))

        with monkeypatch.context() as patch:
            patch.setattr("ruler.alerts.rows.append", full)
            with pytest.raises(Unavailable, match="disk is full"):
                play(book, RULE, "#", NOW_MS + MINUTE)
        assert book.states("busy") is before
        assert told == []
        assert happened(play(book, RULE, "#", NOW_MS + MINUTE)) == ["firing"]


class TestSameFingerprint:
    """Rules that raise the same labels are one alert: firing while any fires."""

    def test_told_once_and_ended_with_the_last(self, book: Book) -> None:
        fast, slow = a_rule("fast"), a_rule("slow", timing=Timing(for_ms=30_000), channels=("sms",))
        told = []
        for index, (quick, late) in enumerate([("#", "#"), ("#", "#"), (".", "#"), (".", ".")]):
            now_ms = NOW_MS + index * STEP_MS
            told += [(index, name) for name in happened(play(book, fast, quick, now_ms))]
            told += [(index, name) for name in happened(play(book, slow, late, now_ms))]
            assert len(book.alerts()) == (0 if index == 3 else 1)
        assert told == [(0, "firing"), (3, "resolved")]

    def test_recovering_by_one_and_firing_by_another_is_firing_on(self, book: Book) -> None:
        slow = a_rule("slow", timing=Timing(recover_ms=10 * MINUTE))
        late = a_rule("late", timing=Timing(for_ms=MINUTE))
        told = []
        for index in range(5):
            now_ms = NOW_MS + index * STEP_MS
            told += happened(play(book, slow, "#" if index == 0 else ".", now_ms))
            told += happened(play(book, late, "#", now_ms))
        assert told == ["firing", "recovering", "relapsed"]
        assert len(book.alerts()) == 1

    def test_asks_for_the_channels_of_all(self, book: Book) -> None:
        play(book, a_rule("one", channels=("email",)), "#")
        play(book, a_rule("two", channels=("sms", "email")), "#")
        assert set(book.alerts()[0].channels) == {"email", "sms"}

    def test_with_a_posted_one(self, book: Book) -> None:
        rule = a_rule()
        assert happened(play(book, rule, "#")) == ["firing"]
        assert book.post([PostedAlert(dict(A))], NOW_MS) == []
        assert play(book, rule, ".", NOW_MS + STEP_MS) == []
        assert happened(book.expire(NOW_MS + 5 * MINUTE)) == ["resolved"]


class TestPeople:
    def test_acknowledged_until_it_ends(self, book: Book, open_book: OpenBook) -> None:
        play(book, RULE, "###")
        alert = book.acknowledge(A.fingerprint_hex(), "ann", "on it", NOW_MS + 70_000)
        assert alert.acknowledged is not None
        for opened in (book, open_book()):
            assert opened.alert(A.fingerprint_hex()) == alert
        told = play(book, RULE, ".", NOW_MS + 90_000)
        assert happened(told) == ["resolved"]
        assert told[0].alert.acknowledged == alert.acknowledged  # the last message says who had it
        assert happened(play(book, RULE, "###", NOW_MS + 5 * MINUTE)) == ["pending", "firing"]
        assert book.alerts()[0].acknowledged is None

    def test_an_acknowledgement_runs_out(self, book: Book) -> None:
        play(book, RULE, "###")
        book.acknowledge(A.fingerprint_hex(), "ann", "", NOW_MS + MINUTE, NOW_MS + 2 * MINUTE)
        assert book.expire(NOW_MS + 2 * MINUTE - 1) == []
        assert happened(book.expire(NOW_MS + 2 * MINUTE)) == ["acknowledgement ended"]
        assert book.alerts()[0].acknowledged is None

    def test_given_back(self, book: Book) -> None:
        play(book, RULE, "###")
        book.acknowledge(A.fingerprint_hex(), "ann", "", NOW_MS + MINUTE)
        assert book.unacknowledge(A.fingerprint_hex(), "bob", NOW_MS + MINUTE).acknowledged is None
        assert book.timeline(A.fingerprint_hex())[-1].detail == {"by": "bob"}
        with pytest.raises(Conflict, match="not acknowledged"):
            book.unacknowledge(A.fingerprint_hex(), "bob", NOW_MS + MINUTE)

    @pytest.mark.parametrize(("signs", "error"), [("#", Conflict), ("###.", Conflict), ("", NotFound)])
    def test_only_what_fires(self, book: Book, signs: str, error: type[Exception]) -> None:
        play(book, RULE, signs)
        with pytest.raises(error):
            book.acknowledge(A.fingerprint_hex(), "ann", "", NOW_MS)
        with pytest.raises(error):
            book.resolve(A.fingerprint_hex(), "ann", NOW_MS)

    def test_resolved_by_hand_stays_closed_over_a_restart(self, book: Book, open_book: OpenBook) -> None:
        play(book, RULE, "###")
        alert = book.resolve(A.fingerprint_hex(), "ann", NOW_MS + 80_000)
        assert (alert.phase, alert.reason) == (Phase.RESOLVED, "by hand")
        assert book.timeline(A.fingerprint_hex())[-1].detail == {"by": "ann"}
        for opened in (book, open_book()):
            opened.adopt([RULE], NOW_MS + 85_000)
            assert play(opened, RULE, "##", NOW_MS + 90_000) == []
            assert opened.alerts() == []
        assert happened(play(book, RULE, ".###", NOW_MS + 3 * MINUTE)) == ["pending", "firing"]


class TestPosted:
    def test_resolves_by_itself_unless_posted_again(self, book: Book, open_book: OpenBook) -> None:
        assert happened(book.post([PostedAlert({"alertname": "X", "empty": ""})], NOW_MS)) == ["firing"]
        assert book.post([PostedAlert({"alertname": "X"})], NOW_MS + 4 * MINUTE) == []
        assert book.expire(NOW_MS + 5 * MINUTE) == []
        (alert,) = open_book().alerts()
        assert (alert.labels, alert.starts_ms, alert.rule) == (Labels({"alertname": "X"}), NOW_MS, "")
        (told,) = book.expire(NOW_MS + 9 * MINUTE)
        assert (told.happening, told.alert.ends_ms) == (Happening.RESOLVED, NOW_MS + 9 * MINUTE)
        assert open_book().alerts() == []

    MERGES: Mapping[str, tuple[list[tuple[int, int | None, int | None]], tuple[int, int] | None]] = {
        # each post: at, starts, ends; then: starts, ends of what fires
        "now, and the timeout": ([(0, None, None)], (0, 300)),
        "an end without a start": ([(0, None, 60)], (60, 60)),
        "the earliest start": ([(0, -50, None), (10, -20, None)], (-50, 310)),
        "a posted end rules over the timeout": ([(0, 0, 900), (10, None, None)], (0, 900)),
        "a later posted end": ([(0, 0, 60), (10, 10, 90)], (0, 90)),
        "a shorter posted end": ([(0, 0, 90), (10, 10, 60)], (0, 90)),
        "no overlap": ([(0, 0, 60), (10, -20, 90)], (-20, 90)),
        "the timeout gives way to a posted end": ([(0, None, None), (10, None, 60)], (0, 60)),
        "over": ([(0, None, None), (10, None, 5)], None),
        "over before it was known": ([(0, -50, -10)], None),
    }  # fmt: skip

    @pytest.mark.parametrize("case", MERGES)
    def test_merges_as_alertmanager(self, book: Book, case: str) -> None:
        posts, expected = self.MERGES[case]
        for at, starts, ends in posts:
            starts_ms, ends_ms = (None if t is None else NOW_MS + t * 1000 for t in (starts, ends))
            book.post([PostedAlert({"alertname": "X"}, {}, starts_ms, ends_ms)], NOW_MS + at * 1000)
        found = [((a.starts_ms - NOW_MS) // 1000, ((a.ends_ms or 0) - NOW_MS) // 1000) for a in book.alerts()]
        assert found == ([] if expected is None else [expected])

    def test_good_ones_are_stored_though_others_fail(self, book: Book) -> None:
        bad = [PostedAlert({"a": ""}), PostedAlert({"a": "b"}, starts_ms=5, ends_ms=4)]
        with pytest.raises(ConfigErrors, match=r"at least one label\n.*before end"):
            book.post([bad[0], PostedAlert({"alertname": "X"}), bad[1]], NOW_MS)
        assert [alert.name for alert in book.alerts()] == ["X"]

    def test_closed_by_hand_is_not_opened_by_the_same_incident(self, book: Book, open_book: OpenBook) -> None:
        post = PostedAlert({"alertname": "X"}, starts_ms=NOW_MS)
        fingerprint = book.post([post], NOW_MS)[0].alert.fingerprint
        book.resolve(fingerprint, "ann", NOW_MS + MINUTE)
        for opened in (book, open_book()):
            assert opened.post([post], NOW_MS + 2 * MINUTE) == []
            assert opened.alerts() == []
        again = replace(post, starts_ms=NOW_MS + 3 * MINUTE)
        assert happened(book.post([again], NOW_MS + 3 * MINUTE)) == ["firing"]

    def test_closed_by_hand_and_not_posted_any_more_is_forgotten(self, book: Book) -> None:
        post = PostedAlert({"alertname": "X"}, starts_ms=NOW_MS)
        fingerprint = book.post([post], NOW_MS)[0].alert.fingerprint
        book.resolve(fingerprint, "ann", NOW_MS + MINUTE)
        assert book.expire(NOW_MS + 5 * MINUTE) == []
        assert happened(book.post([post], NOW_MS + 6 * MINUTE)) == ["firing"]


class TestListeners:
    def test_hear_after_the_commit_and_may_use_the_book(self, book: Book, open_book: OpenBook) -> None:
        heard: list[str] = []

        def listener(transitions: Sequence[Transition]) -> None:
            heard.extend(happened(transitions))
            assert len(open_book().transitions(0, 100)) >= len(heard)  # another connection sees it already
            worker = threading.Thread(target=lambda: book.silenced_by(A, NOW_MS) or book.expire(NOW_MS))
            worker.start()
            worker.join(5)
            assert not worker.is_alive()  # no lock is held
            if heard == ["pending"]:
                book.record([replace(transitions[0], happening=Happening.NOTIFIED)])

        book.listen(listener)
        play(book, RULE, "###")
        assert heard == ["pending", "notified", "firing"]

    def test_rows_of_a_larger_transaction_are_told_with_it(self, tmp_path: Path) -> None:
        database = Database.open(f"sqlite:///{tmp_path}/nested.db")
        book = Book(database)
        (pending,) = play(book, RULE, "#")
        heard: list[str] = []
        book.listen(lambda transitions: heard.extend(happened(transitions)))
        with database.write():
            book.record([replace(pending, happening=Happening.REMEDY_STARTED)])
            assert heard == []
        assert heard == ["remedy started"]
        database.close()

    def test_the_escalation_level_is_on_the_alert_and_ends_with_it(
        self, book: Book, open_book: OpenBook
    ) -> None:
        play(book, RULE, "###")
        climbed = Transition(NOW_MS + 90_000, Happening.ESCALATED, book.alerts()[0], {"level": "2"})
        book.record([climbed])
        for opened in (book, open_book()):
            assert opened.alerts()[0].escalation_level == 2
        play(book, RULE, ".###", NOW_MS + 90_000)
        for opened in (book, open_book()):
            assert opened.alerts()[0].escalation_level == 0


class TestRestart:
    def test_everything_of_an_alert_comes_back(self, book: Book, open_book: OpenBook) -> None:
        escalation = Escalation(
            "on-call", "ack", (EscalationStep(0, ("slack",)), EscalationStep(9, ("sms",), 3))
        )
        rule = replace(RULE, escalation=escalation, repeat_ms=0, optional=True)
        play(book, rule, "###")
        assert open_book().alerts() == book.alerts()  # before the rule files are read
        again = open_book()
        again.adopt([rule], NOW_MS + 80_000)
        assert again.alerts() == book.alerts()
        assert again.states("busy") == book.states("busy")

    def test_an_alert_of_a_rule_that_is_gone_ends_with_its_channels(
        self, book: Book, open_book: OpenBook
    ) -> None:
        play(book, RULE, "###")
        (told,) = open_book().adopt([], NOW_MS + 90_000)
        assert (told.happening, told.alert.reason, told.alert.channels) == (
            Happening.RESOLVED,
            "rule removed",
            ("email",),
        )

    @pytest.mark.parametrize(
        ("outage_ms", "expected"), [(50 * MINUTE, ["firing"]), (2 * 60 * MINUTE, ["pending"])]
    )
    def test_a_long_outage_restarts_waits(
        self, book: Book, open_book: OpenBook, outage_ms: int, expected: list[str]
    ) -> None:
        play(book, RULE, "##")
        again = open_book()
        again.adopt([RULE], NOW_MS + outage_ms)
        assert happened(play(again, RULE, "#", NOW_MS + outage_ms)) == expected

    def test_a_long_wait_is_not_an_outage(self, book: Book, open_book: OpenBook) -> None:
        rule = replace(RULE, timing=Timing(for_ms=3 * 60 * MINUTE))
        play(book, rule, "#" * 241)  # two hours
        again = open_book()
        again.adopt([rule], NOW_MS + 121 * MINUTE)
        assert happened(play(again, rule, "#", NOW_MS + 180 * MINUTE)) == ["firing"]

    @settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        signs=st.text("#.", min_size=1, max_size=12),
        at=st.integers(0, 12),
        timing=st.sampled_from(WAITS),
        data=st.data(),
    )
    def test_restart_is_no_restart(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        signs: str,
        at: int,
        timing: Timing,
        data: st.DataObject,
    ) -> None:
        rule = a_rule(timing=timing, cooldown_ms=2 * MINUTE)
        by_hand = data.draw(st.none() | st.integers(0, len(signs) - 1))
        seen = []
        for restarts in (False, True):
            url = f"sqlite:///{tmp_path_factory.mktemp('book')}/state.db"
            database = Database.open(url)
            book = Book(database)
            for index, sign in enumerate(signs):
                if restarts and index == at:
                    database.close()
                    database = Database.open(url)
                    book = Book(database)
                    book.adopt([rule], NOW_MS + index * STEP_MS)
                play(book, rule, sign, NOW_MS + index * STEP_MS)
                if index == by_hand and any(alert.firing for alert in book.alerts()):
                    book.resolve(A.fingerprint_hex(), "ann", NOW_MS + index * STEP_MS)
            told = [(t.at_ms, t.happening, t.alert.phase) for t in book.transitions(0, 1000)]
            seen.append((told, book.alerts(), book.states(rule.id)))
            database.close()
        assert seen[0] == seen[1]


KILLED = """
import os, signal
from ruler.alerts import Book
from ruler.database import Database
from tests.builders.rules import NOW_MS, STEP_MS, a_rule, alert_labels, an_evaluation
from ruler.rules import Timing
book = Book(Database.open(os.environ["STATE_URL"]))
rule = a_rule(timing=Timing(for_ms=60_000))
for index in range(2):
    now_ms = NOW_MS + index * STEP_MS
    book.advance(an_evaluation(rule, now_ms, [alert_labels(rule, instance="a")]), now_ms)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_while_pending_it_fires_on_time(tmp_path: Path, open_book: OpenBook) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    root = Path(__file__).parents[3]
    ended = subprocess.run(
        [sys.executable, "-c", KILLED], env={"STATE_URL": url, "PYTHONPATH": str(root)}, cwd=root, check=False
    )
    assert ended.returncode == -9
    book = open_book()
    rule = a_rule(timing=Timing(for_ms=MINUTE))
    book.adopt([rule], NOW_MS + MINUTE)
    assert [alert.active_ms for alert in book.alerts()] == [NOW_MS]
    assert happened(play(book, rule, "#", NOW_MS + MINUTE)) == ["firing"]


def test_waits_go_on_when_the_clock_is_put_forward(book: Book, open_book: OpenBook) -> None:
    hour = 60 * MINUTE
    play(book, RULE, "##")
    book.clock_stepped(hour, NOW_MS + hour + 40_000)
    assert open_book().alerts()[0].active_ms == NOW_MS + hour
    assert play(book, RULE, "#", NOW_MS + hour + 50_000) == []
    assert happened(play(book, RULE, "#", NOW_MS + hour + 60_000)) == ["firing"]


def test_a_storm_is_one_transaction(book: Book) -> None:
    rule = a_rule()
    many = [alert_labels(rule, instance=f"i{index}") for index in range(2_000)]
    heard: list[int] = []
    book.listen(lambda transitions: heard.append(len(transitions)))
    assert len(book.advance(an_evaluation(rule, NOW_MS, many), NOW_MS)) == 2_000
    assert book.advance(an_evaluation(rule, NOW_MS + STEP_MS, many), NOW_MS + STEP_MS) == []
    book.advance(an_evaluation(rule, NOW_MS + 2 * STEP_MS), NOW_MS + 2 * STEP_MS)
    assert heard == [2_000, 2_000]
    assert book.alerts() == []
    assert len(book.resolved(NOW_MS, 100)) == 100


def states_of(alerts: Sequence[Alert]) -> list[Phase]:
    return [alert.phase for alert in alerts]


def test_values_of_all_kinds_survive(book: Book, open_book: OpenBook) -> None:
    for index, value in enumerate((float("inf"), float("-inf"), 0.1 + 0.2)):
        rule = a_rule(f"r{index}", name=f"R{index}")
        book.advance(an_evaluation(rule, NOW_MS, {alert_labels(rule): value}), NOW_MS)
    again = open_book()
    assert {alert.name: alert.value for alert in again.alerts()} == {
        alert.name: alert.value for alert in book.alerts()
    }
    assert states_of(again.alerts()) == [Phase.FIRING] * 3
    state: State = next(iter(again.states("r0").values()))
    assert state.value == float("inf")
