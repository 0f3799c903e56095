"""What keeps an alert from being told: inhibition and time intervals."""

from datetime import UTC, datetime
from typing import Any

import pytest

from promkit.matcher_text import parse_matchers
from ruler.delivery import intervals
from ruler.delivery.intervals import Range, TimeInterval
from ruler.delivery.mute import Inhibitor, InhibitRule, muted_by
from ruler.delivery.route import Route
from tests.builders.delivery import an_alert

RULE = InhibitRule(
    parse_matchers("severity=critical"), parse_matchers("severity=~'.+'".replace("'", '"')), ("host",)
)
SOURCE = an_alert("Down", labels={"severity": "critical", "host": "a"})


def inhibited(rule: InhibitRule, sources: list[Any], **labels: str) -> bool:
    target = an_alert("Slow", labels=labels)
    return bool(Inhibitor([rule], sources).inhibited_by(target.labels))


def test_inhibition() -> None:
    assert inhibited(RULE, [SOURCE], severity="low", host="a")
    assert not inhibited(RULE, [SOURCE], severity="low", host="b")
    assert not inhibited(RULE, [SOURCE], host="a")
    assert not inhibited(
        RULE, [an_alert("Down", firing=False, labels=dict(SOURCE.labels))], severity="low", host="a"
    )


def test_both_source_and_target_does_not_inhibit_its_like() -> None:
    assert not inhibited(RULE, [SOURCE], severity="critical", host="a")


def test_equal_labels_may_both_be_absent() -> None:
    rule = InhibitRule(parse_matchers("severity=critical"), parse_matchers("severity=low"), ("zone",))
    assert inhibited(rule, [SOURCE], severity="low", host="b")


def test_sources_come_and_go() -> None:
    inhibitor = Inhibitor([RULE])
    target = an_alert("Slow", labels={"severity": "low", "host": "a"}).labels
    inhibitor.update(SOURCE)
    assert inhibitor.inhibited_by(target) == (SOURCE.fingerprint,)
    inhibitor.update(an_alert("Down", firing=False, labels=dict(SOURCE.labels)))
    assert inhibitor.inhibited_by(target) == ()


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


BERLIN = intervals.location("Europe/Berlin")
HOLDS = {
    "always": (TimeInterval(), "2026-11-25T04:00", True),
    "office hours": (TimeInterval(times=(Range(540, 1049),)), "2026-11-25T09:00", True),
    "the end is not in it": (TimeInterval(times=(Range(540, 1049),)), "2026-11-25T17:30", False),
    "to midnight": (TimeInterval(times=(Range(1200, 1439),)), "2026-11-25T23:59", True),
    "weekdays": (TimeInterval(weekdays=(intervals.weekdays("monday:friday"),)), "2026-11-25T04:00", True),
    "sunday is the first": (TimeInterval(weekdays=(intervals.weekdays("sunday"),)), "2026-11-29T04:00", True),
    "last days": (TimeInterval(days=(intervals.days("-3:-1"),)), "2026-02-26T04:00", True),
    "not so late": (TimeInterval(days=(intervals.days("-3:-1"),)), "2026-02-25T04:00", False),
    "31 in a short month": (TimeInterval(days=(intervals.days("29:31"),)), "2026-02-28T04:00", False),
    "months": (TimeInterval(months=(intervals.months("october:12"),)), "2026-11-25T04:00", True),
    "years": (TimeInterval(years=(intervals.years("2027:2030"),)), "2026-11-25T04:00", False),
    "elsewhere it is later": (TimeInterval(times=(Range(300, 359),), zone=BERLIN), "2026-11-25T04:30", True),
    "summer time": (TimeInterval(times=(Range(300, 359),), zone=BERLIN), "2026-07-25T03:30", True),
}


@pytest.mark.parametrize(("interval", "now", "holds"), HOLDS.values(), ids=HOLDS)
def test_time_intervals(interval: TimeInterval, now: str, holds: Any) -> None:
    assert interval.holds(at(now)) is holds


REFUSED = {
    "weekday": (intervals.weekdays, "funday"),
    "backwards": (intervals.weekdays, "friday:monday"),
    "day 0": (intervals.days, "0"),
    "day 32": (intervals.days, "32"),
    "from the end to the beginning": (intervals.days, "-3:4"),
    "month 13": (intervals.months, "13"),
    "year": (intervals.years, "soon"),
    "hour": (intervals.time_of_day, "24:01"),
    "minute": (intervals.time_of_day, "12:60"),
    "no colon": (intervals.time_of_day, "900"),
    "zone": (intervals.location, "Europe/Atlantis"),
}


@pytest.mark.parametrize(("read", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_none(read: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text[:4]):
        read(text)


def test_who_mutes_a_route() -> None:
    named = {"always": [TimeInterval()], "never": [TimeInterval(years=(Range(1999, 1999),))]}
    assert muted_by(Route("{}", "r", mutes=("never", "always")), named, 0) == ("always",)
    assert muted_by(Route("{}", "r", actives=("never",)), named, 0) == ("never",)
    assert muted_by(Route("{}", "r", actives=("never", "always")), named, 0) == ()
    assert muted_by(Route("{}", "r"), named, 0) == ()
