"""Numbers and strings as Go writes them."""

import math

import pytest

from ruler.promql.text import format_fixed, format_general, quote, unquote

GENERAL = {0.0: "0", 1.5: "1.5", 1e5: "100000", 1e6: "1e+06", 123456789.0: "1.23456789e+08", 1e-4: "0.0001",
           1e-5: "1e-05",
           -2.5e-7: "-2.5e-07",
           math.inf: "+Inf", -math.inf: "-Inf", 0.1 + 0.2: "0.30000000000000004"}  # fmt: skip
FIXED = {0.0: "0", 1e21: "1000000000000000000000", 1e-7: "0.0000001", -12.5: "-12.5", 100.0: "100"}


@pytest.mark.parametrize("value", GENERAL)
def test_general(value: float) -> None:
    assert format_general(value) == GENERAL[value]


@pytest.mark.parametrize("value", FIXED)
def test_fixed(value: float) -> None:
    assert format_fixed(value) == FIXED[value]
    assert format_fixed(math.nan) == "NaN"


@pytest.mark.parametrize(
    ("text", "quoted"),
    [("a", '"a"'), ('a"b\\', '"a\\"b\\\\"'), ("\n\t\a\x01", '"\\n\\t\\a\\x01"'), ("é\u200b", '"é\\u200b"'),
     ("a\udcc5z", '"a\\xc5z"'), ("\U000e0001", '"\\U000e0001"')],
)  # fmt: skip
def test_quote(text: str, quoted: str) -> None:
    assert quote(text) == quoted
    assert unquote(quoted[1:-1], '"') == text


@pytest.mark.parametrize("body", [r"\q", r"\x4", r"\u12", r"\400", r"\ud800", r"\U00110000", "\\", r"\'"])
def test_bad_escapes(body: str) -> None:
    with pytest.raises(ValueError, match="escape"):
        unquote(body, '"')
