"""Go's fmt: print, println, printf."""

import json
import re
from collections.abc import Sequence

from promkit.matcher_text import go_quote
from ruler.template.values import Value, float_text, shown, type_name

__all__ = ["sprint", "sprintf", "sprintln"]

_VERB = re.compile(r"%([+\-# 0]*)(\*|[0-9]*)(?:\.(\*|[0-9]*))?(.?)", re.DOTALL)
_WIDTH_MAX = 1_000
_FLOATS = "eEfFgG"
_INTEGERS = "bcdoOxXUq"


def sprint(values: Sequence[Value]) -> str:
    """Put a space between two operands when neither is a text."""
    out: list[str] = []
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(values[index - 1], str):
            out.append(" ")
        out.append(shown(value))
    return "".join(out)


def sprintln(values: Sequence[Value]) -> str:
    """Put a space between all, and end the line."""
    return " ".join(shown(value) for value in values) + "\n"


def sprintf(form: str, values: Sequence[Value]) -> str:
    """Fill a format in; what does not fit is said in the text, as Go does."""
    out: list[str] = []
    at = used = 0
    for match in _VERB.finditer(form):
        if match.start() < at:
            continue
        out.append(form[at : match.start()])
        at = match.end()
        flags, width, precision, verb = match.groups()
        if verb == "%":
            out.append("%")
            continue
        if not verb:
            out.append("%!(NOVERB)")
            continue
        width, used = _star(width, values, used)
        precision, used = _star(precision, values, used)
        if used >= len(values):
            out.append(f"%!{verb}(MISSING)")
            continue
        out.append(_Verb(flags, width, precision, verb).text(values[used]))
        used += 1
    out.append(form[at:])
    if used < len(values):
        extra = ", ".join(f"{type_name(value)}={shown(value)}" for value in values[used:])
        out.append(f"%!(EXTRA {extra})")
    return "".join(out)


def _star(text: str | None, values: Sequence[Value], used: int) -> tuple[str | None, int]:
    if text != "*":
        return text, used
    value = values[used] if used < len(values) else 0
    return str(value) if isinstance(value, int) and value >= 0 else "", used + 1


class _Verb:
    """One verb with its flags."""

    def __init__(self, flags: str, width: str | None, precision: str | None, verb: str) -> None:
        self.left = "-" in flags
        self.plus = "+" in flags
        self.space = " " in flags
        self.sharp = "#" in flags
        self.zero = "0" in flags and not self.left
        self.width = min(int(width or 0), _WIDTH_MAX)
        self.precision = None if precision is None else min(int(precision or 0), _WIDTH_MAX)
        self.verb = verb

    def text(self, value: Value) -> str:
        body = self._body(value)
        if body is None:
            return f"%!{self.verb}({type_name(value)}={shown(value)})"
        numeric = isinstance(value, int | float) and not isinstance(value, bool) and self.verb not in "sq"
        if self.zero and numeric and len(body) < self.width:
            sign = body[:1] if body[:1] in "+- " and body[:1] else ""
            return sign + body[len(sign) :].rjust(self.width - len(sign), "0")
        return body.ljust(self.width) if self.left else body.rjust(self.width)

    def _body(self, value: Value) -> str | None:  # noqa: PLR0911 - a type a case
        verb = self.verb
        if verb == "v":
            return self._plain(value)
        if verb == "T":
            return type_name(value)
        if isinstance(value, bool):
            return shown(value) if verb == "t" else None
        if isinstance(value, int):
            return self._integer(value) if verb in _INTEGERS else None
        if isinstance(value, float):
            return self._float(value) if verb in _FLOATS else None
        if isinstance(value, list | tuple) and verb in "sqdxX":
            return "[" + " ".join(_Verb("", "", None, verb).text(item) for item in value) + "]"
        return self._string(value)

    def _plain(self, value: Value) -> str:
        if self.sharp:
            return json.dumps(value) if isinstance(value, str) else shown(value)
        if isinstance(value, float) and self.precision is not None:
            return self._general(value)
        if self.plus and isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
            return "+" + shown(value).removeprefix("+")
        return shown(value)

    def _string(self, value: Value) -> str | None:
        text = shown(value)
        if self.precision is not None:
            text = text[: self.precision]
        match self.verb:
            case "s":
                return text
            case "q":
                plain = self.sharp and "`" not in text and text.isprintable()
                return f"`{text}`" if plain else go_quote(text)
            case "x":
                return text.encode().hex()
            case "X":
                return text.encode().hex().upper()
            case _:
                return None

    def _integer(self, value: int) -> str:
        match self.verb:
            case "c":
                return chr(value) if 0 <= value <= 0x10FFFF else "\ufffd"
            case "q":
                return "'" + (chr(value) if 0 <= value <= 0x10FFFF else "\ufffd") + "'"
            case "U":
                return f"U+{value:04X}"
        base = {"d": "d", "b": "b", "o": "o", "O": "o", "x": "x", "X": "X"}[self.verb]
        digits = format(abs(value), base)
        if self.precision is not None:
            digits = digits.rjust(self.precision, "0")
        prefix = {"x": "0x", "X": "0X", "o": "0", "b": "0b"}.get(self.verb, "") if self.sharp else ""
        return self._sign(value) + ("0o" if self.verb == "O" else prefix) + digits

    def _float(self, value: float) -> str:
        if value != value or value in {float("inf"), float("-inf")}:  # noqa: PLR0124 - NaN
            return float_text(value)
        if self.verb in "gG":
            text = self._general(value)
            return text.upper() if self.verb == "G" else text
        digits = 6 if self.precision is None else self.precision
        return self._sign(value) + format(abs(value), f".{digits}{self.verb.replace('F', 'f')}")

    def _general(self, value: float) -> str:
        if self.precision is None:
            text = float_text(abs(value))
        else:
            text = format(abs(value), f".{max(self.precision, 1)}g")
        return self._sign(value) + text

    def _sign(self, value: float) -> str:
        if value < 0 or str(value).startswith("-"):
            return "-"
        return "+" if self.plus else " " if self.space else ""
