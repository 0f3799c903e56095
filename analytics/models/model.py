"""What a model is: parameters frozen, learned state a dict of arrays, five functions of data.

    fit      learns from a history and backtests itself on it
    advance  the same learned state, standing at the end of a newer history: cheap, for every cycle
    predict  what comes `horizons` steps after where the state stands
    score    how strange the steps are that follow where the state stands
    about    what was learned, for people

State keys that every model has ([S] each unless said; `backtest.Skill` says what they mean): `error
error_last error_season covered hits`, `grid [G] spread [S, G] low high` for intervals, `seen_low
seen_high`, `view_*` for `strangeness`, and `recent [S, R]`, `recent_features [F, S, R]`: the history's
last columns, never saved, for they are read again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from analytics.arrays import Arrays, Steps, Values, fill
from analytics.backtest import Plan, skill
from analytics.models import one_line, strangeness

__all__ = ["RECENT", "RECENT_FEATURES", "About", "Forecast", "Model", "fill_each", "learned", "stand_at"]

RECENT = "recent"
RECENT_FEATURES = "recent_features"


@dataclass(frozen=True, slots=True)
class Forecast:
    """A mean and its interval, each [S, H]; the interval holds four values in five."""

    mean: Values
    lower: Values
    upper: Values


@dataclass(frozen=True, slots=True)
class About:
    """What a state says, for people: a sentence, and numbers by name, each the mean over the series."""

    what: str
    values: Mapping[str, float]


class Model(Protocol):
    """All arrays: target [S, T], features [F, S, T], NaN where no sample is."""

    def fit(self, target: Values, features: Values) -> Arrays:
        """Learn from a history of at least a few steps; S and F may be 0."""
        ...

    def advance(self, state: Arrays, target: Values, features: Values) -> Arrays:
        """Stand at the end of this history with what was learned before."""
        ...

    def predict(self, state: Arrays, horizons: Steps, features: Values | None) -> Forecast:
        """Steps ahead [H], from 1; `features` [F, S, H] where their future is known."""
        ...

    def score(self, state: Arrays, new: Values) -> Values:
        """Strangeness of the steps that follow, [S, N] → [S, N], 0–1; one half is an alarm."""
        ...

    def about(self, state: Arrays, features: Sequence[str]) -> About:
        """What was learned of at least one series; `features` are those that it was learned with."""
        ...


def learned(target: Values, filled: Values, past: Values, at: Plan, day: int) -> Arrays:
    """The part of the state that all models have, from what a model forecast at past origins, [K, S, G]."""
    empty = np.isnan(target).all(axis=1)
    low = np.where(np.isnan(target), np.inf, target).min(axis=1, initial=np.inf)
    high = np.where(np.isnan(target), -np.inf, target).max(axis=1, initial=-np.inf)
    return (
        skill(target, past, at, day).arrays()
        | {"seen_low": np.where(empty, 0.0, low), "seen_high": np.where(empty, 0.0, high)}
        | strangeness.fit(target, filled, day)
    )


def stand_at(state: Arrays, target: Values, features: Values, day: int) -> Arrays:
    """`advance` of every model: keep the last columns, without gaps."""
    width = one_line.reach_back(day)
    return state | {
        RECENT: fill(target[:, -width:], day),
        RECENT_FEATURES: fill_each(features[:, :, -width:], day),
    }


def fill_each(features: Values, day: int) -> Values:
    """`fill` for each feature, [F, S, T]."""
    return np.stack([fill(feature, day) for feature in features]) if len(features) else features
