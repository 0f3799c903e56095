"""Matchers as alertmanager.yml and amtool write them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promkit.errors import QueryError
from promkit.matcher_text import format_matchers, go_quote, parse_matcher, parse_matchers
from promkit.matchers import Matcher, MatchOp

GOOD = {
    "plain": ("a=b", [("a", "=", "b")]),
    "braces and quotes": ('{a="b", c=~"d|e"}', [("a", "=", "b"), ("c", "=~", "d|e")]),
    "a comma may end it": ('{a="b",}', [("a", "=", "b")]),
    "nothing": ("{}", []),
    "spaces in a classic value": ("a = b c ", [("a", "=", "b c")]),
    "an empty classic value": ("a=", [("a", "=", "")]),
    "quoted empty": ('env=""', [("env", "=", "")]),
    "commas in quotes": ('note="a, b = {c}"', [("note", "=", "a, b = {c}")]),
    "classic escapes": (r'path="C:\\Temp\\\"x\"\n"', [("path", "=", 'C:\\Temp\\"x"\n')]),
    "utf-8 name": ('größe=~"x+l"', [("größe", "=~", "x+l")]),
    "quoted name": ('"two words"!="ü"', [("two words", "!=", "ü")]),
    "a dotted name": ("dotted.name!~x", [("dotted.name", "!~", "x")]),
    "classic keeps an escape it does not know": (r'a="\x41"', [("a", "=", r"\x41")]),
    "utf-8 escapes": (r'"a b"="\u00fc\x41"', [("a b", "=", "üA")]),
}

BAD = {
    "no operator": ("a b", "operator"),
    "no name": ("=b", "label name"),
    "not closed": ('"a', "not closed"),
    "brace not closed": ('{"ä"=b', "expected , or }"),
    "text after it": ('{"ä"=b} c', "comma or the end"),
    "quote in a value": ('a=b"c"', "comma or the end"),
    "lookahead": ('a=~"(?!b)"', "(?!b)"),
    "surrogate": (r'"ä"="\ud800"', "escape"),
}


@pytest.mark.parametrize(("text", "wanted"), GOOD.values(), ids=GOOD)
def test_reads(text: str, wanted: list[tuple[str, str, str]]) -> None:
    assert [(m.name, m.op.value, m.value) for m in parse_matchers(text)] == wanted


@pytest.mark.parametrize(("text", "says"), BAD.values(), ids=BAD)
def test_refuses(text: str, says: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_matchers(text)
    assert says in str(caught.value)


def test_one_is_one() -> None:
    with pytest.raises(QueryError):
        parse_matcher("a=b,c=d")


@given(st.lists(st.tuples(st.text(min_size=1), st.sampled_from(["=", "!="]), st.text()), max_size=4))
def test_what_is_written_reads_the_same(parts: list[tuple[str, str, str]]) -> None:
    clean = [(n, o, v) for n, o, v in parts if not any(0xD800 <= ord(c) <= 0xDFFF for c in n + v)]
    matchers = tuple(Matcher(name, MatchOp(op), value) for name, op, value in clean)
    assert parse_matchers(format_matchers(matchers)) == matchers


def test_go_quote() -> None:
    assert go_quote('a"b\\c\n\x00ü\u200b') == '"a\\"b\\\\c\\n\\x00ü\\u200b"'


@given(st.text(max_size=40))
def test_any_text_reads_or_is_refused(text: str) -> None:
    with contextlib.suppress(QueryError):
        parse_matchers(text)
