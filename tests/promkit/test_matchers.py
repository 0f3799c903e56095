"""Matchers, and the groups of a match put into a template."""

import pytest

from promkit.errors import QueryError
from promkit.labels import Labels
from promkit.matchers import Matcher, MatchOp, capture_anchored, expand


@pytest.mark.parametrize(
    ("op", "value", "fits", "does_not"),
    [
        (MatchOp.EQUAL, "a", "a", "b"),
        (MatchOp.NOT_EQUAL, "a", "", "a"),
        (MatchOp.REGEX, "a.*|b", "a\nc", "xb"),
        (MatchOp.NOT_REGEX, "a+", "b", "aa"),
    ],
)
def test_matches(op: MatchOp, value: str, fits: str, does_not: str) -> None:
    matcher = Matcher("x", op, value)
    assert matcher.matches_labels(Labels({"x": fits}))
    assert not matcher.matches_labels(Labels({"x": does_not}))


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("$1-$2", "web-9090"),
        ("${1}x$port", "webx9090"),
        ("$1x", ""),  # there is no group called 1x
        ("$$1 $", "$1 $"),
        ("$3", ""),
        ("$0", "web:9090"),
        ("${1", "${1"),
    ],
)
def test_expand(template: str, text: str) -> None:
    captures = capture_anchored(r"(\w+):(?P<port>\d+)(x)?")("web:9090")
    assert captures is not None
    assert expand(template, captures) == text


def test_the_whole_text_has_to_match() -> None:
    assert capture_anchored("web")("web1") is None
    with pytest.raises(QueryError, match="not a regular expression"):
        capture_anchored("(")
