"""Silences change as Alertmanager's do, and hold before anybody hears that they do."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from promkit.errors import ConfigError, Conflict, NotFound
from promkit.labels import Labels
from promkit.matchers import Matcher, MatchOp
from ruler.alerts import Book, Silence, SilenceState
from tests.builders.rules import NOW_MS

HOUR = 3_600_000
WEB = (Matcher("job", MatchOp.EQUAL, "web"), Matcher("instance", MatchOp.REGEX, "a|b"))
SILENCE = Silence("", WEB, NOW_MS, NOW_MS + HOUR, 0, "ann", "deploy", {"ticket": "7"})
OpenBook = Callable[[], Book]


def test_mutes_what_all_matchers_match(book: Book) -> None:
    id_ = book.silence(SILENCE, NOW_MS)
    assert book.silenced_by(Labels({"job": "web", "instance": "a"}), NOW_MS) == [id_]
    for other in ({"job": "web", "instance": "c"}, {"job": "db", "instance": "a"}, {"instance": "a"}):
        assert book.silenced_by(Labels(other), NOW_MS) == []


def test_from_start_to_end(book: Book) -> None:
    later = replace(SILENCE, starts_ms=NOW_MS + HOUR, ends_ms=NOW_MS + 2 * HOUR)
    id_ = book.silence(later, NOW_MS)
    muted = Labels({"job": "web", "instance": "a"})
    when = {-1: [], 0: [id_], HOUR - 1: [id_], HOUR: []}
    assert {at: book.silenced_by(muted, NOW_MS + HOUR + at) for at in when} == when


def test_is_there_after_a_restart_with_all_it_says(book: Book, open_book: OpenBook) -> None:
    id_ = book.silence(SILENCE, NOW_MS)
    assert open_book().silences(NOW_MS) == [replace(SILENCE, id=id_, updated_ms=NOW_MS)]


def test_order(book: Book) -> None:
    def put(starts: int, ends: int) -> str:
        return book.silence(replace(SILENCE, starts_ms=NOW_MS + starts, ends_ms=NOW_MS + ends), NOW_MS)

    late, soon = put(0, 2 * HOUR), put(0, HOUR)
    second, first = put(HOUR, 3 * HOUR), put(HOUR // 2, 3 * HOUR)
    gone = put(0, HOUR)
    book.expire_silence(gone, NOW_MS + 1)
    assert [silence.id for silence in book.silences(NOW_MS + 2)] == [soon, late, first, second, gone]


class TestChange:
    CHANGES: Mapping[str, tuple[int, Silence, bool]] = {
        # when, to what, in place
        "longer": (HOUR // 2, replace(SILENCE, ends_ms=NOW_MS + 2 * HOUR), True),
        "another comment": (HOUR // 2, replace(SILENCE, comment="longer"), True),
        "other matchers": (HOUR // 2, replace(SILENCE, matchers=WEB[:1]), False),
        "another start of an active one": (HOUR // 2, replace(SILENCE, starts_ms=NOW_MS + 1000), False),
        "an expired one": (HOUR * 2, replace(SILENCE, ends_ms=NOW_MS + 3 * HOUR), False),
    }

    @pytest.mark.parametrize("case", CHANGES)
    def test_in_place_or_anew(self, book: Book, open_book: OpenBook, case: str) -> None:
        after_ms, wanted, in_place = self.CHANGES[case]
        now_ms = NOW_MS + after_ms
        id_ = book.silence(SILENCE, NOW_MS)
        new = book.silence(replace(wanted, id=id_), now_ms)
        assert (new == id_) is in_place
        states = {silence.id: silence.state(now_ms) for silence in open_book().silences(now_ms)}
        assert states.pop(new) is SilenceState.ACTIVE
        assert set(states.values()) <= {SilenceState.EXPIRED}

    def test_a_start_in_the_past_is_now(self, book: Book) -> None:
        book.silence(replace(SILENCE, starts_ms=NOW_MS - HOUR), NOW_MS)
        assert book.silences(NOW_MS)[0].starts_ms == NOW_MS

    def test_a_pending_one_expires_without_having_started(self, book: Book) -> None:
        later = replace(SILENCE, starts_ms=NOW_MS + HOUR, ends_ms=NOW_MS + 2 * HOUR)
        id_ = book.silence(later, NOW_MS)
        book.expire_silence(id_, NOW_MS + 1)
        (silence,) = book.silences(NOW_MS + 1)
        assert (silence.starts_ms, silence.ends_ms) == (NOW_MS + 1, NOW_MS + 1)

    def test_unknown_and_over(self, book: Book) -> None:
        with pytest.raises(NotFound):
            book.silence(replace(SILENCE, id="nope"), NOW_MS)
        with pytest.raises(NotFound):
            book.expire_silence("nope", NOW_MS)
        id_ = book.silence(SILENCE, NOW_MS)
        book.expire_silence(id_, NOW_MS + 1)
        with pytest.raises(Conflict):
            book.expire_silence(id_, NOW_MS + 2)

    def test_is_forgotten_after_five_days(self, book: Book, open_book: OpenBook) -> None:
        book.silence(SILENCE, NOW_MS)
        book.expire(NOW_MS + HOUR + 5 * 24 * HOUR)
        assert len(book.silences(NOW_MS)) == 1
        book.expire(NOW_MS + HOUR + 5 * 24 * HOUR + 1)
        assert book.silences(NOW_MS) == open_book().silences(NOW_MS) == []


FAULTS: Mapping[str, tuple[Silence, str]] = {
    "no matcher": (replace(SILENCE, matchers=()), "at least one matcher"),
    "everything": (replace(SILENCE, matchers=(Matcher("a", MatchOp.REGEX, ".*"),)), "not match the empty"),
    "an empty value": (replace(SILENCE, matchers=(Matcher("a", MatchOp.EQUAL, ""),)), "not match the empty"),
    "all but": (replace(SILENCE, matchers=(Matcher("a", MatchOp.NOT_REGEX, "b"),)), "not match the empty"),
    "backwards": (replace(SILENCE, ends_ms=NOW_MS), "end after it starts"),
    "over": (replace(SILENCE, starts_ms=NOW_MS - 2, ends_ms=NOW_MS - 1), "end in the past"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_refused(book: Book, case: str) -> None:
    silence, problem = FAULTS[case]
    with pytest.raises(ConfigError, match=problem):
        book.silence(silence, NOW_MS)
    assert book.silences(NOW_MS) == []
