"""Functions of one value at a time. Values are [K, S], scalars [K, 1]."""

import numpy as np

from ruler.store import Mask, Values

__all__ = ["clamp", "clamp_max", "clamp_min", "degrees", "log2", "log10", "radians", "rounded", "sign"]

_LN2 = 0.693147180559945309417232121458176568
_LN10 = 2.30258509299404568401799145468436421


def clamp(values: Values, least: Values, most: Values) -> tuple[Values, Mask]:
    """Keep values between two bounds; nothing at all where the bounds are the wrong way round."""
    kept = np.broadcast_to(~(most < least), values.shape)
    return _larger(least, _smaller(most, values)), kept


def clamp_min(values: Values, least: Values) -> Values:
    """Raise what is below `least`."""
    return _larger(least, values)


def clamp_max(values: Values, most: Values) -> Values:
    """Lower what is above `most`."""
    return _smaller(most, values)


def _larger(one: Values, other: Values) -> Values:
    """The larger of two as Go has it: NaN if either is one, but for infinity, which nothing exceeds."""
    return np.where(np.isposinf(one) | np.isposinf(other), np.inf, np.maximum(one, other))


def _smaller(one: Values, other: Values) -> Values:
    """The smaller of two, with the same exception."""
    return np.where(np.isneginf(one) | np.isneginf(other), -np.inf, np.minimum(one, other))


def rounded(values: Values, to: Values | None = None) -> Values:
    """Round to the nearest multiple of `to`, ties upwards."""
    inverse = 1.0 if to is None else 1.0 / to
    return np.floor(values * inverse + 0.5) / inverse


def log2(values: Values) -> Values:
    """The binary logarithm as Go computes it, to the last bit: exact for powers of two."""
    fraction, exponent = np.frexp(values)
    return np.where(fraction == 0.5, exponent - 1.0, np.log(fraction) * (1 / _LN2) + exponent)


def log10(values: Values) -> Values:
    """The decimal logarithm as Go computes it, from the binary one."""
    return log2(values) * (_LN2 / _LN10)


def sign(values: Values) -> Values:
    """-1, 0 or 1; a NaN stays one."""
    return np.sign(values)


def radians(values: Values) -> Values:
    """Degrees → radians."""
    return values * np.pi / 180


def degrees(values: Values) -> Values:
    """Radians → degrees."""
    return values * 180 / np.pi
