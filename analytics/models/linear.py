"""Ridge regression on features and the time of day, robust against outliers (Huber), all series at once.

y(t) = a + features(t)·b + two waves a day·c,    forecast: the same with the features' own forecasts,
plus what the last hour lay above its fit, fading over a quarter of a day.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.arrays import Arrays, Steps, Values
from analytics.models import one_line

__all__ = ["Line", "about", "ahead", "fit_line"]

_RIDGE = 1e-3  # of the number of rows
_HUBER = 1.345  # deviations; beyond it a residual counts linearly (95 % efficient under a normal law)
_ROUNDS = 3
_ROWS_MAX = 2016  # a week at 5 minutes


@dataclass(frozen=True, slots=True)
class Line:
    """What was learned: [S, P] weights over scaled columns, and each feature's centre and scale [F, S]."""

    weights: Values
    centre: Values
    scale: Values

    def arrays(self) -> Arrays:
        """As part of a model's state."""
        return {f"line_{name}": getattr(self, name) for name in self.__slots__}

    @classmethod
    def of(cls, state: Arrays) -> "Line":
        """Back from a state."""
        return cls(*(state[f"line_{name}"] for name in cls.__slots__))


def fit_line(target: Values, features: Values, day: int, *, robust: bool = True) -> Line:
    """Learn from histories without gaps, [S, T] and [F, S, T]."""
    target, features = target[:, -_ROWS_MAX:], features[:, :, -_ROWS_MAX:]
    rows = target.shape[1]
    centre = features.mean(axis=2)
    scale = features.std(axis=2)
    scale = np.where(scale > 0, scale, 1.0)
    columns = _columns(features, len(target), np.arange(-rows, 0), centre, scale, day)  # [S, T, P]
    penalty = _RIDGE * rows * np.eye(columns.shape[2])
    penalty[0, 0] = 1e-9  # the level is free
    trust = np.ones_like(target)
    weights = np.zeros((len(target), columns.shape[2]))
    for _ in range(_ROUNDS if robust else 1):
        weighted = columns * trust[:, :, None]
        left = np.einsum("stp,stq->spq", weighted, columns) + penalty
        right = np.einsum("stp,st->sp", weighted, target)
        weights = np.linalg.solve(left, right[:, :, None])[:, :, 0]
        residual = np.abs(target - np.einsum("stp,sp->st", columns, weights))
        spread = 1.4826 * np.median(residual, axis=1, keepdims=True) + 1e-12
        trust = np.minimum(1.0, _HUBER * spread / np.maximum(residual, 1e-12))
    return Line(weights, centre, scale)


def about(state: Arrays, features: Sequence[str]) -> dict[str, float]:
    """Mean weight of the level, of the waves of the day and of each feature."""
    names = ("level", *(f"{wave} of the day ×{k}" for k in (1, 2) for wave in ("sine", "cosine")), *features)
    return dict(zip(names, map(float, Line.of(state).weights.mean(axis=0)), strict=True))


def ahead(
    line: Line, target: Values, features: Values, reach: Steps, day: int, future: Values | None = None
) -> Values:
    """Forecast [S, G] standing at the end of `target` [S, R] and `features` [F, S, R], both without gaps.

    `future` [F, S, G] where the features are known ahead; otherwise each is forecast by the profile of its
    day.
    """
    hour = min(one_line.near(day), target.shape[1])
    if future is None:
        future = (
            np.stack([_feature_ahead(feature, reach, day) for feature in features])
            if len(features)
            else features
        )
    coming = _columns(future, len(target), reach - 1, line.centre, line.scale, day)
    gone = _columns(features[:, :, -hour:], len(target), np.arange(-hour, 0), line.centre, line.scale, day)
    level = (target[:, -hour:] - np.einsum("stp,sp->st", gone, line.weights)).mean(axis=1, keepdims=True)
    fade = np.exp(-reach / (day / 4))
    fitted: Values = np.einsum("stp,sp->st", coming, line.weights)
    total: Values = fitted + level * fade
    return total


def _feature_ahead(feature: Values, reach: Steps, day: int) -> Values:
    found = one_line.means(feature, reach, day)
    best: Values = found[5] if feature.shape[1] >= day else found[1]
    return best


def _columns(features: Values, series: int, steps: Steps, centre: Values, scale: Values, day: int) -> Values:
    """Level, waves of the day, scaled features: [S, T, P]; step 0 is the first after the history."""
    phase = 2 * np.pi * steps / day
    waves = [np.ones_like(phase), *(wave(k * phase) for k in (1, 2) for wave in (np.sin, np.cos))]
    clock = np.broadcast_to(np.stack(waves, axis=-1), (series, len(steps), len(waves)))
    if not len(features):
        return clock
    scaled = (features - centre[:, :, None]) / scale[:, :, None]
    return np.concatenate([clock, np.moveaxis(scaled, 0, -1)], axis=2)
