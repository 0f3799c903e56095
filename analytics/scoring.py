"""What is strange among the newest steps of some series: scores, alarms, and the rows that tell of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.anomaly import ALARM, Alarms, confidence, quiet, sentence, severity
from analytics.arrays import Arrays, Times, Values, fill
from analytics.models import strangeness
from analytics.models.model import stand_at
from analytics.result import Anomaly, Strangeness
from promkit.labels import Labels

__all__ = ["Scored", "first_score", "joined", "score"]

_NOTHING = np.zeros((0, 0, 0))  # features, none


@dataclass(frozen=True, slots=True)
class Scored:
    """Series after scoring: what has been told of them, the newest step, and new alarms."""

    labels: Sequence[Labels]
    alarms: Alarms
    newest: Strangeness
    anomalies: Sequence[Anomaly]


def score(
    model: str,
    labels: Sequence[Labels],
    state: Arrays,
    alarms: Alarms,
    values: Values,
    times: Times,
    new: int,
    threshold: float,
    day: int,
) -> Scored:
    """Score the last `new` columns of [S, T] by what was learned before them."""
    if new == 0:
        return Scored(labels, alarms, Strangeness.unknown(labels), [])
    cut = values.shape[1] - new
    standing = stand_at(state, values[:, :cut], _NOTHING, day)
    found = strangeness.assess(standing, values[:, cut:], day)
    # Below the threshold nothing is told, so it must not silence what comes after.
    counted = np.where(found.deviation > threshold, found.score, np.minimum(found.score, ALARM * 0.99))
    told, after = quiet(counted, alarms)
    alarmed = told >= ALARM
    rows = [
        _anomaly(
            model, labels[row], int(times[cut + step]), values[row, cut + step], found, row, step, threshold
        )
        for row, step in zip(*np.nonzero(alarmed), strict=True)
    ]
    usual = strangeness.band(standing, found.expected[:, -1], new, day, threshold)
    newest = Strangeness(labels, told[:, -1], found.deviation[:, -1], *usual)
    return Scored(labels, after, newest, rows)


def first_score(
    model: str, labels: Sequence[Labels], values: Values, times: Times, threshold: float, day: int, least: int
) -> Scored:
    """Score the last day of series that are new here by what was before it; `least` steps stay for that."""
    new = max(min(day, values.shape[1] - least), 0)
    before = values[:, : values.shape[1] - new]
    state = strangeness.fit(before, fill(before, day), day)
    return score(model, labels, state, Alarms.none(len(labels)), values, times, new, threshold, day)


def joined(parts: Sequence[Scored]) -> Scored:
    """Several as one."""
    labels = [label for part in parts for label in part.labels]
    one = Alarms.none(0)
    alarms = Alarms(
        *(
            np.concatenate([getattr(one, name), *(getattr(part.alarms, name) for part in parts)])
            for name in one.__slots__
        )
    )
    newest = Strangeness(
        labels,
        *(
            np.concatenate([np.zeros(0), *(getattr(part.newest, name) for part in parts)])
            for name in Strangeness.values()
        ),
    )
    return Scored(labels, alarms, newest, [found for part in parts for found in part.anomalies])


def _anomaly(
    model: str,
    series: Labels,
    at_ms: int,
    value: float,
    found: strangeness.Strange,
    row: int,
    step: int,
    threshold: float,
) -> Anomaly:
    deviation, expected = float(found.deviation[row, step]), float(found.expected[row, step])
    level = severity(deviation, threshold)
    assert level is not None, "told without being above the threshold"  # noqa: S101 - a bug of this room
    text = sentence(str(series), series.metric, float(value), expected, deviation, int(found.view[row, step]))
    return Anomaly(
        model=model,
        series=series,
        at_ms=at_ms,
        value=float(value),
        expected=expected,
        deviation=deviation,
        severity=level,
        confidence=confidence(deviation, threshold),
        score=float(found.score[row, step]),
        description=text,
    )
