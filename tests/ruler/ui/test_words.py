import pytest

from promkit.labels import Labels
from ruler.ui import words

NOW = 1_700_000_000_000
AGES = {
    "never": (None, "never"),
    "now": (NOW, "now"),
    "seconds": (NOW - 31_000, "31 s ago"),
    "minutes": (NOW - 190_000, "3 min 10 s ago"),
    "many minutes": (NOW - 12 * 60_000 - 5_000, "12 min ago"),
    "hours": (NOW - 3 * 3_600_000 - 5 * 60_000, "3 h 5 min ago"),
    "days": (NOW - 2 * 86_400_000, "2 d ago"),
    "to come": (NOW + 90_000, "in 1 min 30 s"),
}


@pytest.mark.parametrize("name", AGES)
def test_ages_are_told_in_two_units_at_most(name: str) -> None:
    at_ms, text = AGES[name]
    assert words.age(at_ms, NOW) == text


def test_the_date_is_told_where_it_is_another_days() -> None:
    assert len(words.clock(NOW, NOW)) == len("22:13:20")
    assert " Nov " in words.clock(NOW - 3 * 86_400_000, NOW)
    assert "2022" in words.clock(NOW - 400 * 86_400_000, NOW)
    assert words.clock(None, NOW) == "–"


def test_an_instant_in_full_has_its_zone() -> None:
    assert words.instant(NOW).endswith(words.zone(NOW))


LINKS = {
    "http://a/b": "http://a/b",
    " https://a/b?c=d ": "https://a/b?c=d",
    "javascript:alert(1)": "",
    "JAVASCRIPT:alert(1)": "",
    "data:text/html,x": "",
    "//a/b": "",
    "/a": "",
    "http://": "",
    "http://[": "",
    "": "",
}


@pytest.mark.parametrize("url", LINKS)
def test_only_http_is_followed(url: str) -> None:
    assert words.link(url) == LINKS[url]


def test_names_of_no_use_beside_an_alert_are_left_out() -> None:
    assert words.labels_shown(Labels({"__name__": "up", "alertname": "A", "job": "j"})) == [("job", "j")]


def test_a_query_is_a_link() -> None:
    assert words.query_url('up{a="b&c"} + 1') == "/query?expr=up%7Ba%3D%22b%26c%22%7D%20%2B%201"


@pytest.mark.parametrize(
    ("integration", "text"), [("slack[0]", "slack"), ("slack[1]", "slack 2"), ("", ""), ("x", "x")]
)
def test_ways_are_counted_from_the_second_on(integration: str, text: str) -> None:
    assert words.way(integration) == text


def test_an_alert_says_its_description_before_its_summary() -> None:
    assert words.first_of({"summary": "s", "description": "d"}) == "d"
    assert words.first_of({"message": "m"}) == "m"
    assert words.first_of({}) == ""
