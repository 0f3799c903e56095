"""How Go writes numbers and strings, for what has to read exactly as Prometheus writes it."""

import math
import re

__all__ = ["format_fixed", "format_general", "is_legacy_name", "quote", "unquote"]

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_GO_ESCAPES = {7: r"\a", 8: r"\b", 9: r"\t", 10: r"\n", 11: r"\v", 12: r"\f", 13: r"\r", 34: r"\"", 92: r"\\"}
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
_HEX_LENGTH = {"x": 2, "u": 4, "U": 8}
_EXPONENT_MIN = -4
_EXPONENT_MAX = 6


def is_legacy_name(name: str, *, colons: bool = False) -> bool:
    """Tell whether a name can stand without quotes."""
    return (_METRIC if colons else _NAME).fullmatch(name) is not None


def _special(value: float) -> str | None:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return None


def _shortest(value: float) -> tuple[str, str, int]:
    """Sign, shortest exact digits and the decimal exponent of the first digit."""
    mantissa, _, exponent = f"{value!r}".partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = whole + fraction
    leading = len(digits) - len(digits.lstrip("0"))
    power = len(whole) - 1 - leading + int(exponent or 0)
    return sign, digits.strip("0") or "0", power if digits.strip("0") else 0


def format_general(value: float) -> str:
    """Go's `%g` and `%v` of a float: the shortest exact digits, an exponent below 1e-4 and from 1e6 on."""
    special = _special(value)
    if special is not None:
        return special
    sign, digits, power = _shortest(value)
    if _EXPONENT_MIN <= power < _EXPONENT_MAX:
        return format_fixed(value)
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{'-' if power < 0 else '+'}{abs(power):02d}"


def format_fixed(value: float) -> str:
    """Go's FormatFloat(value, 'f', -1): the shortest exact digits, never an exponent."""
    special = _special(value)
    if special is not None:
        return special
    sign, digits, power = _shortest(value)
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{digits}"
    whole = digits[: power + 1].ljust(power + 1, "0")
    fraction = digits[power + 1 :]
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def quote(text: str) -> str:
    """Go's strconv.Quote; bytes that are not UTF-8 travel as lone surrogates and come out as hex."""
    out = []
    for character in text:
        code = ord(character)
        if code in _GO_ESCAPES:
            out.append(_GO_ESCAPES[code])
        elif 0xDC80 <= code <= 0xDCFF:
            out.append(f"\\x{code - 0xDC00:02x}")
        elif character.isprintable():
            out.append(character)
        elif code < 0x20 or code == 0x7F:
            out.append(f"\\x{code:02x}")
        else:
            out.append(f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}")
    return '"' + "".join(out) + '"'


def unquote(body: str, mark: str) -> str:
    """The text that stands between two quotation marks `mark`, its escapes resolved.

    ValueError: an escape that Go does not know. Bytes that are not UTF-8 become lone surrogates.
    """
    if mark == "`":
        return body.replace("\r", "")
    out = bytearray()
    at = 0
    while at < len(body):
        if body[at] != "\\":
            out += body[at].encode("utf-8", "surrogatepass")
            at += 1
            continue
        piece, at = _escape(body, at + 1, mark)
        out += piece
    return out.decode("utf-8", "surrogateescape")


def _escape(body: str, at: int, mark: str) -> tuple[bytes, int]:
    """One escape, whose first character after the backslash is at `at` → its bytes, where to go on."""
    letter = body[at] if at < len(body) else ""
    if letter in _ESCAPED or letter == mark:
        return _ESCAPED.get(letter, letter).encode(), at + 1
    if letter in _HEX_LENGTH:
        end = at + 1 + _HEX_LENGTH[letter]
        digits, base = body[at + 1 : end], 16
        length = _HEX_LENGTH[letter]
    else:
        end, base, length = at + 3, 8, 3
        digits = body[at:end]
    if len(digits) != length or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
        raise ValueError("invalid escape sequence")
    code = int(digits, base)
    if letter in {"u", "U"}:
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise ValueError("escape sequence is an invalid Unicode code point")
        return chr(code).encode(), end
    if code > 0xFF:
        raise ValueError("octal escape above 255")
    return bytes((code,)), end
