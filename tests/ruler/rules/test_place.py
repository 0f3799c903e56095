"""Where a character of a value stands in its YAML file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promkit.config import Model, document, field, parse, where
from ruler.rules.place import inside

FORMS = {
    "plain": "expr: sum(a) @",
    "quoted": "expr: 'it''s @'",
    "double quoted": 'expr: "say \\"x\\" @"',
    "flow": "{expr: '@'}",
    "spaces": "expr:    @",
    "block": "expr: |\n  one\n  two @",
    "block with a comment": "expr: |- # why\n    one\n\n    @",
    "folded": "expr: >\n  one\n  two\n\n  @",
    "over lines": "expr: one\n  two\n  @",
    "anchor": "expr: &name one @",
}


class Text(Model):
    expr: str = field(description="A text.")


@pytest.mark.parametrize("form", FORMS)
def test_is_found(form: str) -> None:
    # `@` may not begin a plain scalar, so another rare sign stands for it there.
    text = FORMS[form].replace("@", "§")
    read = parse(text, Text, "f.yml", {})
    at = inside(text, where(read, "expr"), read.expr, read.expr.index("§"))
    assert text.split("\n")[at.line - 1][at.column - 1] == "§"


def test_an_alias_is_shown_at_its_key() -> None:
    text = "- &a {expr: &b 'x §'}\n- {expr: *b}"
    read = document(text, "f.yml")
    key = read.where_key((1, "expr"))
    assert inside(text, key, "x §", 2) == key


@given(st.text(max_size=40), st.text(max_size=40), st.integers(0, 50))
def test_never_fails(text: str, value: str, offset: int) -> None:
    read = document("expr: x", "f.yml")
    inside(text, read.where_key(("expr",)), value, offset)
