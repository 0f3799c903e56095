"""What is put in the place of a variable can be no more than a value."""

from typing import Any

import pytest

from ruler.dashboards import filled
from ruler.promql import parse, selectors

FILLED: dict[str, tuple[str, dict[str, str], str]] = {
    "all": ('x{job=~"$job"}', {"job": ""}, 'x{job=~".*"}'),
    "one": ('x{job=~"$job"}', {"job": "web"}, 'x{job=~"web"}'),
    "in braces": ('x{job=~"${job}s"}', {"job": "web"}, 'x{job=~"webs"}'),
    "a longer name": ('x{a=~"$job_name"}', {"job": "web", "job_name": "n"}, 'x{a=~"n"}'),
    "a window": ("rate(x[$__rate_interval])", {}, "rate(x[2m])"),
    "a group of label_replace": ('label_replace(x, "a", "$1", "b", "(.*)")', {"job": "w"}, "itself"),
}


@pytest.mark.parametrize("name", FILLED)
def test_it_is_filled_in(name: str) -> None:
    text, chosen, expected = FILLED[name]
    assert filled(text, chosen, 120_000) == (text if expected == "itself" else expected)


def test_a_window_is_never_shorter_than_a_rate_needs() -> None:
    assert filled("x[$__rate_interval]", {}, 5_000) == "x[1m]"


EVIL = ['a"} or y{z="', "a'} or y{z='", "\\", '\\"', "a\nb", ".*", "a|b", "$job", "[", "ü€", "`"]


@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize("value", EVIL)
def test_a_value_is_matched_literally_whatever_it_is(value: str, quote: str) -> None:
    node = parse(filled(f"x{{job=~{quote}$job{quote}}}", {"job": value}, 0))
    (selector,) = selectors(node)
    matcher: Any = next(one for one in selector.matchers if one.name == "job")
    assert matcher.matches(value)
    assert not matcher.matches(f"{value}x")
    assert not matcher.matches("anything")
