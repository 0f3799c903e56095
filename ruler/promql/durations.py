"""Durations and times inside an expression: `5m`, `300`, and where enabled `(2 * 5m) % 4m`."""

import math

from promkit.duration import parse_duration
from promkit.errors import ConfigError
from ruler.promql.ast import Span
from ruler.promql.lexer import Kind, Token, fault
from ruler.promql.reader import Reader

__all__ = ["DurationReader", "duration_ms", "number"]

_POWERS = {"+": 40, "-": 40, "*": 50, "/": 50, "%": 50, "^": 60}
_SIGN_POWER = 50
NESTING_MAX = 50
_RANGE_MAX_MS = (1 << 63) // 1_000_000  # Go counts durations in nanoseconds


def number(token: Token, query: str) -> float:
    """A number as Go reads it: decimal, hexadecimal, octal with a leading zero, Inf, NaN."""
    text = token.text
    lower = text.lower()
    try:
        if lower in {"inf", "nan"}:
            return float(lower)
        plain = lower.replace("_", "")
        if lower.startswith("0x"):
            return float(int(plain, 16))
        if plain.isdigit() and plain.startswith("0") and len(plain) > 1 and set(plain) <= set("01234567"):
            return float(int(plain, 8))
        return float(plain)
    except (ValueError, OverflowError):
        raise fault(f"error parsing number: {text!r}", query, token.span) from None


def duration_ms(token: Token, query: str) -> int:
    """Milliseconds of `1h30m`."""
    try:
        return parse_duration(token.text)
    except ConfigError:
        raise fault(f"not a valid duration string: {token.text!r}", query, token.span) from None


class DurationReader:
    """Reads durations from a parser's tokens."""

    def __init__(self, tokens: Reader, *, is_expression_allowed: bool) -> None:
        self._tokens = tokens
        self._is_expression_allowed = is_expression_allowed
        self._nesting = 0

    def positive(self) -> int:
        """What stands between brackets: greater than zero."""
        start = self._tokens.peek().span
        seconds = self._expression(0)
        if seconds <= 0:
            raise fault("duration must be greater than 0", self._tokens.query, start)
        return self._milliseconds(seconds, start)

    def offset(self) -> int:
        """What stands after `offset`: one duration, signed, or an expression in parentheses."""
        start = self._tokens.peek().span
        return self._milliseconds(self._signed(), start)

    def timestamp(self) -> int:
        """What stands after `@`: seconds since 1970, signed."""
        tokens = self._tokens
        sign = tokens.accept("+", "-")
        token = tokens.peek()
        if token.kind not in {Kind.NUMBER, Kind.DURATION}:
            raise tokens.unexpected(" in @", "timestamp")
        tokens.take()
        value = self._value(token)
        if not math.isfinite(value) or abs(value) >= (1 << 63) / 1000:
            problem = f"timestamp out of bounds for @ modifier: {value}"
            raise fault(problem, tokens.query, token.span)
        return _round(-value * 1000 if sign is not None and sign.text == "-" else value * 1000)

    def _value(self, token: Token) -> float:
        if token.kind is Kind.DURATION:
            return duration_ms(token, self._tokens.query) / 1000
        return number(token, self._tokens.query)

    def _signed(self) -> float:
        tokens = self._tokens
        sign = tokens.accept("+", "-")
        token = tokens.peek()
        if token.text == "(":
            value = self._group()
        elif token.kind in {Kind.NUMBER, Kind.DURATION}:
            tokens.take()
            value = self._value(token)
        else:
            raise tokens.unexpected(" in offset", "number, duration, or step()")
        return -value if sign is not None and sign.text == "-" else value

    def _expression(self, power: int) -> float:
        self._nesting += 1
        if self._nesting > NESTING_MAX:
            raise fault(f"nested deeper than {NESTING_MAX}", self._tokens.query, self._tokens.peek().span)
        left = self._prefix()
        while True:
            token = self._tokens.peek()
            binding = _POWERS.get(token.text, 0) if token.kind is Kind.OPERATOR else 0
            if binding <= power:
                self._nesting -= 1
                return left
            self._require_expressions(token.span)
            self._tokens.take()
            right = self._expression(binding - 1 if token.text == "^" else binding)
            left = self._apply(token, left, right)

    def _prefix(self) -> float:
        tokens = self._tokens
        token = tokens.peek()
        if token.text in {"+", "-"} and token.kind is Kind.OPERATOR:
            tokens.take()
            value = self._expression(_SIGN_POWER)
            return -value if token.text == "-" else value
        if token.text == "(":
            return self._group()
        if token.kind not in {Kind.NUMBER, Kind.DURATION}:
            raise tokens.unexpected("", "number or duration")
        tokens.take()
        return self._value(token)

    def _group(self) -> float:
        opening = self._tokens.take()
        self._require_expressions(opening.span)
        value = self._expression(0)
        self._tokens.expect(")", "")
        return value

    def _require_expressions(self, span: Span) -> None:
        if not self._is_expression_allowed:
            raise fault("experimental duration expression is not enabled", self._tokens.query, span)

    def _apply(self, op: Token, left: float, right: float) -> float:
        match op.text:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case "^":
                try:
                    return math.pow(left, right)
                except (OverflowError, ValueError):
                    return math.inf
        if right == 0:
            problem = "division by zero" if op.text == "/" else "modulo by zero"
            raise fault(problem, self._tokens.query, op.span)
        return left / right if op.text == "/" else math.fmod(left, right)

    def _milliseconds(self, seconds: float, span: Span) -> int:
        if not math.isfinite(seconds) or abs(seconds) * 1000 > _RANGE_MAX_MS:
            raise fault("duration out of range", self._tokens.query, span)
        return _round(seconds * 1000)


def _round(value: float) -> int:
    """Half away from zero, as Go's math.Round."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))
