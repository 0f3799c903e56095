"""Results → metric families: gauges, so that rules, remedies and dashboards can act on what is found.

Each sample has its series' own labels and the metric's name as `metric`; a label of theirs that analytics
itself uses becomes `exported_…`, as in a scrape. At most `SAMPLES_MAX` samples; what is beyond is left out
and counted.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from analytics.arrays import Values
from analytics.learner import LIVE_MIN, Live
from analytics.result import ModelResult, ModelState, Results
from promkit.exposition import Family, gauge
from promkit.labels import METRIC_NAME, Labels

__all__ = ["SAMPLES_MAX", "families"]

SAMPLES_MAX = 250_000  # ten thousand series have 23 each
_OURS = {"model", "horizon", "bound", "metric", "period", "rule", "within", "against", "from", "state"}

Pairs = Iterator[tuple[Mapping[str, str], float]]

_FAMILIES = {
    "analytics_prediction": "Forecast value at a horizon: the mean and the ends of its 80 % interval.",
    "analytics_anomaly_score": "How strange the newest value is, 0 to 1; from 0.5 it is an alarm, told once.",
    "analytics_anomaly_deviation": "Robust standard deviations between the newest value and the usual one.",
    "analytics_expected": "Usual value at this time of day, and the ends of what is within the threshold.",
    "analytics_trend_slope_per_hour": "Change an hour over a period, with the daily profile removed.",
    "analytics_seconds_to_breach": "Time until a rule's threshold is met; absent: not within the horizon.",
    "analytics_breach_probability": "Probability that a rule's threshold is met within the time given.",
    "analytics_model_error_ratio": "Error of a model over that of a simple forecast; below 1 it is better.",
    "analytics_model_coverage_ratio": "Share of actual values inside the forecast's 80 % interval.",
    "analytics_model_passed": "1 for a series whose model passed its backtest; absent where it did not.",
}


def families(results: Results, live: Mapping[str, Live]) -> list[Family]:
    """All gauges of a cycle's results."""
    pairs: dict[str, Pairs] = {  # what rules act on comes first: beyond the limit the last ones are left out
        "analytics_model_passed": _passed(results.models),
        "analytics_anomaly_score": _strange(results.models, "score"),
        "analytics_anomaly_deviation": _strange(results.models, "deviation"),
        "analytics_expected": _expected(results.models),
        "analytics_seconds_to_breach": _seconds(results),
        "analytics_breach_probability": _probabilities(results),
        "analytics_trend_slope_per_hour": _trends(results),
        "analytics_model_error_ratio": _errors(results.models, live),
        "analytics_model_coverage_ratio": _coverage(results.models, live),
        "analytics_prediction": _predictions(results.models),
    }
    left = SAMPLES_MAX
    beyond = 0
    found = []
    for name, rows in pairs.items():
        samples = [(labels, value) for labels, value in rows if math.isfinite(value)]
        found.append(gauge(name, _FAMILIES[name], *samples[:left]))
        beyond += max(len(samples) - left, 0)
        left = max(left - len(samples), 0)
    states = Counter(model.state for model in results.models)
    found.append(
        gauge(
            "analytics_models",
            "Models by where they stand.",
            *(({"state": state.value}, states[state]) for state in ModelState),
        )
    )
    found.append(gauge("analytics_samples_left_out", f"Samples beyond {SAMPLES_MAX}.", ({}, beyond)))
    return found


def own_labels(series: Labels) -> dict[str, str]:
    """A series' labels beside ours."""
    labels = {f"exported_{name}" if name in _OURS else name: value for name, value in series.items()}
    metric = labels.pop(METRIC_NAME, "")
    return {"metric": metric, **labels} if metric else labels


def _predictions(models: Iterable[ModelResult]) -> Pairs:
    for model in models:
        if model.forecast is None:
            continue
        for row, series in enumerate(model.labels):
            base = {"model": model.id, **own_labels(series)}
            for column, horizon in enumerate(model.horizons):
                for bound in ("mean", "lower", "upper"):
                    value = float(getattr(model.forecast, bound)[row, column])
                    yield {**base, "horizon": horizon, "bound": bound}, value


def _strange(models: Iterable[ModelResult], name: str) -> Pairs:
    for model in models:
        if model.strangeness is None:
            continue
        values: Values = getattr(model.strangeness, name)
        for row, series in enumerate(model.strangeness.labels):
            yield {"model": model.id, **own_labels(series)}, float(values[row])


def _expected(models: Iterable[ModelResult]) -> Pairs:
    for model in models:
        if model.strangeness is None:
            continue
        found = model.strangeness
        for row, series in enumerate(found.labels):
            base = {"model": model.id, **own_labels(series)}
            for bound, values in (("mean", found.expected), ("lower", found.lower), ("upper", found.upper)):
                yield {**base, "bound": bound}, float(values[row])


def _trends(results: Results) -> Pairs:
    for trend in results.trends:
        yield {"period": trend.range, **own_labels(trend.series)}, trend.slope_per_hour


def _seconds(results: Results) -> Pairs:
    for breach in results.breaches:
        if breach.seconds is not None:
            yield {"rule": breach.rule, **own_labels(breach.series)}, breach.seconds


def _probabilities(results: Results) -> Pairs:
    for breach in results.breaches:
        labels = {"rule": breach.rule, "within": breach.within, **own_labels(breach.series)}
        yield labels, breach.probability


def _errors(models: Iterable[ModelResult], live: Mapping[str, Live]) -> Pairs:
    for model in models:
        for against, values in (("last_value", model.error_last), ("yesterday", model.error_season)):
            for row, series in enumerate(model.labels if values is not None else ()):
                assert values is not None  # noqa: S101 - the line above
                base = {"model": model.id, "against": against, "from": "backtest"}
                yield {**base, **own_labels(series)}, float(values[row])
        lived = live.get(model.id)
        if lived is not None and lived.judged >= LIVE_MIN and lived.error_last > 0:
            yield {"model": model.id, "against": "last_value", "from": "live"}, lived.error / lived.error_last


def _coverage(models: Iterable[ModelResult], live: Mapping[str, Live]) -> Pairs:
    for model in models:
        for row, series in enumerate(model.labels if model.covered is not None else ()):
            assert model.covered is not None  # noqa: S101 - the line above
            yield {"model": model.id, "from": "backtest", **own_labels(series)}, float(model.covered[row])
        lived = live.get(model.id)
        if lived is not None and lived.judged >= LIVE_MIN:
            yield {"model": model.id, "from": "live"}, lived.inside / lived.judged


def _passed(models: Iterable[ModelResult]) -> Pairs:
    for model in models:
        if model.passed is None or model.state is not ModelState.READY:
            continue
        for series, passed in zip(model.labels, model.passed, strict=True):
            if passed:
                yield {"model": model.id, **own_labels(series)}, 1.0


def typical(values: Values | None) -> float | None:
    """Geometric mean of error ratios, NaN left out; None of nothing."""
    if values is None:
        return None
    known = values[np.isfinite(values)]
    return float(np.exp(np.log(np.maximum(known, 1e-6)).mean())) if len(known) else None
