"""Functions of one value at a time. Values are [K, S], scalars [K, 1]."""

import numpy as np

from ruler.store import Mask, Values

__all__ = ["clamp", "clamp_max", "clamp_min", "degrees", "radians", "rounded", "sign"]


def clamp(values: Values, least: Values, most: Values) -> tuple[Values, Mask]:
    """Keep values between two bounds; nothing at all where the bounds are the wrong way round."""
    kept = np.broadcast_to(~(most < least), values.shape)
    return np.maximum(least, np.minimum(most, values)), kept


def clamp_min(values: Values, least: Values) -> Values:
    """Raise what is below `least`."""
    return np.maximum(least, values)


def clamp_max(values: Values, most: Values) -> Values:
    """Lower what is above `most`."""
    return np.minimum(most, values)


def rounded(values: Values, to: Values | None = None) -> Values:
    """Round to the nearest multiple of `to`, ties upwards."""
    inverse = 1.0 if to is None else 1.0 / to
    return np.floor(values * inverse + 0.5) / inverse


def sign(values: Values) -> Values:
    """-1, 0 or 1; a NaN stays one."""
    return np.sign(values)


def radians(values: Values) -> Values:
    """Degrees → radians."""
    return values * np.pi / 180


def degrees(values: Values) -> Values:
    """Radians → degrees."""
    return values * 180 / np.pi
