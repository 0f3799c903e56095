"""Go's constants: quoted texts, characters and numbers. None: not one."""

__all__ = ["character", "number", "unquote"]

_SINGLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
_HEX_LENGTHS = {"x": 2, "u": 4, "U": 8}
_OCTAL_LENGTH = 3
_CODE_MAX = 0x10FFFF


def unquote(text: str) -> str | None:
    r"""Read `"a\tb"`. Bytes written as `\x..` and octal are put together as UTF-8."""
    quote = text[0]
    out = bytearray()
    at, end = 1, len(text) - 1
    while at < end:
        sign = text[at]
        if sign != "\\":
            out += sign.encode("utf-8", "replace")
            at += 1
            continue
        read = _escape(text[at + 1 : end], quote)
        if read is None:
            return None
        piece, length = read
        out += piece
        at += 1 + length
    return out.decode("utf-8", "replace")


def _escape(rest: str, quote: str) -> tuple[bytes, int] | None:
    """Read what follows a backslash → the bytes it stands for, and how much was read."""
    letter = rest[:1]
    if letter in _SINGLE or letter == quote:
        return _SINGLE.get(letter, letter).encode(), 1
    try:
        if letter in _HEX_LENGTHS:
            length = _HEX_LENGTHS[letter]
            digits = rest[1 : 1 + length]
            if len(digits) != length:
                return None
            code = int(digits, 16)
            if letter == "x":
                return bytes([code]), 1 + length
            valid = code <= _CODE_MAX and not 0xD800 <= code <= 0xDFFF
            return (chr(code).encode(), 1 + length) if valid else None
        digits = rest[:_OCTAL_LENGTH]
        return (bytes([int(digits, 8)]), _OCTAL_LENGTH) if len(digits) == _OCTAL_LENGTH else None
    except ValueError:
        return None


def character(text: str) -> int | None:
    """Read `'x'` → its code."""
    inner = unquote(text)
    return ord(inner) if inner is not None and len(inner) == 1 else None


def number(text: str) -> int | float | None:
    """Read `12`, `0x1f`, `1_000`, `1.5e3`."""
    try:
        plain = text.lstrip("+-")
        if len(plain) > 1 and plain[0] == "0" and plain.replace("_", "").isdigit():
            return int(text, 8) if text[0] not in "+-" else int(text[0] + "0o" + plain, 8)
        return int(text, 0)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None
