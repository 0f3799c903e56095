"""Where a character of a YAML text stands in its file: faults of an expression are shown in the rule file."""

import re

from promkit.errors import Where

__all__ = ["inside"]

_VALUE = re.compile(r"""["']?[A-Za-z_]+["']?\s*:[ \t]*(?:[&!][^\s]+[ \t]+)*""")
_BLOCK = re.compile(r"[|>][-+0-9]*[ \t]*(?:#[^\n]*)?\n")


def inside(text: str, key: Where, value: str, offset: int) -> Where:
    """The place of `value[offset]`, given the file's text and where the value's key stands.

    YAML may fold, indent and quote a value, but keeps what is not white space: so the two texts are followed
    side by side. Where that fails (an alias, an unusual escape), the key's place is the answer.
    """
    lines = text.splitlines(keepends=True)
    if not 0 < key.line <= len(lines):
        return key
    position = sum(map(len, lines[: key.line - 1])) + key.column - 1
    start = _VALUE.match(text, position)
    if start is None:
        return key
    position = start.end()
    block = _BLOCK.match(text, position)
    if block is not None:
        position = block.end()
    quote = "" if block is not None or text[position : position + 1] not in {'"', "'"} else text[position]
    found = _follow(text, position + len(quote), quote, value, offset)
    if found is None:
        return key
    before = text[:found]
    return Where(key.source, before.count("\n") + 1, found - before.rfind("\n"))


def _follow(text: str, position: int, quote: str, value: str, offset: int) -> int | None:
    for index, wanted in enumerate(value):
        if wanted.isspace():
            continue
        while position < len(text) and text[position].isspace():
            position += 1
        escaped = (quote == '"' and text[position : position + 1] == "\\") or (
            quote == "'" and text[position : position + 2] == "''"
        )
        position += escaped
        if text[position : position + 1] != wanted:
            return None
        if index >= offset:
            return position
        position += 1
    return position
